"""What looking at calls takes of the console's function, and what a month of it costs.

python -m benchmarks.console

The function runs in this process. What AWS would answer it is made up here and given to botocore in the place of the
network, so that signing and reading are counted, TLS is not.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from unittest.mock import patch
from urllib.parse import unquote, urlencode, urlsplit
from uuid import UUID

from boto3.dynamodb.types import TypeSerializer
from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session
from rich.console import Console
from urllib3 import HTTPResponse

from benchmarks import search, waveform
from benchmarks.cost import CALL_SECONDS, item_size, price
from benchmarks.judgement import Call, transcript_of
from benchmarks.report import Figures
from callscribe.audio.peaks import LOUDEST, MOST_POINTS
from callscribe.contract.object_keys import document_key, waveform_key
from callscribe.contract.table_keys import ROW_ATTRIBUTES
from callscribe.conversation.flags import flag_names
from callscribe.documents import ArchivePointers, quality_attribute, to_document, to_item
from callscribe.judgement.quality import load_rubric, score
from callscribe.serialization import encode_json
from callscribe.waveform import Waveform
from constructs_lib import _sources
from lambdas.call_console.page_files import FOLDER, PageFiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from botocore.awsrequest import AWSPreparedRequest

CALLS: Final = 10_000
_ROUNDS: Final = 9
_WORDS_A_SECOND: Final = 40_000 / (4 * 3600)
_WORDS_A_TURN: Final = 15
_ETAG: Final = "0" * 32
_ROLE: Final = "arn:aws:iam::123456789012:role/any"
_ENVIRONMENT: Final = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_LAMBDA_FUNCTION_NAME": "console",
    "POWERTOOLS_METRICS_NAMESPACE": "CallScribe",
    "POWERTOOLS_SERVICE_NAME": "console",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "TABLE_NAME": "transcripts",
    "ARCHIVE_BUCKET": "archive",
    "RECORDING_BUCKET": "recordings",
    "READER_ROLE_ARN": _ROLE,
    "WRITER_ROLE_ARN": _ROLE,
    "AUDIO_ROLE_ARN": _ROLE,
    "CLIENT_ID": "client",
    "CALLS_SCOPE": "callscribe/calls",
    "SIGN_IN_URL": "https://sign-in.example.com",
    "FLAGS": "eye-clinic-v1",
    "TIME_ZONES": "{}",
    "ROLE_NAMES": "{}",
    "WAVEFORM_FUNCTION": "waveforms",
}

# A month of a clinic, stated rather than measured.
USERS: Final = 20
CALLS_A_DAY: Final = 500
_DAYS: Final = 30
_LISTS_OF_A_USER: Final = 20
_SEARCHES_OF_A_USER: Final = 5
_PAGES_OF_A_USER: Final = 1
_WAIT_SECONDS: Final = 0.2
"""What a request waits for other services, billed and not measured."""
_CHANGES_OF_A_CALL: Final = 2
"""Its transcript and its score are each a change that the shards follow."""
# The console's and the search's own; the alarms are the search's (constructs_lib).
_KEYS: Final = 2
_ALARMS: Final = 2
_GB: Final = Decimal(10**9)
_READ_UNIT_BYTES: Final = 4096
_GB_MEMORY: Final = 1
"""Of each of the three functions (constructs_lib)."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What a view takes.

    Attributes:
        name: The view.
        requests: Of the browser to the function.
        bytes: That come back, packed.
        seconds: Of a processor, of the function that has answered before.
        asked: Requests of the function, by service and action.
        read_units: Read request units of DynamoDB.
    """

    name: str
    requests: int
    bytes: int
    seconds: float
    asked: Counter[str]
    read_units: Decimal


@dataclass
class Services:
    """DynamoDB, S3 and STS, as far as the console asks them, and what was asked.

    Attributes:
        calls: How many calls the clinic has.
        long_seconds: Length of the call that is opened.
        asked: Requests by service and action.
        read_units: Units that DynamoDB bills for them.
        seconds: Processor time of answering, which is not the function's.
    """

    calls: int
    long_seconds: float = 3600
    asked: Counter[str] = field(default_factory=Counter)
    read_units: Decimal = Decimal()
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._short = _stored(_call("short", CALL_SECONDS))
        self._long = _stored(_call("hour", self.long_seconds))

    @property
    def long_call(self) -> str:
        """Path of the call of an hour, below its clinic."""
        return f"calls/{self._long.item['day']['S']}/hour"

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Answer a request as AWS does."""
        began = time.process_time()
        answer = self._answer(request)
        self.seconds += time.process_time() - began
        return answer

    def _answer(self, request: AWSPreparedRequest) -> AWSResponse:
        url, headers = str(request.url), {name.lower(): value for name, value in request.headers.items()}
        target = headers.get("x-amz-target")
        if target is not None:
            name = (target.decode() if isinstance(target, bytes) else str(target)).partition(".")[2]
            self.asked[f"dynamodb:{name}"] += 1
            asked = json.loads(cast("bytes", request.body))
            body = json.dumps(getattr(self, f"_{name.lower()}")(asked)).encode()
            return _response(url, body, {"Content-Type": "application/x-amz-json-1.0"})
        if urlsplit(url).netloc.startswith("sts."):
            self.asked["sts:AssumeRole"] += 1
            return _response(url, _CREDENTIALS, {"Content-Type": "text/xml"})
        return self._s3(str(request.method), url)

    def _s3(self, method: str, url: str) -> AWSResponse:
        parts = urlsplit(url)
        key = unquote(parts.path[1:])
        dated = {"Last-Modified": "Fri, 20 Nov 2026 10:00:00 GMT", "ETag": f'"{_ETAG}"'}
        if method == "HEAD":
            self.asked["s3:HeadObject"] += 1
            return _response(url, b"", dated)
        if not key:
            self.asked["s3:ListObjectsV2"] += 1
            return _response(url, _LISTING % self._long.key.encode(), {"Content-Type": "application/xml"})
        self.asked["s3:GetObject"] += 1
        found = {self._long.key: self._long.document, waveform_key(self._long.key): self._long.waveform}[key]
        return _response(url, found, dated)

    def _query(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if "IndexName" not in asked:  # corrections and reviews: nobody has said anything
            self.read_units += Decimal("0.5")
            return {"Items": [], "Count": 0, "ScannedCount": 0}
        start = asked.get("ExclusiveStartKey")
        first = 0 if start is None else int(start["SK"]["S"].rpartition("#")[2].partition("-")[0]) + 1
        names = {"PK", "SK", "GSI2PK", "GSI2SK", *ROW_ATTRIBUTES}
        items = [self._listed(number, names) for number in range(first, min(first + asked["Limit"], self.calls))]
        self.read_units += _units(sum(map(item_size, items)))  # by the whole items
        items = [_projected(item, asked) for item in items]
        answer: dict[str, Any] = {"Items": items, "Count": len(items), "ScannedCount": len(items)}
        if first + len(items) < self.calls:
            last = self._listed(first + len(items) - 1, names)
            answer["LastEvaluatedKey"] = {name: last[name] for name in ("PK", "SK", "GSI2PK", "GSI2SK")}
        return answer

    def _listed(self, number: int, names: set[str]) -> dict[str, Any]:
        item = {name: value for name, value in self._short.item.items() if name in names}
        begin = datetime(2026, 11, 20, 18, tzinfo=UTC) - timedelta(minutes=number)
        chance = random.Random(number)
        call = f"{number:05}-{chance.getrandbits(120):030x}"
        quality = {"M": item["quality"]["M"] | {"score": {"N": str(chance.randrange(1, 101))}}}
        return item | {
            "duration_seconds": {"N": f"{chance.uniform(30, 900):.3f}"},
            "word_count": {"N": str(chance.randrange(2_000))},
            "confidence": {"N": f"{chance.uniform(0.7, 1):.4f}"},
            "quality": quality,
            "SK": {"S": f"TRANSCRIPT#{begin.date()}#{call}"},
            "GSI2SK": {"S": f"{begin:%Y-%m-%dT%H:%M:%SZ}#{call}"},
            "call_id": {"S": call},
            "started_at": {"S": begin.isoformat()},
        }

    def _batchgetitem(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        [(table, wanted)] = asked["RequestItems"].items()
        names = set(wanted["ExpressionAttributeNames"].values())
        rest = {name: value for name, value in self._short.item.items() if name in names}
        self.read_units += len(wanted["Keys"]) * _units(item_size(self._short.item))  # by the whole items
        return {"Responses": {table: [rest | keys for keys in wanted["Keys"]]}, "UnprocessedKeys": {}}

    def _getitem(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self.read_units += _units(item_size(self._long.item)) * (2 if asked.get("ConsistentRead") else 1)
        return {"Item": _projected(self._long.item, asked)}


def _projected(item: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of an item that are asked for: attributes, and members of maps."""
    names, found = asked["ExpressionAttributeNames"], cast("dict[str, Any]", {})
    for path in asked["ProjectionExpression"].split(", "):
        name, *within = (names[part] for part in path.split("."))
        if not within and name in item:
            found[name] = item[name]
        elif within and within[0] in item.get(name, {}).get("M", {}):
            found.setdefault(name, {"M": {}})["M"][within[0]] = item[name]["M"][within[0]]
    return found


def _units(size: int) -> Decimal:
    """Units of a read that is eventually consistent (DynamoDB developer guide, "Read consistency")."""
    return Decimal(-(-size // _READ_UNIT_BYTES)) / 2


_CREDENTIALS: Final = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<Credentials><AccessKeyId>key</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>2126-11-20T10:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""
_LISTING: Final = b"""<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>
<Contents><Key>%s</Key><LastModified>2026-11-20T10:00:00.000Z</LastModified><Size>1</Size></Contents></ListBucketResult>"""


def _response(url: str, body: bytes, headers: Mapping[str, str]) -> AWSResponse:
    sent = {"Content-Length": str(len(body)), **headers}
    raw = HTTPResponse(body=io.BytesIO(body), headers=sent, status=200, preload_content=False)
    return AWSResponse(url, 200, cast("Any", raw.headers), raw)


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """A call as it lies in table and archive."""

    key: str
    item: dict[str, Any]
    document: bytes
    waveform: bytes


def _call(name: str, seconds: float) -> Call:
    """A call of made-up words: sentences that come again would pack too well."""
    words = int(seconds * _WORDS_A_SECOND)
    said = search.words(words, random.Random(seconds))
    lines = tuple(" ".join(said[first : first + _WORDS_A_TURN]) for first in range(0, words, _WORDS_A_TURN))
    return Call(name=name, channels=2, words_of_utterance=12, words=words, lines=lines, seconds=float(seconds))


def _stored(call: Call) -> _Stored:
    transcript = transcript_of(call)
    recording = transcript.recording
    key = document_key(recording.clinic_id, recording.day, call.name, recording.kind, "0" * 64)
    of_recording = {
        "bucket": "recordings",
        "s3_key": "recordings/main/any.wav",
        "etag": _ETAG,
        "recording_id": "0" * 64,
    }
    item = {
        **to_item(transcript, archive=ArchivePointers(bucket="archive", transcript_key=key, reply_key=None)),
        **of_recording,
        "quality": quality_attribute(score(transcript, load_rubric())),
        "flags": dict.fromkeys(flag_names(), False),
        "queue_id": str(UUID(int=1)),
        "agent_id": str(UUID(int=2)),
    }
    serialize = TypeSerializer().serialize
    chance = random.Random(1)
    waveform = Waveform(
        created_at=transcript.created_at,
        recording_id="0" * 64,
        duration_seconds=call.seconds,
        channels=tuple(tuple(chance.choices(range(LOUDEST + 1), k=MOST_POINTS)) for _ in range(2)),
    )
    return _Stored(
        key=key,
        item={name: serialize(value) for name, value in item.items() if value is not None},
        document=gzip.compress(encode_json(to_document(transcript)), mtime=0),
        waveform=gzip.compress(encode_json(waveform), mtime=0),
    )


@contextmanager
def _answering(services: Services, page: Path) -> Iterator[Any]:
    """The handler, whose requests the services answer."""
    for file in _sources.FROM_NPM:
        (page / "modules").mkdir(exist_ok=True)
        shutil.copyfile(_sources.source(file), page / "modules" / file.name)
    with (
        patch.dict(os.environ, _ENVIRONMENT),
        patch.object(URLLib3Session, "send", lambda _, request: services.send(request)),
        ExitStack() as stack,
    ):
        from lambdas.call_console import handler  # reads the environment
        from lambdas.common import aws
        from lambdas.common.observability import logger

        # What a function keeps for as long as it lives, clients of this environment among it.
        kept = [handler._console, *(made for made in vars(aws).values() if hasattr(made, "cache_clear"))]  # noqa: SLF001
        stack.callback(_forget, kept)
        _forget(kept)
        with (
            patch.object(handler, "PageFiles", partial(PageFiles, folder=page)),
            patch.object(logger.registered_handler, "stream", io.StringIO()),
            redirect_stdout(io.StringIO()),
        ):
            yield handler


def _forget(caches: Iterable[Any]) -> None:
    for cache in caches:
        cache.cache_clear()


def _event(path: str, query: Mapping[str, str]) -> dict[str, Any]:
    """A request as an HTTP API hands it on (payload format 2.0)."""
    claims = {"sub": "0", "username": "ann", "token_use": "access", "cognito:groups": "[main]"}
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": urlencode(query),
        "queryStringParameters": dict(query),
        "headers": {"accept-encoding": "gzip, deflate, br"},
        "requestContext": {
            "http": {"method": "GET", "path": path},
            "requestId": "id",
            "stage": "$default",
            "authorizer": {"jwt": {"claims": claims, "scopes": ["openid"]}},
        },
        "isBase64Encoded": False,
    }


class _Context:
    """Lambda's context, as far as the function looks at it."""

    function_name = "console"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:console"
    aws_request_id = "id"

    def get_remaining_time_in_millis(self) -> int:
        return 29_000


def measure(calls: int = CALLS, rounds: int = _ROUNDS, long_seconds: float = 3600) -> tuple[View, ...]:
    """Look at everything once, and then so many times more, of which the middle one counts."""
    services = Services(calls=calls, long_seconds=long_seconds)
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(shutil.copytree(FOLDER, Path(scratch) / "page"))
        with _answering(services, page) as handler:
            digest = PageFiles(connect=(), media=(), folder=page).digest
            files = [f"/page/{digest}/{file.relative_to(page).as_posix()}" for file in page.rglob("*") if _loaded(file)]
            one, clinic = services.long_call, "/api/clinics/main"
            views: dict[str, Sequence[tuple[str, dict[str, str]]]] = {
                "the page, the first time": [(path, {}) for path in ("/", "/config.json", *files)],
                "who looks": [("/api/session", {})],
                f"first 50 of {calls:,} calls": [(f"{clinic}/calls", {"limit": "50"})],
                "1,000 calls, none of which a filter picks": [(f"{clinic}/calls", {"limit": "50", "score_below": "1"})],
                "a call of an hour": [(f"{clinic}/{one}", {})],
                "its waveform": [(f"{clinic}/{one}/waveform", {})],
                "the address of its recording": [(f"{clinic}/{one}/audio", {})],
            }
            return tuple(_view(handler, services, name, asked, rounds) for name, asked in views.items())


def _loaded(file: Path) -> bool:
    return file.suffix in (".css", ".js", ".mjs", ".svg")


def _view(
    handler: Any, services: Services, name: str, asked: Sequence[tuple[str, dict[str, str]]], rounds: int
) -> View:
    taken = []
    for _ in range(rounds + 1):
        services.asked.clear()
        services.read_units, services.seconds = Decimal(), 0.0
        size, began = 0, time.process_time()
        for path, query in asked:
            answer = handler.handle(_event(path, query), _Context())
            if answer["statusCode"] != 200:
                raise RuntimeError(f"{name}: {path} was answered {answer['statusCode']}")
            body = answer.get("body") or ""
            size += len(base64.b64decode(body)) if answer["isBase64Encoded"] else len(body.encode())
        taken.append(time.process_time() - began - services.seconds)
    return View(
        name=name,
        requests=len(asked),
        bytes=size,
        seconds=sorted(taken[1:])[rounds // 2],
        asked=Counter(services.asked),
        read_units=services.read_units,
    )


def view_figures(views: Sequence[View]) -> Figures:
    """The views as a table."""
    return Figures(
        name="console-views",
        title="Looking at calls",
        columns=("", "requests", "KB, packed", "CPU ms of the function", "requests to DynamoDB, S3, STS", "read units"),
        rows=tuple(
            (
                view.name,
                f"{view.requests}",
                f"{view.bytes / 1000:.1f}",
                f"{1000 * view.seconds:.0f}",
                f"{view.asked.total()}",
                f"{view.read_units:.1f}",
            )
            for view in views
        ),
    )


def month_figures(views: Sequence[View], year: search.Year, *, drawing_seconds: float) -> Figures:
    """A month in dollars: everybody looks on every day, and every call is opened once and heard to its end."""
    page, session, listed, _, opened, drawn, audio = views
    a_search = year.searches[0]
    days = Decimal(_DAYS)
    once, lists_seen, opens = USERS * _PAGES_OF_A_USER * days, USERS * _LISTS_OF_A_USER * days, CALLS_A_DAY * days
    looks = (
        (page, once),
        (session, once),
        (listed, lists_seen),
        *((view, opens) for view in (opened, drawn, audio)),
    )
    searches, stored = USERS * _SEARCHES_OF_A_USER * days, CALLS_A_DAY * days
    changes = _CHANGES_OF_A_CALL * stored
    requests = sum(view.requests * times for view, times in looks) + searches
    seconds = sum((_billed(view.seconds, view.requests) * times for view, times in looks), Decimal())
    seconds += _billed(a_search.seconds, a_search.requests) * searches
    asked: Counter[str] = Counter()
    for view, times in looks:
        for name, count in view.asked.items():
            asked[name] += int(count * times)
    lists = asked["s3:ListObjectsV2"] + searches + changes
    gets = asked["s3:GetObject"] + asked["s3:HeadObject"] + a_search.requests * searches + stored + 2 * changes
    units = sum((view.read_units * times for view, times in looks), Decimal())
    recording = Decimal(CALL_SECONDS * waveform.RATE * 2 * 2)  # two channels, two bytes a sample
    sent = sum(view.bytes * times for view, times in looks) + recording * stored
    rows: tuple[tuple[str, Decimal, str], ...] = (
        ("requests to the HTTP API", requests, "http_api_request"),
        ("requests of the console's function", requests, "lambda_request"),
        ("GB-seconds of it", _GB_MEMORY * seconds, "lambda_gb_second_arm64"),
        ("GB-seconds to follow changes", _billed(year.update_seconds, 1) * changes, "lambda_gb_second_arm64"),
        ("GB-seconds to draw waveforms", _billed(drawing_seconds, 1) * stored, "lambda_gb_second_arm64"),
        ("read units of DynamoDB", units, "dynamodb_read_unit"),
        ("writes and listings of S3", lists + changes + stored, "s3_write_request"),
        ("reads of S3", gets, "s3_read_request"),
        ("requests of KMS, at most", lists + changes + stored + gets, "kms_request"),
        ("GB to the browsers, nearly all recordings", sent / _GB, "internet_gb"),
        ("GB-months of shards, a year's", year.bytes / _GB * CALLS_A_DAY * _DAYS * 12 / year.calls, "s3_gb_month"),
        ("KMS keys", Decimal(_KEYS), "kms_key_month"),
        ("alarms", Decimal(_ALARMS), "alarm_month"),
        ("people who sign in", Decimal(USERS), "cognito_user_month"),
    )
    total = sum(count * price(name) for _, count, name in rows)
    return Figures(
        name="console-month",
        title=f"USD a month of a console for {USERS} people and {CALLS_A_DAY} calls a day",
        columns=("", "count", "USD"),
        rows=(
            *((what, _count(count), f"{count * price(name):.2f}") for what, count, name in rows),
            ("all", "", f"{total:.2f}"),
        ),
    )


def _billed(seconds: float, requests: int) -> Decimal:
    """Seconds that are billed: those of the processor, and the wait of each request."""
    return Decimal(str(seconds)) + Decimal(str(_WAIT_SECONDS)) * requests


def _count(count: Decimal) -> str:
    return f"{count:,.0f}" if count >= 10 else f"{count:.2f}".rstrip("0").rstrip(".")


def figures() -> Iterator[Figures]:
    """Measure, and yield all tables."""
    views, year = measure(), search.measure()
    yield view_figures(views)
    yield search.figures(year)
    drawings = list(waveform.measure())
    yield waveform.figures(drawings)
    hour = drawings[-1]
    yield month_figures(views, year, drawing_seconds=hour.processor_seconds * CALL_SECONDS / hour.seconds)


if __name__ == "__main__":
    for one in figures():
        Console().print(one.for_terminal())
