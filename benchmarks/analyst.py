"""What 1,000 four-minute calls cost to be read by a language model, from what is really asked and dated list prices."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from benchmarks.cost import CALL_SECONDS, CALLS
from benchmarks.report import Figures
from callscribe.analysis.prices import DEFAULT_PRICE_LIST, ModelPrices, Usage
from callscribe.analysis.question import ask
from callscribe.audio_facts import AudioFacts
from callscribe.contract.call_kind import CallKind
from callscribe.conversation.flags import load_flag_set
from callscribe.conversation.utterances import Role
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.judgement.quality import load_rubric
from callscribe.recordings.calls import CallRecording
from callscribe.transcript import Transcript, build_transcript

_SAMPLES: Final = Path(__file__).parents[1] / "local" / "samples"
_MODELS: Final = ("amazon.nova-lite-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0")
_CHARACTERS_PER_TOKEN: Final = 4
# Stated rather than measured, for there is no model here: a summary of four sentences, every flag, and a verdict with a
# reason and a quote on each of some twelve criteria.
_ANSWER_TOKENS: Final = 1_200


def figures() -> Figures:
    """Reckon the cost of both models."""
    question = ask(_call(), load_rubric(), load_flag_set())
    characters = len(question.system) + len(question.content) + len(json.dumps(question.schema))
    usage = Usage(requests=1, input_tokens=characters // _CHARACTERS_PER_TOKEN, output_tokens=_ANSWER_TOKENS)
    rows = []
    for model in _MODELS:
        lines = [line for _, line in ModelPrices().lines(model, usage) if line is not None]
        usd = [line.amount_usd * CALLS for line in lines]
        rows.append((model, *(f"{amount:.2f}" for amount in (*usd, sum(usd, Decimal(0))))))
    note = (
        f"{usage.input_tokens:,} tokens asked, {usage.output_tokens:,} answered for each call; prices: "
        f"`{DEFAULT_PRICE_LIST}`, to be verified."
    )
    return Figures(
        name="cost-analyst",
        title=f"An analyst, USD per {CALLS:,} four-minute calls",
        columns=("model", "input", "output", "all"),
        rows=tuple(rows),
        notes=(note,),
    )


def _call() -> Transcript:
    """The samples' calls one after the other, for four minutes."""
    utterances, start = [], 0.0
    for path in sorted(_SAMPLES.glob("call*.json")) * 2:
        for said in json.loads(path.read_text(encoding="utf-8")):
            length = said["end"] - said["start"]
            if start + length < CALL_SECONDS:
                utterances.append(
                    {
                        "channel": said["channel"],
                        "start": start,
                        "end": start + length,
                        "transcript": said["text"],
                        "confidence": 0.9,
                        "words": [],
                    }
                )
                start += length + 0.5
    alternatives = [{"alternatives": [{"transcript": "", "words": []}]} for _ in (0, 1)]
    reply = {
        "metadata": {"duration": CALL_SECONDS, "channels": 2},
        "results": {"channels": alternatives, "utterances": utterances},
    }
    audio = AudioFacts(format="WAV", subtype="PCM_16", channels=2, sample_rate=8000, duration_seconds=CALL_SECONDS)
    options = TranscriptionOptions()
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    return build_transcript(
        recording=CallRecording(
            clinic_id="main", call_id="call", kind=CallKind.AGENT, started_at=moment, layout="callscribe"
        ),
        transcription=DeepgramTranscriptions(options=options).of_reply(json.dumps(reply).encode(), audio=audio),
        audio=audio,
        channel_roles={0: Role.CUSTOMER, 1: Role.AGENT},
        provenance=None,
        created_at=moment,
    )
