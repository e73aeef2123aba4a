from dataclasses import replace

import pytest

from benchmarks.scaling import Policy, figures, policy_of, simulate

SHORT = Policy(slots=10, target=7.0, fewest=2, most=400, out_cooldown=60, in_cooldown=900)
LONG = replace(SHORT, out_cooldown=300)


def test_a_template_says_how_its_streamers_scale() -> None:
    tracking = {"TargetValue": 35, "ScaleOutCooldown": 300, "ScaleInCooldown": 900}
    environment = [{"Name": "TABLE", "Value": {"Ref": "Table"}}, {"Name": "SLOTS", "Value": "50"}]
    resources: list[dict[str, object]] = [
        {"Type": "AWS::SQS::Queue"},
        {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {"MinCapacity": 2, "MaxCapacity": 3},
        },
        {
            "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
            "Properties": {"TargetTrackingScalingPolicyConfiguration": tracking},
        },
        {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {"ContainerDefinitions": [{"Environment": environment}]},
        },
    ]
    assert policy_of(resources) == Policy(slots=50, target=35.0, fewest=2, most=3, out_cooldown=300, in_cooldown=900)


def test_a_day_is_the_same_each_time() -> None:
    assert simulate(LONG, busiest=40) == simulate(LONG, busiest=40)


def test_nobody_waits_where_the_fewest_tasks_have_room_for_all() -> None:
    day = simulate(replace(LONG, fewest=8), busiest=20)
    assert day.waits[-1] == 0
    assert day.most_tasks == 8


def test_calls_of_a_surge_wait_for_the_alarm_and_for_tasks_to_start_and_are_then_followed() -> None:
    day = simulate(LONG, busiest=70, surge=True)
    # Three minutes above the target, two until that is known, one until a task runs, and part of one before.
    assert 120 < day.waits[-1] < 420
    assert day.minutes[-1].waiting == day.minutes[-1].running == 0


def test_each_second_from_metric_to_alarm_is_waited_for() -> None:
    early, late = (simulate(LONG, busiest=70, surge=True, metric_seconds=seconds).waits[-1] for seconds in (60, 180))
    assert 60 <= late - early <= 180


def test_a_cooldown_that_is_shorter_than_the_metric_takes_multiplies_tasks_again_and_again() -> None:
    short, long = (simulate(policy, busiest=70, surge=True, metric_seconds=180) for policy in (SHORT, LONG))
    assert short.most_tasks == SHORT.most
    assert long.most_tasks <= 20
    assert short.task_seconds > 2 * long.task_seconds


def test_there_are_never_more_tasks_than_may_be_and_calls_wait_instead() -> None:
    day = simulate(replace(SHORT, most=5), busiest=70, surge=True)
    assert day.most_tasks == 5
    assert day.waits[-1] > 1_000


def test_tasks_follow_calls_down_to_the_fewest() -> None:
    day = simulate(LONG, busiest=70)
    assert day.most_tasks >= 9
    assert day.minutes[-1].wanted == LONG.fewest


def test_steps_that_look_at_one_minute_shorten_the_wait() -> None:
    stepped = replace(LONG, steps=((10.0, 100), (14.0, 300)))
    quick, slow = (simulate(policy, busiest=70, surge=True).waits[-1] for policy in (stepped, LONG))
    assert quick < slow


@pytest.fixture(scope="module")
def tables() -> dict[str, tuple[tuple[str, ...], ...]]:
    return {table.name: table.rows for table in figures(LONG)}


def test_tables_say_waits_tasks_and_what_stands_idle(tables: dict[str, tuple[tuple[str, ...], ...]]) -> None:
    assert set(tables) == {"scaling-days", "scaling-hours", "scaling-surge", "scaling-settings"}
    for _, *_, all_tasks, idle in tables["scaling-days"]:
        assert 0 < float(idle) < float(all_tasks)
    waiting = [row[1:] for row in tables["scaling-surge"] if row[0] == "calls that wait"]
    assert waiting[0][-1] == "0"
    assert max(map(int, waiting[0])) > 0
