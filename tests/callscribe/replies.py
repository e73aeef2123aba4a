"""Replies in Deepgram's shape, written for the tests, and the transcripts they become."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from callscribe.audio_facts import AudioFacts
from callscribe.contract.call_kind import CallKind
from callscribe.conversation.role_correction import RoleCorrection
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.reply import parse_reply
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.recognition import Recognition
from callscribe.recordings.calls import CallRecording
from callscribe.recordings.recording import Provenance
from callscribe.transcript import Role, Transcript, build_transcript

CUSTOMER, AGENT = 0, 1
CHANNEL_ROLES = {CUSTOMER: Role.CUSTOMER, AGENT: Role.AGENT}


@dataclass(frozen=True)
class Turn:
    speaker: int
    text: str
    start: float
    end: float
    score: float | None = None


def talk(*lines: tuple[int, str] | tuple[int, str, float], pause: float = 0.4) -> list[Turn]:
    """Lay lines one after the other, three words to the second; a third part is a sentiment score."""
    turns, now = [], 0.5
    for speaker, text, *score in lines:
        end = now + max(1, len(text.split())) / 3
        turns.append(Turn(speaker, text, round(now, 3), round(end, 3), score[0] if score else None))
        now = end + pause
    return turns


APPOINTMENT = talk(
    (AGENT, "Thank you for calling the eye clinic. This is Karen speaking. How can I help you today?"),
    (CUSTOMER, "Hello. I would like to make an appointment with the doctor."),
    (AGENT, "Of course. Are you a new patient, or have you been here before?"),
    (CUSTOMER, "I was there last year. The doctor told me that I have glaucoma."),
    (AGENT, "All right. Can I have your last name and your date of birth, please?"),
    (CUSTOMER, "My last name is Miller. I was born on March the tenth, nineteen fifty two."),
    (AGENT, "Thank you. We have an opening on Tuesday at nine thirty in the morning. Would that work for you?"),
    (CUSTOMER, "Tuesday is fine. Do I need to bring my insurance card?"),
    (AGENT, "Yes, please bring your insurance card and a list of your medications."),
    (CUSTOMER, "Okay. Will the doctor test the pressure in my eyes?"),
    (AGENT, "Yes, we will check your eye pressure. Please do not drive yourself home after the visit."),
    (CUSTOMER, "Thank you very much. Goodbye."),
)
BILLING = talk(
    (AGENT, "Good morning, billing department. How can I help you?"),
    (CUSTOMER, "Good morning. I got a bill for two hundred dollars, and I think it is wrong."),
    (AGENT, "I am sorry to hear that. Do you have the account number?"),
    (CUSTOMER, "Yes. The number is four seven one, five six two."),
    (AGENT, "Thank you. I can see the bill. It looks like your insurance company did not pay for the visit."),
    (CUSTOMER, "But I gave you my new insurance card in January."),
    (AGENT, "I see. We still have the old insurance on file. I can send the claim again."),
    (CUSTOMER, "That would be great. How long will it take?"),
    (AGENT, "It will take about thirty days. You do not have to pay anything until then."),
    (CUSTOMER, "Thank you for your help. Have a good day."),
)
URGENT = talk(
    (AGENT, "Eye clinic, how may I help you?"),
    (CUSTOMER, "Hi. I had cataract surgery on Friday, and now my left eye is red and it hurts."),
    (AGENT, "I am sorry. When did the pain begin?"),
    (CUSTOMER, "It started last night. I also see flashing lights and my vision is blurry."),
    (AGENT, "Are you using the eye drops that the doctor gave you?"),
    (CUSTOMER, "Yes, three times a day. But I lost the bottle yesterday and I need a refill."),
    (AGENT, "Please hold on while I speak with the nurse."),
    (CUSTOMER, "Okay, I will wait."),
    (AGENT, "The doctor wants to see you today. Can you be here at two o'clock?"),
    (CUSTOMER, "Yes. My daughter can drive me to the office."),
    (AGENT, "Good. If the pain gets worse, go to the emergency room right away."),
)


def words_of(turn: Turn, *, speaker: bool = False) -> list[dict[str, Any]]:
    texts = turn.text.split()
    step = (turn.end - turn.start) / max(1, len(texts))
    return [
        {
            "word": text.strip(".,?!").lower(),
            "punctuated_word": text,
            "start": turn.start + index * step,
            "end": turn.start + (index + 1) * step,
            "confidence": 0.98,
            **({"speaker": turn.speaker, "speaker_confidence": 0.9} if speaker else {}),
        }
        for index, text in enumerate(texts)
    ]


def metadata(turns: Sequence[Turn], channels: int) -> dict[str, Any]:
    return {
        "transaction_key": "deprecated",
        "request_id": "11111111-2222-3333-4444-555555555555",
        "sha256": "0" * 64,
        "created": "2026-03-02T10:00:00.000Z",
        "duration": round(max((turn.end for turn in turns), default=9.5) + 0.5, 3),
        "channels": channels,
        "models": ["6e9a1b52-0000-4000-8000-000000000000"],
        "model_info": {
            "6e9a1b52-0000-4000-8000-000000000000": {
                "name": "general-nova-3",
                "version": "2026-01-01.0",
                "arch": "nova-3",
            }
        },
    }


def channel(words: list[dict[str, Any]]) -> dict[str, Any]:
    text = " ".join(word["punctuated_word"] for word in words)
    return {"alternatives": [{"transcript": text, "confidence": 0.98 if words else 0.0, "words": words}]}


def stereo(turns: Sequence[Turn], *, utterances: bool = True) -> dict[str, Any]:
    """A multichannel reply: utterances ordered by channel first, as Deepgram sends them."""
    by_channel = sorted(turns, key=lambda turn: turn.speaker)
    results: dict[str, Any] = {
        "channels": [
            channel([word for turn in turns if turn.speaker == number for word in words_of(turn)]) for number in (0, 1)
        ]
    }
    if utterances:
        results["utterances"] = [
            {
                "start": turn.start,
                "end": turn.end,
                "confidence": 0.97,
                "channel": turn.speaker,
                "transcript": turn.text,
                "words": words_of(turn),
                "id": f"00000000-0000-4000-8000-{index:012}",
                **({} if turn.score is None else {"sentiment": "neutral", "sentiment_score": turn.score}),
            }
            for index, turn in enumerate(by_channel)
        ]
    return {"metadata": metadata(turns, 2), "results": results}


def mono(turns: Sequence[Turn], *, diarized: bool = True) -> dict[str, Any]:
    """A reply of one channel, without utterances."""
    words = [word for turn in turns for word in words_of(turn, speaker=diarized)]
    return {"metadata": metadata(turns, 1), "results": {"channels": [channel(words)]}}


def silent(channels: int = 2) -> dict[str, Any]:
    return {"metadata": metadata([], channels), "results": {"channels": [channel([])] * channels, "utterances": []}}


def body(reply: Any) -> bytes:
    return json.dumps(reply).encode()


RECORDING = CallRecording(
    clinic_id="downtown",
    call_id="c-1",
    kind=CallKind.AGENT,
    started_at=datetime(2026, 3, 2, 10, 15, tzinfo=UTC),
    layout="connect",
)
PROVENANCE = Provenance(
    bucket="recordings",
    key="recordings/downtown/2026-03-02/c-1.wav",
    version_id="v1",
    etag="e1",
    recording_id="a" * 64,
    last_modified=datetime(2026, 3, 2, 10, 30, tzinfo=UTC),
    sequencer="0055AED6DCD90281E5",
)


def transcript_of(reply: dict[str, Any], **about: Any) -> Transcript:
    return transcript_from(body(reply), **about)


def transcript_from(
    raw: bytes,
    *,
    recording: CallRecording = RECORDING,
    options: TranscriptionOptions | None = None,
    deepgram_requests: int = 1,
    refused_requests: int | None = None,
    vocabulary_terms: int | None = None,
    audio_warnings: tuple[str, ...] = (),
    corrections: Sequence[RoleCorrection] = (),
) -> Transcript:
    parsed = parse_reply(raw)
    audio = AudioFacts(
        format="WAV",
        subtype="PCM_16",
        channels=max(1, parsed.channel_count),
        sample_rate=8000,
        duration_seconds=parsed.duration_seconds or 0.0,
        warnings=audio_warnings,
    )
    return build_transcript(
        recording=recording,
        transcription=DeepgramTranscriptions(options=options or TranscriptionOptions()).of_reply(
            raw, audio=audio, requests=deepgram_requests, refused=refused_requests, vocabulary_terms=vocabulary_terms
        ),
        audio=audio,
        channel_roles=CHANNEL_ROLES,
        provenance=PROVENANCE,
        created_at=datetime(2026, 3, 2, 11, tzinfo=UTC),
        corrections=corrections,
    )


def transcript_of_recognition(heard: Recognition) -> Transcript:
    """The transcript of what was heard, as Deepgram's would be."""
    audio = AudioFacts(
        format="WAV",
        subtype="PCM_16",
        channels=heard.channel_count,
        sample_rate=8000,
        duration_seconds=heard.duration_seconds or 0.0,
    )
    asked = DeepgramTranscriptions(options=TranscriptionOptions()).of_reply(body(silent()), audio=audio)
    return build_transcript(
        recording=RECORDING,
        transcription=replace(asked, recognition=heard),
        audio=audio,
        channel_roles=CHANNEL_ROLES,
        provenance=PROVENANCE,
        created_at=datetime(2026, 3, 2, 11, tzinfo=UTC),
    )
