"""What services do that their documentation leaves open, asked of them directly."""

from __future__ import annotations

import audioop
import re
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, get_args
from urllib.parse import urlencode

import msgspec
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus, WebSocketException
from websockets.frames import CloseCode
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_websocket

from callscribe.deepgram.key import KeyUnusable, key_in
from callscribe.deepgram.messages import CLOSE_STREAM, FINALIZE, MalformedMessage, Results, decode
from callscribe.deepgram.options import StreamEncoding
from callscribe.live.call import SAMPLE_RATE
from callscribe.serialization import InvalidData, decode_json

from ..checks.capacity import check_quotas
from ..checks.findings import Examined, State, examine
from ..environment import Environment
from .assumptions import (
    CATCHING_UP,
    EMPTY_SECRET,
    MULAW,
    QUOTA_NAMES,
    SILENT_FINALIZE,
    TIME_SELECTOR,
    TOKEN_SELECTOR,
    Judged,
    judged,
    not_reached,
)
from .live import LiveVerification
from .sample import Sample

# A body of GetMedia stays open for some seconds after its last fragment, for a new one.
_BODY_SECONDS: Final = 20.0
_LARGEST_BODY: Final = 64 * 2**20
_PIECE: Final = 64 * 1024
_FRAGMENT: Final = re.compile(rb"AWS_KINESISVIDEO_FRAGMENT_NUMBER\x44\x87[\x80-\xff\x10-\x7f]{1,8}?(\d{20,128})")

_HOSTED: Final = "wss://api.deepgram.com"
_OPEN_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 8.0
_SPOKEN_SECONDS: Final = 4.0
_CHANNELS: Final = 2
_SPEAKING_CHANNEL: Final = 1
_SAMPLE_BYTES: Final = 2
_WORDS_OF_CHANCE: Final = 1
"""By so many words two requests for the same audio may differ."""
_PIECE_SECONDS: Final = 0.1
_LARGEST_MESSAGE: Final = 2**20


def stream_assumptions(call: LiveVerification, target: Environment) -> Iterator[Judged]:
    """Read what the call's stream keeps, from several places."""
    kept = [fragment.fragment_number for fragment in call.acknowledged]
    if call.stream_arn is None or len(kept) < 4:
        for assumption in (TIME_SELECTOR, TOKEN_SELECTOR, CATCHING_UP):
            yield not_reached(assumption, "no call was streamed")
        return
    media = _Media(target, call)
    middle = len(kept) // 2
    at_ms = call.acknowledged[middle].fragment_timecode + 1
    by_time = media.read({"StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": _moment(at_ms)})
    yield _begins(TIME_SELECTOR, kept, by_time, wanted=middle, of="the time")
    by_token = media.read({"StartSelectorType": "CONTINUATION_TOKEN", "ContinuationToken": kept[middle]})
    yield _begins(TOKEN_SELECTOR, kept, by_token, wanted=middle, of="the token")
    yield _pace(by_time, kept[middle:], call)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


class _Media:
    """Reads a stream's bodies, as streamers do.

    Args:
        target: The environment.
        call: The call whose stream it is.
    """

    def __init__(self, target: Environment, call: LiveVerification) -> None:
        self._stream_arn = call.stream_arn
        self._client: Any = target.session.client(
            "kinesis-video-media",
            endpoint_url=call.endpoint("GET_MEDIA"),
            config=Config(connect_timeout=5, read_timeout=_BODY_SECONDS),
        )

    def read(self, selector: dict[str, Any]) -> list[tuple[str, float]]:
        """The numbers of the fragments that come, each with the seconds after which it did."""
        began = time.monotonic()
        found: list[tuple[str, float]] = []
        held = b""
        payload = self._client.get_media(StreamARN=self._stream_arn, StartSelector=selector)["Payload"]
        with closing(payload) as body:
            for piece in body.iter_chunks(_PIECE):
                held += piece
                numbers = _FRAGMENT.findall(held)
                found += [(number.decode(), time.monotonic() - began) for number in numbers[len(found) :]]
                if time.monotonic() - began > _BODY_SECONDS or len(held) > _LARGEST_BODY:
                    break
        return found


def _begins(assumption: Any, kept: list[str], read: list[tuple[str, float]], *, wanted: int, of: str) -> Judged:
    if not read:
        return judged(assumption, holds=False, evidence="nothing came")
    first = read[0][0]
    if first not in kept:
        return judged(assumption, holds=False, evidence=f"it began with a fragment that {of} does not name")
    behind = kept.index(first) - wanted
    where = {0: f"with the fragment of {of}", 1: f"with the fragment behind that of {of}"}
    return judged(
        assumption,
        holds=behind in where,
        evidence=f"it began {where.get(behind, f'{behind} fragments from that of {of}')}",
    )


def _pace(read: list[tuple[str, float]], kept: list[str], call: LiveVerification) -> Judged:
    came = [seconds for number, seconds in read if number in kept]
    if len(came) < 3:
        return not_reached(CATCHING_UP, "too few fragments came")
    times = [one.fragment_timecode for one in call.acknowledged if one.fragment_number in kept]
    spoken, took = (times[len(came) - 1] - times[0]) / 1000, came[-1] - came[0]
    return judged(CATCHING_UP, holds=took < spoken, evidence=f"{spoken:.0f} s of audio came in {took:.1f} s")


def quota_assumption(examined: Examined) -> Judged:
    """Look whether quotas are named as the doctor looks for them."""
    found = examine(check_quotas, Examined(examined.target, examined.client, expected_calls=1))
    unknown = [finding.what for finding in found if finding.state is State.UNKNOWN]
    if any("does not name" in what for what in unknown):
        return judged(QUOTA_NAMES, holds=False, evidence="; ".join(unknown))
    if unknown:
        return not_reached(QUOTA_NAMES, "; ".join(unknown))
    return judged(QUOTA_NAMES, holds=True, evidence="; ".join(finding.what for finding in found))


def secret_assumption(target: Environment) -> Judged:
    """Look whether the stack of the functions or streamers was complete before there was a key."""
    physical_id = target.outputs.get("StreamerTaskDefinitionArn") or target.output("StateMachineArn")
    try:
        completed_at = _completed_at(target, physical_id)
        versions = target.client("secretsmanager").list_secret_version_ids(
            SecretId=target.output("DeepgramSecretArn"), IncludeDeprecated=True
        )["Versions"]
    except ClientError as error:
        return not_reached(EMPTY_SECRET, f"{error.operation_name} ended with {error.response['Error']['Code']}")
    filled = [version["CreatedDate"] for version in versions if "CreatedDate" in version]
    if completed_at is None or not filled:
        return not_reached(EMPTY_SECRET, "nobody says when the stack was complete, or when the secret was filled")
    # Versions without a label go after a day, so the first one may have gone: only what is there is evidence.
    if min(filled) <= completed_at:
        return not_reached(EMPTY_SECRET, "the secret was filled before the stack was complete")
    return judged(EMPTY_SECRET, holds=True, evidence="every version of the secret is younger than the complete stack")


def _completed_at(target: Environment, physical_id: str) -> datetime | None:
    """When the stack that a resource belongs to was created, complete; None where that is not known any more."""
    cloudformation = target.client("cloudformation")
    resources = cloudformation.describe_stack_resources(PhysicalResourceId=physical_id)["StackResources"]
    if not resources:
        return None
    stack_id = resources[0]["StackId"]
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for event in page["StackEvents"]:
            if (event["PhysicalResourceId"], event["ResourceStatus"]) == (stack_id, "CREATE_COMPLETE"):
                created: datetime = event["Timestamp"]
                return created
    return None


def deepgram_assumptions(target: Environment, stream_url: str, options: str, sample: Sample) -> Iterator[Judged]:
    """Say the same to Deepgram in each encoding, on the agent's channel alone, and ask it to finalize.

    Args:
        target: The environment, for the key.
        stream_url: Where Deepgram is, for streams; "" for its hosted API.
        options: What streamers ask Deepgram for, as they are told; "" where there are none.
        sample: What is said.
    """
    try:
        secret = target.client("secretsmanager").get_secret_value(SecretId=target.output("DeepgramSecretArn"))
        key = key_in(secret.get("SecretString"))
        own = decode_json(_Options, options.encode(), "the streamer's options") if options else _Options()
        heard = {encoding: _hear(stream_url or _HOSTED, key, encoding, sample) for encoding in get_args(StreamEncoding)}
    except KeyUnusable as error:
        why = error.message
    except ClientError as error:
        why = f"{error.operation_name} ended with {error.response['Error']['Code']}"
    except (OSError, WebSocketException, InvalidData, MalformedMessage) as error:
        why = f"Deepgram could not be asked: {type(error).__name__}"
    else:
        yield _finalized(heard[own.stream_encoding], own.stream_encoding)
        yield _as_linear(heard["mulaw"], heard["linear16"], sample)
        return
    for assumption in (SILENT_FINALIZE, MULAW):
        yield not_reached(assumption, why)


class _Options(msgspec.Struct):
    """Of a streamer's options, the one that matters here; streamers that do not know it send ``linear16``."""

    stream_encoding: StreamEncoding = "linear16"


class _Finalized(msgspec.Struct):
    channel_index: list[int] = []
    from_finalize: bool = False


@dataclass(slots=True)
class _Heard:
    """What came back of what was said: final words of the speaking channel, and the channels that were finalized."""

    words: list[str] = field(default_factory=list)
    finalized: set[int] = field(default_factory=set)

    @property
    def text(self) -> str:
        """The words, in order."""
        return " ".join(self.words)

    def take(self, message: bytes) -> None:
        """Note what a message tells."""
        finalized = decode_json(_Finalized, message, "a message of Deepgram")
        if finalized.from_finalize and finalized.channel_index:
            self.finalized.add(finalized.channel_index[0])
        said = decode(message)
        if isinstance(said, Results) and said.is_final and said.channel_index[:1] == [_SPEAKING_CHANNEL]:
            self.words += [one.transcript for one in said.channel.alternatives[:1]]


def _finalized(heard: _Heard | None, encoding: StreamEncoding) -> Judged:
    if heard is None:
        return not_reached(SILENT_FINALIZE, f"Deepgram refused {encoding}, in which streamers of this environment send")
    told = ", ".join(str(channel) for channel in sorted(heard.finalized)) or "none"
    # Either way the product goes on; what would refute it is that not even the channel with words is answered.
    return judged(
        SILENT_FINALIZE,
        holds=_SPEAKING_CHANNEL in heard.finalized,
        evidence=f"Finalize was answered for channel {told}; somebody spoke on channel {_SPEAKING_CHANNEL} only",
    )


def _as_linear(mulaw: _Heard | None, linear16: _Heard | None, sample: Sample) -> Judged:
    wanted = 0 if linear16 is None else sample.heard(_SPEAKING_CHANNEL, linear16.text)[0]
    if not wanted:
        return not_reached(MULAW, "no word that was said came back with linear16, to compare with")
    if mulaw is None:
        return judged(MULAW, holds=False, evidence="Deepgram took linear16 and refused mulaw")
    found, _ = sample.heard(_SPEAKING_CHANNEL, mulaw.text)
    return judged(
        MULAW,
        holds=found >= wanted - _WORDS_OF_CHANCE,
        evidence=f"{found} words that were said came back with mulaw, {wanted} with linear16",
    )


def _hear(base_url: str, key: str, encoding: StreamEncoding, sample: Sample) -> _Heard | None:
    """What Deepgram hears; None where it refuses the encoding."""
    query = urlencode(
        {
            "model": "nova-3",
            "language": "en",
            "encoding": encoding,
            "sample_rate": SAMPLE_RATE,
            "channels": _CHANNELS,
            "multichannel": "true",
            "mip_opt_out": "true",
        }
    )
    heard = _Heard()
    try:
        with open_websocket(
            f"{base_url.rstrip('/')}/v1/listen?{query}",
            additional_headers={"Authorization": f"Token {key}"},
            open_timeout=_OPEN_SECONDS,
            max_size=_LARGEST_MESSAGE,
        ) as socket:
            for piece in _spoken(sample):
                socket.send(piece if encoding == "linear16" else audioop.lin2ulaw(piece, _SAMPLE_BYTES))
                time.sleep(_PIECE_SECONDS)
            socket.send(FINALIZE)
            _take_answers(socket, heard, until=lambda: len(heard.finalized) == _CHANNELS)
            socket.send(CLOSE_STREAM)
            _take_answers(socket, heard, until=lambda: False)
    except InvalidStatus as error:
        if error.response.status_code == HTTPStatus.BAD_REQUEST:
            return None
        raise
    except ConnectionClosedError as error:
        if error.rcvd is not None and error.rcvd.code == CloseCode.POLICY_VIOLATION:
            return None
        raise
    return heard


def _take_answers(socket: ClientConnection, heard: _Heard, *, until: Callable[[], bool]) -> None:
    """Note what comes, until that is so, the connection ends, or it takes too long."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    while not until() and (left := deadline - time.monotonic()) > 0:
        try:
            heard.take(socket.recv(timeout=left, decode=False))
        except (TimeoutError, ConnectionClosedOK):
            return


def _spoken(sample: Sample) -> Iterator[bytes]:
    """The first seconds of the agent, beside a customer who is digitally silent."""
    agent = array("h", sample.channels[_SPEAKING_CHANNEL])
    samples = int(_PIECE_SECONDS * SAMPLE_RATE)
    for start in range(0, int(_SPOKEN_SECONDS * SAMPLE_RATE), samples):
        piece = array("h", bytes(_SAMPLE_BYTES * _CHANNELS * samples))
        piece[_SPEAKING_CHANNEL::_CHANNELS] = agent[start : start + samples]
        yield piece.tobytes()
