"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
import sysconfig
from pathlib import Path

from benchmarks.report import Figures

_GIB = 2**30


def describe(*, name: str = "machine", title: str = "Machine") -> Figures:
    rows = (
        ("processor", f"{_processor()}, {os.cpu_count()} cores"),
        ("memory", f"{memory_bytes() / _GIB:.0f} GiB"),
        ("system", f"{platform.system()} {platform.machine()}"),
        ("Python", f"{platform.python_version()}, {_build()}"),
        ("load before the run", f"{os.getloadavg()[0]:.1f}"),
    )
    return Figures(name=name, title=title, columns=("", ""), rows=rows)


def _build() -> str:
    """How Python was built, which changes what everything costs.

    Who builds it may have it optimised by profile past `configure`, as Debian does, and that is recorded nowhere.
    """
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return f"configured {'with' if optimised else 'without'} --enable-optimizations (PGO)"


def memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
