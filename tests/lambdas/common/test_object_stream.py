from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.admit_recording.object_created import ObjectCreated
from lambdas.common import object_stream
from lambdas.common.object_stream import ObjectChanged, ObjectStream
from tests.lambdas.cloud import announced

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from tests.lambdas.cloud import Cloud

CONTENT = bytes(range(256)) * 40


def open_stream(s3: S3Client, event: dict[str, Any]) -> ObjectStream:
    source = ObjectCreated.model_validate(event).recording
    return ObjectStream(s3=s3, source=source, size_bytes=event["detail"]["object"]["size"])


@pytest.mark.parametrize("bucket", ["recordings", "unversioned"])
def test_the_whole_object_can_be_read(cloud: Cloud, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_stream, "CHUNK_BYTES", 1000)
    assert io.BufferedReader(open_stream(cloud.s3, cloud.upload(CONTENT, bucket=bucket))).read() == CONTENT


class Counting:
    """Serves ranges of bytes as S3 does, and counts them."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.contents: set[str] = set()

    def get_object(self, *, Range: str, IfMatch: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.fetched.append(Range)
        self.contents.add(IfMatch)
        first, last = Range.removeprefix("bytes=").split("-")
        return {"Body": io.BytesIO(CONTENT[int(first) : int(last) + 1])}


def counted() -> tuple[Counting, ObjectStream]:
    s3: Any = Counting()
    return s3, ObjectStream(s3=s3, source=announced(), size_bytes=len(CONTENT))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.lists(
        st.tuples(st.sampled_from([io.SEEK_SET, io.SEEK_END]), st.integers(0, len(CONTENT)), st.integers(0, 3000)),
        max_size=20,
    )
)
def test_any_order_of_reads_gives_what_a_file_gives(
    monkeypatch: pytest.MonkeyPatch, reads: list[tuple[int, int, int]]
) -> None:
    monkeypatch.setattr(object_stream, "CHUNK_BYTES", 700)
    _, raw = counted()
    stream, file = io.BufferedReader(raw, 64), io.BytesIO(CONTENT)
    for whence, offset, size in reads:
        place = offset if whence == io.SEEK_SET else -offset
        assert stream.seek(place, whence) == file.seek(place, whence)
        assert stream.read(size) == file.read(size)


def test_many_small_reads_fetch_each_part_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_stream, "CHUNK_BYTES", 5000)
    s3, stream = counted()
    while stream.read(10):
        pass
    assert s3.fetched == ["bytes=0-4999", "bytes=5000-9999", "bytes=10000-10239"]


def test_every_part_must_be_of_the_announced_content() -> None:
    s3, stream = counted()
    stream.read(10)
    assert s3.contents == {'"e1"'}


def test_only_the_last_used_parts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_stream, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(object_stream, "MAX_CHUNKS", 2)
    s3, stream = counted()
    for place in (0, 1000, 0, 2000, 0, 1000):
        stream.seek(place)
        stream.read(1)
    assert [part.split("=")[1].split("-")[0] for part in s3.fetched] == ["0", "1000", "2000", "1000"]


def test_nothing_is_fetched_behind_the_end() -> None:
    s3, stream = counted()
    stream.seek(0, io.SEEK_END)
    assert stream.read(10) == b""
    assert s3.fetched == []


def test_a_place_before_the_start_is_an_error() -> None:
    with pytest.raises(ValueError, match="negative"):
        counted()[1].seek(-1)


def test_content_replaced_while_it_is_read_is_noticed(cloud: Cloud) -> None:
    stream = open_stream(cloud.s3, cloud.upload(CONTENT, bucket="unversioned"))
    cloud.upload(b"other", bucket="unversioned")
    with pytest.raises(ObjectChanged):
        stream.read(1)


def test_an_object_deleted_while_it_is_read_is_noticed(cloud: Cloud) -> None:
    event = cloud.upload(CONTENT, bucket="unversioned")
    stream = open_stream(cloud.s3, event)
    cloud.s3.delete_object(Bucket="unversioned", Key=event["detail"]["object"]["key"])
    with pytest.raises(ObjectChanged):
        stream.read(1)


def test_another_version_does_not_disturb(cloud: Cloud) -> None:
    stream = open_stream(cloud.s3, cloud.upload(CONTENT))
    cloud.upload(b"other")
    assert stream.read(4) == CONTENT[:4]
