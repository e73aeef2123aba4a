"""Where MiniStack 1.5.33 and AWS part ways for this project, closed one service at a time.

Each module says what MiniStack does and what AWS does. All of it reaches into MiniStack's internals, which is why
:mod:`local.emulator.version` admits one release only; ``tests/local/emulator`` holds the contract of each patch.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from local.access.keys import AccessKey
from local.access.signatures import Claim
from local.emulator.patches import (
    cloudformation,
    events,
    functions,
    http_apis,
    identity,
    kinesis_video,
    leading_keys,
    live_feed,
    ranges,
    recorded,
    sign_in,
    workflows,
)


def apply(
    *,
    runtime_python: Path,
    workers_per_function: int,
    workers_of: Mapping[str, int],
    kinesis_video_url: str | None,
    key: AccessKey,
    secret_of: Callable[[Claim], str],
) -> None:
    """Apply every patch to the imported MiniStack.

    Args:
        runtime_python: The Python that runs Lambda functions, with ``awslambdaric`` and boto3.
        workers_per_function: How many invocations of one function run at once, unless it is fed by a queue, where
            the mapping's maximum concurrency decides.
        workers_of: Another number for single functions, by name.
        kinesis_video_url: Where the Kinesis Video simulator is, if there is one.
        key: The session's own key, which the simulator is asked with.
        secret_of: Finds the secret half of a key.
    """
    cloudformation.apply()
    events.apply()
    functions.apply(runtime_python, workers_per_function, workers_of)
    http_apis.apply()
    identity.apply()
    kinesis_video.apply(kinesis_video_url, key)
    leading_keys.apply()
    live_feed.apply(secret_of)
    ranges.apply()
    recorded.apply()
    sign_in.apply()
    workflows.apply()
