"""The keys of the archive, in one place."""

from typing import Final

from callscribe.contract.call_kind import CallKind

REPLIES: Final = "replies/"
"""Key prefix of the speech service's replies, as they came, gzip."""

TRANSCRIPTS: Final = "transcripts/"
"""Key prefix of the transcript documents, gzip."""


_GZIP: Final = ".json.gz"
_ANALYSIS: Final = ".analysis."
WAVEFORM_ENDING: Final = ".waveform.json.gz"
"""Ending of the keys of waveforms, and of no other object of the archive."""


def reply_key(recording_id: str) -> str:
    """Key of the speech service's reply about a recording."""
    return f"{REPLIES}{recording_id}.json.gz"


def clinic_transcripts(clinic_id: str) -> str:
    """Key prefix of the transcripts of one clinic."""
    return f"{TRANSCRIPTS}{clinic_id}/"


def document_key(clinic_id: str, day: str, call_id: str, kind: CallKind, recording_id: str) -> str:
    """Key of the transcript document of a recording, below its clinic and day (yyyy-mm-dd)."""
    name = f"{call_id}.ivr" if kind is CallKind.IVR else call_id
    return f"{clinic_transcripts(clinic_id)}{day}/{name}/{recording_id}.json.gz"


def analysis_key(document: str, question: str) -> str:
    """Key of an analysis beside the document that it is of.

    Args:
        document: Key of the document.
        question: Identity of what was asked.
    """
    return f"{document.removesuffix(_GZIP)}{_ANALYSIS}{question}{_GZIP}"


def waveform_key(document: str) -> str:
    """Key of the waveform of a recording, beside the document of its transcript."""
    return f"{document.removesuffix(_GZIP)}{WAVEFORM_ENDING}"


def is_document(key: str) -> bool:
    """Whether a key below `TRANSCRIPTS` is that of a transcript document, and not of what is kept beside one."""
    return _ANALYSIS not in key.rpartition("/")[2] and not key.endswith(WAVEFORM_ENDING)


def live_document_key(clinic_id: str, day: str, call_id: str) -> str:
    """Key of the transcript document of a live call, beside those of its recordings."""
    return f"{clinic_transcripts(clinic_id)}{day}/{call_id}/live.json.gz"


SEARCH: Final = "search/"
"""Key prefix of the shards that are searched, gzip, in a bucket of their own."""

SEARCH_STATE: Final = "state.json.gz"
"""Key of what is known of all shards together."""


def clinic_shards(clinic_id: str) -> str:
    """Key prefix of the shards of one clinic."""
    return f"{SEARCH}{clinic_id}/"


def shard_part_key(clinic_id: str, month: str, name: str) -> str:
    """Key of a part of the shard of a clinic and a month (yyyy-mm)."""
    return f"{clinic_shards(clinic_id)}{month}/{name}{_GZIP}"


def shard_part_of(key: str) -> tuple[str, str]:
    """The month of a part, and its name, by its key."""
    _, _, month, name = key.split("/")
    return month, name.removesuffix(_GZIP)
