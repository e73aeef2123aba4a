from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.deepgram.options import TranscriptionOptions
from lambdas.common import archive as archive_module
from lambdas.common.archive import Archive, ArchivedObject, TooLarge, asked_of, refused, request_metadata
from tests.lambdas.cloud import NOW

if TYPE_CHECKING:
    from tests.lambdas.cloud import Cloud


@pytest.fixture
def archive(cloud: Cloud) -> Archive:
    return Archive(s3=cloud.s3, bucket="archive")


def test_a_document_comes_back_as_it_was_with_its_metadata(archive: Archive) -> None:
    archive.write("replies/a.json.gz", b'{"words": "\xc3\xa4"}', metadata={"execution": "one"})
    read = archive.read("replies/a.json.gz")
    assert read is not None
    assert read.content == b'{"words": "\xc3\xa4"}'
    assert read.metadata == {"execution": "one"}


def test_there_is_nothing_under_an_unknown_key(archive: Archive) -> None:
    assert archive.read("replies/none.json.gz") is None


def test_the_same_document_always_has_the_same_bytes(archive: Archive, cloud: Cloud) -> None:
    for key in ("one", "two"):
        archive.write(key, '{"a":"ä"}'.encode())
    stored = [cloud.s3.get_object(Bucket="archive", Key=key)["Body"].read() for key in ("one", "two")]
    assert stored[0] == stored[1]
    assert stored[0][4:8] == bytes(4)  # the time in gzip's header
    assert gzip.decompress(stored[0]) == '{"a":"ä"}'.encode()


def test_a_document_is_written_over_what_was_seen_and_over_nothing_else(archive: Archive) -> None:
    assert archive.write_over(None, "a", b"1")
    assert not archive.write_over(None, "a", b"2")
    seen = archive.read("a")
    assert seen is not None
    assert archive.write_over(seen, "a", b"3", metadata={"m": "n"})
    assert not archive.write_over(seen, "a", b"4")
    now = archive.read("a")
    assert now is not None
    assert (now.content, now.metadata) == (b"3", {"m": "n"})
    assert not archive.write_over(now, "gone", b"5")


@pytest.mark.parametrize(
    ("code", "final"),
    [
        ("AccessDenied", True),
        ("KMS.DisabledException", True),
        ("KMS.NotFoundException", True),
        ("KMS.KMSInvalidStateException", True),
        ("NoSuchBucket", True),
        ("KMS.ThrottlingException", False),
        ("KMS.KMSInternalException", False),
        ("SlowDown", False),
        ("InternalError", False),
        ("RequestTimeout", False),
        ("ServiceUnavailable", False),
        ("ExpiredToken", False),
    ],
)
def test_what_s3_will_refuse_again_is_told_from_what_passes(code: str, final: bool) -> None:
    assert refused(ClientError({"Error": {"Code": code, "Message": ""}}, "PutObject")) is final


def test_a_document_that_unpacks_to_too_much_is_refused(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.write("replies/bomb.json.gz", bytes(100_000))
    monkeypatch.setattr(archive_module, "MAX_OBJECT_BYTES", 99_999)
    with pytest.raises(TooLarge):
        archive.read("replies/bomb.json.gz")


TELLING = TranscriptionOptions(redact=("pci", "phi"), tags=("Rückruf",), summarize=False)


def test_a_reply_tells_what_was_asked(archive: Archive) -> None:
    archive.write("replies/a.json.gz", b"{}", metadata=request_metadata(TELLING.record(), vocabulary_terms=3))
    read = archive.read("replies/a.json.gz")
    assert read is not None
    assert asked_of(read) == TELLING.record()
    assert (read.metadata["schema-version"], read.metadata["vocabulary-terms"]) == (str(SCHEMA_VERSION), "3")


def test_there_is_room_for_every_option_that_deepgram_has() -> None:
    entities = tuple(f"entity_type_{number:02}" for number in range(56))
    options = TranscriptionOptions(redact=entities, tags=("clinic", "production"))
    metadata = request_metadata(options.record(), vocabulary_terms=100)
    assert "options" in metadata


def test_options_without_room_are_left_out_rather_than_cut() -> None:
    metadata = request_metadata(TranscriptionOptions(tags=("x" * 1500,)).record(), vocabulary_terms=3)
    assert metadata.keys() == {"schema-version", "vocabulary-terms"}


@pytest.mark.parametrize("metadata", [{}, {"options": ""}, {"options": "no json"}, {"options": "[1]"}])
def test_a_reply_may_not_tell(metadata: dict[str, str]) -> None:
    assert asked_of(ArchivedObject(content=b"", metadata=metadata, last_modified=NOW)) is None
