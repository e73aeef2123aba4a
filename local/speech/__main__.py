"""``python -m local.speech``: run the server on loopback until it is interrupted.

Nobody gets anything from it without its key. Whoever starts it passes one on in a variable, see
`local.speech.authentication`; by default it makes one and prints it.

Recognition processes start by importing this module again, so what only the server needs is imported in `main`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

PORT = 8787
MAX_BYTES = 512 * 1024 * 1024
SHUTDOWN_SECONDS = 5
# Folder of a Whisper model for CTranslate2, instead of the one that is installed with the rest.
MODEL_VARIABLE = "CALLSCRIBE_WHISPER_MODEL"
SAMPLES = Path(__file__).parents[1] / "samples"


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local.speech", description="Deepgram-compatible server, loopback only"
    )
    parser.add_argument("--port", type=int, default=PORT, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--engine",
        choices=["whisper", "pocketsphinx", "scripted", "frames"],
        help="default: whisper where it is installed, otherwise pocketsphinx; scripted and frames are test equipment: "
        "they recognise no speech",
    )
    parser.add_argument(
        "--workers", type=int, default=min(2, os.cpu_count() or 1), help="recognition processes (default: %(default)s)"
    )
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="whisper: threads of each process (default: the machine's cores divided by the processes)",
    )
    parser.add_argument(
        "--whisper-model",
        type=Path,
        metavar="FOLDER",
        default=os.environ.get(MODEL_VARIABLE) or None,
        help=f"whisper: folder of a model for CTranslate2 (default: {MODEL_VARIABLE}, or else tiny.en)",
    )
    parser.add_argument(
        "--parallel-limit", type=int, metavar="N", help="answer 429 above N requests at once (default: no limit)"
    )
    parser.add_argument(
        "--parallel-streams", type=int, metavar="N", help="answer 429 above N streams at once (default: no limit)"
    )
    parser.add_argument(
        "--max-ahead",
        type=float,
        metavar="SECONDS",
        help="close streams that send this much audio beyond 1.25 times real time (default: only note it)",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="fetch audio from this host too, beside loopback",
    )
    parser.add_argument(
        "--max-bytes", type=int, default=MAX_BYTES, metavar="N", help="largest audio accepted (default: %(default)s)"
    )
    parser.add_argument(
        "--scripts",
        type=Path,
        action="append",
        metavar="FOLDER",
        help="scripted: audio files with their turns as .json (default: local/samples)",
    )
    parser.add_argument(
        "--delay",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="scripted: time that every request takes (default: none)",
    )
    parser.add_argument("--stop-with-parent", action="store_true", help="stop when standard input ends")
    return parser


def main() -> None:
    """Run the server; print one line when it answers."""
    parser = arguments()
    options = parser.parse_args()

    import uvicorn

    from local.server_process import HOST, terminate_with_parent
    from local.serving import serve
    from local.speech.app import SERVER_OPTIONS, create_app
    from local.speech.authentication import key_of_this_process
    from local.speech.engines import Engine, StreamEngine
    from local.speech.engines.frames import FramesEngine
    from local.speech.engines.installed import choose
    from local.speech.engines.scripted import ScriptedEngine
    from local.speech.faults import Faults
    from local.speech.journal import Journal
    from local.speech.live.connection import StreamLimits
    from local.speech.live.journal import StreamJournal
    from local.speech.live.service import LiveService
    from local.speech.remote import Remote
    from local.speech.rest import ListenService

    engine: Engine
    streaming: StreamEngine | None = None
    if options.engine == "scripted":
        engine = ScriptedEngine(options.scripts or [SAMPLES], delay=options.delay)
    elif options.engine == "frames":
        engine = streaming = FramesEngine()
    else:
        try:
            chosen = choose(
                options.engine,
                workers=options.workers,
                threads=options.threads,
                whisper_model=options.whisper_model,
            )
        except ValueError as problem:
            parser.error(str(problem))
        engine = streaming = chosen.engine
        if chosen.warning:
            sys.stderr.write(f"{chosen.warning}\n")

    if options.stop_with_parent:
        terminate_with_parent()
    key = key_of_this_process()
    service = ListenService(
        engine=engine,
        journal=Journal(options.parallel_limit),
        faults=Faults(),
        remote=Remote(allowed_hosts=options.allow_host, max_bytes=options.max_bytes),
        max_bytes=options.max_bytes,
        key=key,
    )
    live = LiveService(
        engine=streaming,
        journal=StreamJournal(options.parallel_streams),
        limits=StreamLimits(max_ahead=options.max_ahead),
        key=key,
    )
    serve(
        uvicorn.Config(
            create_app(service, live),
            host=HOST,
            port=options.port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            **SERVER_OPTIONS,
        ),
        ready=f"local speech server ready on {{url}} (engine {engine.name})",
    )


if __name__ == "__main__":
    main()
