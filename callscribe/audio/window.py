"""A large file, read from front to back in pieces."""

from typing import BinaryIO, Final

_BYTES: Final = 1024 * 1024


class Window:
    """Keeps the piece of a stream that is being looked at.

    Args:
        stream: the object, seekable.
        size: bytes of it.
    """

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self.size = size
        self._start = 0
        self._piece = b""

    def read(self, position: int, length: int) -> bytes:
        """Bytes at a place; fewer at the end of the file."""
        offset = position - self._start
        if offset < 0 or offset + length > len(self._piece):
            self._load(position)
            offset = 0
        return self._piece[offset : offset + length]

    def find(self, wanted: bytes, position: int) -> int:
        """The next place, from a position on, where the bytes stand; the size of the file where there is none."""
        while position < self.size:
            if not self._start <= position <= self._start + len(self._piece) - len(wanted):
                self._load(position)
            found = self._piece.find(wanted, position - self._start)
            if found >= 0:
                return self._start + found
            if self._start + len(self._piece) >= self.size:
                break
            position = self._start + len(self._piece) - len(wanted) + 1
        return self.size

    def _load(self, position: int) -> None:
        self._stream.seek(position)
        self._start, self._piece = position, self._stream.read(_BYTES)
