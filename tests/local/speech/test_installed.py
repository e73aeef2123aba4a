"""Which engine does what, with and without each recogniser's package. No process is started."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from local.speech.engines import installed
from local.speech.engines.installed import choose

Missing = Callable[[str], None]


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> Missing:
    def leave_out(package: str) -> None:
        monkeypatch.setattr(
            installed, "find_spec", lambda name: None if name == package or package == "all" else find_spec(name)
        )

    return leave_out


needs_whisper = pytest.mark.skipif(find_spec("faster_whisper") is None, reason="there is no wheel for this machine")
needs_pocketsphinx = pytest.mark.skipif(find_spec("pocketsphinx") is None, reason="there is no wheel for this Python")


@needs_whisper
def test_whisper_recognises_recordings_where_it_is_installed() -> None:
    chosen = choose(None, workers=1)
    assert (chosen.engine.name, chosen.engine.arch) == ("local-whisper", "whisper-tiny.en")


@needs_whisper
def test_another_whisper_model_is_named_after_its_folder(tmp_path: Path) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).touch()
    assert choose(None, workers=1, whisper_model=tmp_path).engine.arch == f"whisper ({tmp_path.name})"
    with pytest.raises(ValueError, match="no Whisper model"):
        choose(None, workers=1, whisper_model=tmp_path / "nowhere")


@needs_pocketsphinx
def test_pocketsphinx_takes_over_where_whisper_is_missing_and_says_so(missing: Missing) -> None:
    missing("faster_whisper")
    chosen = choose(None, workers=1)
    assert chosen.engine.name == "local-pocketsphinx"
    assert chosen.warning is not None
    assert "Whisper is not installed" in chosen.warning


@needs_pocketsphinx
def test_pocketsphinx_can_be_asked_for() -> None:
    chosen = choose("pocketsphinx", workers=1)
    assert (chosen.engine.name, chosen.warning) == ("local-pocketsphinx", None)


@needs_pocketsphinx
def test_what_is_asked_for_and_missing_is_refused(missing: Missing) -> None:
    missing("faster_whisper")
    with pytest.raises(ValueError, match="whisper is not installed"):
        choose("whisper", workers=1)


def test_a_machine_without_any_recogniser_is_refused(missing: Missing) -> None:
    missing("all")
    with pytest.raises(ValueError, match="make install"):
        choose(None, workers=1)
