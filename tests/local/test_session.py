"""What a session says before it starts anything."""

import socket

import pytest

from local import session
from local.server_process import ServerDidNotStart, free_port
from local.session import LocalSession


def told(monkeypatch: pytest.MonkeyPatch, *, whisper: bool) -> list[str]:
    """What is reported up to the first port, which is taken."""
    monkeypatch.setattr(session, "has_whisper", lambda: whisper)
    reports: list[str] = []
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        local = LocalSession(
            emulator_port=other.getsockname()[1], speech_port=free_port(), media_port=free_port(), report=reports.append
        )
        with pytest.raises(ServerDidNotStart):
            local.start()
    return reports


def test_a_machine_without_whisper_says_that_many_words_will_be_mistaken(monkeypatch: pytest.MonkeyPatch) -> None:
    (report,) = told(monkeypatch, whisper=False)
    assert "pocketsphinx" in report


def test_a_machine_with_whisper_has_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, whisper=True) == []
