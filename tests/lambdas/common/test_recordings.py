from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lambdas.common.recordings import AdmittedRecording
from tests.lambdas.cloud import recording


@pytest.mark.parametrize("admitted", [recording(), replace(recording(), version_id=None, key="a b+c%20ü.wav")])
def test_a_recording_survives_the_way_through_the_state_machine(admitted: AdmittedRecording) -> None:
    assert AdmittedRecording.from_payload(json.loads(json.dumps(admitted.to_payload()))) == admitted
