"""The reference says what the code beside it says."""

import re

from docs.reference import generate_constructs, generate_schemas


def test_the_constructs_page_is_current() -> None:
    assert generate_constructs.PAGE.read_text(encoding="utf-8") == generate_constructs.render() + "\n", (
        "run `make reference`"
    )


def test_the_page_of_data_is_current() -> None:
    assert generate_schemas.PAGE.read_text(encoding="utf-8") == generate_schemas.render(), "run `make reference`"


def test_the_schemas_are_current() -> None:
    written = {path.stem: path.read_text(encoding="utf-8") for path in generate_schemas.SCHEMAS.iterdir()}
    assert written == generate_schemas.schemas(), "run `make reference`"


def test_no_page_has_what_the_generator_of_the_pages_takes_for_its_own_language() -> None:
    # Jekyll fails on a brace with a percent sign that is no tag of Liquid's.
    pages = generate_constructs.PAGE.parents[1].rglob("*.md")
    assert [page.name for page in pages if re.search(r"\{[{%]", page.read_text(encoding="utf-8"))] == []
