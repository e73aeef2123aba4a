"""The command that brings what is searched to what is stored."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from operations.command_line import main
from operations.environment import Environment
from tests.operations.conftest import REGION, Deployed
from tests.operations.recorded_calls import store_transcript

CONTACT = "connect/acme/CallRecordings/2026/11/20/contact-1_20261120T14:05_UTC.wav"


class Update:
    """The function that keeps what is searched, as an operator meets it.

    Attributes:
        messages: What it was sent.
        pages: In how many requests a month is looked at.
        failing: The month that it fails on.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.pages = 1
        self.failing: str | None = None

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "update"
        message = json.loads(Payload)
        self.messages.append(message)
        index = message["index"]
        if index is not None and index["month"] == self.failing is not None:
            return _answer({"errorMessage": "Search.Changed: others keep writing"}, FunctionError="Unhandled")
        if index is None:
            return _answer({"calls": 0, "without_words": 0, "after": None})
        asked = self.months.count((index["clinic_id"], index["month"]))
        return _answer({"calls": 3, "without_words": 1, "after": "05" if asked < self.pages else None})

    @property
    def months(self) -> list[tuple[str, str]]:
        return [(one["index"]["clinic_id"], one["index"]["month"]) for one in self.messages if one["index"]]


def _answer(answer: dict[str, Any], **told: str) -> dict[str, Any]:
    return {"Payload": io.BytesIO(json.dumps(answer).encode()), **told}


@pytest.fixture
def update(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> Update:
    update, client = Update(), Environment.client

    def clients(target: Environment, service: str, **options: Any) -> Any:
        return update if service == "lambda" else client(target, service, **options)

    monkeypatch.setattr(Environment, "client", clients)
    deployed.outputs |= {"SearchFunctionName": "update", "SearchBucketName": "search"}
    deployed.write_outputs()
    deployed.s3.create_bucket(Bucket="search", CreateBucketConfiguration={"LocationConstraint": REGION})
    for key in ("lakeside/2026-11-19/call-1", "lakeside/2026-11-20/call-2", "harbour/2026-09-01/call-3"):
        deployed.s3.put_object(Bucket="archive", Key=f"transcripts/{key}/r.json.gz", Body=b"")
    # What is searched and no longer stored.
    deployed.s3.put_object(Bucket="search", Key="search/lakeside/2026-08/01.json.gz", Body=b"")
    deployed.s3.put_object(Bucket="search", Key="state.json.gz", Body=b"")
    return update


LAKESIDE = [("lakeside", "2026-08"), ("lakeside", "2026-11")]


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        (["--all"], [("harbour", "2026-09"), *LAKESIDE]),
        (["--clinic", "lakeside"], LAKESIDE),
        (["--clinic", "lakeside", "--month", "2026-08"], LAKESIDE[:1]),
    ],
)
def test_months_that_are_stored_or_searched_are_looked_at(
    deployed: Deployed, update: Update, arguments: list[str], chosen: list[tuple[str, str]]
) -> None:
    assert main(["index", *deployed.arguments, *arguments]) == 0
    assert update.months == chosen
    assert any(one["whole"] for one in update.messages) == (arguments == ["--all"])


def test_a_month_goes_on_until_its_end(deployed: Deployed, update: Update, capsys: pytest.CaptureFixture[str]) -> None:
    update.pages = 3
    assert main(["index", *deployed.arguments, "--clinic", "harbour", "--json"]) == 0
    assert [one["index"]["after"] for one in update.messages] == [None, "05", "05"]
    [month] = json.loads(capsys.readouterr().out)["months"]
    assert (month["calls"], month["without_words"], month["failed"]) == (9, 3, "")


def test_what_failed_is_told_and_the_search_is_not_called_whole(
    deployed: Deployed, update: Update, capsys: pytest.CaptureFixture[str]
) -> None:
    update.failing = "2026-08"
    assert main(["index", *deployed.arguments, "--all"]) == 1
    assert "lakeside, 2026-08: Search.Changed" in capsys.readouterr().err
    assert len(update.months) == 3
    assert not any(one["whole"] for one in update.messages)


@pytest.mark.parametrize("arguments", [["--all", "--month", "2026-11"], ["--clinic", "lakeside", "--month", "May"]])
def test_arguments_that_make_no_sense_are_refused(deployed: Deployed, update: Update, arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(["index", *deployed.arguments, *arguments])
    assert not update.messages


def test_a_clinic_of_which_nothing_is_stored_is_named(deployed: Deployed, update: Update) -> None:
    assert main(["index", *deployed.arguments, "--clinic", "nobodys"]) == 4


def test_what_is_erased_is_searched_no_more(deployed: Deployed, update: Update) -> None:
    store_transcript(deployed, CONTACT)
    assert main(["erase", *deployed.arguments, "--call", "contact-1", "--yes"]) == 0
    [message] = update.messages
    [sort_key] = message["index"]["sort_keys"]
    assert sort_key == "TRANSCRIPT#2026-11-20#contact-1"


def test_who_erases_is_told_where_the_words_may_be_searched_still(
    deployed: Deployed, update: Update, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store_transcript(deployed, CONTACT)
    failed = _answer({"errorMessage": "Search.Changed"}, FunctionError="Unhandled")
    monkeypatch.setattr(update, "invoke", lambda **_: failed)
    assert main(["erase", *deployed.arguments, "--call", "contact-1", "--yes"]) == 1
    assert "may be searched still" in capsys.readouterr().err
    assert not deployed.table.scan()["Items"]
