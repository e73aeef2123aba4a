"""boto3 for tests that ask for its clients again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import boto3


class ThriftySession(boto3.Session):
    """A session that makes each client and resource once, because that takes longer than anything they do here."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._made: dict[str, Any] = {}
        self._making = threading.RLock()  # a resource makes its client

    def client(self, *args: Any, **kwargs: Any) -> Any:
        """Return a client made with these arguments."""
        return self._once("client", super().client, *args, **kwargs)

    def resource(self, *args: Any, **kwargs: Any) -> Any:
        """Return a resource made with these arguments."""
        return self._once("resource", super().resource, *args, **kwargs)

    def _once(self, kind: str, make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        config = kwargs.get("config")
        options = None if config is None else config.__dict__
        named = sorted((name, str(value)) for name, value in kwargs.items() if name != "config")
        wanted = repr((kind, args, named, options))
        with self._making:
            if wanted not in self._made:
                self._made[wanted] = make(*args, **kwargs)
            return self._made[wanted]
