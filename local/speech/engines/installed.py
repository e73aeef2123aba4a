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

if TYPE_CHECKING:
    from local.speech.engines.pocketsphinx import PocketsphinxEngine
    from local.speech.engines.whisper import WhisperEngine


@dataclass(frozen=True)
class Chosen:
    """What recognises.

    Attributes:
        engine: Recordings and streams.
        warning: What is worse than it could be, as a sentence; `None` if nothing is.
    """

    engine: WhisperEngine | PocketsphinxEngine
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
) -> Chosen:
    """Choose the engine.

    Args:
        wanted: ``whisper`` or ``pocketsphinx``. Default: Whisper where it is installed, otherwise pocketsphinx.
        workers: Its processes.
        threads: Of each of Whisper's processes. Default: the cores, divided among the processes.
        whisper_model: Folder of the model. Default: the weights that come as a package.

    Raises:
        ValueError: What is wanted is not installed, or the folder holds no model.
    """
    missing = [name for name, here in (("whisper", has_whisper()), ("pocketsphinx", has_pocketsphinx())) if not here]
    if len(missing) == 2:
        raise ValueError("no speech recogniser is installed: run make install")
    if wanted in missing:
        raise ValueError(f"{wanted} is not installed: there is no package of it for this machine and Python version")
    if wanted == "pocketsphinx" or "whisper" in missing:
        from local.speech.engines.pocketsphinx import PocketsphinxEngine

        warning = (
            "Whisper is not installed: there is no package of it for this machine and Python version. "
            "pocketsphinx recognises instead, and mistakes about every sixth word."
        )
        return Chosen(PocketsphinxEngine(workers=workers), warning if wanted is None else None)
    from local.speech.engines.whisper import WhisperEngine

    threads = threads or max(1, (os.cpu_count() or 1) // workers)
    return Chosen(WhisperEngine(workers=workers, threads=threads, folder=whisper_model), None)
