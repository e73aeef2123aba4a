"""Put a recording of your own into the environment that ``make local`` keeps running.

``python -m local.drop FILE [--clinic ID] [--call ID] [--day yyyy-mm-dd]`` uploads it and follows it to its transcript.
"""

import argparse
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from rich.text import Text

from local.calls import Call, CallFailed, NotTranscribed, TooSlow, UnusableRecording, own_key, put_recording
from local.follow import VERBOSE, follow
from local.session import FAILURES
from operations.environment import emulator
from operations.terminal import complain, output


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.drop", description="Have a recording of yours transcribed.")
    parser.add_argument("recording", type=Path, help="an audio file: wav, mp3, flac, ogg or opus")
    parser.add_argument("--clinic", default="demo-clinic", metavar="ID", help="default: %(default)s")
    parser.add_argument("--call", default=None, metavar="ID", help="default: a new one")
    parser.add_argument(
        "--day",
        type=_day,
        default=datetime.now(UTC).date(),
        metavar="yyyy-mm-dd",
        help="when the call was; default: today",
    )
    parser.add_argument("--verbose", action="store_true", help=VERBOSE)
    arguments = parser.parse_args(argv)
    console = output()
    call_id = arguments.call or str(uuid.uuid4())
    try:
        key = own_key(arguments.clinic, arguments.day, call_id, arguments.recording.suffix)
        call = Call(call_id=call_id, key=key)
        target = emulator()
        call = put_recording(target, arguments.recording, call)
        follow(console, target, {arguments.recording.name: call}, verbose=arguments.verbose)
    except NotTranscribed as reason:
        console.print(Text(str(reason)))
    except (*FAILURES, UnusableRecording, CallFailed, TooSlow) as error:
        complain(str(error))
        return 1
    except KeyboardInterrupt:
        complain("Stopped watching; the call goes on.")
        return 130
    return 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a day that there is, like 2026-11-20") from None


if __name__ == "__main__":
    sys.exit(main())
