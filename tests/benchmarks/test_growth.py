from decimal import Decimal

from benchmarks.cost import Line, price
from benchmarks.growth import batch_figures, live_figures
from benchmarks.live.size import CALLS_PER_TASK
from benchmarks.report import Figures

REQUESTS = {"Publish": 1.0, "TransactWriteItems": 0.5, "UpdateItem": 0.1}


def row(figures: Figures, what: str) -> tuple[str, ...]:
    [found] = [cells for cells in figures.rows if cells[0].startswith(what)]
    return found[1:]


def test_there_are_tasks_for_all_calls_and_never_fewer_than_two() -> None:
    assert row(live_figures(REQUESTS), "tasks") == ("2", "2", "15", "143")


def test_requests_grow_with_the_calls() -> None:
    assert row(live_figures(REQUESTS), "AppSync publications") == ("10", "100", "1,000", "10,000")


def test_the_list_of_a_clinic_is_written_with_every_change_of_a_call() -> None:
    assert row(live_figures(REQUESTS), "write units a second in one partition") == ("6.0", "60", "600", "6,000")


def test_what_runs_for_all_calls_is_shared_by_them() -> None:
    figures = live_figures(REQUESTS)
    few, *_, many = map(Decimal, row(figures, "AWS, USD a call-hour, private"))
    of_ten = (2 * price("fargate_vcpu_hour_arm64") + 4 * price("fargate_gb_hour_arm64")) / 10
    of_many = (price("fargate_vcpu_hour_arm64") + 2 * price("fargate_gb_hour_arm64")) / CALLS_PER_TASK
    gateways = 2 * (price("nat_hour") + price("public_ipv4_hour"))
    expected = of_ten - of_many + gateways / 10 - gateways / 10_000
    assert abs(few - many - expected) < Decimal("0.0003")


def test_public_addresses_cost_less_at_every_size() -> None:
    figures = live_figures(REQUESTS)
    private, public = (row(figures, f"AWS, USD a call-hour, {kind}") for kind in ("private", "public"))
    assert all(Decimal(ours) < Decimal(theirs) for ours, theirs in zip(public, private, strict=True))


def test_the_busiest_hour_has_more_than_its_share_of_a_days_recordings() -> None:
    lines = (Line(service="Step Functions", what="state transitions", quantity=Decimal(10), price="sqs_request"),)
    figures = batch_figures(lines)
    assert row(figures, "state transitions") == ("0.21", "21")
    assert row(figures, "requests to Deepgram") == ("0.12", "12")
