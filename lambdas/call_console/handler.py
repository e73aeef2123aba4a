"""Console: the page, and the API behind it (docs/reference/console-api.md)."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from http import HTTPMethod, HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import msgspec
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.exceptions import BotoCoreError, ClientError

from callscribe.console.access import PROGRAM_REDIRECTS, ConsoleRole, NoUser, User, user_of
from callscribe.console.comparison import MOST_WORDS, TooManyWords, compare
from callscribe.console.corrections import RolesAsked
from callscribe.console.listing import MOST_ROWS, CallRow, InvalidQuery, ListQuery, Position, is_day
from callscribe.console.overview import by_day
from callscribe.console.reviews import LEAST_PAIRS, NEAR, ReviewAsked
from callscribe.contract.call_kind import CallKind
from callscribe.contract.metrics import FunctionMetric
from callscribe.conversation.flags import load_flag_set
from callscribe.environments.functions import CallConsoleEnvironment
from callscribe.serialization import InvalidData, decode_json, encode
from callscribe.time_zones import time_zone
from lambdas.call_console.calls import CallAddress, ClinicCalls, WholeCall
from lambdas.call_console.drawing import START_SECONDS, Drawing
from lambdas.call_console.errors import ApiError, BadRequest, Forbidden, NotFound, TooLarge, Unavailable
from lambdas.call_console.failures import ClinicFailures
from lambdas.call_console.live import ClinicLiveCalls
from lambdas.call_console.noting import JUDGE_SECONDS, Judges, Noting
from lambdas.call_console.origin import Origin
from lambdas.call_console.page_files import PageFiles
from lambdas.call_console.search import ClinicSearch, SearchAsked
from lambdas.call_console.sessions import ClinicSessions
from lambdas.common import aws
from lambdas.common.errors import describe, is_transient
from lambdas.common.observability import entry_point, logger, metrics
from lambdas.common.presigning import Presigner

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

AUDIO_LIFETIME: Final = timedelta(minutes=5)
"""How long the URL of a recording is good for."""
# A function's answer may have 6 MB (AWS Lambda Developer Guide, "Lambda quotas"), and is text: packed bytes in base64.
_MOST_ANSWER_BYTES: Final = 5_900_000
_MOST_COUNTED: Final = 1000
"""Most calls that a request for figures looks at: the next one goes on where it ended."""
_PACKED_FROM: Final = 2_000
_SEARCH: Final = "/search"
_OF_WAVEFORMS: Final = ("duration_seconds", "channels", "reason")
# A review of twenty criteria with notes as long as they may be has a fifth of it.
_MOST_ASKED_CHARACTERS: Final = 200_000

app = APIGatewayHttpResolver()


@dataclass(frozen=True, kw_only=True)
class _Console:
    """What the routes share.

    Attributes:
        environment: What the function is told.
        sessions: By which calls are read.
        presigner: Signs the URLs of recordings.
        judges: Judge transcripts anew.
        drawing: Has waveforms drawn.
        origin: What requests must show; None where they need not.
        page: The page.
    """

    environment: CallConsoleEnvironment
    sessions: ClinicSessions
    presigner: Presigner
    judges: Judges
    drawing: Drawing
    origin: Origin | None
    page: PageFiles


@cache
def _console() -> _Console:
    environment, region = CallConsoleEnvironment.from_variables(os.environ), os.environ["AWS_REGION"]
    asked = (environment.sign_in_url, environment.feed_http_url or "", environment.feed_realtime_url or "")
    return _Console(
        environment=environment,
        sessions=ClinicSessions(
            sts=aws.sts(),
            role_arn=environment.reader_role_arn,
            writer_role_arn=environment.writer_role_arn,
            region=region,
            table_name=environment.table_name,
            archive_bucket=environment.archive_bucket,
            search_bucket=environment.search_bucket,
        ),
        presigner=Presigner(sts=aws.sts(), role_arn=environment.audio_role_arn, region=region, lifetime=AUDIO_LIFETIME),
        judges=Judges(
            client=aws.functions(read_timeout=JUDGE_SECONDS),
            recordings=environment.store_function,
            live=environment.live_store_function,
        ),
        drawing=Drawing(client=aws.functions(read_timeout=START_SECONDS), function=environment.waveform_function),
        origin=None
        if environment.origin_secret_arn is None
        else Origin(
            secrets=SecretsProvider(boto3_client=aws.secrets_manager()), secret_arn=environment.origin_secret_arn
        ),
        page=PageFiles(
            connect=sorted({_origin(url) for url in asked if url}), media=[_media_origin(environment.recording_bucket)]
        ),
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _media_origin(bucket: str) -> str:
    """Where URLs of recordings lead, which S3's client alone knows. It signs them without asking anybody."""
    return _origin(aws.s3().generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "any"}))


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request of the HTTP API (payload format 2.0), whose authorizer has checked the token of `/api/`.

    Args:
        event: The request.
        context: Lambda's context.

    Returns:
        The answer.
    """
    origin = _console().origin
    if origin is not None and not origin.sent(event):
        past = _refused(Forbidden("the console is at its own name"))
        return {"statusCode": past.status_code, "body": past.body, "headers": past.headers, "isBase64Encoded": False}
    answer: dict[str, Any] = app.resolve(event, context)
    if len(answer.get("body") or "") > _MOST_ANSWER_BYTES:
        too_large = _refused(TooLarge("the call is too long to be shown: its document in the archive has it whole"))
        headers = {"headers": too_large.headers, "isBase64Encoded": False}
        answer = {"statusCode": too_large.status_code, "body": too_large.body, **headers}
    metrics.add_metric(name=FunctionMetric.CONSOLE_REQUESTS, unit=MetricUnit.Count, value=1)
    return answer


@app.get("/")
def _page() -> Response[Any]:
    return _page_file()


@app.get("/page/.+")
def _page_part() -> Response[Any]:
    return _page_file()


def _page_file() -> Response[Any]:
    file = _console().page.answer(app.current_event.path)
    if file is None:
        raise NotFound
    return Response(status_code=HTTPStatus.OK, headers=file.headers, body=file.body)


@app.get("/config.json")
def _config() -> Response[Any]:
    told = _console().environment
    return _json(
        {
            "sign_in": {
                "authorize": f"{told.sign_in_url}/oauth2/authorize",
                "token": f"{told.sign_in_url}/oauth2/token",
                "logout": f"{told.sign_in_url}/logout",
                "client_id": told.client_id,
                "scopes": ["openid", "email", told.calls_scope],
            },
            "program": None
            if told.program_client_id is None
            else {"client_id": told.program_client_id, "redirect_uris": PROGRAM_REDIRECTS, "scopes": ["openid"]},
        }
    )


@app.get("/api/session")
def _session() -> Response[Any]:
    user, told = _user(), _console().environment
    flags = load_flag_set(told.flags).file.flags
    others = told.time_zones.get("*")
    feed = {"http": told.feed_http_url, "realtime": told.feed_realtime_url}
    return _json(
        {
            "user": user.name,
            "roles": sorted(user.roles),
            "may_review": user.reviews,
            "correctable": _console().judges.sources if user.reviews else (),
            "clinics": [{"id": clinic, "time_zone": told.time_zones.get(clinic, others)} for clinic in user.clinics],
            "role_names": told.role_names,
            "flags": [{"name": name, "title": rules.title, "alerts": rules.alerts} for name, rules in flags.items()],
            "feed": feed if told.feed_http_url else None,
            "search": told.search_bucket is not None,
        }
    )


@app.get("/api/clinics/<clinic>/calls")
def _calls(clinic: str) -> Response[Any]:
    calls = _calls_of(clinic)
    return _json(encode(calls.page(ListQuery.of(app.current_event.query_string_parameters or {}))))


@app.get("/api/clinics/<clinic>/calls/<day>/<call>")
def _call(clinic: str, day: str, call: str) -> Response[Any]:
    return _whole(clinic, _address(day, call), version=_parameter("version"))


def _whole(clinic: str, address: CallAddress, *, version: str | None = None) -> Response[Any]:
    whole = _calls_of(clinic).whole(address, version=version)
    noting = _noting(clinic)
    said = {"corrections": noting.corrections(address), "reviews": noting.reviews(address)}
    _note_view("words viewed", clinic, address.call_id, address.kind)
    return _json(_call_answer(whole) | {name: encode(said[name][::-1]) for name in said})


@app.put("/api/clinics/<clinic>/calls/<day>/<call>/roles")
def _roles(clinic: str, day: str, call: str) -> Response[Any]:
    return _noted(clinic, _address(day, call), RolesAsked, Noting.correct, "roles corrected")


@app.put("/api/clinics/<clinic>/calls/<day>/<call>/review")
def _review(clinic: str, day: str, call: str) -> Response[Any]:
    return _noted(clinic, _address(day, call), ReviewAsked, Noting.review, "call reviewed")


def _noted(clinic: str, address: CallAddress, kind: type[Any], write: Callable[..., None], what: str) -> Response[Any]:
    """Write down what is said of a call, and answer with the call as it is then."""
    sessions, user = _console().sessions, _user()
    session = sessions.of(user, clinic)
    # Asked for before anything is read, so that who may not write learns nothing of what could be written.
    writer = sessions.writer(user, clinic)
    asked = _asked(kind)
    write(Noting(session, _console().judges), address, asked, writer=writer, author=user.name, now=datetime.now(UTC))
    logger.info(what, user=user.name, clinic_id=clinic, call_id=address.call_id, kind=address.kind)
    return _whole(clinic, address)


@app.get("/api/clinics/<clinic>/calls/<day>/<call>/comparison")
def _comparison(clinic: str, day: str, call: str) -> Response[Any]:
    address, calls = _address(day, call), _calls_of(clinic)
    versions = [_parameter(name) for name in ("before", "after")]
    if None in versions:
        raise BadRequest("name before and after: recording ids, or live")
    before, after = (calls.transcript(address, version=str(version)) for version in versions)
    try:
        compared = compare(before, after)
    except TooManyWords:
        raise TooLarge(f"a transcript of more than {MOST_WORDS} words is not compared") from None
    _note_view("words viewed", clinic, address.call_id, address.kind)
    return _json(encode(compared))


@app.get("/api/clinics/<clinic>/calibration")
def _calibration(clinic: str) -> Response[Any]:
    first, last = (_day(name) for name in ("from", "to"))
    found = _noting(clinic).calibration(first, last)
    return _json({"least_pairs": LEAST_PAIRS, "near": NEAR, "criteria": encode(found)})


@app.get("/api/clinics/<clinic>/calls/<day>/<call>/audio")
def _audio(clinic: str, day: str, call: str) -> Response[Any]:
    address, now = _address(day, call), datetime.now(UTC)
    link = _calls_of(clinic).audio(address, _console().presigner, lifetime=AUDIO_LIFETIME, now=now)
    _note_view("audio requested", clinic, address.call_id, address.kind)
    return _json(encode(link))


@app.get("/api/clinics/<clinic>/calls/<day>/<call>/waveform")
def _waveform(clinic: str, day: str, call: str) -> Response[Any]:
    message, kept = _calls_of(clinic).waveform(_address(day, call))
    known = {"recording": message is not None, "drawn": kept is not None}
    return _json(known | {name: None if kept is None else encode(kept)[name] for name in _OF_WAVEFORMS})


@app.post("/api/clinics/<clinic>/calls/<day>/<call>/waveform")
def _draw_waveform(clinic: str, day: str, call: str) -> Response[Any]:
    message, kept = _calls_of(clinic).waveform(_address(day, call))
    if message is None:
        raise NotFound
    if kept is None:
        _console().drawing.ask(message)
    return _json({"started": kept is None}, status=HTTPStatus.ACCEPTED)


@app.get("/api/clinics/<clinic>/overview")
def _overview(clinic: str) -> Response[Any]:
    asked = {"limit": str(MOST_ROWS), **(app.current_event.query_string_parameters or {})}
    zone = _zone(asked.pop("zone", None))
    query, calls = ListQuery.of(asked), _calls_of(clinic)
    rows: list[CallRow] = []
    cursor: str | None = None
    while True:
        page = calls.page(query)
        rows += page.calls
        cursor = page.cursor
        if cursor is None or len(rows) >= _MOST_COUNTED:
            break
        query = replace(query, after=Position.of_cursor(cursor))
    flags = load_flag_set(_console().environment.flags).file.flags
    alerts = {name for name, rules in flags.items() if rules.alerts}
    return _json({"days": encode(by_day(rows, zone=zone, alerts=alerts)), "calls": len(rows), "cursor": cursor})


# What is looked for stands in the body: addresses are kept in many places.
@app.post(f"/api/clinics/<clinic>{_SEARCH}")
def _search(clinic: str) -> Response[Any]:
    sessions, user = _console().sessions, _user()
    session = sessions.of(user, clinic)
    page = ClinicSearch(session, sessions.search(session)).page(_asked(SearchAsked))
    shown = [found.call.call_id for found in page.calls]
    logger.info(
        "words searched",
        user=user.name,
        by_program=_by_program(user),
        clinic_id=clinic,
        calls=shown,
        searched=page.searched,
    )
    metrics.add_metric(name=FunctionMetric.CALLS_VIEWED, unit=MetricUnit.Count, value=len(shown))
    return _json(encode(page))


@app.get("/api/clinics/<clinic>/live")
def _running(clinic: str) -> Response[Any]:
    return _json(encode(_live_calls_of(clinic).running()))


@app.get("/api/clinics/<clinic>/live/<call>")
def _live_call(clinic: str, call: str) -> Response[Any]:
    call_id = unquote(call)
    words = _live_calls_of(clinic).words(call_id, after=_parameter("after"))
    # Whoever follows a call asks every few seconds: the begin of it is the look.
    if _parameter("after") is None:
        _note_view("live words viewed", clinic, call_id)
    return _json(encode(words))


@app.get("/api/clinics/<clinic>/failed")
def _failed(clinic: str) -> Response[Any]:
    return _json(encode(_failures_of(clinic).latest()))


@app.post("/api/clinics/<clinic>/failed/<recording>/redrive")
def _redrive(clinic: str, recording: str) -> Response[Any]:
    failures, user = _failures_for_admin(clinic)
    call_id = failures.redrive(recording, aws.step_functions())
    logger.info("call repeated", user=user.name, clinic_id=clinic, call_id=call_id, recording_id=recording)
    return _json({"started": True}, status=HTTPStatus.ACCEPTED)


@app.post("/api/clinics/<clinic>/live/<call>/redrive")
def _follow_again(clinic: str, call: str) -> Response[Any]:
    failures, user = _failures_for_admin(clinic)
    call_id = unquote(call)
    failures.follow_again(call_id, sqs=aws.sqs(), kinesis_video=aws.kinesis_video())
    logger.info("live call repeated", user=user.name, clinic_id=clinic, call_id=call_id)
    return _json({"started": True}, status=HTTPStatus.ACCEPTED)


@app.not_found
def _no_route(_error: Exception) -> Response[Any]:
    return _refused(NotFound())


def _answer_refusals(app: APIGatewayHttpResolver, next_middleware: Callable[..., Response[Any]]) -> Response[Any]:
    """Turn what a route refuses into an answer; what nobody foresaw is the entry point's to scrub."""
    try:
        _check_program()
        return next_middleware(app)
    except ApiError as error:
        return _refused(error)
    except InvalidQuery as error:
        return _refused(BadRequest(str(error)))
    except NoUser:
        return _json({"message": "Unauthorized"}, status=HTTPStatus.UNAUTHORIZED)
    except (ClientError, BotoCoreError) as error:
        if not is_transient(error):
            raise
        logger.warning("unavailable", error=describe(error))
        return _refused(Unavailable())


app.use([_answer_refusals])


def _refused(error: ApiError) -> Response[Any]:
    return _json({"error": {"code": error.CODE, "message": error.message}}, status=error.STATUS)


def _user() -> User:
    claims = app.current_event.request_context.authorizer.jwt_claim
    return user_of(claims or {})


def _by_program(user: User) -> bool:
    program = _console().environment.program_client_id
    return program is not None and user.client_id == program


def _check_program() -> None:
    """Refuse whatever changes something to a program, whoever has signed in there.

    Raises:
        Forbidden: It does.
    """
    event = app.current_event
    reads = event.http_method == HTTPMethod.GET or event.path.endswith(_SEARCH)
    if event.path.startswith("/api/") and not reads and _by_program(_user()):
        raise Forbidden("a program reads, and changes nothing")


def _calls_of(clinic: str) -> ClinicCalls:
    sessions = _console().sessions
    return ClinicCalls(sessions.of(_user(), clinic), sessions)


def _live_calls_of(clinic: str) -> ClinicLiveCalls:
    sessions = _console().sessions
    return ClinicLiveCalls(sessions.of(_user(), clinic), sessions, now=datetime.now(UTC))


def _noting(clinic: str) -> Noting:
    return Noting(_console().sessions.of(_user(), clinic), _console().judges)


def _asked(kind: type[Any]) -> Any:
    """Read what was sent; the message of a refusal names the place and no words."""
    body = app.current_event.decoded_body or ""
    if len(body) > _MOST_ASKED_CHARACTERS:
        raise BadRequest(f"the body has more than {_MOST_ASKED_CHARACTERS} characters")
    try:
        return decode_json(kind, body, "the body")
    except InvalidData as error:
        raise BadRequest(str(error)) from None


def _day(name: str) -> str | None:
    day = _parameter(name)
    if day is not None and not is_day(day):
        raise BadRequest(f"{name} is no day (yyyy-mm-dd)")
    return day


def _zone(name: str | None) -> tzinfo:
    try:
        return UTC if name is None else time_zone(name)
    except ValueError:
        raise BadRequest("zone is no name of a time zone, such as Europe/Berlin") from None


def _failures_of(clinic: str) -> ClinicFailures:
    sessions, told = _console().sessions, _console().environment
    return ClinicFailures(
        sessions.of(_user(), clinic),
        sessions,
        state_machine_arn=told.state_machine_arn,
        live_calls_queue_url=told.live_calls_queue_url,
    )


def _failures_for_admin(clinic: str) -> tuple[ClinicFailures, User]:
    failures, user = _failures_of(clinic), _user()
    if ConsoleRole.ADMIN not in user.roles:
        raise Forbidden("only an admin of the clinic repeats calls")
    return failures, user


def _address(day: str, call: str) -> CallAddress:
    return CallAddress.of(day, unquote(call), _parameter("kind"))


def _parameter(name: str) -> str | None:
    return (app.current_event.query_string_parameters or {}).get(name)


def _note_view(what: str, clinic: str, call_id: str, kind: CallKind = CallKind.AGENT) -> None:
    user = _user()
    logger.info(what, user=user.name, by_program=_by_program(user), clinic_id=clinic, call_id=call_id, kind=kind)
    metrics.add_metric(name=FunctionMetric.CALLS_VIEWED, unit=MetricUnit.Count, value=1)


def _call_answer(whole: WholeCall) -> dict[str, Any]:
    known = {name: encode(getattr(whole, name)) for name in ("call", "quality", "analysis", "versions", "audio")}
    return {**known, "document": whole.document}


def _json(value: Any, *, status: int = HTTPStatus.OK) -> Response[Any]:
    """Answer in JSON, packed where it is long and the client takes that. No proxy and no browser keeps it."""
    body = msgspec.json.encode(value).decode()
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(status_code=status, headers=headers, body=body, compress=len(body) >= _PACKED_FROM)
