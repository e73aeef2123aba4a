"""What ``python -m local.wer --live`` measures: a recording played to the local server as a call at the pace of speech.

Lateness is counted from when the audio was sent: an interim result's from the end of what it covers, a final result's
from the end of its last word.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import soundfile
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect

PIECE_SECONDS = 0.1
PATIENCE_SECONDS = 600.0


@dataclass
class Recognised:
    """What was recognised of a recording.

    Attributes:
        transcripts: Of each channel, from its final results.
        model: Name, version and architecture.
        seconds: How long the recording is.
        took: Seconds until everything was there.
        interim: Of a live call: seconds by which each interim result with words was late.
        final: Of a live call: seconds by which the words of each speaker who had paused were final late.
        between: Of a live call: seconds from one result of a turn to the next, while the turn went on.
    """

    transcripts: list[str]
    model: str = ""
    seconds: float = 0.0
    took: float = 0.0
    interim: list[float] = field(default_factory=list)
    final: list[float] = field(default_factory=list)
    between: list[float] = field(default_factory=list)


def play(url: str, key: str, recording: Path) -> Recognised:
    """Play a recording as a live call, each channel on its own.

    Args:
        url: The server's.
        key: Of the server.
        recording: An audio file.
    """
    samples, rate = soundfile.read(recording, dtype="int16", always_2d=True)
    return asyncio.run(_play(url, key, samples, rate))


async def _play(url: str, key: str, samples: Any, rate: int) -> Recognised:
    channels = samples.shape[1]
    asked = {
        "model": "nova-3",
        "encoding": "linear16",
        "sample_rate": rate,
        "channels": channels,
        "multichannel": "true",
        "interim_results": "true",
        "endpointing": 300,
        "smart_format": "true",
    }
    played = Recognised([""] * channels, seconds=len(samples) / rate)
    address = f"{url.replace('http', 'ws', 1)}/v1/listen?{urlencode(asked)}"
    headers = {"Authorization": f"Token {key}"}
    async with (
        asyncio.timeout(played.seconds + PATIENCE_SECONDS),
        connect(address, additional_headers=headers, compression=None, proxy=None) as socket,
        asyncio.TaskGroup() as tasks,
    ):
        begun = asyncio.get_running_loop().time()
        tasks.create_task(_listen(socket, played, begun))
        piece = round(PIECE_SECONDS * rate)
        for start in range(0, len(samples), piece):
            due = begun + min(start + piece, len(samples)) / rate
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            await socket.send(np.ascontiguousarray(samples[start : start + piece]).tobytes())
        await socket.send('{"type": "CloseStream"}')
    return played


async def _listen(socket: ClientConnection, played: Recognised, begun: float) -> None:
    clock = asyncio.get_running_loop()
    open_turns: dict[int, tuple[float, float]] = {}
    async for text in socket:
        message = json.loads(text)
        played.took = now = clock.time() - begun
        if message["type"] != "Results" or not (words := message["channel"]["alternatives"][0]["words"]):
            continue
        (channel, _), start = message["channel_index"], message["start"]
        played.model = model_name(message["metadata"]["model_info"])
        turn, before = open_turns.get(channel, (-1.0, 0.0))
        if turn == start:
            played.between.append(now - before)
        open_turns[channel] = (start, now)
        if not message["is_final"]:
            played.interim.append(now - start - message["duration"])
            continue
        played.transcripts[channel] += f" {message['channel']['alternatives'][0]['transcript']}"
        if message["speech_final"]:
            played.final.append(now - words[-1]["end"])


def model_name(info: Mapping[str, str]) -> str:
    """Return what Deepgram's protocol says of a model, in a line."""
    return f"{info['name']} {info['version']} ({info['arch']})"


def lateness(calls: Sequence[Recognised]) -> Table:
    """Return how late the words of live calls were, as a table."""
    table = Table("seconds", "median", "95 %", "most", "results")
    for name, kind in (
        ("interim words after they were said", "interim"),
        ("between two results of a turn", "between"),
        ("final words after the speaker paused", "final"),
    ):
        seconds = [second for call in calls for second in getattr(call, kind)]
        figures = np.percentile(seconds, [50, 95, 100]) if seconds else ()
        table.add_row(name, *([f"{figure:.1f}" for figure in figures] or ["-"] * 3), str(len(seconds)))
    return table
