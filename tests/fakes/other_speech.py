"""An experimental second speech service that has nothing of Deepgram's: neither its protocol nor its options.

For recordings it answers with lines of a script. For calls it hears numbered frames (`local.speech.engines.frames`)
inside the process, over no connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import ClassVar

from callscribe.audio_facts import AudioFacts
from callscribe.conversation.utterances import TimedWord
from callscribe.cost import Cost
from callscribe.live.call import CHANNEL_ROLES, SAMPLE_RATE
from callscribe.live.state import LiveState
from callscribe.recognition import (
    InvalidReply,
    OptionsRecord,
    RecognisedUtterance,
    Recognition,
    Request,
    ServiceSummary,
    Transcription,
)
from lambdas.transcribe_call.speech import RawReply, SpeechFailure
from local.speech.engines import Passage, StreamRequest
from local.speech.engines.frames import FramesEngine, FrameStream
from streamer.media.stereo import FRAME_BYTES, SAMPLE_BYTES, StereoAudio
from streamer.speech import Counts, FinalResult, InterimResult, SessionOver, Sink

OPTIONS: OptionsRecord = {"voice": "scripted"}
SUMMARY = "An appointment is made."
SCRIPT = f"""\
SCRIPT 8.0 2
0|0.5|3.0|Hello. I would like to make an appointment with the doctor.
1|3.2|6.0|Of course. We have an opening on Tuesday. Would that work for you?
= {SUMMARY}
"""


def _cost(seconds: float, requests: int, refused: int | None = None) -> Cost:
    """Nothing is known of what it costs, and that is said."""
    return Cost(
        price_list="scripted",
        plan="none",
        billed_seconds=round(seconds),
        channels=len(CHANNEL_ROLES),
        lines=(),
        total_usd=None,
        unpriced=("transcription",),
        requests=requests,
        refused=refused,
        at_least_usd=Decimal(0),
    )


_REQUEST = Request(options=OPTIONS, model="script-1", language="en", separate_channels=True)


def read_script(reply: bytes) -> Recognition:
    """Read the service's reply.

    Raises:
        InvalidReply: It is no script.
    """
    head, *lines = reply.decode().splitlines() or [""]
    if not head.startswith("SCRIPT "):
        raise InvalidReply("NoScript", "the reply is no script")
    _, seconds, channels = head.split()
    summary = next((line[2:] for line in lines if line.startswith("= ")), None)
    said = [line.split("|") for line in lines if "|" in line]
    return Recognition(
        request_id="script-request",
        duration_seconds=float(seconds),
        channel_count=int(channels),
        utterances=tuple(
            RecognisedUtterance(channel=int(channel), start=float(start), end=float(end), text=text)
            for channel, start, end, text in said
        ),
        summary=None if summary is None else ServiceSummary(service="scripted", succeeded=True, text=summary),
    )


@dataclass(frozen=True)
class ScriptRequest:
    """One request, with the key it is sent with."""

    service: Script = field(repr=False)
    key: str
    options: OptionsRecord = field(default_factory=lambda: OPTIONS)
    vocabulary_terms: int = 0

    def send(self, url: str) -> RawReply:
        self.service.asked.append(url)
        if self.key != self.service.key:
            raise SpeechFailure("Scripted.Stranger", "who is that?", refused=True, key_refused=True)
        if self.service.failures:
            raise self.service.failures.pop(0)
        return RawReply(content=self.service.reply, request_id="script-request")


@dataclass(eq=False)
class Script:
    """The service for recordings, and what reads its replies.

    Attributes:
        reply: What it answers.
        failures: How the next requests fail.
        key: The key it knows.
        cached_key: The key that was read before it was rotated.
        asked: URLs it was asked about.
    """

    error_prefix: ClassVar[str] = "Scripted"
    timeout: ClassVar[timedelta] = timedelta(seconds=5)

    reply: bytes = SCRIPT.encode()
    failures: list[SpeechFailure] = field(default_factory=list)
    key: str = "current"
    cached_key: str = "current"
    asked: list[str] = field(default_factory=list)

    def prepare(self, *, channels: int, vocabulary: Sequence[str], renew_key: bool = False) -> ScriptRequest:
        assert channels == 2
        if renew_key:
            self.cached_key = self.key
        return ScriptRequest(self, self.cached_key, vocabulary_terms=len(vocabulary))

    def of_reply(
        self,
        reply: bytes,
        *,
        audio: AudioFacts,
        noted: OptionsRecord | None,
        vocabulary_terms: int | None,
        requests: int,
        refused: int | None,
    ) -> Transcription:
        assert noted in (None, OPTIONS)
        return Transcription(
            request=_REQUEST, recognition=read_script(reply), cost=_cost(audio.duration_seconds, requests, refused)
        )

    def of_call(self, state: LiveState, recognition: Recognition) -> Transcription:
        return Transcription(
            request=_REQUEST, recognition=recognition, cost=_cost(state.coverage.duration_seconds, state.sessions)
        )


class FramesSession:
    """Hears a call's frames as they are sent, and hands words on at once."""

    model: str = "frames-1"

    def __init__(self, *, sink: Sink, watermarks: tuple[int, int]) -> None:
        self.counts = Counts()
        self._sink = sink
        self._watermarks = watermarks
        self._waiting: list[StereoAudio] = []
        self._over = asyncio.Event()
        self._end: int | None = None
        self._begin = 0
        self._channels: list[FrameStream] = []

    async def run(self) -> None:
        await self._over.wait()

    def send(self, audio: StereoAudio) -> bool:
        if self._over.is_set():
            raise SessionOver("the session is over")
        self._waiting.append(audio)
        return False

    async def room(self) -> None:
        while self._waiting:
            await self._hear(self._waiting.pop(0))

    async def _hear(self, audio: StereoAudio) -> None:
        if audio.start != self._end:
            await self._finish_section()
            self._begin = audio.start
            request = StreamRequest(rate=SAMPLE_RATE, interim=True, endpointing=0.3)
            self._channels = [FramesEngine().open_stream(request, lambda: None) for _ in CHANNEL_ROLES]
        self._end = audio.end
        for channel, stream in enumerate(self._channels):
            await self._take(channel, await stream.feed(self._unheard(channel, audio)))

    async def finish(self, *, cut: bool = False) -> None:
        await self.room()
        if not cut:
            await self._finish_section()
        self._over.set()

    async def abandon(self) -> None:
        self._over.set()

    def _unheard(self, channel: int, audio: StereoAudio) -> bytes:
        """The samples of a channel; silence before its watermark, where words are stored already."""
        pcm = b"".join(
            audio.pcm[at : at + SAMPLE_BYTES] for at in range(channel * SAMPLE_BYTES, len(audio.pcm), FRAME_BYTES)
        )
        known = max(0, min(len(pcm), SAMPLE_BYTES * (self._watermarks[channel] - audio.start)))
        return bytes(known) + pcm[known:]

    async def _finish_section(self) -> None:
        for channel, stream in enumerate(self._channels):
            await self._take(channel, await stream.finish())

    async def _take(self, channel: int, heard: Sequence[Passage]) -> None:
        for passage in heard:
            if not passage.final:
                self._sink.interim(
                    InterimResult(
                        channel=channel,
                        text=_text(passage),
                        start=self._seconds(passage.words[0].start),
                        end=self._seconds(passage.words[-1].end),
                    )
                )
            elif isinstance(passage, Passage):
                await self._commit(channel, passage)

    async def _commit(self, channel: int, passage: Passage) -> None:
        start, end = (self._begin + round(at * SAMPLE_RATE) for at in (passage.start, passage.end))
        start = max(start, self._watermarks[channel])
        if end <= start:
            return
        words = tuple(
            TimedWord(word.text, self._seconds(word.start), self._seconds(word.end), word.confidence)
            for word in passage.words
        )
        final = FinalResult(
            channel=channel,
            start=start,
            end=end,
            text=_text(passage),
            words_start=words[0].start if words else start / SAMPLE_RATE,
            words_end=words[-1].end if words else end / SAMPLE_RATE,
            confidence=1.0 if words else None,
            word_count=len(words),
            speech_final=passage.speech_final,
            words=words or None,
        )
        await self._sink.commit([final], [])

    def _seconds(self, seconds: float) -> float:
        return round(self._begin / SAMPLE_RATE + seconds, 3)


def _text(passage: Passage) -> str:
    return " ".join(word.text for word in passage.words)


@dataclass(frozen=True)
class FramesCallStream:
    """One call's stream."""

    vocabulary_terms: int
    options: Mapping[str, object] = field(default_factory=lambda: OPTIONS)

    def open(self, *, sink: Sink, watermarks: tuple[int, int]) -> FramesSession:
        return FramesSession(sink=sink, watermarks=watermarks)


class Frames:
    """The service for calls."""

    def prepare(self, *, vocabulary: Sequence[str]) -> FramesCallStream:
        return FramesCallStream(vocabulary_terms=len(vocabulary))
