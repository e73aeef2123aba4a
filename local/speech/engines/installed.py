"""Which recognisers this machine has, and which of them does what.

Not every recogniser has a package for every machine (`requirements.in` says which), and none may need a compiler, so
the server makes the best of what is there and says so.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from local.speech.engines import Engine, StreamEngine

if TYPE_CHECKING:
    from local.speech.engines.recogniser import LanguageModel


@dataclass(frozen=True)
class Chosen:
    """What recognises.

    Attributes:
        engine: Recordings.
        streaming: Streams; `None` if nothing here can.
        warning: What is worse than it could be, as a sentence; `None` if nothing is.
    """

    engine: Engine
    streaming: StreamEngine | None
    warning: str | None


def has_whisper() -> bool:
    """Whether Whisper is installed."""
    return find_spec("faster_whisper") is not None


def has_pocketsphinx() -> bool:
    """Whether pocketsphinx is installed."""
    return find_spec("pocketsphinx") is not None


def choose(
    wanted: str | None,
    *,
    workers: int,
    threads: int | None = None,
    whisper_model: Path | None = None,
    language_model: LanguageModel = "clinic",
) -> Chosen:
    """Choose the engines.

    Args:
        wanted: ``whisper`` or ``pocketsphinx``. Default: Whisper where it is installed, otherwise pocketsphinx.
        workers: Processes of each engine.
        threads: Of each of Whisper's processes. Default: the cores, divided among the processes.
        whisper_model: Folder of the model. Default: the weights that come as a package.
        language_model: Of pocketsphinx.

    Raises:
        ValueError: What is wanted is not installed, or the folder holds no model.
    """
    missing = [name for name, here in (("whisper", has_whisper()), ("pocketsphinx", has_pocketsphinx())) if not here]
    if len(missing) == 2:
        raise ValueError("no speech recogniser is installed: run make install")
    if wanted in missing:
        raise ValueError(f"{wanted} is not installed: there is no package of it for this machine and Python version")
    streaming: StreamEngine | None = None
    if "pocketsphinx" not in missing:
        from local.speech.engines.pocketsphinx import PocketsphinxEngine

        pocketsphinx = streaming = PocketsphinxEngine(workers=workers, language_model=language_model)
        if wanted == "pocketsphinx":
            return Chosen(pocketsphinx, streaming, None)
        if "whisper" in missing:
            warning = (
                "Whisper is not installed: there is no package of it for this machine and Python version. "
                "pocketsphinx recognises instead, and mistakes about every sixth word."
            )
            return Chosen(pocketsphinx, streaming, warning)
    from local.speech.engines.whisper import WhisperEngine

    threads = threads or max(1, (os.cpu_count() or 1) // workers)
    engine = WhisperEngine(workers=workers, threads=threads, folder=whisper_model)
    deaf = "pocketsphinx is not installed: there is no package of it for this Python version. Streams are refused."
    return Chosen(engine, streaming, None if streaming else deaf)
