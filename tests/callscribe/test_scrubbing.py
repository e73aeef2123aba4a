from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.scrubbing import MAX_LENGTH, scrub


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("Could not fetch https://b.s3.amazonaws.com/k?X-Amz-Signature=ab12 now", "Could not fetch [url] now"),
        ("broken: X-Amz-Signature=0a1b2c&X-Amz-Expires=900", "broken: [url]"),
        ("broken: x-amz-security-token%3DIQoJb3", "broken: [url]"),
        ("header Token 0123456789abcdef refused", "header [key] refused"),
        ("key 0123456789abcdef0123456789abcdef01234567 refused", "key [key] refused"),
        ("caller +1 (555) 010-7788 hung up", "caller [number] hung up"),
        ("caller tel5550107788x", "caller tel[number]x"),
        ("line\nbreak\tand   space", "line break and space"),
        ("Invalid credentials.", "Invalid credentials."),
        (
            "The remote server returned a client error: 403 Forbidden.",
            "The remote server returned a client error: 403 Forbidden.",
        ),
    ],
)
def test_only_what_must_not_be_told_is_taken_out(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed


@given(st.text(max_size=50), st.text(alphabet="0123456789", min_size=7, max_size=15), st.text(max_size=50))
def test_no_long_number_gets_through(before: str, number: str, after: str) -> None:
    assert re.search(r"[0-9]{7}", scrub(f"{before}{number}{after}")) is None


@given(
    st.text(max_size=50),
    st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789/?&=%.-", min_size=1, max_size=80),
)
def test_no_url_gets_through(before: str, rest: str) -> None:
    assert "//" not in scrub(f"{before} https://{rest}").removeprefix(scrub(before))


@given(st.text(max_size=10_000))
def test_scrubbed_text_is_bounded(text: str) -> None:
    assert len(scrub(text)) <= MAX_LENGTH


def test_a_message_that_is_no_unicode_can_be_logged() -> None:
    assert scrub("odd " + chr(0xD800)).encode() == "odd �".encode()
