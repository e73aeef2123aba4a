"""Bodies of tests: bytes that come one after the other, handed over as those of GetMedia are."""

from __future__ import annotations

from collections.abc import AsyncIterator

from streamer.get_media import Take


class Pulled:
    """A body of which a piece is made when one is wanted."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    async def read(self, take: Take) -> bool:
        async for piece in self._pieces:
            if not take(piece):
                return True
        return False
