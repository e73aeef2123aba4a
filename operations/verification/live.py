"""A call is streamed and announced as Amazon Connect does, and what is understood while it runs is compared."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any, Final

import msgspec
from botocore.exceptions import ClientError

from callscribe.contract.identifiers import feed_channel
from callscribe.live.call import LiveStatus

from ..call_store import CallStore
from ..checks.findings import Finding, failed, ok, unknown, warning
from ..environment import Environment
from ..functions import invoke
from ..live_calls import LiveCallStore
from ..live_feed import FeedUnavailable, Subscriptions, listen
from ..rendering import is_proven, reasons_of
from . import flow_events
from .batch import compared
from .fragments import AGENT_TRACK, CUSTOMER_TRACK, Contact, from_pcm
from .put_media import Acknowledgement, put_media
from .sample import Sample
from .waiting import Patience

_CALLER: Final = "+15550107788"
"""Of the numbers that are reserved for fiction; nobody is called."""
_CODES: Final = "docs/how-to/connect-amazon-connect.md says what the code means"
_RETENTION_HOURS: Final = 1
_RECEIVE_SECONDS: Final = 0.25
_LOOK_SECONDS: Final = 2.0
_ENDED: Final = (LiveStatus.COMPLETED, LiveStatus.FAILED)


class _Answer(msgspec.Struct):
    """What the functions of a flow answer."""

    live_transcription: str
    reason: str = ""


@dataclass
class _Heard:
    """What the feed brought while the call ran."""

    interims: int = 0
    finals: int = 0
    lateness: list[float] = field(default_factory=list)


class LiveVerification:
    """One live call's way through an environment.

    Args:
        target: The environment.
        sample: What is said.
        clinic_id: Clinic that the flow names.
        call_id: The contact.
        stream_prefix: Beginning of the names of the streams that streamers may read.
        stream_key: Key of KMS that the stream is encrypted with. Default: AWS's own for Kinesis Video Streams.
        instance_arn: The Amazon Connect instance that the flow names.
        patience: How long to wait.
    """

    def __init__(
        self,
        target: Environment,
        *,
        sample: Sample,
        clinic_id: str,
        call_id: str,
        stream_prefix: str,
        stream_key: str | None,
        instance_arn: str,
        patience: Patience,
    ) -> None:
        self._target = target
        self._sample = sample
        self._clinic_id = clinic_id
        self._call_id = call_id
        self._name = f"{stream_prefix}-connect-verify-contact-{call_id}"
        self._stream_key = stream_key
        self._instance_arn = instance_arn
        self._patience = patience
        self._store = LiveCallStore(target.table())
        self._video = target.client("kinesisvideo")
        self.stream_arn: str | None = None
        self.acknowledged: list[Acknowledgement] = []
        self.start_ms = 0
        self.item: Mapping[str, Any] | None = None

    def run(self) -> Iterator[Finding]:
        """Play the call and follow it to its end.

        Raises:
            TookTooLong: It did not end in time.
        """
        self._create_stream()
        yield ok(f"a Kinesis video stream was made, with {_RETENTION_HOURS} hour of retention")
        with ThreadPoolExecutor(max_workers=1) as pool:
            playing = self._play(pool)
            answer = self._announce()
            if answer.live_transcription != "started":
                yield failed(f"the call was refused: {answer.reason}", _CODES)
                return
            yield ok("the call was announced, as a contact flow does")
            heard = _Heard()
            try:
                with listen(self._target) as feed:
                    state = self._follow(playing, heard, feed)
            except FeedUnavailable as error:
                yield unknown(str(error), "the words are in the table all the same")
                state = self._follow(playing, heard, None)
            else:
                yield from _heard_live(heard)
            self.acknowledged = playing.result()
        yield from self._concluded(state)

    def delete_stream(self) -> bool:
        """Delete the stream, if it was made; returns whether it was."""
        if self.stream_arn is None:
            return False
        self._video.delete_stream(StreamARN=self.stream_arn)
        self.stream_arn = None
        return True

    def endpoint(self, operation: str) -> str:
        """Where the stream's media are put or read, by the service's name of the operation."""
        told = self._video.get_data_endpoint(StreamARN=self.stream_arn, APIName=operation)
        return str(told["DataEndpoint"])

    def _create_stream(self) -> None:
        key = {} if self._stream_key is None else {"KmsKeyId": self._stream_key}
        created = self._video.create_stream(StreamName=self._name, DataRetentionInHours=_RETENTION_HOURS, **key)
        self.stream_arn = str(created["StreamARN"])
        self._patience.wait_for("the stream", self._active)

    def _active(self) -> bool | None:
        try:
            described = self._video.describe_stream(StreamARN=self.stream_arn)["StreamInfo"]
        except ClientError as error:  # a new stream is not known everywhere at once
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None
        return True if described["Status"] == "ACTIVE" else None

    def _play(self, pool: ThreadPoolExecutor) -> Future[list[Acknowledgement]]:
        endpoint = self.endpoint("PUT_MEDIA")
        customer, agent = self._sample.channels
        self.start_ms = round(time.time() * 1000)
        contact = Contact(
            contact_id=self._call_id,
            sources={CUSTOMER_TRACK: from_pcm(customer), AGENT_TRACK: from_pcm(agent)},
            start_ms=self.start_ms,
        )
        return pool.submit(
            put_media,
            contact.fragments(),
            stream_arn=str(self.stream_arn),
            endpoint=endpoint,
            credentials=self._target.credentials(),
            region=self._target.session.region_name,
        )

    def _announce(self) -> _Answer:
        event = flow_events.announcement(
            self._call_id,
            clinic_id=self._clinic_id,
            instance_arn=self._instance_arn,
            caller=_CALLER,
            stream_arn=str(self.stream_arn),
            start_ms=self.start_ms,
        )
        return self._invoke("StartLiveCallFunctionName", event)

    def _disconnect(self) -> None:
        started_at = datetime.fromtimestamp(self.start_ms / 1000, UTC)
        detail = flow_events.disconnection(
            self._call_id,
            instance_arn=self._instance_arn,
            caller=_CALLER,
            started_at=started_at,
            ended_at=datetime.fromtimestamp(self.start_ms / 1000 + self._sample.seconds, UTC),
        )
        # EventBridge takes events of aws.connect from the service alone, so the function gets it as from a rule.
        self._invoke(
            "EndLiveCallFunctionName",
            {
                "source": "aws.connect",
                "detail-type": flow_events.CONTACT_EVENT_TYPES[0],
                "time": datetime.now(UTC).isoformat(),
                "detail": detail,
            },
        )

    def _invoke(self, output: str, event: Any) -> _Answer:
        return invoke(self._target.client("lambda"), self._target.output(output), event, _Answer)

    def _follow(
        self, playing: Future[list[Acknowledgement]], heard: _Heard, feed: Subscriptions | None
    ) -> Mapping[str, Any]:
        """Follow the call to its end, and tell of its end when its audio is over; returns its state."""
        if feed is not None:
            feed.subscribe(feed_channel(self._clinic_id, self._call_id))
        told, look_at = False, 0.0
        for _ in self._patience.looks("the live call's end", pause_seconds=0 if feed else _LOOK_SECONDS):
            if feed is not None:
                self._take(feed, heard)
            if playing.done() and not told:
                playing.result()
                self._disconnect()
                told = True
            if self._patience.clock() >= look_at:
                look_at = self._patience.clock() + _LOOK_SECONDS
                state = self._store.call(self._call_id)
                if state is not None and state["status"] in _ENDED:
                    return state
        raise AssertionError("unreachable")

    def _take(self, feed: Subscriptions, heard: _Heard) -> None:
        _, event = feed.receive(_RECEIVE_SECONDS) or ("", {"type": "nothing"})
        if event["type"] == "interim":
            heard.interims += 1
        elif event["type"] == "final":
            heard.finals += 1
            heard.lateness.append(time.time() - self.start_ms / 1000 - float(event["end"]))

    def _concluded(self, state: Mapping[str, Any]) -> Iterator[Finding]:
        if state["status"] == LiveStatus.FAILED:
            code = state.get("error_code", "without a code")
            yield failed(f"the live call failed: {code}", "see the failed live calls")
            return
        if is_proven(state):
            yield ok(f"the live call is complete, ended by {state['end_reason']}")
        else:
            reasons = ", ".join(reasons_of(state))
            yield warning(
                f"the live call is incomplete: {reasons}", "docs/explanation/live-calls.md says what it means"
            )
        if int(state.get("epoch", 1)) > 1:
            yield warning(f"{state['epoch']} streamers followed it", "did one stop meanwhile?")
        yield from compared(self._sample, self._store.utterances(self._call_id))
        self.item = self._patience.wait_for("the live call's transcript", self._transcript)
        yield ok("the live call's transcript is stored")

    def _transcript(self) -> Mapping[str, Any] | None:
        store = CallStore(table=self._target.table(), s3=self._target.s3())
        return next((item for item in store.of_call(self._call_id) if item["type"] == "transcript"), None)


def _heard_live(heard: _Heard) -> Iterator[Finding]:
    """What the feed brought."""
    if not heard.finals:
        yield failed("the feed brought no final words", "may these credentials subscribe to the clinic's channel?")
        return
    figures = f"{heard.interims} interim and {heard.finals} final results by the feed"
    late = f"final ones {median(heard.lateness):.1f} s after the words (median), {max(heard.lateness):.1f} s at most"
    yield ok(f"{figures}, {late}")
