"""``python -m local.wer [--live] RECORDING [SCRIPT]``: how well the local recogniser writes a recording of your own.

The word error rate of a recording is how many words were left out, put in or mistaken, over how many were said. Both
sides are compared as `normal` writes them, so that ``$200`` and ``two hundred dollars`` are the same.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import soundfile
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from local.live_wer import Recognised, lateness, model_name, play
from local.server_process import ServerDidNotStart, ServerProcess, free_port
from local.speech.authentication import KEY_VARIABLE
from local.speech.spoken_numbers import number_spans

PATIENCE_SECONDS = 3600
SCRIPT_SUFFIXES = (".json", ".txt")
_SAME = {"ok": "okay", "dr": "doctor", "mr": "mister", "mrs": "missus", "%": "percent"}
_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16,
    "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
}  # fmt: skip


class UnusableScript(ValueError):
    """What was said cannot be read, or does not fit the recording; the message says why."""


@dataclass(frozen=True)
class Score:
    """How well something was recognised.

    Attributes:
        said: Words in the script.
        errors: Words left out, put in or mistaken.
    """

    said: int
    errors: int

    @property
    def rate(self) -> float:
        """Errors per word said; where nothing was said, 0 if nothing was written either, or else infinite."""
        return self.errors / self.said if self.said else float("inf") if self.errors else 0.0

    def __add__(self, other: Score) -> Score:
        return Score(self.said + other.said, self.errors + other.errors)


def normal(text: str) -> list[str]:
    """Return a text's words without case and punctuation, numbers in numerals, and a few words in one spelling."""
    plain = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text.lower().replace("\u2019", "'"))
    plain = re.sub(r"\$(\d[\d,.]*)", r"\1 dollars", plain)
    words: list[str] = re.findall(r"\d+(?:st|nd|rd|th)|\d+(?:[.,:-]+\d+)*|\w+(?:'\w+)*|%", plain)
    found: list[str] = []
    position = 0
    for span in number_spans(words):
        found += words[position : span.start]
        found.append(re.sub(r"\D", "", span.numerals))
        position = span.end
    return _with_ordinals([_SAME.get(word, word) for word in (*found, *words[position:])])


def _with_ordinals(words: Iterable[str]) -> list[str]:
    """Write ``20 first`` and ``tenth`` as ``21st`` and ``10th``."""
    written: list[str] = []
    for word in words:
        place = _ORDINALS.get(word)
        if place and place < 10 and written and re.fullmatch(r"[2-9]0", written[-1]):
            place += int(written.pop())
        written.append(word if place is None else _ordinal(place))
    return written


def _ordinal(place: int) -> str:
    return f"{place}{'th' if 10 < place < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(place % 10, 'th')}"


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Return how many words were left out, put in or mistaken: the edit distance."""
    row = list(range(len(heard) + 1))
    for index, word in enumerate(said, 1):
        above, row = row, [index] + [0] * len(heard)
        for column, other in enumerate(heard, 1):
            row[column] = min(above[column] + 1, row[column - 1] + 1, above[column - 1] + (word != other))
    return row[-1]


def score(said: str, heard: str) -> Score:
    """Compare what was said with what was written."""
    words = normal(said)
    return Score(len(words), word_errors(words, normal(heard)))


def read_script(path: Path, channels: int) -> list[list[str]]:
    """Read what was said, and return the ways in which it may be spread over the channels.

    Args:
        path: A ``.json`` file that lists turns (`channel`, `text`), or a text file with a turn on each line, after the
            speaker's name and a colon if there are several: each channel then has one speaker, any of them.
        channels: How many the recording has; on one, everything is said in the order of the script.

    Raises:
        UnusableScript: It has no turns, channels that the recording does not have, or not one speaker for each.
    """
    turns = _turns(path)
    if not turns:
        raise UnusableScript(f"{path} says nothing")
    if channels == 1:
        return [[" ".join(text for _, text in turns)]]
    speakers = sorted({speaker for speaker, _ in turns})
    if all(speaker.isdigit() for speaker in speakers):
        if int(speakers[-1]) >= channels:
            raise UnusableScript(f"{path} has a channel {speakers[-1]}, and the recording has {channels} from 0")
        order = [[str(channel) for channel in range(channels)]]
    elif len(speakers) == channels:
        order = [list(way) for way in itertools.permutations(speakers)]
    else:
        raise UnusableScript(f"{path} has {len(speakers)} speakers, and the recording has {channels} channels")
    said = {speaker: " ".join(text for other, text in turns if other == speaker) for speaker in speakers}
    return [[said.get(speaker, "") for speaker in way] for way in order]


def _turns(path: Path) -> list[tuple[str, str]]:
    """Return who says what, in order."""
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        try:
            return [(str(int(turn["channel"])), str(turn["text"])) for turn in json.loads(text)]
        except (ValueError, TypeError, KeyError) as problem:
            raise UnusableScript(f"{path} is no list of turns with a channel and a text: {problem!r}") from problem
    lines = [re.fullmatch(r"(?:([^\W\d][\w .'-]{0,30}):\s+)?(.*)", line) for line in text.splitlines() if line.strip()]
    return [((line[1] or "").strip().lower(), line[2]) for line in lines if line]


def compare(script: Path, heard: Sequence[str]) -> list[Score]:
    """Score each channel of a recording against its script, by whichever way of spreading it fits best.

    Raises:
        UnusableScript: As `read_script`.
    """
    ways = [
        [score(said, written) for said, written in zip(way, heard, strict=True)]
        for way in read_script(script, len(heard))
    ]
    return min(ways, key=lambda scores: sum(channel.errors for channel in scores))


def script_of(recording: Path) -> Path:
    """Return the script beside a recording: the file of the same name.

    Raises:
        UnusableScript: There is none.
    """
    for suffix in SCRIPT_SUFFIXES:
        if (script := recording.with_suffix(suffix)).is_file():
            return script
    raise UnusableScript(f"{recording} has no script of the same name beside it (.json or .txt): name one")


def transcribe(client: httpx.Client, recording: Path) -> Recognised:
    """Have the running server transcribe a recording, each channel on its own."""
    begun = time.monotonic()
    parameters = {"model": "nova-3", "multichannel": "true"}
    answer = client.post("/v1/listen", params=parameters, content=recording.read_bytes())
    answer.raise_for_status()
    took = time.monotonic() - begun
    metadata, channels = answer.json()["metadata"], answer.json()["results"]["channels"]
    (info,) = metadata["model_info"].values()
    transcripts = [channel["alternatives"][0]["transcript"] for channel in channels]
    return Recognised(transcripts, model_name(info), metadata["duration"], took)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m local.wer",
        description="Measure the local recogniser's word error rate. Further arguments are those of local.speech, such "
        "as --engine pocketsphinx or --whisper-model FOLDER.",
    )
    parser.add_argument("recording", type=Path, help="an audio file, or a folder of them with their scripts")
    parser.add_argument("script", type=Path, nargs="?", help="what is said; default: the file beside it, .json or .txt")
    parser.add_argument(
        "--live", action="store_true", help="play it as a live call, at the pace of speech, and measure lateness too"
    )
    arguments, server_arguments = parser.parse_known_args(argv)
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    try:
        pairs = _pairs(arguments.recording, arguments.script)
        with tempfile.TemporaryDirectory() as folder:
            _measure(console, pairs, server_arguments, Path(folder), live=arguments.live)
    except (OSError, UnusableScript, ServerDidNotStart, httpx.HTTPError) as problem:
        errors.print(Text(str(problem), style="red"), soft_wrap=True)
        return 1
    return 0


def _pairs(recording: Path, script: Path | None) -> list[tuple[Path, Path]]:
    if not recording.is_dir():
        return [(recording, script or script_of(recording))]
    files = [path for path in sorted(recording.iterdir()) if path.suffix[1:].upper() in soundfile.available_formats()]
    return [(path, script_of(path)) for path in files]


def _measure(
    console: Console, pairs: Sequence[tuple[Path, Path]], arguments: Sequence[str], folder: Path, *, live: bool
) -> None:
    key = secrets.token_hex(20)
    server = ServerProcess(
        name="speech server",
        module="local.speech",
        arguments=arguments,
        port=free_port(),
        health_path="/health",
        log=folder / "speech.log",
        environment={KEY_VARIABLE: key},
    )
    table = Table(Column("recording", overflow="fold"), "channel", "words", "errors", "WER", "audio", "took")
    total, found = Score(0, 0), list[Recognised]()
    clicks = folder / "clicks.wav"
    soundfile.write(clicks, np.eye(800, 2), 8000)  # channels that differ, so that each goes to a process of its own
    with server, httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS, trust_env=False) as client:
        client.headers["authorization"] = f"Token {key}"
        recognise = partial(play, server.url, key) if live else partial(transcribe, client)
        recognise(clicks)  # by the time that is answered the models are loaded
        for recording, script in pairs:
            found.append(heard := recognise(recording))
            scores = compare(script, heard.transcripts)
            both = sum(scores, Score(0, 0))
            total += both
            for index, channel in enumerate(scores):
                table.add_row(recording.name if index == 0 else "", str(index), *_figures(channel))
            table.add_row("", "all", *_figures(both), f"{heard.seconds:.1f} s", f"{heard.took:.1f} s")
    if len(pairs) > 1:
        table.add_row("all", "all", *_figures(total))
    console.print(table)
    if live:
        console.print(lateness(found))
    console.print(" / ".join(sorted({heard.model for heard in found})), markup=False)


def _figures(found: Score) -> list[str]:
    return [str(found.said), str(found.errors), f"{100 * found.rate:.1f} %"]


if __name__ == "__main__":
    sys.exit(main())
