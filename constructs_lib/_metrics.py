"""Names of the metrics that the functions write in embedded metric format."""

from __future__ import annotations

from typing import Final

METRICS_NAMESPACE: Final = "CallScribe"
"""CloudWatch namespace of the metrics that the functions write in embedded metric format."""

RATE_LIMITED_METRIC: Final = "DeepgramRateLimited"
"""Counts Deepgram's answers 429. The one dimension of the metrics, ``service``, is ``POWERTOOLS_SERVICE_NAME``."""

REQUESTS_METRIC: Final = "DeepgramRequests"
"""Counts the requests sent to Deepgram."""

AUDIO_METRIC: Final = "AudioSeconds"
"""Counts the seconds of audio transcribed."""

TROUBLED_CALL_AGE_METRIC: Final = "TroubledCallAge"
"""Tells how long a call has waited that could not be transcribed once more."""
