"""Calls that were written down instead of heard: single sentences and dialogues, one to a line of JSON.

Whoever tunes a rubric or a lexicon, and the labelled corpus of the tests, speak of calls in this form; it becomes a
`Transcript` as a recording's words do.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from callscribe.audio_facts import AudioFacts
from callscribe.contract.call_kind import CallKind
from callscribe.conversation.flags import FlagSet
from callscribe.conversation.utterances import Role
from callscribe.conversation.wording import WordingEngine
from callscribe.cost import Cost
from callscribe.recognition import RecognisedUtterance, Recognition, Request, Sentiment, Transcription, Word
from callscribe.recordings.calls import CallDirection, CallRecording
from callscribe.serialization import decode_json
from callscribe.transcript import Transcript, build_transcript

CHANNEL_ROLES: Final = {0: Role.CUSTOMER, 1: Role.AGENT}
"""Amazon Connect's order."""

SECONDS_PER_WORD: Final = 1 / 3
"""How long a word without times lasts: 180 words a minute."""

DEFAULT_PAUSE: Final = 0.4
"""Seconds between two lines that do not say when they were spoken."""

_MADE_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_FIRST_WORD: Final = 0.5

# Who speaks on which channel, and as which voice where all share a channel. A recorded announcement is played to the
# caller, so that it is heard where the agent is.
_CHANNEL: Final = {"customer": 0, "agent": 1, "announcement": 1}

# Around a single sentence, so that it stands in a call of two parties. Neither asks, offers or answers anything.
_BEFORE: Final = {"customer": ("agent", "Good morning."), "agent": ("customer", "Good morning.")}
_AFTER: Final = {"customer": ("agent", "Hm."), "agent": ("customer", "Hm.")}

_Role = Literal["agent", "customer", "announcement"]


class InvalidCall(ValueError):
    """A line is no sentence and no dialogue; the message names the place, never the words."""


class Line(msgspec.Struct, frozen=True, array_like=True):
    """What one party says: `["agent", "One moment."]`, or with its times `["agent", "One moment.", 4.5, 6.0]`.

    Attributes:
        role: who speaks; `announcement` for a machine.
        text: the words.
        start: seconds from the beginning of the call; None after the line before and a pause.
        end: seconds from the same; None after a third of a second for each word.
        mood: -1 to 1, where a service told one.
    """

    role: _Role
    text: Annotated[str, msgspec.Meta(min_length=1)]
    start: Annotated[float, msgspec.Meta(ge=0)] | None = None
    end: Annotated[float, msgspec.Meta(ge=0)] | None = None
    mood: Annotated[float, msgspec.Meta(ge=-1, le=1)] | None = None


class WrittenCall(msgspec.Struct, frozen=True, kw_only=True):
    """One line of JSON: a sentence (`role` and `text`) or a dialogue (`lines`); what else it has is passed over.

    Attributes:
        role: who says the sentence; it is heard within a call of two parties that say nothing else.
        text: the sentence.
        lines: the dialogue.
        pause: seconds between lines that have no times; below 0 they overlap.
        language: language asked for, as Deepgram names it; None for the command's.
        direction: who called whom; None for the command's.
        channels: 2 where each party has a channel; 1 where voices have to be told apart.
        confidence: how sure the service was of every word.
    """

    role: _Role | None = None
    text: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    lines: tuple[Line, ...] | None = None
    pause: Annotated[float, msgspec.Meta(ge=-3600, le=3600)] = DEFAULT_PAUSE
    language: str | None = None
    direction: CallDirection | None = None
    channels: Literal[1, 2] = 2
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.98

    def spoken(self) -> Sequence[Line]:
        """The lines of the call; a sentence's have one before it and one behind it.

        Raises:
            InvalidCall: it is neither a sentence nor a dialogue.
        """
        if self.lines:
            return self.lines
        if self.role is None or self.text is None:
            raise InvalidCall("neither `lines` nor `role` and `text`")
        other = "agent" if self.role == "announcement" else self.role
        return (Line(*_BEFORE[other]), Line(self.role, self.text), Line(*_AFTER[other]))  # type: ignore[arg-type]


def read_call(line: str | bytes) -> WrittenCall:
    """Read one line of JSON.

    Raises:
        InvalidData: it is not JSON, or of another shape.
    """
    return decode_json(WrittenCall, line, "line")


def transcript_of(
    call: WrittenCall,
    *,
    language: str = "en",
    direction: CallDirection | None = None,
    flag_set: FlagSet | None = None,
    wording: WordingEngine | None = None,
) -> Transcript:
    """Make the transcript that a recording of these words would have.

    Args:
        call: the call.
        language: language asked for where the call names none.
        direction: who called whom where the call does not say so; None where it has to be found out.
        flag_set: the flags to look for; None takes those of the default set.
        wording: an engine that knows flags by wording; None for the one that the flag set names.

    Raises:
        InvalidCall: it is neither a sentence nor a dialogue, or a line ends before it begins.
    """
    utterances = _utterances(call)
    seconds = round(max(said.end for said in utterances) + _FIRST_WORD, 3)
    words = sorted((word for said in utterances for word in said.words), key=lambda word: word.start)
    recognition = Recognition(
        duration_seconds=seconds,
        channel_count=call.channels,
        utterances=utterances,
        words=tuple(words) if call.channels == 1 else (),
    )
    return transcript_from(
        recognition,
        language=call.language or language,
        seconds=seconds,
        direction=call.direction or direction,
        flag_set=flag_set,
        wording=wording,
    )


def transcript_from(
    recognition: Recognition,
    *,
    language: str,
    seconds: float,
    direction: CallDirection | None,
    flag_set: FlagSet | None = None,
    wording: WordingEngine | None = None,
) -> Transcript:
    """Make the transcript of what was recognised in a call of which nothing else is known.

    Args:
        recognition: what was recognised.
        language: language asked for.
        seconds: length of the audio.
        direction: who called whom; None where it has to be found out.
        flag_set: the flags to look for; None takes those of the default set.
        wording: an engine that knows flags by wording; None for the one that the flag set names.
    """
    return build_transcript(
        recording=CallRecording(
            clinic_id="clinic",
            call_id="call",
            kind=CallKind.AGENT,
            started_at=_MADE_AT,
            layout="callscribe",
            direction=direction,
        ),
        transcription=Transcription(
            request=Request(options={}, model="", language=language, separate_channels=recognition.channel_count > 1),
            recognition=recognition,
            cost=Cost(
                price_list="",
                plan="",
                billed_seconds=0,
                channels=recognition.channel_count,
                lines=(),
                total_usd=None,
                unpriced=(),
                requests=0,
                at_least_usd=Decimal(0),
            ),
        ),
        audio=AudioFacts(
            format="WAV",
            subtype="PCM_16",
            channels=recognition.channel_count,
            sample_rate=8_000,
            duration_seconds=seconds,
        ),
        channel_roles=CHANNEL_ROLES,
        provenance=None,
        created_at=_MADE_AT,
        flag_set=flag_set,
        wording=wording,
    )


def _utterances(call: WrittenCall) -> tuple[RecognisedUtterance, ...]:
    utterances = []
    now = _FIRST_WORD
    for line in call.spoken():
        texts = line.text.split() or [line.text]
        start = now if line.start is None else line.start
        end = start + len(texts) * SECONDS_PER_WORD if line.end is None else line.end
        if end < start:
            raise InvalidCall("a line ends before it begins")
        voice = _CHANNEL[line.role]
        step = (end - start) / len(texts)
        utterances.append(
            RecognisedUtterance(
                channel=voice if call.channels == 2 else 0,
                speaker=None if call.channels == 2 else voice,
                text=line.text,
                start=round(start, 3),
                end=round(end, 3),
                confidence=call.confidence,
                words=tuple(
                    Word(
                        text=text,
                        start=round(start + index * step, 3),
                        end=round(start + (index + 1) * step, 3),
                        confidence=call.confidence,
                        speaker=None if call.channels == 2 else voice,
                    )
                    for index, text in enumerate(texts)
                ),
                sentiment=None if line.mood is None else Sentiment.of(line.mood),
            )
        )
        now = max(start, end + call.pause)
    return tuple(sorted(utterances, key=lambda said: said.start))
