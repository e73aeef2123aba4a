"""The access key of a session: made at random when it starts, and known to its own processes and its user only."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from botocore.credentials import Credentials

_ID: Final = "CALLSCRIBE_LOCAL_ACCESS_KEY_ID"
_SECRET: Final = "CALLSCRIBE_LOCAL_SECRET_ACCESS_KEY"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """An access key as AWS's clients take it.

    Attributes:
        access_key_id: Its public half.
        secret_access_key: Its secret half, which signs requests and is never sent.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """Make a new one; nobody can guess it."""
        return cls(access_key_id=f"LOCAL{secrets.token_hex(8).upper()}", secret_access_key=secrets.token_hex(20))

    @classmethod
    def of_this_process(cls) -> Self:
        """The key that whoever started this process has passed on, or else a new one, which is printed."""
        access_key_id, secret_access_key = os.environ.get(_ID), os.environ.get(_SECRET)
        if access_key_id and secret_access_key:
            return cls(access_key_id=access_key_id, secret_access_key=secret_access_key)
        key = cls.generate()
        sys.stdout.write(f"AWS_ACCESS_KEY_ID={key.access_key_id} AWS_SECRET_ACCESS_KEY={key.secret_access_key}\n")
        sys.stdout.flush()
        return key

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that pass it on to a server: other users of the machine see arguments, but no variables."""
        return {_ID: self.access_key_id, _SECRET: self.secret_access_key}

    @property
    def credentials(self) -> Credentials:
        """As botocore takes it."""
        return Credentials(self.access_key_id, self.secret_access_key)

    def write(self, path: Path) -> None:
        """Write a file of shared credentials that only this user can read, in the place of an earlier one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(
                f"[default]\naws_access_key_id = {self.access_key_id}\n"
                f"aws_secret_access_key = {self.secret_access_key}\n"
            )
