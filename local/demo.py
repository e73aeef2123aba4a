"""``make demo``: sample calls go through the deployed stacks while you watch, and then you read the result.

Three come as recordings; one is transcribed while the caller speaks, and loses its streamer on the way.

The AWS account is emulated on this machine and nothing leaves it; speech is recognised for real, by a small model.
"""

import argparse
import sys
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.text import Text

from callscribe.contract.outputs import DeploymentOutput
from local.calls import Call, CallFailed, TooSlow, connect_key, put_recording
from local.connect import ConnectFailed, Instance
from local.console import add_people
from local.follow import VERBOSE, follow
from local.live_demo import NotProven, play_live
from local.pictures import NoPictures, take_pictures
from local.ring import CLINIC
from local.server_process import ROOT
from local.session import DIRECTORY, FAILURES, LocalSession, interactive_session
from local.speech.engines.installed import has_whisper
from operations.environment import Environment
from operations.terminal import complain, output

_CONNECT_PREFIX = "connect/demo-clinic"  # this clinic's recordings, see stacks/local_clinics
_SAMPLES = ROOT / "local" / "samples"
_PICTURES = DIRECTORY / "pictures"
_LIVE_SAMPLE = _SAMPLES / "call3_urgent_symptoms.wav"
_LONG_SAMPLE = _SAMPLES / "call1_glaucoma_appointment.wav"
_BETWEEN_CALLS = timedelta(minutes=7)

_CLOSING = """
Three recorded calls and a live one, from nothing to here in {seconds:.0f} s.
The words are {recogniser}. It has never seen these calls; Deepgram does better.
Next: `make local` keeps the environment running for recordings and live calls of your own.\
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m local.demo", description="Play three recordings and a live call through the stacks, here."
    )
    parser.add_argument("--verbose", action="store_true", help=VERBOSE)
    arguments = parser.parse_args(argv)
    console = output()
    started = time.monotonic()
    console.print(Text("CallScribe: an AWS account on this machine, and telephone calls", style="bold"))
    try:
        with interactive_session(console) as session:
            console.print(f"  ready after {time.monotonic() - started:.0f} s\n")
            follow(console, session.environment, _upload_samples(session.environment), verbose=arguments.verbose)
            console.print(Text("\nAnd now a call that is transcribed while the caller speaks", style="bold"))
            play_live(console, session, _LIVE_SAMPLE)
            console.print(Text(f"\n{_seen_in_the_console(session)}"))
    except (*FAILURES, CallFailed, TooSlow, ConnectFailed, NotProven) as error:
        complain(f"The demo stopped: {error}")
        return 1
    except KeyboardInterrupt:
        complain("Stopped.")
        return 130
    console.print(Text(_CLOSING.format(seconds=time.monotonic() - started, recogniser=_recogniser())))
    return 0


def _seen_in_the_console(session: LocalSession) -> str:
    """Take pictures of what people of the clinic see; returns where they are, or why there are none."""
    environment = session.environment
    url = environment.output(DeploymentOutput.CONSOLE_URL)
    ann = next(person for person in add_people(environment) if person.name == "ann")
    # The streamer that is left follows it.
    running = Instance(environment, session.media.url).call(_LONG_SAMPLE, clinic_id=CLINIC)
    try:
        pictures = take_pictures(url, ann, _PICTURES, running=running.contact_id)
    except NoPictures as error:
        return f"People of the clinic look at {url}; there are no pictures of it: {error}"
    finally:
        running.hang_up()
        running.disconnect()
    return f"People of the clinic look at {url}; {len(pictures)} pictures of it are in {_PICTURES.relative_to(ROOT)}"


def _recogniser() -> str:
    """Who the speech server had recognise, in words of the closing lines."""
    if has_whisper():
        return "those of Whisper, a model on this machine (tiny.en by default)"
    return "those of pocketsphinx, since there is no package of Whisper for this machine"


def _upload_samples(environment: Environment) -> dict[str, Call]:
    """Put the sample calls where Amazon Connect would; returns the calls by name."""
    calls: dict[str, Call] = {}
    started_at = datetime.now(UTC) - timedelta(hours=1)
    for number, recording in enumerate(sorted(_SAMPLES.glob("*.wav"))):
        contact_id = str(uuid.uuid4())
        key = connect_key(_CONNECT_PREFIX, contact_id, started_at + number * _BETWEEN_CALLS)
        calls[recording.stem] = put_recording(environment, recording, Call(call_id=contact_id, key=key))
    return calls


if __name__ == "__main__":
    sys.exit(main())
