"""What failures of a stream come to, by the clock: minutes of them take no time here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import Any

import pytest

from callscribe.failures import SafeError
from callscribe.live.call import EndReason, Gap, GapReason
from operations.verification.fragments import Fragment, error_document, fragment_number
from streamer.calls.ending import EndLimits
from streamer.calls.reader import StreamNeverStarted, StreamReader
from streamer.calls.state import EndHints
from streamer.kinesis_video import FromTime, FromToken, StreamNotFound, StreamRefused, StreamUnavailable
from streamer.media.call_media import CallMedia, ResumePoint, UnsupportedAudio
from streamer.media.clock import ClockState
from streamer.media.stereo import StereoAudio
from tests.simulation.clock import simulate
from tests.streamer.calls.audio import contact, speech
from tests.streamer.calls.bodies import Pulled

CALL, OTHER = "call-7", "call-8"
START_MS = 1_795_000_000_000
CONTACT = list(contact(CALL, speech(0, 6, pause=0), start_ms=START_MS).fragments())
FRAGMENT = 8_192
LENGTH = 6 * 8_000
OVER = EndHints(disconnected=True)
IDLE_BODY = 3.0
OUTAGE = 300.0


def written(fragments: list[Fragment], first: int = 1) -> list[bytes]:
    return [fragment.write(number=fragment_number(number)) for number, fragment in enumerate(fragments, first)]


FRAGMENTS = written(CONTACT)
ERROR = [error_document("INTERNAL_ERROR", "5000")]
Body = list[bytes] | Exception


@dataclass
class Streams:
    """Bodies of each stream in the order in which they are asked for; then silent ones of three seconds."""

    bodies: dict[str, Iterator[Body]]
    opened: list[tuple[float, str, FromTime | FromToken]] = field(default_factory=list)

    @asynccontextmanager
    async def media(self, stream_arn: str, start: FromTime | FromToken) -> AsyncIterator[Pulled]:
        self.opened.append((asyncio.get_running_loop().time(), stream_arn, start))
        body = next(self.bodies[stream_arn], [])
        if isinstance(body, Exception):
            raise body
        yield Pulled(self._arriving(body))

    async def _arriving(self, body: list[bytes]) -> AsyncIterator[bytes]:
        for data in body:
            yield data
        if not body or not body[-1].startswith(ERROR[0][:40]):
            await asyncio.sleep(IDLE_BODY)


@dataclass
class Outcome:
    """How a reading ended.

    Attributes:
        end: Why the call was over; or what was raised.
        seconds: How long it took.
        audio: What was taken.
        streams: What was opened.
        gaps: What was missing.
    """

    end: EndReason | SafeError | UnsupportedAudio
    seconds: float
    audio: list[StereoAudio]
    streams: Streams
    gaps: list[Gap]

    @property
    def code(self) -> str:
        assert isinstance(self.end, SafeError)
        return self.end.code

    @property
    def length(self) -> int:
        """Of the audio, which must have no hole."""
        position = self.audio[0].start if self.audio else 0
        for piece in self.audio:
            assert piece.start == position
            position = piece.end
        return position


def read(
    *bodies: Body,
    forever: Body | None = None,
    elsewhere: dict[str, list[Body]] | None = None,
    hints: Callable[[float], EndHints] | EndHints = OVER,
    media: CallMedia | None = None,
    arn: str = "arn",
    known: EndHints | None = None,
    **options: Any,
) -> Outcome:
    """Read a call.

    Args:
        bodies: Of its stream, in order.
        forever: All bodies after those.
        elsewhere: Bodies of other streams.
        hints: What Connect has said, so many seconds after the beginning.
        media: Takes the audio.
        arn: The stream.
        known: What Connect had said before.
        options: Of the reader.
    """

    async def reading() -> Outcome:
        clock = asyncio.get_running_loop().time
        began, audio = clock(), list[StereoAudio]()
        endless = () if forever is None else repeat(forever)
        own: Iterator[Body] = chain(bodies, endless)
        streams = Streams({arn: own, **{name: iter(them) for name, them in (elsewhere or {}).items()}})
        takes = media or CallMedia(call_id=CALL, stream=arn)

        def take(piece: StereoAudio) -> bool:
            audio.append(piece)
            return True

        async def room() -> None:
            raise AssertionError("there is room")

        async def asked() -> EndHints:
            return hints(clock() - began) if callable(hints) else hints

        reader = StreamReader(
            streams=streams,
            stream_arn=arn,
            media=takes,
            hints=asked,
            take=take,
            room=room,
            behind=lambda _: None,
            limits=EndLimits(),
            outage_seconds=OUTAGE,
            jitter=lambda: 1.0,
            **{"began_at_ms": START_MS, "resume_token": None, **options},
        )
        if known is not None:
            reader.apply_hints(known)
        end: EndReason | SafeError | UnsupportedAudio
        try:
            end = await reader.read()
        except (SafeError, UnsupportedAudio) as error:
            end = error
        return Outcome(end, clock() - began, audio, streams, takes.take_gaps())

    return simulate(reading(), limit=5 * 3600)


class TestErrorDocuments:
    @pytest.mark.parametrize("before", [[], FRAGMENTS], ids=["alone", "after audio"])
    @pytest.mark.parametrize("hints", [OVER, EndHints()], ids=["over", "not over"])
    def test_one_in_every_body_fails_the_call_after_the_limit_of_an_outage(
        self, before: list[bytes], hints: EndHints
    ) -> None:
        outcome = read([*before, *ERROR], forever=ERROR, hints=hints)
        assert outcome.code == "KinesisVideo.INTERNAL_ERROR"
        assert OUTAGE <= outcome.seconds < OUTAGE + 15
        assert outcome.length == (LENGTH if before else 0)

    def test_audio_that_comes_again_with_each_of_them_does_not_help(self) -> None:
        outcome = read(FRAGMENTS + ERROR, forever=FRAGMENTS[-1:] + ERROR)
        assert outcome.code == "KinesisVideo.INTERNAL_ERROR"
        assert outcome.length == LENGTH

    def test_another_contacts_audio_with_each_of_them_does_not_help(self) -> None:
        other = contact(OTHER, speech(0, 2), start_ms=START_MS - 60_000).fragments()
        outcome = read(forever=written(list(other)) + ERROR)
        assert outcome.code == "KinesisVideo.INTERNAL_ERROR"

    @pytest.mark.parametrize(
        ("code", "number"),
        [
            ("KMS_KEY_ACCESS_DENIED", "4500"),
            ("KMS_KEY_DISABLED", "4501"),
            ("KMS_KEY_VALIDATION_ERROR", "4502"),
            ("KMS_KEY_INVALID_USAGE", "4504"),
            ("KMS_KEY_INVALID_STATE", "4505"),
            ("KMS_KEY_NOT_FOUND", "4506"),
        ],
    )
    @pytest.mark.parametrize("how", ["both", "name", "number", "description"])
    def test_a_refused_key_fails_the_call_at_once(self, code: str, number: str, how: str) -> None:
        document = {
            "both": error_document(code, number),
            "name": error_document(code, "0"),
            "number": error_document("", number),
            "description": error_document("Something about the stream's KMS key", number),
        }[how]
        outcome = read([*FRAGMENTS[:3], document], forever=[document])
        assert isinstance(outcome.end, StreamRefused)
        assert outcome.code == f"KinesisVideo.{code}"
        assert outcome.seconds < 1
        assert outcome.length >= 3 * FRAGMENT - 1_024

    def test_a_key_that_is_not_available_may_be_so_again(self) -> None:
        unavailable = [error_document("KMS_KEY_UNAVAILABLE", "4503")]
        outcome = read(*repeat(unavailable, 5), FRAGMENTS)
        assert (outcome.end, outcome.length) == (EndReason.DISCONNECTED, LENGTH)
        lasting = read(forever=unavailable)
        assert lasting.code == "KinesisVideo.KMS_KEY_UNAVAILABLE"
        assert lasting.seconds >= OUTAGE

    def test_trouble_that_passes_costs_nothing(self) -> None:
        outcome = read(FRAGMENTS[:3] + ERROR, *repeat(ERROR, 20), FRAGMENTS[3:])
        assert (outcome.end, outcome.length, outcome.gaps) == (EndReason.DISCONNECTED, LENGTH, [])
        assert outcome.seconds > 60

    def test_trouble_that_comes_and_goes_does_not_hold_a_call_that_is_over(self) -> None:
        outcome = read(FRAGMENTS, *chain.from_iterable(repeat((ERROR, []), 9999)))
        assert outcome.end is EndReason.DISCONNECTED
        assert outcome.seconds < 15

    def test_trouble_that_comes_and_goes_does_not_hold_a_silent_call(self) -> None:
        outcome = read(FRAGMENTS, *chain.from_iterable(repeat((ERROR, []), 9999)), hints=EndHints())
        assert outcome.end is EndReason.IDLE
        assert outcome.seconds < 140

    def test_a_stream_in_trouble_has_not_yet_had_its_time_to_begin(self) -> None:
        outcome = read(*repeat(ERROR, 25), FRAGMENTS)
        assert outcome.length == LENGTH
        assert outcome.streams.opened[25][0] - outcome.streams.opened[0][0] > EndLimits().start_wait

    def test_what_is_no_name_does_not_get_into_the_code(self) -> None:
        outcome = read(forever=[error_document("she said\n" * 99, "x" * 99)])
        assert outcome.code == "KinesisVideo.Unknown"


def smashed(data: bytes) -> bytes:
    at = data.index(bytes.fromhex("a30100000000000404"), len(data) // 2)
    return data[:at] + b"\0" + data[at + 1 :]


class TestDamage:
    def test_what_the_way_has_damaged_is_read_again(self) -> None:
        outcome = read([*FRAGMENTS[:3], smashed(FRAGMENTS[3])], [smashed(FRAGMENTS[3])], FRAGMENTS[3:])
        assert (outcome.end, outcome.length, outcome.gaps) == (EndReason.DISCONNECTED, LENGTH, [])

    def test_what_is_damaged_in_the_stream_is_a_gap(self) -> None:
        bad = smashed(FRAGMENTS[3])
        outcome = read([*FRAGMENTS[:3], bad], forever=[bad, *FRAGMENTS[4:]])
        assert (outcome.end, outcome.length) == (EndReason.DISCONNECTED, LENGTH)
        (gap,) = outcome.gaps
        assert gap.reason is GapReason.UNREADABLE
        assert 3 * FRAGMENT < gap.start < gap.end == 4 * FRAGMENT
        assert outcome.seconds < 20

    def test_a_body_that_is_read_on_is_so_to_its_end(self) -> None:
        """Many damaged fragments must not cost more time than they last."""
        bad = [smashed(data) if at in (1, 3) else data for at, data in enumerate(FRAGMENTS)]
        outcome = read(bad, *repeat(bad[1:], 3))
        assert (outcome.end, outcome.length) == (EndReason.DISCONNECTED, LENGTH)
        assert [gap.end for gap in outcome.gaps] == [2 * FRAGMENT, 4 * FRAGMENT]

    def test_another_damage_in_a_later_body_has_its_tries(self) -> None:
        bad = [smashed(data) if at == 1 else data for at, data in enumerate(FRAGMENTS)]
        outcome = read(bad[:3], *repeat(bad[1:3], 3), [smashed(FRAGMENTS[3])], [smashed(FRAGMENTS[3])], FRAGMENTS[3:])
        assert outcome.length == LENGTH
        assert [gap.end for gap in outcome.gaps] == [2 * FRAGMENT]

    def test_the_last_fragment_of_all(self) -> None:
        bad = smashed(FRAGMENTS[5])
        outcome = read([*FRAGMENTS[:5], bad], forever=[bad])
        assert outcome.end is EndReason.DISCONNECTED
        assert [gap.reason for gap in outcome.gaps] == [GapReason.UNREADABLE]

    def test_bodies_that_hold_no_stream_at_all(self) -> None:
        outcome = read(forever=[b"<html>the proxy says no</html>"], hints=EndHints())
        assert isinstance(outcome.end, StreamNeverStarted)


def moved(fragments: list[Fragment], ms: int) -> list[Fragment]:
    return [
        replace(
            fragment,
            start_ms=fragment.start_ms + ms,
            blocks=[replace(block, ms=block.ms + ms) for block in fragment.blocks],
            segment_uid=b"another session!",
        )
        for fragment in fragments
    ]


AGAIN_MS = START_MS + 10_000
ELSEWHERE = EndHints(stream_arn="other", resumed_at_ms=AGAIN_MS)
LATER = written(moved(CONTACT[3:], 10_000 - 3 * 1_024), first=500)


def announced(at: float, over: float = 1e9) -> Callable[[float], EndHints]:
    """What Connect says of a call that goes on elsewhere from a moment on, until it is over."""
    return lambda now: replace(ELSEWHERE, disconnected=now >= over) if now >= at else EndHints(stream_arn="arn")


class TestAnotherStream:
    def test_it_is_followed_after_one_silent_body_since_it_was_told(self) -> None:
        outcome = read(FRAGMENTS[:3], elsewhere={"other": [LATER]}, hints=announced(5, over=20))
        assert outcome.end is EndReason.DISCONNECTED
        assert outcome.audio[-1].end == 80_000 + 3 * FRAGMENT - (6 * FRAGMENT - LENGTH)
        opened = [(at, start) for at, arn, start in outcome.streams.opened if arn == "other"]
        assert 6 + IDLE_BODY < opened[0][0] - outcome.streams.opened[0][0] < 8 + IDLE_BODY
        assert opened[0][1] == FromTime(AGAIN_MS - 2_000)
        assert outcome.gaps == [Gap(start=3 * FRAGMENT, end=80_000, reason=GapReason.MISSING)]

    def test_what_the_first_one_still_has_comes_first(self) -> None:
        outcome = read(FRAGMENTS[:2], FRAGMENTS[2:3], elsewhere={"other": [LATER]}, hints=announced(0, over=20))
        assert outcome.audio[-1].end > 80_000
        assert outcome.gaps == [Gap(start=3 * FRAGMENT, end=80_000, reason=GapReason.MISSING)]

    def test_another_contact_in_the_first_one_shows_that_it_is_through(self) -> None:
        others = written(list(contact(OTHER, speech(0, 2), start_ms=AGAIN_MS).fragments()), first=90)
        before = written(list(contact("call-6", speech(0, 1), start_ms=AGAIN_MS - 3_000).fragments()), first=450)
        reader_hints = announced(0, over=20)
        outcome = read(
            FRAGMENTS[:3] + others, elsewhere={"other": [before + LATER]}, hints=reader_hints, known=reader_hints(0)
        )
        assert outcome.audio[-1].end > 80_000
        assert outcome.end is EndReason.DISCONNECTED

    def test_one_that_is_gone_is_not_waited_for(self) -> None:
        gone = StreamNotFound("StreamNotFound", "")
        outcome = read(forever=gone, elsewhere={"other": [LATER]}, hints=announced(0, over=20), known=announced(0)(0))
        assert outcome.audio
        assert outcome.streams.opened[1][1] == "other"

    def test_a_stop_in_the_second_one_is_none_in_the_first(self) -> None:
        stopped = replace(ELSEWHERE, stop_fragment=fragment_number(2))
        outcome = read(FRAGMENTS[:3], elsewhere={"other": [written(moved(CONTACT[3:], 6_928))]}, hints=stopped)
        assert outcome.end is EndReason.STOP_FRAGMENT
        assert outcome.audio[-1].end == 80_000 + 2 * FRAGMENT

    def test_a_streamer_that_takes_over_reads_the_rest_of_the_first_one(self) -> None:
        resume = ResumePoint(
            token=fragment_number(2),
            fragment=fragment_number(2),
            clock=ClockState(ends=(2 * FRAGMENT, 2 * FRAGMENT)),
            stream="arn",
        )
        media = CallMedia(call_id=CALL, origin_ms=START_MS, position=2 * FRAGMENT, resume=resume, stream="arn")
        outcome = read(
            FRAGMENTS[2:3],
            elsewhere={"other": [LATER]},
            hints=announced(0, over=20),
            media=media,
            resume_token=resume.token,
            token_stream="arn",
        )
        assert outcome.streams.opened[0][1:] == ("arn", FromToken(fragment_number(2)))
        assert outcome.audio[0].start == 2 * FRAGMENT
        assert outcome.audio[-1].end > 80_000

    def test_the_same_one_is_read_on_from_its_token_after_a_pause(self) -> None:
        resume = ResumePoint(
            token=fragment_number(2),
            fragment=fragment_number(2),
            clock=ClockState(ends=(2 * FRAGMENT,) * 2),
            stream="arn",
        )
        media = CallMedia(
            call_id=CALL, origin_ms=START_MS, position=2 * FRAGMENT, resume=resume, stream="arn", resumed_ms=AGAIN_MS
        )
        others = written(list(contact(OTHER, speech(0, 2), start_ms=START_MS + 5_000).fragments()), first=90)
        outcome = read(
            [*FRAGMENTS[2:3], *others, *LATER],
            media=media,
            began_at_ms=AGAIN_MS,
            resume_token=resume.token,
            token_stream="arn",
        )
        assert outcome.streams.opened[0][2] == FromToken(fragment_number(2))
        assert (outcome.audio[0].start, outcome.end) == (2 * FRAGMENT, EndReason.DISCONNECTED)
        assert outcome.audio[-1].end > 80_000


def test_what_was_heard_before_audio_of_another_kind_is_taken() -> None:
    strange = replace(CONTACT[3], leading_tags={**CONTACT[3].tags, "MimeType": "audio/opus"})
    outcome = read([b"".join([*FRAGMENTS[:3], *written([strange], first=4)])])
    assert isinstance(outcome.end, UnsupportedAudio)
    assert outcome.length == 3 * FRAGMENT


def test_a_stream_that_cannot_be_reached_fails_with_the_reason() -> None:
    outcome = read(FRAGMENTS, forever=StreamUnavailable("KinesisVideo.InternalFailure", ""))
    assert outcome.code == "KinesisVideo.InternalFailure"
    assert outcome.length >= LENGTH - 1_024


def test_another_contact_in_front_of_the_first_audio_is_no_end_though_its_clock_is_ahead() -> None:
    """Of a call of which no whole fragment was stored, only the number of its first one is known."""
    others = written(list(contact(OTHER, speech(0, 2), start_ms=START_MS + 2_000).fragments()), first=1)
    own = written(CONTACT, first=500)
    media = CallMedia(call_id=CALL, stream="arn", origin_ms=START_MS, begun_in=fragment_number(500))
    outcome = read(others + own, media=media)
    assert (outcome.end, outcome.length) == (EndReason.DISCONNECTED, LENGTH)
