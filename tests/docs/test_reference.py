"""The reference says what the code beside it says."""

from docs.reference import generate_constructs


def test_the_constructs_page_is_current() -> None:
    assert generate_constructs.PAGE.read_text(encoding="utf-8") == generate_constructs.render() + "\n", (
        "run `make reference`"
    )
