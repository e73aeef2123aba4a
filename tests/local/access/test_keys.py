"""The session's access key: unlike any other, and this user's alone."""

import os
import stat
from pathlib import Path

import pytest
from botocore.configloader import raw_config_parse

from local.access.keys import AccessKey


def test_no_two_sessions_have_the_same_key() -> None:
    keys = [AccessKey.generate() for _ in range(100)]

    assert len({key.secret_access_key for key in keys}) == 100
    assert all(len(key.secret_access_key) >= 40 for key in keys)


def test_nobody_else_can_read_the_file_whatever_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "credentials"
    path.parent.mkdir()
    path.write_text("old")
    path.chmod(0o666)
    key = AccessKey.generate()

    key.write(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert raw_config_parse(str(path))["default"] == {
        "aws_access_key_id": key.access_key_id,
        "aws_secret_access_key": key.secret_access_key,
    }


def test_the_file_does_not_follow_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "credentials").symlink_to(target)

    AccessKey.generate().write(tmp_path / "credentials")

    assert not target.exists()


def test_a_server_has_the_key_of_whoever_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    key = AccessKey.generate()
    for name, value in key.environment.items():
        monkeypatch.setenv(name, value)

    assert AccessKey.of_this_process() == key


def test_a_server_that_was_given_no_key_makes_one_and_prints_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in AccessKey.generate().environment:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-real-key")

    key = AccessKey.of_this_process()

    assert key.secret_access_key in capsys.readouterr().out
    assert key.access_key_id != os.environ["AWS_ACCESS_KEY_ID"]


def test_the_secret_half_is_not_shown() -> None:
    key = AccessKey.generate()

    assert key.secret_access_key not in repr(key)
