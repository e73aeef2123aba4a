"""How the console's function knows requests that came by its distribution."""

from typing import Final

ORIGIN_HEADER: Final = "x-callscribe-origin"
"""Header in which the distribution shows its secret."""
