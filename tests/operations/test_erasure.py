"""The documented way to delete a call leaves nothing of it, whatever was superseded, and touches no other."""

from __future__ import annotations

import re
import sys
from typing import Any

import boto3
import pytest

from callscribe.contract.table_keys import failed_admission_key, failed_listing
from tests.conftest import ROOT
from tests.operations.conftest import REGION, SESSION, Deployed
from tests.operations.recorded_calls import CHANGED_AT, follow_live, store_claim, store_transcript

CALL, OTHER = "contact-1", "contact-12"
KEYS = {call: f"connect/acme/CallRecordings/2026/11/20/{call}_20261120T14:05_UTC.wav" for call in (CALL, OTHER)}


def recipe() -> str:
    text = (ROOT / "docs/how-to/delete-a-call.md").read_text(encoding="utf-8")
    found = re.search(r"<<'PYTHON'\n(.*?)\nPYTHON\n", text, re.DOTALL)
    assert found
    return found[1]


def objects(deployed: Deployed, bucket: str) -> set[str]:
    pages = deployed.s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    versions: list[Any] = [v for page in pages for v in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]]
    return {version["Key"] for version in versions}


@pytest.mark.parametrize("kind", ["", ".ivr"])
def test_nothing_of_a_call_with_two_versions_is_left(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
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

    monkeypatch.setattr(boto3, "client", SESSION.client)
    monkeypatch.setattr(boto3, "resource", SESSION.resource)
    monkeypatch.setattr(sys, "argv", ["-", deployed.table.name, "archive", CALL])
    exec(compile(recipe(), "recipe", "exec"), {})

    left = deployed.table.scan()["Items"]
    assert left
    assert {item["call_id"] for item in left if "call_id" in item} == {OTHER}
    assert not [item for item in left if CALL in re.split(r"[#/_]", str(item["PK"]) + "#" + str(item["SK"]))]
    assert objects(deployed, "recordings") == {KEYS[OTHER]}
    archived = objects(deployed, "archive")
    assert archived
    assert all(OTHER in key for key in archived)
