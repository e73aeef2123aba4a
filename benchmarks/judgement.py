"""What it takes to conclude something from a call of four hours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import TypeVar

import msgspec

from benchmarks.agreement import CORPUS
from benchmarks.report import Figures
from callscribe.audio_facts import AudioFacts
from callscribe.contract.call_kind import CallKind
from callscribe.conversation.utterances import Role
from callscribe.conversation.wording import WordingEngine
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.prices import cost_of, load_prices
from callscribe.documents import from_document, to_document
from callscribe.judgement.quality import load_rubric, score
from callscribe.recognition import Mention, RecognisedUtterance, Recognition, Request, Transcription, Word
from callscribe.recordings.calls import CallRecording
from callscribe.serialization import encode_json
from callscribe.transcript import Transcript, build_transcript

HOURS = 4
_SECONDS = HOURS * 3600.0
_WORDS = 100_000
_TOPICS = 100_000
_TIMES = 3
_LINES = (
    "Thank you for calling Birch Vision, this is Omar, how can I help you?",
    "Hi, I would like to make an appointment for my son, his left eye is red since Monday.",
    "I am sorry to hear that, does it hurt, and can I have his name and date of birth?",
    "Sam Okafor, May second two thousand twelve, and do you take our insurance?",
    "We do, and I can offer you tomorrow at nine, would that work?",
    "No, I have to work, could you call me back when something opens in the afternoon?",
)

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call that is judged."""

    name: str
    channels: int
    words_of_utterance: int
    topics: int = 0
    words: int = _WORDS
    lines: tuple[str, ...] = _LINES
    seconds: float = _SECONDS


def _wishes() -> tuple[str, ...]:
    """Sentences of the labelled corpus: nearly each wants something, or sounds as if, so that most rules are tried."""
    sentences = CORPUS / "development-sentences.jsonl"
    return tuple(msgspec.json.decode(line)["text"] for line in sentences.read_bytes().splitlines())


CALLS = (
    Call(name="two channels, each sentence a wish", channels=2, words_of_utterance=12, words=40_000, lines=_wishes()),
    Call(name="two channels, as people talk", channels=2, words_of_utterance=12),
    Call(name="two channels, utterances of one word", channels=2, words_of_utterance=1),
    Call(name="one channel, the voice changes with every word", channels=1, words_of_utterance=1),
    Call(name=f"one channel, {_TOPICS:,} topics", channels=1, words_of_utterance=12, topics=_TOPICS),
)


def figures() -> Figures:
    return Figures(
        name="judgement",
        title=f"A call of {HOURS} hours",
        columns=("CPU seconds", "words", "turns", "to make the transcript, with turns, roles and flags", "to score it"),
        rows=tuple(_row(call) for call in CALLS),
        notes=(f"The least of {_TIMES} runs. People say about 40,000 words in {HOURS} hours.",),
    )


def _row(call: Call) -> tuple[str, ...]:
    transcription = _transcription(call)
    made, transcript = _measured(lambda: _transcript(call, transcription))
    # As the scoring function finds it.
    stored = from_document(encode_json(to_document(transcript)))
    rubric = load_rubric()
    scored, _ = _measured(lambda: score(stored, rubric))
    return call.name, f"{call.words:,}", f"{len(stored.turns_spoken()):,}", f"{made:.2f}", f"{scored:.2f}"


def transcript_of(call: Call, *, wording: WordingEngine | None = None) -> Transcript:
    """Make a call's transcript, by rules alone or together with an engine that knows wordings."""
    return _transcript(call, _transcription(call), wording)


def _measured(work: Callable[[], T]) -> tuple[float, T]:
    taken = []
    for _ in range(_TIMES):
        began = time.process_time()
        result = work()
        taken.append(time.process_time() - began)
    return min(taken), result


def _words(call: Call) -> Iterator[Word]:
    every = call.seconds / call.words
    said = ((voice, text) for voice, line in cycle(enumerate(call.lines)) for text in line.split())
    for index, (line, text) in enumerate(islice(said, call.words)):
        voice = index if call.words_of_utterance == 1 else line
        yield Word(
            text=text,
            start=round(index * every, 3),
            end=round((index + 0.8) * every, 3),
            confidence=0.95,
            speaker=voice % 2,
        )


def _utterances(call: Call) -> Iterator[RecognisedUtterance]:
    said: list[Word] = []
    for word in _words(call):
        if said and (len(said) == call.words_of_utterance or word.speaker != said[0].speaker):
            yield _utterance(call, said)
            said = []
        said.append(word)
    yield _utterance(call, said)


def _utterance(call: Call, said: list[Word]) -> RecognisedUtterance:
    return RecognisedUtterance(
        channel=(said[0].speaker or 0) if call.channels > 1 else 0,
        speaker=said[0].speaker if call.channels == 1 else None,
        text=" ".join(word.text for word in said),
        start=said[0].start,
        end=said[-1].end,
        confidence=0.95,
        words=tuple(
            word if call.channels == 1 else Word(text=word.text, start=word.start, end=word.end, confidence=0.95)
            for word in said
        ),
    )


def _transcription(call: Call) -> Transcription:
    utterances = tuple(_utterances(call))
    words = tuple(word for said in utterances for word in said.words)
    each = max(1, call.words // max(1, call.topics))
    topics = tuple(
        Mention(
            label=f"Topic {number % 50}", confidence=0.5, text="", start_word=number * each, end_word=number * each + 60
        )
        for number in range(call.topics)
    )
    options = TranscriptionOptions()
    return Transcription(
        request=Request(
            options=options.record(), model=options.model, language="en", separate_channels=call.channels > 1
        ),
        recognition=Recognition(
            duration_seconds=call.seconds,
            channel_count=call.channels,
            utterances=utterances,
            words=words if call.channels == 1 else (),
            topics=topics,
            intents=topics,
        ),
        cost=cost_of(
            duration_seconds=call.seconds,
            channels=call.channels,
            options=options,
            vocabulary_terms=0,
            usage=(),
            requests=1,
            refused=0,
            prices=load_prices(),
        ),
    )


def _transcript(call: Call, transcription: Transcription, wording: WordingEngine | None = None) -> Transcript:
    begun = datetime(2026, 3, 2, 10, tzinfo=UTC)
    return build_transcript(
        recording=CallRecording(
            clinic_id="main", call_id="four-hours", kind=CallKind.AGENT, started_at=begun, layout="connect"
        ),
        transcription=transcription,
        audio=AudioFacts(
            format="WAV", subtype="PCM_16", channels=call.channels, sample_rate=8000, duration_seconds=call.seconds
        ),
        channel_roles={0: Role.CUSTOMER, 1: Role.AGENT},
        provenance=None,
        created_at=begun,
        wording=wording,
    )
