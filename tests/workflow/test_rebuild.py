"""An archive that an earlier version has filled is written anew by the deployed function."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from tests.contracts.golden import Golden, golden
from tests.fakes.deepgram import FakeDeepgram
from tests.workflow.harness import Workflow


@pytest.mark.parametrize("file", [file for file in golden("document") if file.version < 3], ids=str)
def test_older_documents_are_rebuilt_without_asking_deepgram(
    workflow: Workflow, deepgram: FakeDeepgram, file: Golden
) -> None:
    item: dict[str, Any] = file.beside("transcript-item").item()
    key, metadata = item["transcript_key"], file.beside("reply-metadata").json()
    body = gzip.compress(file.beside("reply").text.encode())
    workflow.s3.put_object(Bucket=workflow.archive, Key=item["reply_key"], Body=body, Metadata=metadata)
    workflow.s3.put_object(Bucket=workflow.archive, Key=key, Body=gzip.compress(file.text.encode()))
    workflow.table.put_item(Item=item)

    assert workflow.rebuild() == {"rebuilt": 1}

    assert deepgram.requests == []
    document = workflow.document(key)
    assert all(said["words"] for said in document["utterances"])
    assert document["created_at"] == file.json()["created_at"]
    (shown,) = workflow.transcripts()
    assert shown["schema_version"] == document["schema_version"]
    assert "words" not in shown["utterances"][0]
    assert workflow.rebuild() == {"current": 1}
