"""``make local``: keep the local environment running until Ctrl-C, and say how to use it."""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rich.text import Text

from callscribe.contract.outputs import DeploymentOutput
from local.console import Person, add_people
from local.emulator.settings import REGION
from local.ports import MEDIA_PORT, SPEECH_PORT, chosen
from local.server_process import ROOT, ChildProcess, ServerDidNotStart
from local.session import FAILURES, LocalSession, interactive_session
from operations.environment import EMULATOR_PORT
from operations.terminal import complain, output

_HELP = """
The environment is running; nothing of it is reachable from outside this machine, and nobody is answered without the
access key of this session. In another terminal, in this folder:

  a recording of your own     {python} -m local.drop FILE --clinic demo-clinic --call my-call
  one of the samples          {python} -m local.drop {sample}
  the same as a live call     {python} -m local.ring {sample}
  follow live calls           {ports}make watch
  the calls of a clinic       {python} -m callscribe calls --environment Local --clinic demo-clinic
  … of one day                {python} -m callscribe calls --environment Local --clinic demo-clinic --day {today}
  one call                    {python} -m callscribe calls --environment Local --call my-call
  in the browser              {console}
                              {people}
  what failed, and why        {python} -m callscribe calls --environment Local --failed
  repeat what failed          {python} -m callscribe redrive --environment Local

  AWS SDKs and tools          unset AWS_PROFILE AWS_SESSION_TOKEN
                              export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={region} \\
                                AWS_ACCESS_KEY_ID={access_key_id} \\
                                AWS_SECRET_ACCESS_KEY={secret_access_key}
  … the key from a file       unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
                              export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={region} \\
                                AWS_SHARED_CREDENTIALS_FILE='{credentials}'
  ports                       {emulator_port}, or what {emulator_variable} says
                              {speech_port}, or what {speech_variable} says
                              {media_port}, or what {media_variable} says
  logs                        {emulator_log}
                              {speech_log}
                              {streamer_log}

Ctrl-C stops it, and everything in it is gone.\
"""
_LOOK_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


class ServerEnded(RuntimeError):
    """A server of the environment, without which it is of no use, has ended; the message says which."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C; returns the exit status."""
    argparse.ArgumentParser(
        prog="python -m local.up", description="Keep the local environment running, and say how to use it."
    ).parse_args(argv)
    console = output()
    try:
        with interactive_session(console) as session:
            streamer = session.streamer("local")
            streamer.start()
            people = add_people(session.environment)
            console.print(Text(_help(session, streamer.log, people)), soft_wrap=True)
            keep_running(
                streamer,
                (session.emulator, session.speech, session.media),
                report=complain,
            )
    except ServerEnded as error:
        complain(f"{error}")
        return 1
    except FAILURES as error:
        complain(f"The local environment did not start: {error}")
        return 1
    except KeyboardInterrupt:
        pass
    console.print("Stopped.")
    return 0


def keep_running(
    streamer: ChildProcess,
    servers: Sequence[ChildProcess],
    *,
    report: Callable[[str], None],
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Start a streamer again whenever it has ended, as ECS does, with growing pauses while it does not stay.

    Args:
        streamer: The streamer.
        servers: What has to run as well.
        report: Told what has happened.
        wait: Waits so many seconds.

    Raises:
        ServerEnded: One of the servers has.
    """
    pause = _FIRST_PAUSE_SECONDS
    while True:
        wait(_LOOK_SECONDS)
        for server in servers:
            if not server.is_running:
                raise ServerEnded(_ended(server))
        if streamer.is_running:
            pause = _FIRST_PAUSE_SECONDS
            continue
        report(f"{_ended(streamer)}. Another one is started.")
        wait(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        try:
            streamer.start()
        except ServerDidNotStart as error:
            report(f"That has failed, and is tried again in {pause:g} s: {error}")
        else:
            report("It runs, and goes on with the calls that the other one had.")


def _ended(program: ChildProcess) -> str:
    return f"The {program.name} has ended (exit status {program.exit_status}); its log is {_shown(program.log)}"


def _shown(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _help(session: LocalSession, streamer_log: Path, people: Iterable[Person]) -> str:
    return _HELP.format(
        ports=chosen(),
        python=f"{chosen()}.venv/bin/python",
        console=session.environment.output(DeploymentOutput.CONSOLE_URL),
        people=f"\n{' ' * 30}".join(
            f"{person.name}, password {person.password} ({', '.join(person.groups)})" for person in people
        ),
        sample=min((ROOT / "local" / "samples").glob("*.wav")).relative_to(ROOT),
        today=time.strftime("%Y-%m-%d", time.gmtime()),
        endpoint=session.emulator.url,
        region=REGION,
        access_key_id=session.access_key.access_key_id,
        secret_access_key=session.access_key.secret_access_key,
        credentials=_shown(session.credentials),
        emulator_port=session.emulator.port,
        emulator_variable=EMULATOR_PORT.variable,
        speech_port=session.speech.port,
        speech_variable=SPEECH_PORT.variable,
        media_port=session.media.port,
        media_variable=MEDIA_PORT.variable,
        emulator_log=_shown(session.emulator.log),
        speech_log=_shown(session.speech.log),
        streamer_log=_shown(streamer_log),
    )


if __name__ == "__main__":
    sys.exit(main())
