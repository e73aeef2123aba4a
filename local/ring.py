"""Ring the clinic: play a recording as a live call in the environment that ``make local`` keeps running.

``python -m local.ring FILE [--clinic ID] [--call ID]`` streams it at the pace of speech, shows the words while they are
spoken, hangs up, and then leaves the recording where Amazon Connect would.
"""

import argparse
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from callscribe.contract.identifiers import CHANNEL_SEGMENT, CHANNEL_SEGMENT_RULE
from local.connect import ConnectFailed, Instance, PhoneCall
from local.ports import MEDIA_PORT
from local.server_process import HOST
from local.session import FAILURES
from operations import watch
from operations.environment import Environment, emulator
from operations.terminal import complain, output

CLINIC = "demo-clinic"
_STARTED = "started"
_LONGEST_SECONDS = 2 * 60 * 60
_ENDING_SECONDS = 10


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.ring", description="Play a recording as a live call.")
    parser.add_argument(
        "recording",
        type=Path,
        help="a wav file of 8 kHz and 16 bits: the customer on the left channel, the agent on the right",
    )
    parser.add_argument("--clinic", default=CLINIC, metavar="ID", help="default: %(default)s")
    parser.add_argument("--call", default=None, metavar="ID", help="default: a new one")
    arguments = parser.parse_args(argv)
    console = output()
    try:
        target = emulator()
        instance = Instance(target, f"http://{HOST}:{MEDIA_PORT.number()}")
        call = instance.call(arguments.recording, clinic_id=arguments.clinic, contact_id=arguments.call)
        if call.answer["live_transcription"] != _STARTED:
            call.hang_up()
            complain(f"The call is not transcribed: {_reason(call.answer, arguments.clinic)}")
            return 1
        console.print(Text(f"Call {call.contact_id} of {arguments.clinic}: {_STARTED}"))
        return _follow(console, target, call)
    except (*FAILURES, ConnectFailed) as error:
        complain(str(error))
        return 1
    except KeyboardInterrupt:
        complain("Stopped.")
        return 130


def _reason(answer: Mapping[str, Any], clinic_id: str) -> str:
    """Why the flow's function has refused a call."""
    if not CHANNEL_SEGMENT.fullmatch(clinic_id):
        return f"a clinic of live calls is named with {CHANNEL_SEGMENT_RULE}"
    return f"{answer['live_transcription']}, {answer['reason']}"


def _follow(console: Console, target: Environment, call: PhoneCall) -> int:
    """Show a call while Amazon Connect brings it to its end; Ctrl-C hangs up."""
    ending = threading.Thread(target=end, args=[call], daemon=True)
    ending.start()
    try:
        status = watch.follow(console, target, clinic_id=None, call_id=call.contact_id)
    except KeyboardInterrupt:
        call.hang_up()
        raise
    finally:
        ending.join(_ENDING_SECONDS)
    return status


def end(call: PhoneCall) -> None:
    """Do what Amazon Connect does when the caller has hung up: tell, and leave the recording."""
    call.wait(seconds=_LONGEST_SECONDS)
    call.disconnect()
    call.deliver_recording()


if __name__ == "__main__":
    sys.exit(main())
