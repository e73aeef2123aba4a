"""How the emulator runs, and the account and Region that it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.access.keys import AccessKey

ACCOUNT_ID = "000000000000"
REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class EmulatorSettings:
    """How the emulator runs.

    Attributes:
        port: TCP port on the loopback address.
        state_directory: Where temporary files go; emptied at start and removed at the end.
        runtime_python: The Python that runs Lambda functions.
        key: The session's own key: the account's owner.
        workers_per_function: Concurrent invocations of one function; more of them wait. A function behind a queue
            takes the maximum concurrency of its event source mapping instead.
        workers_of: Another number for single functions, by name.
        wait_scale: What state machines wait for, in states of type Wait and before they retry, times this. Nothing else
            gets faster.
        kinesis_video_url: Where the Kinesis Video simulator is, if there is one.
        stop_with_parent: Stop when standard input ends, so that the emulator never outlives who started it.
    """

    port: int
    state_directory: Path
    runtime_python: Path
    key: AccessKey
    workers_per_function: int = 4
    workers_of: Mapping[str, int] = field(default_factory=dict)
    wait_scale: float = 1.0
    kinesis_video_url: str | None = None
    stop_with_parent: bool = False
