"""Put recordings into the deployed environment and watch what becomes of them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from callscribe.contract.identifiers import CLINIC_ID, CLINIC_ID_RULE
from callscribe.recordings.keys import (
    AUDIO_EXTENSIONS,
    OWN_FOLDER,
    NotACall,
    UnknownExtension,
    UnknownLayout,
    parse_key,
)
from operations.call_store import CallStore
from operations.environment import Environment

_POLL_SECONDS = 0.2
_STEP_OF_STATE = {"Transcribe": "transcribing", "Score": "stored", "Announce": "scored"}
_NOT_TRANSCRIBED = {
    "duplicate": "a recording with the same content is there already",
    "kept": "the transcript of an earlier version is kept",
    "covered": "its live transcript covers it",
    "superseded": "a newer version has taken its place",
}
STEPS = ("recorded", "admitted", "transcribing", "stored", "scored", "announced")
"""How far a call has come, in order."""


class CallFailed(RuntimeError):
    """A call was not transcribed; the message says which and why."""


class NotTranscribed(Exception):
    """A recording needs no transcript of its own; the message says which call and why."""


class UnusableRecording(ValueError):
    """A recording would not be taken as the call that it is to be; the message says why."""


class TooSlow(RuntimeError):
    """A call did not get to its end in time."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A recording that was put into the bucket.

    Attributes:
        call_id: The call.
        key: Key of the recording.
        version_id: Which version of the object it is. Default: the one there is.
    """

    call_id: str
    key: str
    version_id: str | None = None


def connect_key(prefix: str, contact_id: str, started_at: datetime) -> str:
    """Key of an agent's recording as Amazon Connect writes it, below a prefix."""
    moment = started_at.astimezone(UTC)
    return f"{prefix}/CallRecordings/{moment:%Y/%m/%d}/{contact_id}_{moment:%Y%m%dT%H:%M}_UTC.wav"


def own_key(clinic_id: str, day: date, call_id: str, suffix: str) -> str:
    """Key of a recording in the project's own layout.

    Raises:
        UnusableRecording: The product would not take a recording with this key as this call of this clinic.
    """
    if not CLINIC_ID.fullmatch(clinic_id):
        raise UnusableRecording(f"the clinic id must be {CLINIC_ID_RULE}, not {clinic_id!r}")
    if "/" in call_id:
        raise UnusableRecording(f"the call id must not contain '/': {call_id!r}")
    key = f"{OWN_FOLDER}/{clinic_id}/{day:%Y-%m-%d}/{call_id}{suffix}"
    try:
        parse_key(key)
    except NotACall:
        formats = ", ".join(f".{extension}" for extension in AUDIO_EXTENSIONS)
        raise UnusableRecording(
            f"no recording is named with {suffix or 'no extension'}: the names of recordings end with {formats}"
        ) from None
    except (UnknownExtension, UnknownLayout) as error:
        raise UnusableRecording(str(error)) from None
    return key


def put_recording(environment: Environment, recording: Path, call: Call) -> Call:
    """Upload a recording, all it takes to have it transcribed; returns the call with the version that was stored."""
    with recording.open("rb") as body:
        bucket = environment.output("RecordingBucketName")
        stored = environment.s3().put_object(Bucket=bucket, Key=call.key, Body=body)
    return replace(call, version_id=stored.get("VersionId"))


def watch(environment: Environment, calls: list[Call], *, timeout_seconds: float) -> Iterator[tuple[Call, str]]:
    """Yield each step that a call takes, until every call has taken its last one.

    Raises:
        CallFailed: A call failed or was rejected.
        NotTranscribed: A recording needs no transcript of its own.
        TooSlow: A call was not done in time.
    """
    done = {call.call_id: 0 for call in calls}
    deadline = time.monotonic() + timeout_seconds
    yield from ((call, STEPS[0]) for call in calls)
    while any(step < len(STEPS) - 1 for step in done.values()):
        if time.monotonic() > deadline:
            waiting = ", ".join(call_id for call_id, step in done.items() if step < len(STEPS) - 1)
            raise TooSlow(f"not done after {timeout_seconds:g} s: {waiting}")
        for call in calls:
            reached = STEPS.index(_step(environment, call))
            for step in STEPS[done[call.call_id] + 1 : reached + 1]:
                yield call, step
            done[call.call_id] = max(done[call.call_id], reached)
        time.sleep(_POLL_SECONDS)


def transcript_item(environment: Environment, call: Call) -> dict[str, Any]:
    """The call's transcript as it lies in the table.

    Raises:
        LookupError: There is none.
    """
    item = next((item for item in _items(environment, call) if item["type"] == "transcript"), None)
    if item is None:
        raise LookupError(f"there is no transcript of call {call.call_id}")
    return item


def claim_item(environment: Environment, call: Call) -> dict[str, Any] | None:
    """The claim on the call's recording, once it was admitted or rejected."""
    claims = (item for item in _items(environment, call) if item["type"] == "claim")
    return next((claim for claim in claims if call.version_id in (None, claim.get("version_id"))), None)


def _step(environment: Environment, call: Call) -> str:
    claim = claim_item(environment, call)
    if claim is None:
        return "recorded"
    if claim["status"] in ("failed", "rejected"):
        raise CallFailed(f"{call.key} {claim['status']}: {claim['error_code']}: {claim['error_message']}")
    if claim["status"] in _NOT_TRANSCRIBED:
        raise NotTranscribed(f"Call {call.call_id} is not transcribed again: {_NOT_TRANSCRIBED[claim['status']]}.")
    if claim["status"] == "completed":
        return STEPS[-1]
    return max(("admitted", *_steps_of_execution(environment, claim["execution"])), key=STEPS.index)


def _steps_of_execution(environment: Environment, execution: str) -> Iterator[str]:
    try:
        history = environment.step_functions().get_execution_history(executionArn=execution, maxResults=1000)
    except ClientError as error:
        raise CallFailed(f"execution {execution}: {error}") from error
    for event in history["events"]:
        entered = event.get("stateEnteredEventDetails")
        if entered and entered["name"] in _STEP_OF_STATE:
            yield _STEP_OF_STATE[entered["name"]]


def _items(environment: Environment, call: Call) -> list[dict[str, Any]]:
    return CallStore(table=environment.table(), s3=environment.s3()).of_call(call.call_id)
