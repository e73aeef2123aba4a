from hypothesis import given
from hypothesis import strategies as st

from callscribe.recordings.identity import recording_id


def test_the_same_content_announced_twice_is_one_recording() -> None:
    assert recording_id("b", "k", None, '"abc"') == recording_id("b", "k", None, "abc")


def test_a_version_decides_where_there_is_one() -> None:
    assert recording_id("b", "k", "v1", "abc") == recording_id("b", "k", "v1", "other")
    assert recording_id("b", "k", "v1", "abc") != recording_id("b", "k", "v2", "abc")


def test_the_null_version_of_an_unversioned_bucket_counts_as_none() -> None:
    assert recording_id("b", "k", "null", "abc") == recording_id("b", "k", None, "abc")


def test_an_etag_is_never_taken_for_a_version() -> None:
    assert recording_id("b", "k", "same", "x") != recording_id("b", "k", None, "same")


@given(st.text(), st.text(), st.text(), st.text())
def test_parts_are_kept_apart(bucket: str, key: str, other_bucket: str, other_key: str) -> None:
    identity = recording_id(bucket, key, None, "e")
    assert len(identity) == 64
    assert (identity == recording_id(other_bucket, other_key, None, "e")) == (
        (bucket, key) == (other_bucket, other_key)
    )
