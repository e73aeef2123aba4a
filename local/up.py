"""``make local``: keep the local environment running until Ctrl-C, and say how to use it."""

import signal
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

from local.cdk import CdkFailed
from local.emulator.settings import REGION
from local.server_process import ROOT, ServerDidNotStart
from local.session import LocalSession, interactive_session

_HELP = """
The environment is running; nothing of it is reachable from outside this machine, and nobody is answered without the
access key of this session. In another terminal:

  a recording of your own     {python} -m local.drop FILE --clinic demo-clinic --call my-call
  one of the samples          {python} -m local.drop {sample}
  the same as a live call     {python} -m local.ring {sample}
  follow live calls           make watch
  the calls of a clinic       {python} -m callscribe calls --environment Local --clinic demo-clinic
  … of one day                {python} -m callscribe calls --environment Local --clinic demo-clinic --day {today}
  one call                    {python} -m callscribe calls --environment Local --call my-call
  what failed, and why        {python} -m callscribe calls --environment Local --failed
  repeat what failed          {python} -m callscribe redrive --environment Local

  AWS SDKs and tools          export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={region} \\
                                AWS_ACCESS_KEY_ID={access_key_id} \\
                                AWS_SECRET_ACCESS_KEY={secret_access_key}
  or the same key in a file   AWS_SHARED_CREDENTIALS_FILE={credentials}
  logs                        {emulator_log}
                              {speech_log}
                              {streamer_log}

Ctrl-C stops it, and everything in it is gone.\
"""


def main() -> int:
    """Run until Ctrl-C; returns the exit status."""
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    session = interactive_session(console)
    try:
        with session:
            streamer = session.streamer("local")
            streamer.start()
            console.print(Text(_help(session, streamer.log)), soft_wrap=True)
            signal.pause()
    except (ServerDidNotStart, CdkFailed) as error:
        errors.print(Text(f"The local environment did not start: {error}", style="red"))
        return 1
    except KeyboardInterrupt:
        pass
    console.print("Stopped.")
    return 0


def _help(session: LocalSession, streamer_log: Path) -> str:
    return _HELP.format(
        python=".venv/bin/python",
        sample=next((ROOT / "local" / "samples").glob("*.wav")).relative_to(ROOT),
        today=time.strftime("%Y-%m-%d", time.gmtime()),
        endpoint=session.emulator.url,
        region=REGION,
        access_key_id=session.access_key.access_key_id,
        secret_access_key=session.access_key.secret_access_key,
        credentials=session.credentials.relative_to(ROOT),
        emulator_log=session.emulator.log.relative_to(ROOT),
        speech_log=session.speech.log.relative_to(ROOT),
        streamer_log=streamer_log.relative_to(ROOT),
    )


if __name__ == "__main__":
    sys.exit(main())
