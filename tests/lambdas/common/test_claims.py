from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from callscribe.contract.call_kind import CallKind
from callscribe.contract.table_keys import ItemKey
from lambdas.common.claims import (
    AlreadyAnswered,
    AttemptsSpent,
    ClaimLost,
    Claims,
    Duplicate,
    RequestInFlight,
    RequestLease,
    Taken,
)
from lambdas.common.errors import SafeError
from tests.fakes.together import together
from tests.lambdas.cloud import (
    EXECUTION,
    LEASE,
    NOW,
    OTHER_EXECUTION,
    AtomicTable,
    Cloud,
    ForgetfulTable,
    announced,
    call,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

REQUEST_LEASE = timedelta(minutes=10)


@pytest.fixture
def claims(cloud: Cloud) -> Claims:
    return Claims(table=cloud.table)


def take(claims: Claims, *, execution: str = EXECUTION, at: timedelta = timedelta(0)) -> Taken | Duplicate:
    return claims.take(announced(), call=call(), execution=execution, now=NOW + at, lease=LEASE)


def set_status(cloud: Cloud, status: str) -> None:
    cloud.table.update_item(
        Key={"PK": f"RECORDING#{announced().recording_id}", "SK": "CLAIM"},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": status},
    )


def test_a_new_claim_says_whose_recording_it_is(claims: Claims, cloud: Cloud) -> None:
    assert take(claims) == Taken()
    claim = cloud.claim(announced().recording_id)
    assert claim["status"] == "claimed"
    assert claim["execution"] == EXECUTION
    assert claim["lease_until"] == int((NOW + LEASE).timestamp())
    assert (claim["clinic_id"], claim["call_id"], claim["kind"]) == ("harbour", "call-7", "agent")
    assert (claim["bucket"], claim["s3_key"], claim["version_id"]) == ("recordings", announced().key, "v1")
    assert (claim["attempts"], claim["deepgram_requests"]) == (1, 0)
    assert "expires_at" not in claim


def test_claims_are_listed_by_call(claims: Claims, cloud: Cloud) -> None:
    take(claims)
    claim = cloud.claim(announced().recording_id)
    assert (claim["GSI1PK"], claim["GSI1SK"]) == ("CALL#call-7", f"CLAIM#agent#{announced().recording_id}")


def test_a_rejected_claim_is_listed_until_somebody_takes_it(claims: Claims, cloud: Cloud) -> None:
    take(claims)
    assert "GSI2PK" not in cloud.claim(announced().recording_id)
    claims.reject(announced().recording_id, execution=EXECUTION, error=SafeError("TooLong", "too long"), now=NOW)
    rejected = cloud.claim(announced().recording_id)
    assert (rejected["GSI2PK"], rejected["GSI2SK"]) == (
        "FAILED",
        f"{NOW:%Y-%m-%dT%H:%M:%SZ}#{announced().recording_id}",
    )
    take(claims, execution=OTHER_EXECUTION)
    assert "GSI2PK" not in cloud.claim(announced().recording_id)


def test_a_claim_expires_with_the_retention(cloud: Cloud) -> None:
    take(Claims(table=cloud.table, retention=timedelta(days=30)))
    assert cloud.claim(announced().recording_id)["expires_at"] == int((NOW + timedelta(days=30)).timestamp())


def test_of_five_simultaneous_executions_one_gets_the_claim(cloud: Cloud) -> None:
    table = cast("Table", AtomicTable(cloud.table))

    def announce(number: int) -> Taken | Duplicate:
        return take(Claims(table=table), execution=f"{EXECUTION}-{number}")

    outcomes = together(announce)
    assert outcomes.count(Taken()) == 1
    assert outcomes.count(Duplicate(reason="in-progress")) == 4


def test_the_execution_that_holds_a_claim_can_take_it_again(claims: Claims, cloud: Cloud) -> None:
    take(claims)
    assert take(claims) == Taken()
    assert cloud.claim(announced().recording_id)["attempts"] == 1


@pytest.mark.parametrize("status", ["claimed", "transcribed", "stored"])
def test_a_claim_in_progress_belongs_to_its_execution(claims: Claims, cloud: Cloud, status: str) -> None:
    take(claims)
    set_status(cloud, status)
    assert take(claims, execution=OTHER_EXECUTION, at=LEASE) == Duplicate(reason="in-progress")


@pytest.mark.parametrize("status", ["claimed", "transcribed", "stored"])
def test_a_claim_is_taken_over_after_its_lease(claims: Claims, cloud: Cloud, status: str) -> None:
    take(claims)
    set_status(cloud, status)
    assert take(claims, execution=OTHER_EXECUTION, at=LEASE + timedelta(seconds=1)) == Taken()
    claim = cloud.claim(announced().recording_id)
    assert (claim["execution"], claim["status"], claim["attempts"]) == (OTHER_EXECUTION, "claimed", 2)


@pytest.mark.parametrize("status", ["claimed", "transcribed", "stored"])
def test_a_redrive_takes_the_claim_of_the_execution_it_repeats_before_its_lease_ends(
    claims: Claims, cloud: Cloud, status: str
) -> None:
    take(claims)
    set_status(cloud, status)
    redriven = claims.take(
        announced(), call=call(), execution=OTHER_EXECUTION, now=NOW, lease=LEASE, ended_executions=(EXECUTION,)
    )
    assert redriven == Taken()
    assert cloud.claim(announced().recording_id)["execution"] == OTHER_EXECUTION


def test_a_redrive_leaves_the_claim_of_a_third_execution_alone(claims: Claims) -> None:
    take(claims, execution=OTHER_EXECUTION)
    redriven = claims.take(
        announced(), call=call(), execution=f"{EXECUTION}-redriven", now=NOW, lease=LEASE, ended_executions=(EXECUTION,)
    )
    assert redriven == Duplicate(reason="in-progress")


def test_a_claim_learns_its_call_once_the_layout_is_known(claims: Claims, cloud: Cloud) -> None:
    claims.take(announced(), call=None, execution=EXECUTION, now=NOW, lease=LEASE)
    set_status(cloud, "rejected")
    take(claims, execution=OTHER_EXECUTION)
    claim = cloud.claim(announced().recording_id)
    assert (claim["GSI1PK"], claim["clinic_id"], claim["kind"]) == ("CALL#call-7", "harbour", "agent")


@pytest.mark.parametrize("status", ["failed", "rejected"])
def test_a_failed_recording_can_be_claimed_again(claims: Claims, cloud: Cloud, status: str) -> None:
    take(claims)
    claims.reject(announced().recording_id, execution=EXECUTION, error=SafeError("TooLong", "cut it"), now=NOW)
    set_status(cloud, status)
    assert take(claims, execution=OTHER_EXECUTION) == Taken()
    claim = cloud.claim(announced().recording_id)
    assert (claim["status"], claim["attempts"]) == ("claimed", 2)
    assert "error_code" not in claim


def test_of_five_simultaneous_redrives_one_gets_the_claim(cloud: Cloud) -> None:
    table = cast("Table", AtomicTable(cloud.table))
    take(Claims(table=table))
    set_status(cloud, "failed")

    def redrive(number: int) -> Taken | Duplicate:
        return take(Claims(table=table), execution=f"{EXECUTION}-{number}")

    outcomes = together(redrive)
    assert outcomes.count(Taken()) == 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("completed", "already-transcribed"),
        ("superseded", "superseded"),
        ("kept", "kept-earlier-version"),
        ("of-a-later-version", "of-a-later-version"),
    ],
)
def test_a_finished_recording_is_a_duplicate_for_ever(claims: Claims, cloud: Cloud, status: str, reason: str) -> None:
    take(claims)
    set_status(cloud, status)
    assert take(claims, execution=OTHER_EXECUTION, at=LEASE * 1000) == Duplicate(reason=reason)


def cover(claims: Claims) -> None:
    take(claims)
    claims.cover(
        announced().recording_id, execution=EXECUTION, reason="live-complete", live=ItemKey("CLINIC#c", "T"), now=NOW
    )


def test_a_covered_recording_is_claimed_again_only_on_purpose(claims: Claims, cloud: Cloud) -> None:
    cover(claims)
    claim = cloud.claim(announced().recording_id)
    assert (claim["status"], claim["live_transcript"]) == ("covered", {"pk": "CLINIC#c", "sk": "T"})
    assert take(claims, execution=OTHER_EXECUTION) == Duplicate(reason="covered-by-live-transcript")
    assert take(claims) == Taken()
    on_purpose = claims.take(
        announced(), call=call(), execution=OTHER_EXECUTION, now=NOW, lease=LEASE, ended_executions=(EXECUTION,)
    )
    assert on_purpose == Taken()
    assert cloud.claim(announced().recording_id)["status"] == "claimed"


def test_only_the_execution_that_holds_a_claim_can_cover_it(claims: Claims) -> None:
    take(claims, execution=OTHER_EXECUTION)
    with pytest.raises(ClaimLost):
        cover(claims)


def test_the_two_recordings_of_one_contact_have_claims_of_their_own(claims: Claims) -> None:
    ivr, other = call(kind=CallKind.IVR), announced(version_id="v-ivr")
    assert take(claims) == Taken()
    assert claims.take(other, call=ivr, execution=OTHER_EXECUTION, now=NOW, lease=LEASE) == Taken()


def test_a_rejection_says_why(claims: Claims, cloud: Cloud) -> None:
    take(claims)
    claims.reject(announced().recording_id, execution=EXECUTION, error=SafeError("TooLong", "cut it"), now=NOW)
    claim = cloud.claim(announced().recording_id)
    assert (claim["status"], claim["error_code"], claim["error_message"]) == ("rejected", "TooLong", "cut it")


def test_requests_are_counted_before_they_are_sent(claims: Claims, cloud: Cloud) -> None:
    take(claims)
    lease = begin(claims)
    assert isinstance(lease, RequestLease)
    assert (lease.until, lease.requests) == (int((NOW + REQUEST_LEASE).timestamp()), 1)
    assert cloud.claim(announced().recording_id)["deepgram_requests"] == 1


def test_a_request_in_flight_keeps_a_second_one_back(claims: Claims, cloud: Cloud) -> None:
    take(claims)
    begin(claims)
    assert begin(claims, at=REQUEST_LEASE) == RequestInFlight(until=int((NOW + REQUEST_LEASE).timestamp()))
    assert cloud.claim(announced().recording_id)["deepgram_requests"] == 1


def test_a_request_is_sent_again_after_the_lease_of_a_dead_one(claims: Claims) -> None:
    take(claims)
    begin(claims)
    again = begin(claims, at=REQUEST_LEASE + timedelta(seconds=1))
    assert isinstance(again, RequestLease)
    assert again.requests == 2


def test_a_request_is_sent_again_after_one_that_failed(claims: Claims) -> None:
    take(claims)
    first = begin(claims)
    assert isinstance(first, RequestLease)
    claims.end_request(announced().recording_id, execution=EXECUTION, lease=first, now=NOW, replied=False)
    again = begin(claims)
    assert isinstance(again, RequestLease)
    assert again.requests == 2


def test_of_two_simultaneous_deliveries_one_may_send(cloud: Cloud) -> None:
    table = cast("Table", AtomicTable(cloud.table))
    take(Claims(table=table))

    def deliver(_: int) -> Any:
        return type(begin(Claims(table=table)))

    outcomes = set(together(deliver, times=2))
    assert outcomes == {RequestLease, RequestInFlight}


def test_a_write_whose_answer_got_lost_is_known_as_our_own(cloud: Cloud) -> None:
    claims = Claims(table=cast("Table", ForgetfulTable(cloud.table)))
    assert take(claims) == Taken()
    first = begin(claims)
    assert isinstance(first, RequestLease)
    claims.end_request(announced().recording_id, execution=EXECUTION, lease=first, now=NOW, replied=False)
    again = begin(claims)
    assert isinstance(again, RequestLease)
    assert again.requests == 2
    claims.record_reply(announced().recording_id, execution=EXECUTION, reply_key="k", request_id="r", now=NOW)
    set_status(cloud, "failed")
    assert take(claims, execution=OTHER_EXECUTION) == Taken()
    assert cloud.claim(announced().recording_id)["attempts"] == 2


def test_a_lease_that_another_delivery_has_taken_since_is_not_given_back(claims: Claims) -> None:
    take(claims)
    first = begin(claims)
    assert isinstance(first, RequestLease)
    begin(claims, at=REQUEST_LEASE * 2)
    with pytest.raises(ClaimLost):
        claims.end_request(announced().recording_id, execution=EXECUTION, lease=first, now=NOW, replied=False)


def test_an_execution_that_lost_its_claim_may_not_send(claims: Claims) -> None:
    take(claims)
    take(claims, execution=OTHER_EXECUTION, at=LEASE * 2)
    with pytest.raises(ClaimLost):
        begin(claims)


def test_a_takeover_waits_for_the_request_of_the_earlier_execution(claims: Claims, cloud: Cloud) -> None:
    take(claims)
    begin(claims)
    set_status(cloud, "failed")
    take(claims, execution=OTHER_EXECUTION)
    assert isinstance(begin(claims, execution=OTHER_EXECUTION), RequestInFlight)


def test_a_reply_is_noted_and_ends_the_request(claims: Claims, cloud: Cloud) -> None:
    take(claims)
    begin(claims)
    requests = claims.record_reply(
        announced().recording_id, execution=EXECUTION, reply_key="replies/x.json.gz", request_id="r-1", now=NOW
    )
    claim = cloud.claim(announced().recording_id)
    assert requests == 1
    assert (claim["status"], claim["reply_key"], claim["request_id"]) == ("transcribed", "replies/x.json.gz", "r-1")
    assert "request_lease_until" not in claim


def test_an_execution_that_has_its_reply_may_not_send_again(claims: Claims) -> None:
    take(claims)
    lease = begin(claims)
    assert isinstance(lease, RequestLease)
    claims.end_request(announced().recording_id, execution=EXECUTION, lease=lease, now=NOW, replied=True)
    assert begin(claims) == AlreadyAnswered()
    claims.record_reply(announced().recording_id, execution=EXECUTION, reply_key="k", request_id="r", now=NOW)
    assert begin(claims) == AlreadyAnswered()


def test_a_later_execution_may_send_again(claims: Claims, cloud: Cloud) -> None:
    take(claims)
    lease = begin(claims)
    assert isinstance(lease, RequestLease)
    claims.end_request(announced().recording_id, execution=EXECUTION, lease=lease, now=NOW, replied=True)
    set_status(cloud, "failed")
    take(claims, execution=OTHER_EXECUTION)
    assert isinstance(begin(claims, execution=OTHER_EXECUTION), RequestLease)


def test_a_claim_that_is_gone_cannot_be_changed(claims: Claims) -> None:
    with pytest.raises(ClaimLost):
        begin(claims)
    with pytest.raises(ClaimLost):
        claims.supersede(announced().recording_id, now=NOW)


def begin(
    claims: Claims, *, execution: str = EXECUTION, at: timedelta = timedelta(0), most: int | None = None
) -> RequestLease | RequestInFlight | AlreadyAnswered | AttemptsSpent:
    return claims.begin_request(
        announced().recording_id, execution=execution, now=NOW + at, lease=REQUEST_LEASE, most=most
    )


def ask(claims: Claims, *, refused: bool = False, **about: Any) -> RequestLease:
    """Send a request that brings nothing."""
    lease = begin(claims, **about)
    assert isinstance(lease, RequestLease)
    claims.end_request(
        announced().recording_id,
        execution=about.get("execution", EXECUTION),
        lease=lease,
        now=NOW,
        replied=False,
        refused=refused,
    )
    return lease


def test_an_execution_sends_as_many_requests_as_it_may(claims: Claims, cloud: Cloud) -> None:
    take(claims)
    assert [ask(claims, most=3).attempts for _ in range(3)] == [1, 2, 3]
    assert begin(claims, most=3) == AttemptsSpent(attempts=3)
    assert cloud.claim(announced().recording_id)["deepgram_requests"] == 3
    set_status(cloud, "failed")
    take(claims, execution=OTHER_EXECUTION)
    again = ask(claims, execution=OTHER_EXECUTION, most=3)
    assert (again.attempts, again.requests) == (1, 4)


def test_requests_that_were_refused_are_counted_beside_the_others(cloud: Cloud) -> None:
    claims = Claims(table=cast("Table", ForgetfulTable(cloud.table)))
    take(claims)
    ask(claims, refused=True)
    ask(claims)
    ask(claims, refused=True)
    last = begin(claims)
    assert isinstance(last, RequestLease)
    assert (last.requests, last.refused) == (4, 2)


def test_an_answer_that_is_noted_keeps_its_execution_from_asking_again_once_the_lease_is_over(claims: Claims) -> None:
    take(claims)
    lease = begin(claims)
    assert isinstance(lease, RequestLease)
    claims.note_answer(announced().recording_id, execution=EXECUTION, lease=lease, now=NOW)
    assert isinstance(begin(claims), RequestInFlight)
    assert begin(claims, at=REQUEST_LEASE + timedelta(seconds=1)) == AlreadyAnswered()


def test_only_who_asked_may_note_the_answer(claims: Claims) -> None:
    take(claims)
    lease = begin(claims)
    assert isinstance(lease, RequestLease)
    ask(claims, at=REQUEST_LEASE + timedelta(seconds=1))
    with pytest.raises(ClaimLost):
        claims.note_answer(announced().recording_id, execution=EXECUTION, lease=lease, now=NOW)
