"""`callscribe judge`: what is concluded from calls, on the command line, without AWS and without a network.

    callscribe judge REPLY.json [REPLY.json …] [--language en] [--direction incoming|outgoing]
    callscribe judge --jsonl FILE|- [--language en] [--flags NAME|FILE.json] [--rubric NAME|FILE.json]
    callscribe judge … --engine encoder --weights FOLDER

It takes Deepgram's replies, or calls written down one to a line of JSON (`callscribe.written_calls.WrittenCall`):

    {"role": "customer", "text": "Could you fit me in tomorrow?"}
    {"lines": [["agent", "Eye clinic, Sam speaking."], ["customer", "Hi."]], "pause": 0.4, "direction": "incoming"}

and prints one line of JSON for each, in order:

    {"flags": ["appointment_requested"], "evidence": [{"for": "appointment_requested", "turn": 1, …}],
     "reliability": "high", "roles": ["agent", "customer"], "score": 62,
     "criteria": {"greeting": "11/15", "hold": "n/a"}}

Flags are raised by rules and weights of words, or, with `--engine encoder`, by these and a sentence encoder together:
evidence from `wording` is that of words, or the encoder's, with the labelled sentences that are nearest. The encoder
needs the files of all-MiniLM-L6-v2 in a folder, and `pip install 'callscribe[encoder]'`.

Of a call that is `unusable` no flag is claimed: the list is empty, which says nothing about the call. What cannot be
read has a line `{"line": 3, "error": "…"}` in its place (`"file"` for a reply).

Exit status: 0; 1 where something could not be read; 2 where the arguments make no sense.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from callscribe.conversation.flags import DEFAULT_FLAG_SET, FlagSet, InvalidFlagSet, read_flag_set
from callscribe.conversation.quotes import Quote
from callscribe.conversation.wording import WordingEngine
from callscribe.deepgram.reply import parse_reply
from callscribe.encoder.opening import open_encoder
from callscribe.encoder.unavailable import EncoderUnavailable
from callscribe.judgement.quality import DEFAULT_RUBRIC, InvalidRubric, QualityScore, Rubric, read_rubric, score
from callscribe.recognition import InvalidReply
from callscribe.recordings.calls import CallDirection
from callscribe.serialization import InvalidData, encode_json
from callscribe.transcript import Transcript
from callscribe.written_calls import InvalidCall, read_call, transcript_from, transcript_of

UNREADABLE: Final = 1
_RULES: Final = "rules"
_ENCODER: Final = "encoder"


def verdict(transcript: Transcript, rubric: Rubric) -> dict[str, Any]:
    """Return what is concluded from a call, in the form of one printed line."""
    quality = score(transcript, rubric)
    return {
        "flags": [flag.name for flag in transcript.summary.flags if flag.raised],
        "evidence": [*_flag_evidence(transcript), *_criterion_evidence(quality)],
        "reliability": transcript.judged_reliability().level,
        "roles": [said.role for said in transcript.turns_spoken()],
        "score": quality.score,
        "criteria": {
            judged.criterion: f"{judged.points:g}/{judged.max_points:g}" if judged.applicable else "n/a"
            for judged in quality.criteria
        },
    }


def _flag_evidence(transcript: Transcript) -> Iterator[dict[str, Any]]:
    for flag in transcript.summary.flags:
        for found in flag.evidence:
            nearest = {"nearest": found.nearest} if found.nearest else {}
            yield {"for": flag.name, **_words(found.quote), "source": found.source, "rule": found.rule, **nearest}


def _criterion_evidence(quality: QualityScore) -> Iterator[dict[str, Any]]:
    for judged in quality.criteria:
        for quote in judged.quotes:
            yield {"for": judged.criterion, **_words(quote), "rule": judged.reason}


def _words(quote: Quote | None) -> dict[str, Any]:
    if quote is None:
        return {"turn": None}
    return {"turn": quote.turn, "words": quote.text, "start": quote.start, "end": quote.end}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("replies", nargs="*", type=Path, metavar="REPLY.json", help="replies of Deepgram's")
    parser.add_argument(
        "--jsonl", metavar="FILE", nargs="?", const="-", help="calls written down, one to a line; - for standard input"
    )
    parser.add_argument(
        "--language", default="en", help="language that was asked for, as Deepgram names it (default: %(default)s)"
    )
    parser.add_argument(
        "--direction",
        type=CallDirection,
        choices=tuple(CallDirection),
        help="who called whom (default: from what is said)",
    )
    for option, what, default in (("--flags", "flag set", DEFAULT_FLAG_SET), ("--rubric", "rubric", DEFAULT_RUBRIC)):
        parser.add_argument(
            option,
            default=default,
            metavar="NAME|FILE.json",
            help=f"{what} by its name, or your own (default: {default})",
        )

    parser.add_argument(
        "--engine",
        choices=(_RULES, _ENCODER),
        default=_RULES,
        help="what raises flags: the flag set's rules, or these and a sentence encoder together (default: %(default)s)",
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FOLDER",
        help="for --engine encoder: folder of all-MiniLM-L6-v2: model.safetensors, tokenizer.json, config.json",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the verdicts; the module says what the exit status means.

    Raises:
        argparse.ArgumentError: Nothing was named to judge, or flag set, rubric or engine do not fit.
    """
    if not arguments.replies and arguments.jsonl is None:
        raise argparse.ArgumentError(None, "name replies of Deepgram's, or --jsonl FILE")
    try:
        flag_set = read_flag_set(arguments.flags)
        rules = _Rules(flag_set, read_rubric(arguments.rubric), _wording(arguments, flag_set))
    except (InvalidFlagSet, InvalidRubric, EncoderUnavailable) as error:
        raise argparse.ArgumentError(None, str(error)) from None
    status = 0
    for result in _results(arguments, rules):
        status = UNREADABLE if "error" in result else status
        sys.stdout.write(encode_json(result).decode() + "\n")
        sys.stdout.flush()
    return status


class _Rules(NamedTuple):
    flag_set: FlagSet
    rubric: Rubric
    wording: WordingEngine | None


def _wording(arguments: argparse.Namespace, flag_set: FlagSet) -> WordingEngine | None:
    if arguments.engine == _RULES:
        if arguments.weights is not None:
            raise argparse.ArgumentError(None, "--weights is for --engine encoder")
        return None
    if arguments.weights is None:
        raise argparse.ArgumentError(None, "--engine encoder needs --weights FOLDER, that of all-MiniLM-L6-v2")
    return open_encoder(arguments.weights, flag_set=flag_set.file.name)


def _results(arguments: argparse.Namespace, rules: _Rules) -> Iterator[dict[str, Any]]:
    for path in arguments.replies:
        try:
            yield verdict(_of_reply(path.read_bytes(), arguments, rules), rules.rubric)
        except (OSError, InvalidReply) as error:
            yield {"file": str(path), "error": _reason(error)}
    if arguments.jsonl == "-":
        yield from _of_lines(sys.stdin.buffer, arguments, rules)
    elif arguments.jsonl is not None:
        try:
            with Path(arguments.jsonl).open("rb") as lines:
                yield from _of_lines(lines, arguments, rules)
        except OSError as error:
            yield {"file": arguments.jsonl, "error": _reason(error)}


def _of_lines(lines: Iterable[bytes], arguments: argparse.Namespace, rules: _Rules) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            transcript = transcript_of(
                read_call(line),
                language=arguments.language,
                direction=arguments.direction,
                flag_set=rules.flag_set,
                wording=rules.wording,
            )
            yield verdict(transcript, rules.rubric)
        except (InvalidData, InvalidCall) as error:
            yield {"line": number, "error": str(error)}


def _of_reply(raw: bytes, arguments: argparse.Namespace, rules: _Rules) -> Transcript:
    recognition = parse_reply(raw)
    return transcript_from(
        recognition,
        language=arguments.language,
        seconds=recognition.duration_seconds or 0.0,
        direction=arguments.direction,
        flag_set=rules.flag_set,
        wording=rules.wording,
    )


def _reason(error: OSError | InvalidReply) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
