"""The transcript of a call that was transcribed while it ran, in the shape that a recording's has."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

from callscribe.audio_facts import AudioFacts
from callscribe.contract.call_kind import CallKind
from callscribe.conversation.flags import FlagSet
from callscribe.conversation.role_correction import RoleCorrection
from callscribe.conversation.utterances import mean_confidence
from callscribe.conversation.wording import WordingEngine
from callscribe.live.call import CHANNEL_ROLES, SAMPLE_RATE, LiveUtterance
from callscribe.live.state import LiveState
from callscribe.recognition import UTTERANCE_GAP_SECONDS, RecognisedUtterance, Recognition, Transcription, Word
from callscribe.recordings.calls import CallRecording, StartSource
from callscribe.transcript import Transcript, build_transcript

LAYOUT: Final = "live"
"""`CallRecording.layout` of a call that no recording named."""
LONGEST_UTTERANCE_SECONDS: Final = 60.0
"""An utterance that lasts longer is cut, so that who speaks without a pause can still be followed."""

_Results = tuple[LiveUtterance, ...]


class MissingUtterances(ValueError):
    """The results of a call are not those that its state counts."""


def joined(utterances: Iterable[LiveUtterance]) -> list[_Results]:
    """Join each channel's results into utterances, as a recording has them.

    A long sentence comes in several results, of which only the last has `speech_final`. An utterance also ends at
    a pause that would end one of a recording: the result that carried `speech_final` may have had no words,
    and is then not among these.

    Returns:
        Every result in exactly one utterance, utterances in order of their begin.
    """
    finished: list[_Results] = []
    open_by_channel: dict[int, list[LiveUtterance]] = {}
    for said in sorted(utterances, key=lambda said: (said.start, said.seq)):
        results = open_by_channel.setdefault(said.channel, [])
        if results and not _continues(results, said):
            finished.append(tuple(results))
            results.clear()
        results.append(said)
    finished.extend(tuple(results) for results in open_by_channel.values())
    return sorted(finished, key=lambda results: (results[0].start, results[0].seq))


def recognition_of(state: LiveState, utterances: Sequence[LiveUtterance]) -> Recognition:
    """Put together what the service heard of a live call, from the results that were stored.

    Args:
        state: the call.
        utterances: its results, in any order.

    Raises:
        MissingUtterances: the results are not numbered 1 to the number that the state tells.
    """
    if sorted(said.seq for said in utterances) != list(range(1, state.coverage.utterances + 1)):
        raise MissingUtterances(f"the results are not numbered 1 to {state.coverage.utterances}")
    return heard_of(utterances, duration_seconds=state.coverage.duration_seconds, model=state.model)


def heard_of(
    utterances: Collection[LiveUtterance], *, duration_seconds: float | None = None, model: str = ""
) -> Recognition:
    """Put together what some results of a live call say.

    Args:
        utterances: the results, in any order.
        duration_seconds: length of the call; None where that is not known yet.
        model: name of the model that answered; "" where that is not known.
    """
    return Recognition(
        duration_seconds=duration_seconds,
        channel_count=len(CHANNEL_ROLES),
        model=model,
        languages=_languages(utterances),
        utterances=tuple(_joined(results) for results in joined(utterances)),
    )


def call_of(state: LiveState) -> CallRecording:
    """The call as a recording of it would be described."""
    return CallRecording(
        clinic_id=state.clinic_id,
        clinic_source=state.clinic_source,
        direction=state.direction,
        queue_id=state.queue_id,
        call_id=state.call_id,
        kind=CallKind.AGENT,
        started_at=state.started_at,
        started_at_source=StartSource.LIVE,
        layout=LAYOUT,
    )


def build_live_transcript(
    *,
    state: LiveState,
    transcription: Transcription,
    created_at: datetime,
    flag_set: FlagSet | None = None,
    corrections: Sequence[RoleCorrection] = (),
    wording: WordingEngine | None = None,
) -> Transcript:
    """Normalise what was stored of a live call.

    Args:
        state: the call.
        transcription: what was asked, what was heard (`recognition_of`) and what it costs.
        created_at: when the transcript was made, UTC.
        flag_set: the flags to look for; without one, those of the default set.
        corrections: what people have said about who is who in the call.
        wording: an engine that knows flags by wording; None for the one that the flag set names.
    """
    return build_transcript(
        recording=call_of(state),
        transcription=transcription,
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
        flag_set=flag_set,
        corrections=corrections,
        wording=wording,
    )


def _continues(results: Sequence[LiveUtterance], said: LiveUtterance) -> bool:
    last = results[-1]
    return (
        not last.speech_final
        and said.start - last.end < UTTERANCE_GAP_SECONDS
        and said.end - results[0].start <= LONGEST_UTTERANCE_SECONDS
    )


def _joined(results: _Results) -> RecognisedUtterance:
    return RecognisedUtterance(
        channel=results[0].channel,
        text=" ".join(said.text for said in results),
        start=results[0].start,
        end=max(said.end for said in results),
        confidence=mean_confidence((said.confidence, said.word_count) for said in results),
        words=_words(results),
    )


def _words(results: _Results) -> tuple[Word, ...]:
    """The words of an utterance; none where those of a part of it are not known."""
    if not all(said.words for said in results):
        return ()
    return tuple(
        Word(text=word.text, start=word.start, end=word.end, confidence=word.confidence)
        for said in results
        for word in said.words or ()
    )


def _languages(utterances: Iterable[LiveUtterance]) -> tuple[str, ...]:
    """The languages of a call; the words of a result count for the one that leads it."""
    words: Counter[str] = Counter()
    for said in utterances:
        words.update({name: 0 if index else said.word_count for index, name in enumerate(said.languages)})
    return tuple(name for name, _ in words.most_common())
