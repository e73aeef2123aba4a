"""Where processes listen, by Linux's lists of sockets."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from pathlib import Path

_PROCESSES = Path("/proc")
_LISTENING = "0A"

SOCKETS_ARE_LISTED = Path("/proc/net/tcp").exists()


def listening(pids: Iterable[int]) -> set[tuple[str, int]]:
    """Address and TCP port of every socket on which one of these processes listens."""
    known = {f"socket:[{row[9]}]": _place(row[1]) for row in _rows() if row[3] == _LISTENING}
    return {known[target] for pid in pids for target in _descriptors(pid) if target in known}


def descendants(pid: int) -> set[int]:
    """A process, those that it has started, and theirs."""
    found = {pid}
    parents = dict(_parents())
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _rows() -> Iterator[list[str]]:
    for table in ("tcp", "tcp6"):
        yield from (row.split() for row in Path("/proc/net", table).read_text().splitlines()[1:])


def _place(text: str) -> tuple[str, int]:
    address, _, port = text.partition(":")
    words = [bytes.fromhex(address)[at : at + 4][::-1] for at in range(0, len(address) // 2, 4)]
    return str(ipaddress.ip_address(b"".join(words))), int(port, 16)


def _descriptors(pid: int) -> Iterator[str]:
    try:
        for link in (_PROCESSES / str(pid) / "fd").iterdir():
            yield str(link.readlink())
    except FileNotFoundError:  # the process or the descriptor is gone
        return


def _parents() -> Iterator[tuple[int, int]]:
    for path in _PROCESSES.glob("[0-9]*/stat"):
        try:
            yield int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
