import pytest

pytest.importorskip("pocketsphinx", reason="there is no wheel for this Python version")

from local.speech.engines.pronunciations import pronounce, split_vocabulary


def test_terms_without_a_pronunciation_are_named() -> None:
    spoken, unknown = split_vocabulary(["Glaucoma", "eyecare plan", "zyxqwv", "ICD-10", "日本"])
    assert spoken == ["glaucoma", "eyecare plan"]
    assert unknown == ["zyxqwv", "ICD-10", "日本"]


def test_a_word_made_of_two_known_ones_is_pronounced_as_both() -> None:
    assert pronounce("eyecare") == f"{pronounce('eye')} {pronounce('care')}"
    assert pronounce("zyxqwv") is None
