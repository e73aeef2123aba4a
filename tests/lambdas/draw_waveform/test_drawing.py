"""The waveform of a recording is kept once beside its transcript, by what its claim says and nothing else."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from lambdas.common.claims import Claims
from lambdas.draw_waveform import handler as draw
from tests.callscribe.test_peaks import recording as pcm
from tests.lambdas.cloud import Cloud, Context, recording, take_claim

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from callscribe.recordings.recording import AdmittedRecording

FOLDER = "transcripts/harbour/2026-11-20/call-7/"


def admitted(cloud: Cloud, content: bytes, *, bucket: str = "recordings") -> AdmittedRecording:
    one = recording(cloud.upload(content, bucket=bucket))
    take_claim(Claims(table=cloud.table), one)
    return one


def asked(one: AdmittedRecording, document: str | None = None) -> Any:
    message = {"recording_id": one.recording_id, "document": document or f"{FOLDER}{one.recording_id}.json.gz"}
    return draw.handle(message, cast("LambdaContext", Context()))


def kept(cloud: Cloud, one: AdmittedRecording) -> Any:
    stored = cloud.s3.get_object(Bucket="archive", Key=f"{FOLDER}{one.recording_id}.waveform.json.gz")
    return json.loads(gzip.decompress(stored["Body"].read()))


@pytest.fixture(autouse=True)
def _environment(function_environment: pytest.MonkeyPatch) -> None:
    """The function's variables."""


def test_the_waveform_lies_beside_the_transcript(cloud: Cloud) -> None:
    one = admitted(cloud, pcm([0] * 8000, [12_000] * 8000))
    assert asked(one) == {"drawn": True, "reason": None}
    waveform = kept(cloud, one)
    assert (waveform["type"], waveform["schema_version"], waveform["recording_id"]) == ("waveform", 3, one.recording_id)
    assert [set(levels) for levels in waveform["channels"]] == [{0}, {94}]
    assert waveform["duration_seconds"] == 1.0


def test_it_is_drawn_once(cloud: Cloud) -> None:
    one = admitted(cloud, pcm([12_000] * 8000))
    asked(one)
    before = kept(cloud, one)
    assert asked(one) == {"drawn": True, "reason": None}
    assert kept(cloud, one) == before


@pytest.mark.parametrize(
    ("content", "reason"), [(b"fLaC" + bytes(400), "coding"), (pcm([9000] * 8000)[:8000], "audio")]
)
def test_where_there_can_be_none_that_is_kept_with_the_reason_and_no_levels(
    cloud: Cloud, content: bytes, reason: str
) -> None:
    one = admitted(cloud, content)
    assert asked(one) == {"drawn": False, "reason": reason}
    assert (kept(cloud, one)["channels"], kept(cloud, one)["reason"]) == (None, reason)


@pytest.mark.parametrize("bucket", ["recordings", "unversioned"])
def test_a_recording_that_was_deleted_has_none(cloud: Cloud, bucket: str) -> None:
    one = admitted(cloud, pcm([9000] * 8000), bucket=bucket)
    version = one.provenance.version_id
    cloud.s3.delete_object(
        Bucket=bucket,
        Key=one.provenance.key,
        **({} if version is None else {"VersionId": version}),  # type: ignore[arg-type]
    )
    assert asked(one)["reason"] == "gone"


def test_one_that_was_replaced_is_not_drawn_for_the_earlier(cloud: Cloud) -> None:
    one = admitted(cloud, pcm([9000] * 8000), bucket="unversioned")
    cloud.upload(pcm([1] * 8000), bucket="unversioned")
    assert asked(one)["reason"] == "gone"


@pytest.mark.parametrize("document", ["transcripts/lakeside/2026-11-20/call-7/x.json.gz", "replies/x.json.gz"])
def test_nothing_is_written_for_another_clinic_than_the_recordings(cloud: Cloud, document: str) -> None:
    one = admitted(cloud, pcm([9000] * 8000))
    assert asked(one, document) == {"drawn": False, "reason": None}
    assert cloud.archived("") == []


def test_of_a_recording_that_nobody_has_claimed_nothing_is_written(cloud: Cloud) -> None:
    one = recording(cloud.upload(pcm([9000] * 8000)))
    assert asked(one) == {"drawn": False, "reason": None}
    assert cloud.archived("") == []


def test_a_failure_that_passes_is_no_reason_and_is_tried_again(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    one = admitted(cloud, pcm([9000] * 8000))
    client = draw._drawing()._s3
    refused = ClientError({"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "GetObject")  # type: ignore[typeddict-item]
    get = client.get_object

    def slow(**request: Any) -> Any:
        if request["Bucket"] == "recordings":
            raise refused
        return get(**request)

    monkeypatch.setattr(client, "get_object", slow)
    with pytest.raises(Exception, match=r"SlowDown|Unavailable"):
        asked(one)
    assert cloud.archived(FOLDER) == []
    monkeypatch.setattr(client, "get_object", get)
    assert asked(one)["drawn"]
