from pathlib import Path

from local.speech.engines.language_model import pronounce, split_vocabulary, write_language_model


def unigrams(path: Path) -> dict[str, float]:
    lines = path.read_text("utf-8").partition("\\1-grams:")[2].partition("\\2-grams:")[0].split("\n")
    return {word: float(weight) for weight, word, *_ in (line.split() for line in lines if line)}


def test_the_model_knows_phrases_samples_and_common_words(tmp_path: Path) -> None:
    write_language_model(path := tmp_path / "clinic.lm")
    known = unigrams(path)
    assert {"glaucoma", "copay", "billing", "telephone", "wednesday"} <= set(known)
    assert 5_000 < len(known) < 6_000
    assert known["the"] > known["telephone"]


def test_a_requested_term_is_more_likely_and_its_words_go_together(tmp_path: Path) -> None:
    write_language_model(plain := tmp_path / "plain.lm")
    write_language_model(boosted := tmp_path / "boosted.lm", ["latanoprost drops"])
    assert "latanoprost" not in unigrams(plain)
    assert "latanoprost drops" in boosted.read_text("utf-8").partition("\\2-grams:")[2]
    assert unigrams(boosted)["drops"] > unigrams(plain)["drops"]


def test_terms_without_a_pronunciation_are_named() -> None:
    spoken, unknown = split_vocabulary(["Latanoprost", "eyecare plan", "zyxqwv", "ICD-10", "日本"])
    assert spoken == ["latanoprost", "eyecare plan"]
    assert unknown == ["zyxqwv", "ICD-10", "日本"]


def test_a_word_made_of_two_known_ones_is_pronounced_as_both() -> None:
    assert pronounce("eyecare") == f"{pronounce('eye')} {pronounce('care')}"
    assert pronounce("zyxqwv") is None
