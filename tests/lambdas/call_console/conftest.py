"""The console over stored calls of two clinics, in moto."""

from __future__ import annotations

import base64
import gzip
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from callscribe.contract.call_kind import CallKind
from callscribe.recordings.calls import CallRecording, StartSource
from lambdas.common import aws
from lambdas.common.archive import VOCABULARY_TERMS, Archive
from lambdas.common.claims import Claims
from tests.fakes.console_request import console_request
from tests.fakes.deepgram import transcription
from tests.fakes.table_changes import table_changes
from tests.lambdas.cloud import Cloud, Context, recording, take_claim

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

BEGIN = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SAID = ((1, 0.4, "Thank you for calling Lakeside Vision, this is Marla.", 0.6), (0, 4.0, "I need a doctor.", 0.1))


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: Status of HTTP.
        headers: Headers.
        text: Content, unpacked.
    """

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The content as JSON."""
        return json.loads(self.text)


class Console:
    """The console's function, and what it shows.

    Args:
        cloud: Buckets and table.
    """

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def store(
        self,
        call_id: str = "call-7",
        *,
        clinic: str = "harbour",
        begin: datetime = BEGIN,
        kind: CallKind = CallKind.AGENT,
        content: bytes | None = None,
        heard: dict[str, Any] | None = None,
    ) -> str:
        """Have a recording transcribed, stored and scored; returns its id."""
        from lambdas.score_quality import handler as score
        from lambdas.store_transcript import handler as store

        of = CallRecording(
            clinic_id=clinic,
            call_id=call_id,
            kind=kind,
            started_at=begin,
            layout="callscribe",
            started_at_source=StartSource.METADATA,
        )
        key = f"recordings/{clinic}/{of.day}/{call_id}{'' if kind is CallKind.AGENT else '-ivr'}.wav"
        admitted = recording(self.cloud.upload(content, key=key), of=of)
        take_claim(Claims(table=self.cloud.table), admitted)
        reply = f"replies/{admitted.recording_id}.json.gz"
        archive = Archive(s3=self.cloud.s3, bucket="archive")
        said = json.dumps(transcription(SAID) if heard is None else heard)
        archive.write(reply, said.encode(), metadata={VOCABULARY_TERMS: "3"})
        context = cast("LambdaContext", Context())
        message = {
            "recording": admitted.to_payload(),
            "reply": {"bucket": "archive", "key": reply},
            "deepgram_requests": 1,
            "request_id": "r",
        }
        stored = store.handle(message, context)
        score.handle({"recording": admitted.to_payload(), "transcript": stored["transcript"]}, context)
        return admitted.recording_id

    def list_calls(self, number: int, *, clinic: str = "harbour", score: int | None = None) -> None:
        """List copies of a stored call, a minute apart, without documents and, since moto is slow, without words."""
        [stored] = [item for item in self.cloud.items() if item["SK"].startswith("TRANSCRIPT#")][:1]
        item = {name: value for name, value in stored.items() if not isinstance(value, list | dict)}
        with self.cloud.table.batch_writer() as batch:
            for index in range(number):
                begin = BEGIN - timedelta(minutes=index + 1)
                call_id = f"copy-{index:05}"
                batch.put_item(
                    Item={
                        **item,
                        "PK": f"CLINIC#{clinic}",
                        "SK": f"TRANSCRIPT#{begin.date()}#{call_id}",
                        "GSI1PK": f"CALL#{call_id}",
                        "GSI2PK": f"CLINIC#{clinic}",
                        "GSI2SK": f"{begin:%Y-%m-%dT%H:%M:%SZ}#{call_id}",
                        "call_id": call_id,
                        "clinic_id": clinic,
                        "started_at": begin.isoformat(),
                        "quality": {"score": index % 100 if score is None else score},
                    }
                )

    def follow(self, *sort_keys: str, clinic: str = "harbour") -> dict[str, Any]:
        """Have changes followed by what keeps what is searched: of all transcripts, and of some that may be gone."""
        from lambdas.update_search import handler

        keys = [(item["PK"], item["SK"]) for item in self.cloud.items()]
        keys += [(f"CLINIC#{clinic}", sort_key) for sort_key in sort_keys]
        return handler.handle(table_changes(*keys), cast("LambdaContext", Context()))

    def search(self, query: str, *, clinic: str = "harbour", groups: str = "[harbour]", **asked: Any) -> Answer:
        """Look for words."""
        path = f"/api/clinics/{clinic}/search"
        return self.ask(path, groups=groups, method="POST", body={"query": query, **asked})

    def ask(self, path: str, *, groups: str | None = "[harbour]", **request: Any) -> Answer:
        """Send a request."""
        from lambdas.call_console import handler

        event = console_request(path, groups=groups, **request)
        answer = handler.handle(event, cast("LambdaContext", Context()))
        content = answer.get("body") or ""
        body = base64.b64decode(content) if answer.get("isBase64Encoded") else content.encode()
        headers = {name.lower(): value for name, value in answer["headers"].items()}
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        return Answer(status=answer["statusCode"], headers=headers, text=body.decode())


class Functions:
    """Invokes the functions that judge transcripts anew, as Lambda does.

    Attributes:
        asked: What they were sent.
        answers: What is answered instead, one after the other.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any] | Exception] = []

    def invoke(
        self,
        *,
        FunctionName: str,  # noqa: N803 - as boto3 calls them
        Payload: bytes,  # noqa: N803
        InvocationType: str = "RequestResponse",  # noqa: N803
    ) -> dict[str, Any]:
        from lambdas.draw_waveform import handler as draw
        from lambdas.store_live_transcript import handler as live
        from lambdas.store_transcript import handler as store

        message = json.loads(Payload)
        self.asked.append(message)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return {"Payload": io.BytesIO(json.dumps(answer).encode())}
        if InvocationType == "Event":
            assert FunctionName == "waveforms"
            draw.handle(message, cast("LambdaContext", Context()))
            return {"StatusCode": 202}
        handle = {"store": store.handle, "live-store": live.handle}[FunctionName]
        return {"Payload": io.BytesIO(json.dumps(handle(message, cast("LambdaContext", Context()))).encode())}


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Functions:
    functions = Functions()
    monkeypatch.setattr(aws, "functions", lambda **_: functions)
    return functions


@pytest.fixture
def console(cloud: Cloud, function_environment: pytest.MonkeyPatch, functions: Functions) -> Console:
    return Console(cloud)
