"""The command that has older documents written anew."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations.command_line import main
from operations.environment import Environment
from tests.operations.conftest import Deployed
from tests.operations.recorded_calls import store_transcript

CONTACT = "connect/acme/CallRecordings/2026/11/20/contact-1_20261120T14:05_UTC.wav"


class Store:
    """The function that stores transcripts, as an operator meets it."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {}

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "store"
        request = json.loads(Payload)["rebuild"]
        self.requests.append(request)
        answer = self.answers.get(request["key"], {"outcome": "rebuilt", "reason": "", "call_id": "c"})
        if isinstance(answer, Exception):
            raise answer
        failed = {"FunctionError": "Unhandled"} if "errorMessage" in answer else {}
        return {"Payload": io.BytesIO(json.dumps(answer).encode()), **failed}

    @property
    def keys(self) -> list[str]:
        return sorted(request["key"] for request in self.requests)


@pytest.fixture
def store(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> Store:
    store, client = Store(), Environment.client

    def clients(target: Environment, service: str, **options: Any) -> Any:
        return store if service == "lambda" else client(target, service, **options)

    monkeypatch.setattr(Environment, "client", clients)
    deployed.outputs["StoreFunctionName"] = "store"
    deployed.write_outputs()
    for key in DOCUMENTS:
        deployed.s3.put_object(Bucket="archive", Key=key, Body=gzip.compress(b"{}"))
    deployed.s3.put_object(Bucket="archive", Key="replies/r.json.gz", Body=b"")
    return store


DOCUMENTS = [
    "transcripts/lakeside/2026-11-19/call-1/r0.json.gz",
    "transcripts/lakeside/2026-11-20/call-2/r1.json.gz",
    "transcripts/lakeside/2026-11-20/call-2/live.json.gz",
    "transcripts/lakeside-2/2026-11-20/call-3/r2.json.gz",
]


def run(deployed: Deployed, *arguments: str) -> int:
    return main(["rebuild", *deployed.arguments, *arguments])


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        (["--all"], DOCUMENTS),
        (["--clinic", "lakeside"], DOCUMENTS[:3]),
        (["--clinic", "lakeside", "--day", "2026-11-20"], DOCUMENTS[1:3]),
        (["--clinic", "lakeside-2"], DOCUMENTS[3:]),
    ],
)
def test_documents_are_chosen_by_clinic_and_day(
    deployed: Deployed, store: Store, arguments: list[str], chosen: list[str]
) -> None:
    assert run(deployed, *arguments) == 0
    assert store.keys == sorted(chosen)
    assert not any(request["dry_run"] for request in store.requests)


def test_the_documents_of_a_call_are_those_of_superseded_recordings_and_of_its_automated_part_too(
    deployed: Deployed, store: Store
) -> None:
    store_transcript(deployed, CONTACT)
    shown = deployed.table.scan()["Items"][0]
    for number, (call, suffix) in enumerate((("contact-1", ""), ("contact-1.ivr", "#IVR"))):
        key = f"transcripts/acme/2026-11-20/{call}"
        sk = f"TRANSCRIPT#2026-11-20#contact-1{suffix}"
        item = {**shown, "SK": sk, "GSI1SK": f"TRANSCRIPT{suffix}", "transcript_key": f"{key}/{number}.json.gz"}
        deployed.table.put_item(Item=item)
        for name in ("0", "1", "older"):
            deployed.s3.put_object(Bucket="archive", Key=f"{key}/{name}.json.gz", Body=b"")
    assert run(deployed, "--call", "contact-1") == 0
    assert len(store.keys) == 6
    assert {key.rpartition("/")[0] for key in store.keys} == {
        "transcripts/acme/2026-11-20/contact-1",
        "transcripts/acme/2026-11-20/contact-1.ivr",
    }


def test_what_stays_as_it_was_is_named_with_the_reason(
    deployed: Deployed, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    throttled = ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "+15550107788"}}, "Invoke")
    store.answers = {
        DOCUMENTS[0]: {"outcome": "impossible", "reason": "the reply is not in the archive any more"},
        DOCUMENTS[1]: {"outcome": "changed", "reason": ""},
        DOCUMENTS[2]: {"errorType": "UnexpectedError", "errorMessage": "KeyError at rebuild.py:1"},
        DOCUMENTS[3]: throttled,
    }
    assert run(deployed, "--all") == 1
    lines = capsys.readouterr().out.splitlines()
    assert sorted(lines[:4]) == sorted(
        [
            f"{DOCUMENTS[0]}: the reply is not in the archive any more",
            f"{DOCUMENTS[1]}: somebody else wrote it at this moment; repeat this",
            f"{DOCUMENTS[2]}: KeyError at rebuild.py:1",
            f"{DOCUMENTS[3]}: TooManyRequestsException",
        ]
    )
    assert lines[4] == "4 documents: 0 were rebuilt, 0 are up to date, 4 are as they were."


def test_what_was_done_is_counted(deployed: Deployed, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    store.answers[DOCUMENTS[0]] = {"outcome": "current", "reason": ""}
    assert run(deployed, "--all", "--dry-run") == 0
    assert all(request["dry_run"] for request in store.requests)
    assert capsys.readouterr().out == "4 documents: 3 would be rebuilt, 1 are up to date, 0 are as they were.\n"


def test_a_function_of_before_says_what_to_do(
    deployed: Deployed, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.answers[DOCUMENTS[3]] = {"transcript": {}}
    assert run(deployed, "--clinic", "lakeside-2") == 1
    assert "deploy this version first" in capsys.readouterr().out


def test_a_deployment_of_before_says_what_to_do(
    deployed: Deployed, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    del deployed.outputs["StoreFunctionName"]
    deployed.write_outputs()
    assert run(deployed, "--all") == 3
    assert "no output StoreFunctionName" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["--all", "--clinic", "a"], ["--all", "--day", "2026-11-20"], ["--clinic", "a", "--day", "1"]]
)
def test_arguments_that_make_no_sense_are_refused(deployed: Deployed, store: Store, arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(deployed, *arguments)


def test_an_archive_without_documents_is_up_to_date(
    deployed: Deployed, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(deployed, "--clinic", "nobody", "--day", "2026-11-20") == 0
    assert capsys.readouterr().out.startswith("0 documents")
