"""The transcript of a call: what a speech service heard, normalised."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from callscribe.audio_facts import AudioFacts
from callscribe.contract.call_kind import CallKind
from callscribe.conversation.alignment import SegmentMap
from callscribe.conversation.call_summary import CallSummary, FlagSetVersion, summarise
from callscribe.conversation.echo import same_words_on_both_channels
from callscribe.conversation.flags import FlagSet, flags_of, load_flag_set
from callscribe.conversation.reliability import Circumstances, Reason, Reliability, reliability_of
from callscribe.conversation.role_correction import RoleCorrection, newest_of
from callscribe.conversation.roles import RoleAssignment, SpeakerRole, assign_roles
from callscribe.conversation.sentiment import utterance_sentiments
from callscribe.conversation.turns import (
    SpeakersOfWords,
    Turn,
    TurnText,
    mood_of,
    speaker_of,
    speakers_heard,
    turns_heard,
    turns_stored,
    with_role,
)
from callscribe.conversation.utterances import Role, TimedWord, Utterance, mean_confidence
from callscribe.conversation.wording import WordingEngine, WordingVersion
from callscribe.cost import Cost
from callscribe.live.state import LiveCoverage
from callscribe.recognition import (
    Entity,
    Mention,
    OptionsRecord,
    Recognition,
    Request,
    Sentiment,
    SentimentLabel,
    Transcription,
    Word,
)
from callscribe.recordings.calls import CallRecording
from callscribe.recordings.recording import Provenance
from callscribe.serialization import shared

__all__ = [
    "BATCH",
    "LIVE",
    "Label",
    "Role",
    "Sentiment",
    "SentimentLabel",
    "Transcript",
    "Turn",
    "Utterance",
    "build_transcript",
]

BATCH: Final = "batch"
LIVE: Final = "live"
"""What a transcript was made from: the call's recording, or its audio while it ran."""

_TOLERANCE: Final = 0.01
_OTHER_DURATION: Final = "duration-differs-from-audio"
_OTHER_CHANNELS: Final = "channels-differ-from-audio"
_INCOMPLETE: Final = frozenset({_OTHER_DURATION, _OTHER_CHANNELS})
# What is no oddity of the call, or stands in the transcript anyway.
_NO_WARNINGS: Final = (Reason.SHORT, Reason.GAPS, Reason.AUTOMATED, Reason.SEVERAL_LANGUAGES, Reason.UNKNOWN_ROLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A topic or intent of the call.

    Attributes:
        label: as the service wrote it.
        confidence: the highest the service gave it, 0 to 1; None where it gave none. Low values are common and say
            little.
        mentions: how many pieces of the call have it.
    """

    label: str
    confidence: float | None
    mentions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A call in words.

    Attributes:
        recording: the call.
        provenance: the object it was made from; None for a live transcript, which has none.
        audio: what the object, or the stream, holds.
        source: `batch` or `live`.
        created_at: when the transcript was made, UTC.
        request_id: the service's name of the request; "" for a live transcript, which can take several.
        model: name of the model that answered.
        options: what was asked, as noted then.
        language: language of the call: the detected one, else the one of most words, else the one asked for.
        duration_seconds: length of the audio.
        live: how much of the call a live transcript holds; None for one of a recording.
        languages: every language that was heard, the one of most words first; None where the service did not say.
        utterances: as the service cut them, in order of time; empty where nobody spoke.
        turns: what each speaker said in one go, in order of time; None in what was stored before turns were told apart.
        word_count: words of all utterances.
        confidence: 0 to 1, mean over the words for which the service said it; None where it did for none, 0 where
            nobody spoke.
        roles: who is who, and how it was found.
        sentiment: mood of the whole call, where the service gave one.
        topics: topics, most frequent first.
        intents: intents, most frequent first.
        entities: entities, where asked for.
        summary: text and flags.
        cost: what the service charges.
        warnings: the service's warnings, what is odd about the file, and what looked odd while normalising.
        reliability: whether what is concluded from the call can be relied on; None in what was stored before that was
            asked.
        flag_set: by which flags were looked for; None in what was stored before it was noted.
        wording: which engine looked for flags by wording beside the flag set; None where the set did alone.
        role_correction: who is who, as a person says: roles and all that follows from them are by it. None where nobody
            has corrected the roles.
    """

    recording: CallRecording
    provenance: Provenance | None
    audio: AudioFacts
    source: str
    created_at: datetime
    request_id: str
    model: str
    options: OptionsRecord
    language: str
    duration_seconds: float
    utterances: tuple[Utterance, ...]
    word_count: int
    confidence: float | None
    roles: RoleAssignment
    sentiment: Sentiment | None
    topics: tuple[Label, ...]
    intents: tuple[Label, ...]
    entities: tuple[Entity, ...]
    summary: CallSummary
    cost: Cost
    warnings: tuple[str, ...]
    live: LiveCoverage | None = None
    languages: tuple[str, ...] | None = None
    turns: tuple[TurnText, ...] | None = None
    reliability: Reliability | None = None
    flag_set: FlagSetVersion | None = None
    wording: WordingVersion | None = None
    role_correction: RoleCorrection | None = None

    @property
    def speech(self) -> bool:
        """Whether anybody spoke."""
        return bool(self.utterances)

    @property
    def full_transcript(self) -> str:
        """The whole call as text, one line for each turn, with the role before it.

        In what was stored before turns were told apart, one line for each utterance.
        """
        lines = self.utterances if self.turns is None else self.turns
        return "\n".join(f"{line.role.capitalize()}: {line.text}" for line in lines)

    def turns_spoken(self) -> tuple[Turn, ...]:
        """The turns with their words; evidence names them by their places in here."""
        return turns_stored(self.utterances, self.turns)

    def judged_reliability(self) -> Reliability:
        """Whether what is concluded from the call can be relied on, also where nobody had asked when it was stored."""
        return self.reliability or _reliability(self, self.turns_spoken())


def build_transcript(
    *,
    recording: CallRecording,
    transcription: Transcription,
    audio: AudioFacts,
    channel_roles: Mapping[int, Role],
    provenance: Provenance | None,
    created_at: datetime,
    live: LiveCoverage | None = None,
    flag_set: FlagSet | None = None,
    corrections: Sequence[RoleCorrection] = (),
    wording: WordingEngine | None = None,
) -> Transcript:
    """Normalise what a speech service heard.

    Args:
        recording: the call.
        transcription: what was asked, what was heard and what it costs.
        audio: from `audio.probe`.
        channel_roles: role by channel of a recording with a channel for each speaker.
        provenance: the object the recording came from; None where the call was transcribed live.
        created_at: now, UTC.
        live: how much of the call was transcribed live; None for a recording.
        flag_set: the flags to look for; without one, those of `conversation.flags.DEFAULT_FLAG_SET`.
        corrections: what people have said about who is who in the call, whichever transcript of it they corrected.
        wording: an engine that knows flags by wording; None for the one that the flag set names.
    """
    request, recognition = transcription.request, transcription.recognition
    flag_set = flag_set or load_flag_set()
    heard = recognition.duration_seconds
    speakers = speakers_heard(recognition)
    heard_turns = turns_heard(recognition.utterances, speakers)
    computed = assign_roles(
        heard_turns,
        separate_channels=recognition.channel_count > 1,
        channel_roles=channel_roles,
        automated=recording.kind is CallKind.IVR,
    )
    correction = newest_of(
        corrections,
        recording_id=None if provenance is None else provenance.recording_id,
        request_id=recognition.request_id,
    )
    roles = computed if correction is None else correction.of_speakers(computed)
    segments = SegmentMap(recognition)
    moods = utterance_sentiments(recognition, segments)
    by_speaker = {assigned.speaker: assigned for assigned in roles.speakers}
    turns = [
        _assigned(turn, by_speaker[turn.speaker], mood_of(turn.pieces, recognition.utterances, moods))
        for turn in heard_turns
    ]
    utterances = _utterances(recognition, speakers, by_speaker, moods)
    if correction is not None:
        turns = correction.of_turns(turns, computed)
        utterances = correction.of_utterances(utterances, turns)
    transcript = Transcript(
        recording=recording,
        provenance=provenance,
        audio=audio,
        source=BATCH if live is None else LIVE,
        created_at=created_at,
        request_id=recognition.request_id,
        model=recognition.model or request.model,
        options=request.options,
        language=recognition.language or next(iter(recognition.languages), request.language),
        languages=recognition.languages or None,
        duration_seconds=audio.duration_seconds if heard is None else heard,
        utterances=utterances,
        turns=tuple(TurnText(**shared(TurnText, turn)) for turn in turns),
        word_count=sum(utterance.word_count for utterance in utterances),
        confidence=_mean_confidence(utterances),
        roles=roles,
        sentiment=recognition.average_sentiment,
        topics=_labels(recognition.topics),
        intents=_labels(recognition.intents),
        entities=recognition.entities,
        summary=summarise(utterances, recognition, flags_of(tuple(turns), recognition, segments, flag_set, wording)),
        flag_set=flag_set.version,
        wording=None if wording is None else wording.version,
        role_correction=correction,
        cost=transcription.cost,
        live=live,
        warnings=(*recognition.warnings, *audio.warnings, *_oddities(recognition, request, audio)),
    )
    reliability = _reliability(transcript, turns)
    doubts = (reason.value for reason in reliability.reasons if reason not in _NO_WARNINGS)
    return replace(
        transcript,
        reliability=reliability,
        summary=transcript.summary if reliability.usable else transcript.summary.without_flags(),
        warnings=(*transcript.warnings, *doubts),
    )


def _reliability(transcript: Transcript, turns: Sequence[Turn]) -> Reliability:
    live = transcript.live
    return reliability_of(
        turns,
        Circumstances(
            kind=transcript.recording.kind,
            roles=transcript.roles,
            confidence=transcript.confidence,
            language=transcript.language,
            languages=transcript.languages,
            incomplete=not _INCOMPLETE.isdisjoint(transcript.warnings) or (live is not None and not live.proven),
            echoes=same_words_on_both_channels(turns),
        ),
    )


def _assigned(turn: Turn, speaker: SpeakerRole, mood: Sentiment | None) -> Turn:
    return with_role(turn, speaker.role, speaker.confidence, sentiment=mood)


def _utterances(
    recognition: Recognition,
    speakers: Sequence[SpeakersOfWords],
    roles: Mapping[str, SpeakerRole],
    moods: Sequence[Sentiment | None],
) -> tuple[Utterance, ...]:
    utterances = []
    for said, names, mood in zip(recognition.utterances, speakers, moods, strict=True):
        # Where the words are not all there, the utterance is one piece of its first word's speaker.
        speaker = roles.get(speaker_of(said, names)) or roles[names[0]]
        utterances.append(
            Utterance(
                speaker=speaker.speaker,
                channel=said.channel,
                role=speaker.role,
                role_confidence=speaker.confidence,
                text=said.text,
                start=said.start,
                end=said.end,
                confidence=said.confidence,
                word_count=len(said.words) or len(said.text.split()),
                sentiment=mood,
                words=_timed(said.words),
            )
        )
    return tuple(utterances)


def _timed(words: Sequence[Word]) -> tuple[TimedWord, ...] | None:
    return tuple(TimedWord(word.text, word.start, word.end, word.confidence) for word in words) or None


def _mean_confidence(utterances: Sequence[Utterance]) -> float | None:
    if not utterances:
        return 0.0
    return mean_confidence((said.confidence, said.word_count) for said in utterances)


def _labels(mentions: Sequence[Mention]) -> tuple[Label, ...]:
    """Count equal labels; the most frequent come first, then the surest, then by name."""
    found: dict[str, list[float | None]] = {}
    for mention in mentions:
        found.setdefault(mention.label, []).append(mention.confidence)
    labels = [
        Label(label=label, confidence=max((one for one in all_ if one is not None), default=None), mentions=len(all_))
        for label, all_ in found.items()
    ]
    return tuple(sorted(labels, key=lambda label: (-label.mentions, -(label.confidence or 0.0), label.label)))


def _oddities(recognition: Recognition, request: Request, audio: AudioFacts) -> Iterator[str]:
    """What a reader should know of the file before trusting the transcript."""
    heard = recognition.duration_seconds
    if heard is not None and abs(heard - audio.duration_seconds) > max(1.0, _TOLERANCE * audio.duration_seconds):
        yield _OTHER_DURATION
    if request.separate_channels and recognition.channel_count != audio.channels:
        yield _OTHER_CHANNELS
