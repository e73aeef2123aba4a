from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from boto3.session import Session
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from operations import doctor
from operations.checks import capacity, clinics, connect_instance, deepgram, failures, streamers
from operations.checks.findings import Check, Examined, Finding, State, examine
from operations.command_line import main
from operations.environment import Environment

REGION = "eu-central-1"
ACCOUNT = "123456789012"
INSTANCE = f"arn:aws:connect:{REGION}:{ACCOUNT}:instance/c8c0e68d-2200-4265-82c0-5a2f0c6d7e11"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:deepgram"
TASKS = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/streamer:7"
KEY = "0123456789abcdef0123456789abcdef01234567"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/assets:3f"
BATCH = {
    "TableName": "transcripts",
    "DeepgramSecretArn": SECRET,
    "RecordingBucketName": "recordings",
    "FailedCallsQueueUrl": "https://sqs/failed",
}
LIVE = {
    "StreamerTaskDefinitionArn": TASKS,
    "StreamerServiceName": "streamers",
    "StreamerClusterName": "cluster",
    "StartLiveCallFunctionName": "start",
    "EndLiveCallFunctionName": "end",
    "FailedLiveCallsQueueUrl": "https://sqs/failed-live",
}
# One for all tests: reading the descriptions of the services takes longer than the tests do.
SESSION = Session("testing", "testing", region_name=REGION)


class Stubs:
    """AWS that answers what it was told to, request by request; answers and requests are held to AWS's models."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}
        self._stubbers: dict[str, Stubber] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = SESSION.client(service)  # type: ignore[call-overload]
            self._stubbers[service] = Stubber(self._clients[service])
            self._stubbers[service].activate()
        return self._clients[service]

    def answer(self, service: str, operation: str, answer: dict[str, Any], **expected: Any) -> None:
        self.client(service)
        self._stubbers[service].add_response(operation, answer, expected or None)

    def refuse(self, service: str, operation: str, code: str) -> None:
        self.client(service)
        self._stubbers[service].add_client_error(operation, code, f"refused {KEY}")

    def streamer(self, *, image: str = IMAGE, url: str = "wss://api.deepgram.com", slots: str = "50") -> None:
        settings = {"DEEPGRAM_STREAM_URL": url, "SLOTS": slots}
        container = {
            "name": "streamer",
            "image": image,
            "environment": [{"name": name, "value": value} for name, value in settings.items()],
        }
        definition = {"containerDefinitions": [container], "cpu": "1024"}
        self.answer("ecs", "describe_task_definition", {"taskDefinition": definition}, taskDefinition=TASKS)


@pytest.fixture
def aws() -> Stubs:
    return Stubs()


@pytest.fixture
def shown_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """Deepgram takes the key; where it was shown is kept."""
    shown: list[tuple[str, str]] = []

    def get(url: str, *, headers: dict[str, str], timeout: float) -> httpx.Response:
        assert 0 < timeout <= 30
        shown.append((url, headers["Authorization"]))
        return httpx.Response(200, json={})

    monkeypatch.setattr(httpx, "get", get)
    return shown  # type: ignore[return-value]


def found(aws: Stubs, check: Check, *, live: bool = True, **options: Any) -> list[Finding]:
    target = Environment(name="Dev", outputs=BATCH | (LIVE if live else {}), session=SESSION)
    return examine(check, Examined(target, aws.client, **options))


def states(findings: list[Finding]) -> list[State]:
    return [finding.state for finding in findings]


def one(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


# Whose calls they are

QUEUE = "2f1a7c8e-0001-4000-8000-00000000000a"
NUMBER = "+493012345678"


@pytest.mark.parametrize(("counts", "wanted"), [((0, 0), [State.OK, State.OK]), ((0, 2), [State.OK, State.WARNING])])
def test_disputed_calls_are_counted_and_listed_by_a_command(
    aws: Stubs, counts: tuple[int, int], wanted: list[State]
) -> None:
    for count in counts:
        aws.answer("dynamodb", "query", {"Count": count})
    findings = found(aws, clinics.check_disputes, live=False)
    assert states(findings) == wanted
    for finding in findings:
        assert (finding.state is State.WARNING) == (
            "callscribe calls --environment Dev --disputed --day" in finding.remedy
        )


def settings(aws: Stubs, **rules: Any) -> None:
    variables = {"CLINICS": json.dumps(rules)}
    answer = {"Environment": {"Variables": variables}}
    aws.answer("lambda", "get_function_configuration", answer, FunctionName="start")


@pytest.mark.parametrize(
    ("queues", "numbers", "wanted"),
    [
        ([QUEUE], [NUMBER], [State.OK, State.OK]),
        ([QUEUE, "another"], [NUMBER], [State.OK, State.OK, State.OK]),
        (["another"], ["+4930"], [State.WARNING, State.OK, State.WARNING, State.OK]),
    ],
)
def test_what_the_settings_name_is_looked_for_in_the_instance(
    aws: Stubs, queues: list[str], numbers: list[str], wanted: list[State]
) -> None:
    settings(
        aws, clinic_by_queue={f"{INSTANCE}/queue/{QUEUE}": "lakeside"}, clinic_by_dialled_number={NUMBER: "harbour"}
    )
    listed = {"QueueSummaryList": [{"Id": queue} for queue in queues]}
    aws.answer("connect", "list_queues", listed, InstanceId=INSTANCE, QueueTypes=["STANDARD"])
    listed = {"ListPhoneNumbersSummaryList": [{"PhoneNumber": number} for number in numbers]}
    aws.answer("connect", "list_phone_numbers_v2", listed, TargetArn=INSTANCE)
    findings = found(aws, clinics.check_settings, instance_arn=INSTANCE)
    assert states(findings) == wanted
    assert not any("4930" in finding.what + finding.remedy for finding in findings)


def test_settings_that_name_no_queue_need_no_instance_to_be_asked(aws: Stubs) -> None:
    settings(aws, default_clinic_id="main")
    assert states(found(aws, clinics.check_settings, instance_arn=INSTANCE)) == [State.OK, State.OK]


def test_settings_are_not_compared_without_an_instance(aws: Stubs) -> None:
    assert states(found(aws, clinics.check_settings)) == [State.SKIPPED]


# Deepgram's key


def test_of_the_environment_on_this_machine_only_what_is_there_is_looked_at(aws: Stubs) -> None:
    target = Environment(name="Local", outputs={**BATCH, **LIVE}, session=SESSION)

    found = doctor.diagnose(Examined(target, aws.client))

    absent = ("Image", "Streamers", "Streams", "Storage", "Functions", "Flow modules", "Clinics", "Quotas", "Capacity")
    for name in absent:
        (finding,) = found[name]
        assert finding.state is State.SKIPPED
        assert "this machine" in finding.what
    assert found.keys() == doctor.CHECKS.keys()


def test_a_key_that_deepgram_takes(aws: Stubs, shown_keys: list[tuple[str, str]]) -> None:
    aws.answer("secretsmanager", "get_secret_value", {"SecretString": json.dumps({"api_key": KEY})}, SecretId=SECRET)
    aws.streamer(url="wss://api.eu.deepgram.com")
    assert states(found(aws, deepgram.check_key)) == [State.OK, State.OK]
    assert shown_keys == [("https://api.eu.deepgram.com/v1/auth/token", f"Token {KEY}")]


def test_without_streamers_the_hosted_service_is_asked(aws: Stubs, shown_keys: list[tuple[str, str]]) -> None:
    aws.answer("secretsmanager", "get_secret_value", {"SecretString": KEY})
    assert states(found(aws, deepgram.check_key, live=False)) == [State.OK, State.OK]
    assert shown_keys[0][0] == "https://api.deepgram.com/v1/auth/token"


@pytest.mark.parametrize("value", ["   ", '{"key": "x"}', "two words", "{broken"])
def test_a_secret_without_a_usable_key_is_told_with_the_way_to_fill_it(aws: Stubs, value: str) -> None:
    aws.answer("secretsmanager", "get_secret_value", {"SecretString": value})
    finding = one(found(aws, deepgram.check_key))
    assert finding.state is State.FAILED
    assert "Fill the secret" in finding.remedy
    assert SECRET in finding.remedy


def test_a_secret_that_was_never_filled_is_told(aws: Stubs) -> None:
    aws.refuse("secretsmanager", "get_secret_value", "ResourceNotFoundException")
    assert one(found(aws, deepgram.check_key)).state is State.FAILED


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (401, State.FAILED),
        (403, State.FAILED),
        (402, State.FAILED),
        (429, State.WARNING),
        (301, State.UNKNOWN),
        (404, State.UNKNOWN),
        (500, State.UNKNOWN),
    ],
)
def test_what_deepgram_says_to_the_key_is_told_without_it(
    aws: Stubs, monkeypatch: pytest.MonkeyPatch, status: int, state: State
) -> None:
    aws.answer("secretsmanager", "get_secret_value", {"SecretString": KEY})
    monkeypatch.setattr(httpx, "get", lambda *_, **__: httpx.Response(status, text=KEY))
    findings = found(aws, deepgram.check_key, live=False)
    assert states(findings) == [State.OK, state]
    assert KEY not in str(findings)


def test_a_deepgram_out_of_reach_could_not_be_checked(aws: Stubs, monkeypatch: pytest.MonkeyPatch) -> None:
    def get(*_: Any, **__: Any) -> httpx.Response:
        raise httpx.ConnectTimeout(f"{KEY} timed out")

    aws.answer("secretsmanager", "get_secret_value", {"SecretString": KEY})
    monkeypatch.setattr(httpx, "get", get)
    findings = found(aws, deepgram.check_key, live=False)
    assert states(findings) == [State.OK, State.UNKNOWN]
    assert KEY not in str(findings)


def test_the_key_never_travels_in_the_clear(aws: Stubs, shown_keys: list[tuple[str, str]]) -> None:
    aws.answer("secretsmanager", "get_secret_value", {"SecretString": KEY})
    aws.streamer(url="ws://deepgram.example.com")
    assert states(found(aws, deepgram.check_key)) == [State.OK, State.FAILED]
    assert shown_keys == []


# Image and tasks


def test_an_image_that_is_there(aws: Stubs) -> None:
    aws.streamer()
    aws.answer(
        "ecr",
        "describe_images",
        {"imageDetails": []},
        registryId=ACCOUNT,
        repositoryName="assets",
        imageIds=[{"imageTag": "3f"}],
    )
    assert one(found(aws, streamers.check_image)).state is State.OK


@pytest.mark.parametrize("code", ["ImageNotFoundException", "RepositoryNotFoundException"])
def test_an_image_that_is_gone_is_told(aws: Stubs, code: str) -> None:
    aws.streamer(image=f"{IMAGE}@sha256:{'a' * 64}")
    aws.refuse("ecr", "describe_images", code)
    finding = one(found(aws, streamers.check_image))
    assert (finding.state, "cdk deploy 'Dev/*'" in finding.remedy) == (State.FAILED, True)


def test_an_image_of_another_registry_could_not_be_checked(aws: Stubs) -> None:
    aws.streamer(image="callscribe-streamer")
    assert one(found(aws, streamers.check_image)).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("running", "desired", "state"),
    [(2, 2, State.OK), (3, 2, State.OK), (1, 2, State.WARNING), (0, 2, State.FAILED), (0, 0, State.FAILED)],
)
def test_as_many_streamers_run_as_should(aws: Stubs, running: int, desired: int, state: State) -> None:
    service = {"status": "ACTIVE", "runningCount": running, "desiredCount": desired, "deployments": []}
    aws.answer("ecs", "describe_services", {"services": [service]}, cluster="cluster", services=["streamers"])
    assert states(found(aws, streamers.check_tasks)) == [state]


def test_a_service_that_is_gone_and_a_failed_deployment_are_told(aws: Stubs) -> None:
    aws.answer("ecs", "describe_services", {"services": []})
    assert states(found(aws, streamers.check_tasks)) == [State.FAILED]
    service = {"status": "ACTIVE", "runningCount": 1, "desiredCount": 1, "deployments": [{"rolloutState": "FAILED"}]}
    aws.answer("ecs", "describe_services", {"services": [service]})
    assert states(found(aws, streamers.check_tasks)) == [State.OK, State.FAILED]


# Streams and instance


@pytest.mark.parametrize(
    ("hours", "state"), [([24, 48], State.OK), ([], State.OK), ([24, 0], State.FAILED), ([None], State.FAILED)]
)
def test_streams_must_keep_their_audio(aws: Stubs, hours: list[int | None], state: State) -> None:
    streams = [{"StreamName": "s"} | ({} if h is None else {"DataRetentionInHours": h}) for h in hours]
    aws.answer(
        "kinesisvideo",
        "list_streams",
        {"StreamInfoList": streams},
        StreamNameCondition={"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": "mine"},
    )
    assert one(found(aws, connect_instance.check_streams, stream_prefix="mine")).state is state


def stored(aws: Stubs, *, media: dict[str, Any] | None, recordings: dict[str, Any] | None) -> list[Finding]:
    encryption = {"EncryptionType": "KMS", "KeyId": "key"}
    video = [] if media is None else [media | {"EncryptionConfig": encryption}]
    configs = [{"StorageType": "KINESIS_VIDEO_STREAM", "KinesisVideoStreamConfig": config} for config in video]
    aws.answer(
        "connect",
        "list_instance_storage_configs",
        {"StorageConfigs": configs},
        InstanceId=INSTANCE,
        ResourceType="MEDIA_STREAMS",
    )
    s3 = [] if recordings is None else [{"StorageType": "S3", "S3Config": recordings}]
    aws.answer(
        "connect",
        "list_instance_storage_configs",
        {"StorageConfigs": s3},
        InstanceId=INSTANCE,
        ResourceType="CALL_RECORDINGS",
    )
    return found(aws, connect_instance.check_storage, instance_arn=INSTANCE)


MEDIA = {"Prefix": "callscribe-connect-lakeside-contact-", "RetentionPeriodHours": 24}
RECORDINGS = {"BucketName": "recordings", "BucketPrefix": "connect/CallRecordings"}


@pytest.mark.parametrize(
    ("media", "recordings", "expected"),
    [
        (MEDIA, RECORDINGS, [State.OK, State.OK]),
        (None, None, [State.FAILED, State.WARNING]),
        (MEDIA | {"Prefix": "other-connect-lakeside-contact-"}, RECORDINGS, [State.FAILED, State.OK]),
        (MEDIA | {"RetentionPeriodHours": 0}, RECORDINGS, [State.FAILED, State.OK]),
        (MEDIA, RECORDINGS | {"BucketName": "theirs"}, [State.OK, State.WARNING]),
    ],
)
def test_the_instance_stores_where_it_should(
    aws: Stubs, media: dict[str, Any] | None, recordings: dict[str, Any] | None, expected: list[State]
) -> None:
    assert states(stored(aws, media=media, recordings=recordings)) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["start", "end"], [State.OK, State.OK]),
        (["start"], [State.OK, State.FAILED]),
        (["restart", "end2"], [State.FAILED, State.FAILED]),
    ],
)
def test_the_instance_may_invoke_the_functions(aws: Stubs, names: list[str], expected: list[State]) -> None:
    arns = [f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}" for name in names]
    aws.answer("connect", "list_lambda_functions", {"LambdaFunctions": arns}, InstanceId=INSTANCE)
    assert states(found(aws, connect_instance.check_functions, instance_arn=INSTANCE)) == expected


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        ({"start": "PUBLISHED", "end": "published"}, [State.OK, State.OK]),
        ({"start": "SAVED", "end": "PUBLISHED"}, [State.FAILED, State.OK]),
        ({"restart": "PUBLISHED"}, [State.FAILED, State.FAILED]),
    ],
)
def test_a_published_module_invokes_each_function(aws: Stubs, modules: dict[str, str], expected: list[State]) -> None:
    aws.answer(
        "connect",
        "list_contact_flow_modules",
        {"ContactFlowModulesSummaryList": [{"Id": name, "Name": name} for name in modules]},
        InstanceId=INSTANCE,
        ContactFlowModuleState="ACTIVE",
    )
    for name, status in modules.items():
        content = json.dumps({"LambdaFunctionARN": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"})
        module = {"Name": f"Dev-Live: {name}", "Content": content, "Status": status.lower()}
        aws.answer(
            "connect",
            "describe_contact_flow_module",
            {"ContactFlowModule": module},
            InstanceId=INSTANCE,
            ContactFlowModuleId=name,
        )
    assert states(found(aws, connect_instance.check_modules, instance_arn=INSTANCE)) == expected


# Quotas


def quotas(aws: Stubs, service: str, *named: tuple[str, float], operation: str = "list_service_quotas") -> None:
    entries = [{"QuotaName": name, "Value": value} for name, value in named]
    aws.answer("service-quotas", operation, {"Quotas": entries}, ServiceCode=service)


@pytest.mark.parametrize(
    ("calls", "expected"),
    [(10, [State.OK, State.OK, State.OK]), (101, [State.FAILED, State.OK, State.OK]), (301, [State.FAILED] * 3)],
)
def test_quotas_are_held_against_the_expected_calls(aws: Stubs, calls: int, expected: list[State]) -> None:
    quotas(aws, "connect", ("Queues per instance", 5.0), ("Concurrent active calls per instance", 100.0))
    quotas(aws, "kinesisvideo", ("Number of streams", 300.0))
    quotas(aws, "fargate", ("Fargate On-Demand vCPU resource count", 6.0))
    aws.streamer(slots="50")
    assert states(found(aws, capacity.check_quotas, expected_calls=calls)) == expected


def test_a_quota_nobody_raised_is_found_among_the_defaults(aws: Stubs) -> None:
    quotas(aws, "connect")
    quotas(aws, "connect", ("Concurrent calls per instance", 10.0), operation="list_aws_default_service_quotas")
    finding = one(found(aws, capacity.check_quotas, live=False, expected_calls=11))
    assert (finding.state, finding.what) == (State.FAILED, "10 calls of the instance are allowed, 11 are needed")


def test_a_quota_that_is_not_named_could_not_be_checked(aws: Stubs) -> None:
    quotas(aws, "connect", ("Queues per instance", 5.0))
    quotas(aws, "connect", operation="list_aws_default_service_quotas")
    assert one(found(aws, capacity.check_quotas, live=False, expected_calls=1)).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("calls", "expected"),
    [(100, [State.OK, State.OK]), (101, [State.OK, State.FAILED]), (151, [State.WARNING, State.FAILED])],
)
def test_streamers_and_deepgram_are_held_against_the_expected_calls(
    aws: Stubs, calls: int, expected: list[State]
) -> None:
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/cluster/streamers",
        "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": 1,
        "MaxCapacity": 2,
        "RoleARN": "arn:aws:iam::123456789012:role/scaling",
        "CreationTime": 0,
    }
    aws.answer("application-autoscaling", "describe_scalable_targets", {"ScalableTargets": [target]})
    aws.streamer(slots="50")
    assert states(found(aws, capacity.check_streamers, expected_calls=calls)) == expected


def test_a_service_that_does_not_scale_counts_its_tasks(aws: Stubs) -> None:
    aws.answer("application-autoscaling", "describe_scalable_targets", {"ScalableTargets": []})
    aws.answer("ecs", "describe_services", {"services": [{"desiredCount": 3}]})
    aws.streamer(slots="10")
    assert "3 streamers of 10 slots follow 30 calls" in str(found(aws, capacity.check_streamers, expected_calls=20))


# Failed calls and alarms


def test_failed_calls_are_counted_with_the_command_that_repeats_them(aws: Stubs) -> None:
    for url, waiting in (("https://sqs/failed", "0"), ("https://sqs/failed-live", "2")):
        aws.answer(
            "sqs",
            "get_queue_attributes",
            {"Attributes": {"ApproximateNumberOfMessages": waiting}},
            QueueUrl=url,
            AttributeNames=["ApproximateNumberOfMessages"],
        )
    recordings, live = found(aws, failures.check_failed_calls)
    assert (recordings.state, live.state) == (State.OK, State.FAILED)
    assert (live.what, live.remedy) == ("2 failed live calls wait", "callscribe redrive --environment Dev --live")


def test_alarms_that_ring_are_named_with_their_description(aws: Stubs) -> None:
    ringing = {"MetricAlarms": [{"AlarmName": "Dev-Live-Behind", "AlarmDescription": "Add tasks"}]}
    aws.answer("cloudwatch", "describe_alarms", ringing, StateValue="ALARM", AlarmNamePrefix="Dev-")
    finding = one(found(aws, failures.check_alarms))
    assert (finding.state, finding.what, finding.remedy) == (State.FAILED, "alarm Dev-Live-Behind", "Add tasks")
    aws.answer("cloudwatch", "describe_alarms", {"MetricAlarms": []})
    assert one(found(aws, failures.check_alarms)).state is State.OK


# The whole


@pytest.mark.parametrize("name", doctor.CHECKS)
def test_what_may_not_be_looked_at_says_which_permission_is_missing(aws: Stubs, name: str) -> None:
    first = {
        "Deepgram's key": ("secretsmanager", "get_secret_value"),
        "Image": ("ecs", "describe_task_definition"),
        "Streamers": ("ecs", "describe_services"),
        "Streams": ("kinesisvideo", "list_streams"),
        "Storage": ("connect", "list_instance_storage_configs"),
        "Functions": ("connect", "list_lambda_functions"),
        "Flow modules": ("connect", "list_contact_flow_modules"),
        "Clinics": ("lambda", "get_function_configuration"),
        "Disputed calls": ("dynamodb", "query"),
        "Quotas": ("service-quotas", "list_service_quotas"),
        "Capacity": ("application-autoscaling", "describe_scalable_targets"),
        "Failed calls": ("sqs", "get_queue_attributes"),
        "Alarms": ("cloudwatch", "describe_alarms"),
    }
    service, operation = first[name]
    aws.refuse(service, operation, "AccessDeniedException")
    findings = found(aws, doctor.CHECKS[name], instance_arn=INSTANCE, expected_calls=5)
    assert findings[-1].state is State.UNKNOWN
    assert "run it with a role that may" in findings[-1].remedy
    assert KEY not in str(findings)


def test_without_a_live_stack_an_instance_and_a_number_their_checks_are_skipped(aws: Stubs) -> None:
    skipping = ("Image", "Streamers", "Streams", "Storage", "Functions", "Flow modules", "Quotas", "Capacity")
    for name in skipping:
        assert states(found(aws, doctor.CHECKS[name], live=False)) == [State.SKIPPED], name


@pytest.mark.parametrize(
    "trouble",
    [EndpointConnectionError(endpoint_url="https://x"), KeyError(KEY), RuntimeError(KEY)],
)
def test_a_check_that_breaks_keeps_what_it_found_and_tells_no_secret(aws: Stubs, trouble: Exception) -> None:
    def breaking(_: Examined) -> Iterator[Finding]:
        yield Finding(state=State.OK, what="so far")
        raise trouble

    findings = found(aws, breaking)
    assert states(findings) == [State.OK, State.UNKNOWN]
    assert KEY not in str(findings)


Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command line with checks of the test's own."""
    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps({"Dev-Live": {"ConnectInstanceArn": INSTANCE, "MediaStreamPrefix": "mine"}}))
    monkeypatch.setattr(boto3, "Session", lambda **_: SESSION)
    monkeypatch.setenv("COLUMNS", "160")

    def run(*arguments: str, **checks: Check) -> int:
        monkeypatch.setattr(doctor, "CHECKS", checks)
        return main(["doctor", "--environment", "Dev", "--stack-outputs", str(outputs), *arguments])

    return run


def finds(*findings: Finding) -> Check:
    return lambda _: iter(findings)


@pytest.mark.parametrize(("state", "status"), [(state, int(state is State.FAILED)) for state in State])
def test_the_exit_status_is_1_when_something_is_broken(
    run: Run, capsys: pytest.CaptureFixture[str], state: State, status: int
) -> None:
    fine = Finding(state=State.OK, what="fine")
    assert run(One=finds(Finding(state=state, what="[what]", remedy="[do]")), Two=finds(fine)) == status
    shown = capsys.readouterr().out
    assert "[what]" in shown
    assert "[do]" in shown
    assert "fine" in shown


def test_the_deployed_wiring_names_the_instance_unless_the_arguments_do(run: Run) -> None:
    seen: list[Examined] = []

    def check(examined: Examined) -> Iterator[Finding]:
        seen.append(examined)
        yield Finding(state=State.OK, what="seen")

    run(One=check)
    run("--instance", "theirs", "--stream-prefix", "other", "--expected-calls", "7", One=check)
    assert [(e.instance_arn, e.stream_prefix, e.expected_calls) for e in seen] == [
        (INSTANCE, "mine", None),
        ("theirs", "other", 7),
    ]


def test_an_unknown_environment_ends_with_3(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--environment", "Dev", "--stack-outputs", "/nowhere.json"]) == 3
    assert "/nowhere.json" in capsys.readouterr().err
