import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.audio_facts import AudioFacts
from callscribe.recordings.recording import AdmittedRecording, Provenance, recording_id
from tests.callscribe.replies import PROVENANCE, RECORDING


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


@pytest.mark.parametrize("source", [PROVENANCE, replace(PROVENANCE, version_id=None, key="a b+c%20ü.wav")])
def test_a_recording_survives_the_way_through_the_state_machine(source: Provenance) -> None:
    audio = AudioFacts(format="WAV", subtype="PCM_16", channels=2, sample_rate=8000, duration_seconds=31.0)
    admitted = AdmittedRecording(provenance=source, size_bytes=64044, call=RECORDING, audio=audio)
    payload = json.loads(json.dumps(admitted.to_payload()))
    assert (payload["key"], payload["call_id"], payload["day"]) == (source.key, RECORDING.call_id, RECORDING.day)
    assert AdmittedRecording.from_payload(payload) == admitted
