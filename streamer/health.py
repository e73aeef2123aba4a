"""The container's health check: asks the streamer beside it, with nothing but the standard library to load.

ECS runs it inside the container (Amazon ECS API reference, "HealthCheck"): the loopback address is all it needs.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final

HOST: Final = "127.0.0.1"
"""Where the streamer answers unless it is told otherwise (`callscribe.environments.streamer`)."""
PATH: Final = "/health"


def check(port: int, host: str = HOST) -> bool:
    """Return whether the streamer says that it lives.

    Args:
        port: Where it answers.
        host: On which IP address; every one of the container's, such as ``0.0.0.0``, has the loopback address in it.
    """
    address = ip_address(host)
    if address.is_unspecified:
        address = ip_address("127.0.0.1" if address.version == 4 else "::1")
    name = f"[{address}]" if address.version == 6 else f"{address}"
    try:
        with urllib.request.urlopen(f"http://{name}:{port}{PATH}", timeout=3) as response:
            healthy: bool = response.status == HTTPStatus.OK
            return healthy
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


if __name__ == "__main__":
    sys.exit(0 if check(int(os.environ["HEALTH_PORT"]), os.environ.get("HEALTH_HOST") or HOST) else 1)
