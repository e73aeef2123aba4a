from __future__ import annotations

from typing import Any

import pytest

from callscribe.judgement.quality import QualityScore, load_rubric
from lambdas.common.archive import Archive, TranscriptMissing
from lambdas.score_quality.scoring import Scoring
from tests.lambdas.cloud import NOW, Cloud, recording
from tests.lambdas.store_transcript.test_store import TRANSCRIPT_KEY, Shelf

RUBRIC = "clinic-call-v1"


def score(cloud: Cloud, document_key: str, recording_id: str) -> QualityScore:
    scoring = Scoring(table=cloud.table, archive=Archive(s3=cloud.s3, bucket="archive"), rubric=load_rubric(RUBRIC))
    return scoring.score(
        pk=TRANSCRIPT_KEY["PK"], sk=TRANSCRIPT_KEY["SK"], document_key=document_key, recording_id=recording_id
    )


def item(cloud: Cloud) -> dict[str, Any]:
    return cloud.table.get_item(Key=TRANSCRIPT_KEY)["Item"]


def test_the_score_stands_on_the_item_with_its_evidence(cloud: Cloud) -> None:
    stored = Shelf(cloud).put(recording())
    quality = score(cloud, stored.pointers.transcript_key, recording().recording_id)
    written = item(cloud)["quality"]
    assert quality.score is not None
    assert (written["score"], written["rubric"]) == (quality.score, RUBRIC)
    assert len(written["criteria"]) == len(quality.criteria)


def test_scoring_again_changes_nothing(cloud: Cloud) -> None:
    key = Shelf(cloud).put(recording()).pointers.transcript_key
    first = score(cloud, key, recording().recording_id)
    before = item(cloud)
    assert score(cloud, key, recording().recording_id) == first
    assert item(cloud) == before


def test_a_newer_version_is_not_given_the_score_of_an_older_one(cloud: Cloud) -> None:
    shelf = Shelf(cloud)
    older = shelf.put(recording())
    shelf.put(recording(version_id="v2", last_modified=NOW.replace(hour=11)))
    score(cloud, older.pointers.transcript_key, recording().recording_id)
    assert "quality" not in item(cloud)


def test_a_transcript_that_is_gone_is_an_error(cloud: Cloud) -> None:
    with pytest.raises(TranscriptMissing):
        score(cloud, "transcripts/none.json.gz", recording().recording_id)
