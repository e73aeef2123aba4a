"""Erasing a call leaves nothing of it, whatever was superseded, and touches no other."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from callscribe.contract.table_keys import failed_admission_key, failed_listing
from operations import erase
from operations.command_line import main
from operations.environment import Environment
from tests.operations.conftest import REGION, SESSION, Deployed
from tests.operations.recorded_calls import CHANGED_AT, follow_live, store_claim, store_transcript

CALL, OTHER = "contact-1", "contact-12"
KEYS = {call: f"connect/acme/CallRecordings/2026/11/20/{call}_20261120T14:05_UTC.wav" for call in (CALL, OTHER)}


def connected(deployed: Deployed) -> Environment:
    return Environment(name="Dev", outputs=deployed.outputs, session=SESSION)


def objects(deployed: Deployed, bucket: str) -> set[str]:
    pages = deployed.s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    versions: list[Any] = [v for page in pages for v in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]]
    return {version["Key"] for version in versions}


@pytest.mark.parametrize("kind", ["", ".ivr"])
def test_nothing_of_a_call_with_two_versions_is_left(deployed: Deployed, kind: str) -> None:
    deployed.s3.create_bucket(Bucket="recordings", CreateBucketConfiguration={"LocationConstraint": REGION})
    for bucket in ("recordings", "archive"):
        deployed.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for call in (CALL, OTHER):
        store_transcript(deployed, KEYS[call])
        for version in ("1", "2"):
            recording_id = f"{version * 8}-{call}"
            deployed.s3.put_object(Bucket="recordings", Key=KEYS[call], Body=version.encode())
            for key in (
                f"transcripts/clinic-7/2026-11-20/{call}{kind}/{recording_id}.json.gz",
                f"replies/{recording_id}.json.gz",
            ):
                deployed.s3.put_object(Bucket="archive", Key=key, Body=b"words")
            status = "superseded" if version == "1" else "completed"
            store_claim(
                deployed,
                recording_id,
                call_id=call,
                status=status,
                version_id=f"v-{version}",
                bucket="recordings",
                s3_key=KEYS[call],
            )
    # Words from before a clinic's map was mended, and a deleted document whose versions are still there.
    deployed.s3.put_object(Bucket="archive", Key=f"transcripts/other/2026-11-19/{CALL}/x.json.gz", Body=b"words")
    deployed.s3.delete_object(Bucket="archive", Key=f"transcripts/other/2026-11-19/{CALL}/x.json.gz")
    follow_live(deployed, transcribed=False, call_id=CALL)
    for call in (CALL, OTHER):
        for content, listing in (("v-1", failed_listing(KEYS[call], CHANGED_AT)), ("v-2", {})):
            admission = failed_admission_key("recordings", KEYS[call], content).primary()
            deployed.table.put_item(Item={**admission, "type": "failed-admission", "s3_key": KEYS[call], **listing})

    assert main(["erase", *deployed.arguments, "--call", CALL, "--yes"]) == 0

    left = deployed.table.scan()["Items"]
    assert left
    assert {item["call_id"] for item in left if "call_id" in item} == {OTHER}
    assert not [item for item in left if CALL in re.split(r"[#/_]", str(item["PK"]) + "#" + str(item["SK"]))]
    assert objects(deployed, "recordings") == {KEYS[OTHER]}
    archived = objects(deployed, "archive")
    assert archived
    assert all(OTHER in key for key in archived)
    failed = {item["s3_key"] for item in left if item["type"] == "failed-admission"}
    assert failed == {KEYS[OTHER]}
    assert main(["erase", *deployed.arguments, "--call", CALL, "--yes"]) == 4


@pytest.mark.parametrize(("answer", "status", "left"), [("yes\n", 0, 0), ("y\n", 1, 1), ("\n", 1, 1)])
def test_nothing_is_erased_without_a_yes(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, answer: str, status: int, left: int
) -> None:
    store_transcript(deployed, KEYS[CALL])
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert main(["erase", *deployed.arguments, "--call", CALL]) == status
    assert len(deployed.table.scan()["Items"]) == left


def test_a_clinic_s_own_transcripts_can_be_looked_for_alone(deployed: Deployed) -> None:
    for clinic in ("one", "two"):
        deployed.s3.put_object(Bucket="archive", Key=f"transcripts/{clinic}/2026-11-19/{CALL}/x.json.gz", Body=b"words")
    found = erase.find_traces(connected(deployed), CALL, clinic_id="one")
    assert [key for _, key, _ in found.objects] == [f"transcripts/one/2026-11-19/{CALL}/x.json.gz"]
