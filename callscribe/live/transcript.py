"""The transcript of a call that was transcribed while it ran, in the shape that a recording's has."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from callscribe.audio_facts import AudioFacts
from callscribe.conversation.utterances import mean_confidence
from callscribe.cost import PriceList
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.reply import UTTERANCE_GAP_SECONDS, Reply, ReplyUtterance, Word
from callscribe.live.call import CHANNEL_ROLES, SAMPLE_RATE, LiveUtterance
from callscribe.live.state import LiveState
from callscribe.recordings.layouts import CallKind, CallRecording, StartSource
from callscribe.transcript import Transcript, build_transcript

LAYOUT: Final = "live"
"""`CallRecording.layout` of a call that no recording named."""
LONGEST_TURN_SECONDS: Final = 60.0
"""A turn that lasts longer is cut, so that who speaks without a pause can still be followed."""

Turn = tuple[LiveUtterance, ...]


class MissingUtterances(ValueError):
    """The results of a call are not those that its state counts."""


def turns(utterances: Iterable[LiveUtterance]) -> list[Turn]:
    """Join each channel's results into turns.

    Deepgram gives a long sentence in several results, of which only the last has `speech_final` (docs, page
    "Endpointing & Interim Results With Live Streaming"). A turn also ends at a pause that would end an utterance of a
    recording: the result that carried `speech_final` may have had no words, and is then not among these.

    Returns:
        Every result in exactly one turn, turns in order of their begin.
    """
    finished: list[Turn] = []
    open_by_channel: dict[int, list[LiveUtterance]] = {}
    for said in sorted(utterances, key=lambda said: (said.start, said.seq)):
        turn = open_by_channel.setdefault(said.channel, [])
        if turn and not _continues(turn, said):
            finished.append(tuple(turn))
            turn.clear()
        turn.append(said)
    finished.extend(tuple(turn) for turn in open_by_channel.values())
    return sorted(finished, key=lambda turn: (turn[0].start, turn[0].seq))


def build_live_transcript(
    *,
    state: LiveState,
    utterances: Sequence[LiveUtterance],
    options: TranscriptionOptions,
    created_at: datetime,
    prices: PriceList | None = None,
) -> Transcript:
    """Normalise what was stored of a live call.

    Args:
        state: the call.
        utterances: its results, in any order.
        options: options of the deployment, for a call whose streamer did not note its own. What Deepgram offers for
            recordings only counts as not asked for.
        created_at: when the transcript was made, UTC.
        prices: rates; None takes the pay-as-you-go rates of the newest list.

    Raises:
        MissingUtterances: the results are not numbered 1 to the number that the state tells.
    """
    asked = options if state.options is None else TranscriptionOptions.from_record(state.options)
    streamed = streamed_options(asked)
    if sorted(said.seq for said in utterances) != list(range(1, state.coverage.utterances + 1)):
        raise MissingUtterances(f"the results are not numbered 1 to {state.coverage.utterances}")
    return build_transcript(
        recording=CallRecording(
            clinic_id=state.clinic_id,
            clinic_source=state.clinic_source,
            call_id=state.call_id,
            kind=CallKind.AGENT,
            started_at=state.started_at,
            started_at_source=StartSource.LIVE,
            layout=LAYOUT,
        ),
        reply=_reply(state, utterances),
        options=streamed,
        asked={**(state.options or {}), **streamed.record()},
        audio=AudioFacts(
            format="L16",
            subtype="PCM_16",
            channels=len(CHANNEL_ROLES),
            sample_rate=SAMPLE_RATE,
            duration_seconds=state.coverage.duration_seconds,
        ),
        channel_roles=dict(enumerate(CHANNEL_ROLES)),
        provenance=None,
        created_at=created_at,
        live=state.coverage,
        deepgram_requests=state.sessions,
        vocabulary_terms=state.vocabulary_terms,
        prices=prices,
    )


def streamed_options(options: TranscriptionOptions) -> TranscriptionOptions:
    """The options as far as they hold for a stream.

    Each speaker has a channel, and text intelligence is for recordings only (Deepgram docs, page "Text Intelligence").
    """
    return replace(
        options,
        speakers="multichannel",
        sentiment=False,
        topics=False,
        intents=False,
        summarize=False,
        detect_entities=False,
    )


def _continues(turn: Sequence[LiveUtterance], said: LiveUtterance) -> bool:
    last = turn[-1]
    return (
        not last.speech_final
        and said.start - last.end < UTTERANCE_GAP_SECONDS
        and said.end - turn[0].start <= LONGEST_TURN_SECONDS
    )


def _reply(state: LiveState, utterances: Sequence[LiveUtterance]) -> Reply:
    """What Deepgram would have answered, had it been asked about a recording and for words only."""
    return Reply(
        request_id="",
        duration_seconds=state.coverage.duration_seconds,
        channel_count=len(CHANNEL_ROLES),
        model=state.model,
        language=None,
        utterances=tuple(_joined(turn) for turn in turns(utterances)),
        words=(),
        entities=(),
        topics=(),
        intents=(),
        sentiments=(),
        average_sentiment=None,
        summary=None,
        usage=(),
        warnings=(),
        languages=_languages(utterances),
    )


def _joined(turn: Turn) -> ReplyUtterance:
    return ReplyUtterance(
        channel=turn[0].channel,
        speaker=None,
        text=" ".join(said.text for said in turn),
        start=turn[0].start,
        end=max(said.end for said in turn),
        confidence=mean_confidence((said.confidence, said.word_count) for said in turn),
        words=_words(turn),
        sentiment=None,
    )


def _words(turn: Turn) -> tuple[Word, ...]:
    """The words of a turn; none where those of a part of it are not known."""
    if not all(said.words for said in turn):
        return ()
    timed = (word for said in turn for word in said.words or ())
    return tuple(Word(**word._asdict(), speaker=None, sentiment_score=None) for word in timed)


def _languages(utterances: Iterable[LiveUtterance]) -> tuple[str, ...]:
    """The languages of a call; the words of a result count for the one that leads it."""
    words: Counter[str] = Counter()
    for said in utterances:
        words.update({name: 0 if index else said.word_count for index, name in enumerate(said.languages)})
    return tuple(name for name, _ in words.most_common())
