"""A stand-in for Deepgram's API for recordings: it answers what a test tells it to, and keeps what it was asked.

Unlike the local speech server it fetches no audio, so the URL it is given need not lead anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.fakes.scripted_api import Answer, ScriptedApi

__all__ = ["Answer", "FakeDeepgram"]

REQUEST_ID = "0f6c8a34-5d1e-4b7a-9c2f-3e1d5b7a9c2f"
TURNS = (
    (1, 0.4, "Thank you for calling Lakeside Vision, this is Marla speaking, how may I help you today?", 0.62),
    (0, 5.8, "Hello, I would like to schedule an appointment for a glaucoma screening with Doctor Abernathy.", 0.11),
    (1, 11.9, "Certainly. May I have your full name and your date of birth, please?", 0.44),
    (0, 16.2, "Quentin Farrowdale, the fourth of March nineteen sixty one.", 0.02),
    (1, 21.5, "You are booked for Tuesday at nine thirty. Is there anything else I can help you with?", 0.58),
    (0, 27.3, "No, that is all, thank you very much, goodbye.", 0.51),
)
"""The call that is answered unless a test says otherwise: channel, start in seconds, words, sentiment score."""
TELLING_WORDS = ("Lakeside", "Marla", "glaucoma", "Abernathy", "Quentin", "Farrowdale")
"""Words of that call which no log line, event or state may hold."""


def refusal(status: int, code: str, message: str = "no") -> Answer:
    """Return an error in the form Deepgram documents (docs, page "API Errors")."""
    return Answer(status, {"err_code": code, "err_msg": message, "request_id": REQUEST_ID})


def transcription(turns: tuple[tuple[int, float, str, float], ...] = TURNS) -> dict[str, Any]:
    """Return a reply for two channels with the turns in it; none means that nobody spoke."""
    utterances = [_utterance(*turn) for turn in turns]
    return {
        "metadata": {
            "request_id": REQUEST_ID,
            "created": "2026-11-20T09:30:00.000Z",
            "duration": 31.0,
            "channels": 2,
            "models": ["30089e05-99d1-4376-b32e-c263170674af"],
            "model_info": {
                "30089e05-99d1-4376-b32e-c263170674af": {
                    "name": "2-general-nova",
                    "version": "2024-01-09.29447",
                    "arch": "nova-3",
                }
            },
        },
        "results": {
            "channels": [
                {"alternatives": [_alternative([u for u in utterances if u["channel"] == channel])]}
                for channel in (0, 1)
            ],
            "utterances": utterances,
        },
    }


def _utterance(channel: int, start: float, text: str, score: float) -> dict[str, Any]:
    words = [
        {
            "word": word.strip(",.?").lower(),
            "punctuated_word": word,
            "start": round(start + 0.3 * index, 2),
            "end": round(start + 0.3 * index + 0.25, 2),
            "confidence": 0.98,
        }
        for index, word in enumerate(text.split())
    ]
    return {
        "id": f"u-{channel}-{start}",
        "channel": channel,
        "start": start,
        "end": words[-1]["end"],
        "confidence": 0.98,
        "transcript": text,
        "words": words,
        "sentiment": "positive" if score > 0.33 else "neutral",
        "sentiment_score": score,
    }


def _alternative(utterances: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "transcript": " ".join(utterance["transcript"] for utterance in utterances),
        "confidence": 0.98 if utterances else 0.0,
        "words": [word for utterance in utterances for word in utterance["words"]],
    }


class FakeDeepgram(ScriptedApi):
    """The server, on a port of its own on loopback."""

    headers: ClassVar[Mapping[str, str]] = {"dg-request-id": REQUEST_ID}

    def usual_answer(self) -> Answer:
        """Return a transcription."""
        return Answer(body=transcription())
