"""The container's health check: asks the streamer beside it, with nothing but the standard library to load."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Final

PATH: Final = "/health"


def check(port: int) -> bool:
    """Return whether the streamer on this port says that it lives."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{PATH}", timeout=3) as response:
            healthy: bool = response.status == HTTPStatus.OK
            return healthy
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


if __name__ == "__main__":
    sys.exit(0 if check(int(os.environ["HEALTH_PORT"])) else 1)
