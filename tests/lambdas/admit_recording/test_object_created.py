from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lambdas.admit_recording.object_created import ObjectCreated


def event(**announced: Any) -> dict[str, Any]:
    return {"detail": {"bucket": {"name": "b"}, "object": {"key": "k", "etag": "e", "size": 1} | announced}}


@pytest.mark.parametrize(
    "key", ["recordings/a b/2026-11-20/c.wav", "a+b.wav", "a%20b.wav", "T09:30_UTC.wav", "喂/ü.wav", "%3A"]
)
def test_the_key_is_taken_as_it_is(key: str) -> None:
    assert ObjectCreated.model_validate(event(key=key)).recording.key == key


@pytest.mark.parametrize(("announced", "known"), [("v1", "v1"), ("null", None), ("", None), (None, None)])
def test_only_a_lasting_version_counts(announced: str | None, known: str | None) -> None:
    created = ObjectCreated.model_validate(event(**{"version-id": announced}))
    assert created.recording.version_id == known


@pytest.mark.parametrize("broken", [{"key": ""}, {"etag": ""}, {"key": None}])
def test_an_error_does_not_quote_the_event(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        ObjectCreated.model_validate(event(**{"sequencer": "+15550107788"} | broken))
    assert "5550107788" not in str(raised.value)
