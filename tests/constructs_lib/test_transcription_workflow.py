import json
from collections.abc import Sequence
from typing import Any, cast

import pytest
from aws_cdk import Duration, Environment, Stack
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Match, Template
from moto.events.models import EventPattern

from callscribe.contract.call_kind import CallKind
from callscribe.contract.object_keys import analysis_key, document_key, live_document_key, reply_key, waveform_key
from constructs_lib import (
    ClinicRules,
    DeepgramOptions,
    FunctionSettings,
    RecordingLimits,
    RecordingPolicy,
    RequestLimits,
    TranscriptionWorkflow,
)
from constructs_lib.policies import Report, enforce
from tests.conftest import REGION, new_app
from tests.constructs_lib.parts import (
    Permission,
    Surroundings,
    actions,
    environment,
    logical_id,
    new_stack,
    new_workflow,
    permissions,
    properties,
    reader,
)

Default = tuple[TranscriptionWorkflow, Template]


@pytest.fixture(scope="module")
def default() -> Default:
    """The workflow as it is without options; nobody changes it."""
    stack = new_stack()
    workflow = new_workflow(stack)
    return workflow, Template.from_stack(stack)


def role_of(function: lambda_.Function) -> iam.IRole:
    assert function.role is not None
    return function.role


# What starts it


def starts(template: Template, workflow: TranscriptionWorkflow, key: str) -> bool:
    """Whether an object's arrival starts an execution."""
    pattern = properties(template, workflow.rule)["EventPattern"]["detail"]["object"]["key"]
    event: Any = {"source": "aws.s3", "detail": {"key": key}}
    matched: bool = EventPattern.load(json.dumps({"detail": {"key": pattern}})).matches_event(event)
    return matched


@pytest.mark.parametrize(
    ("key", "started"),
    [
        ("recordings/main/2026-03-02/c.wav", True),
        ("recordings/main/2026-03-02/c.amr", True),
        ("recordings/main/2026-03-02/c", True),
        ("connect/acme/CallRecordings/2026/03/02/x_20260302T14:05_UTC.wav", True),
        ("CallRecordings/2026/03/02/x_20260302T14:05_UTC.gsm", True),
        ("uploads/c.WAV", True),
        ("uploads/c.m4a", True),
        ("uploads/c.amr", False),
        ("connect/acme/Attachments/2026/03/02/x.pdf", False),
        ("transcripts/lakeside/", False),
    ],
)
def test_what_may_be_a_recording_starts_an_execution(default: Default, key: str, started: bool) -> None:
    workflow, template = default
    pattern = properties(template, workflow.rule)["EventPattern"]
    assert (pattern["source"], pattern["detail-type"]) == (["aws.s3"], ["Object Created"])
    assert starts(template, workflow, key) is started


@pytest.mark.parametrize(
    ("prefix", "inside", "outside"),
    [
        ("connect/acme/CallRecordings/", "connect/acme/CallRecordings/a/b.amr", "connect/other/CallRecordings/b.wav"),
        ("connect/acme/", "connect/acme/CallRecordings/b.amr", "connect/acme/b.amr"),
        ("connect/acme/", "connect/acme/b.mp3", "recordings/main/2026-03-02/c.wav"),
        ("recordings/main/", "recordings/main/2026-03-02/c.amr", "recordings/other/2026-03-02/c.wav"),
        ("rec", "recordings/main/2026-03-02/c.amr", "uploads/c.wav"),
    ],
)
def test_key_prefixes_leave_out_other_objects(stack: Stack, prefix: str, inside: str, outside: str) -> None:
    workflow = new_workflow(stack, key_prefixes=[prefix])
    template = Template.from_stack(stack)
    assert starts(template, workflow, inside)
    assert not starts(template, workflow, outside)


@pytest.mark.parametrize("prefixes", [(), ("transcripts/", "replies/"), ("rec", "t", "r")])
def test_what_is_archived_in_the_bucket_of_the_recordings_starts_nothing(stack: Stack, prefixes: Sequence[str]) -> None:
    around = Surroundings.of(stack)
    workflow = TranscriptionWorkflow(
        stack,
        "Workflow",
        recordings=around.archive.bucket,
        archive=around.archive.bucket,
        table=around.table.table,
        key_prefixes=prefixes,
    )
    template = Template.from_stack(stack)
    document = document_key("recordings", "2026-03-02", "c.wav", CallKind.IVR, "4f1c")
    live = live_document_key("lakeside", "2026-03-02", "c")
    archived = [reply_key("4f1c"), document, live, analysis_key(document, "q"), waveform_key(document)]
    assert not [key for key in archived if starts(template, workflow, key)]


def test_an_event_that_cannot_start_an_execution_is_retried_then_kept(default: Default) -> None:
    workflow, template = default
    [target] = properties(template, workflow.rule)["Targets"]
    assert target["Arn"] == {"Ref": logical_id(workflow.state_machine)}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": [logical_id(workflow.failed_calls), "Arn"]}
    template.has_resource_properties(
        "AWS::SQS::QueuePolicy",
        {
            "Queues": [{"Ref": logical_id(workflow.failed_calls)}],
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {
                                "Action": "sqs:SendMessage",
                                "Principal": {"Service": "events.amazonaws.com"},
                                "Condition": {
                                    "ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [logical_id(workflow.rule), "Arn"]}}
                                },
                            }
                        )
                    ]
                )
            },
        },
    )


def test_executions_that_end_without_a_word_are_among_the_failed_calls(default: Default) -> None:
    workflow, template = default
    template.has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {
                "source": ["aws.states"],
                "detail-type": ["Step Functions Execution Status Change"],
                "detail": {
                    "stateMachineArn": [{"Ref": logical_id(workflow.state_machine)}],
                    "$or": [
                        {"status": ["ABORTED", "TIMED_OUT"]},
                        {
                            "status": ["FAILED"],
                            "error": ["States.DataLimitExceeded", "States.Runtime", "FailedCalls.Unreachable"],
                        },
                    ],
                },
            },
            "Targets": [
                Match.object_like(
                    {
                        "Arn": {"Fn::GetAtt": [logical_id(workflow.failed_calls), "Arn"]},
                        "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
                        "DeadLetterConfig": {"Arn": {"Fn::GetAtt": [logical_id(workflow.stranded_calls), "Arn"]}},
                    }
                )
            ],
        },
    )


def test_the_last_place_for_failed_calls_does_not_hang_on_the_key_of_the_first(default: Default) -> None:
    workflow, template = default
    queue = properties(template, workflow.stranded_calls)
    assert queue["SqsManagedSseEnabled"] is True
    assert "KmsMasterKeyId" not in queue
    assert queue["MessageRetentionPeriod"] == 14 * 86400


def test_the_rule_may_start_this_state_machine_only(default: Default) -> None:
    workflow, template = default
    role_id = properties(template, workflow.rule)["Targets"][0]["RoleArn"]["Fn::GetAtt"][0]
    [policy] = [
        policy["Properties"]["PolicyDocument"]["Statement"]
        for policy in template.find_resources("AWS::IAM::Policy").values()
        if policy["Properties"]["Roles"] == [{"Ref": role_id}]
    ]
    assert policy == [
        {"Action": "states:StartExecution", "Effect": "Allow", "Resource": {"Ref": logical_id(workflow.state_machine)}}
    ]


# Queues


def test_a_waiting_call_stays_hidden_while_it_is_in_work(default: Default) -> None:
    workflow, template = default
    queue = properties(template, workflow.queue)
    assert queue["VisibilityTimeout"] > properties(template, workflow.transcription.function)["Timeout"]
    assert queue["MessageRetentionPeriod"] == 14 * 86400


def test_a_call_whose_worker_keeps_dying_ends_among_the_failed_ones(stack: Stack) -> None:
    workflow = new_workflow(stack, requests=RequestLimits(max_attempts=4))
    redrive = properties(Template.from_stack(stack), workflow.queue)["RedrivePolicy"]
    assert redrive == {
        "deadLetterTargetArn": {"Fn::GetAtt": [logical_id(workflow.failed_calls), "Arn"]},
        # The attempts, as many deliveries that end before one, and spare ones.
        "maxReceiveCount": 28,
    }
    assert workflow.transcription.max_receives == 28


def test_queues_are_encrypted_and_take_tls_only(default: Default) -> None:
    workflow, template = default
    for queue in (workflow.queue, workflow.failed_calls):
        assert properties(template, queue)["KmsMasterKeyId"] == {"Fn::GetAtt": [logical_id(workflow.key), "Arn"]}
        template.has_resource_properties(
            "AWS::SQS::QueuePolicy",
            {
                "Queues": [{"Ref": logical_id(queue)}],
                "PolicyDocument": {
                    "Statement": Match.array_with(
                        [Match.object_like({"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}})]
                    )
                },
            },
        )


def test_failed_calls_are_kept_for_14_days(default: Default) -> None:
    workflow, template = default
    assert properties(template, workflow.failed_calls)["MessageRetentionPeriod"] == 14 * 86400


def test_as_many_calls_are_in_work_as_deepgram_allows(stack: Stack) -> None:
    new_workflow(stack, options=DeepgramOptions(max_parallel_requests=120))
    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::EventSourceMapping", {"ScalingConfig": {"MaximumConcurrency": 120}}
    )


# State machine


def test_executions_are_logged_without_their_data_and_traced(default: Default) -> None:
    workflow, template = default
    machine = properties(template, workflow.state_machine)
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert machine["TracingConfiguration"] == {"Enabled": True}
    template.has_resource_properties(
        "AWS::Logs::LogGroup",
        {
            "LogGroupName": Match.string_like_regexp("^/aws/vendedlogs/states/"),
            "KmsKeyId": {"Fn::GetAtt": [logical_id(workflow.key), "Arn"]},
        },
    )


def test_the_end_of_an_execution_is_announced_with_its_input_and_error(default: Default) -> None:
    """Step Functions leaves both out of the event of an execution that is encrypted with a key of the customer's."""
    workflow, template = default
    machine = properties(template, workflow.state_machine)
    assert machine["EncryptionConfiguration"] == {"Type": "AWS_OWNED_KEY"}


def test_the_state_machine_may_do_its_steps_and_no_more(default: Default) -> None:
    workflow, template = default
    role = workflow.state_machine.role
    assert "ManagedPolicyArns" not in properties(template, role)
    assert actions(template, role) == {
        *("dynamodb:UpdateItem", "events:PutEvents", "lambda:InvokeFunction", "sqs:SendMessage"),
        *("kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKey*"),
        *(
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
        ),
        *("logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery"),
        *("xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
    }
    everywhere = {action for p in permissions(template, role) if "*" in p.resources for action in p.actions}
    assert {action.partition(":")[0] for action in everywhere} == {"logs", "xray"}


# Functions


def test_every_function_has_its_own_role_and_handler(default: Default) -> None:
    workflow, template = default
    functions = {
        "admit_recording": workflow.admit_function,
        "transcribe_call": workflow.transcription.function,
        "store_transcript": workflow.store_function,
        "score_quality": workflow.score_function,
    }
    assert len({logical_id(role_of(function)) for function in functions.values()}) == 4
    for module, function in functions.items():
        assert properties(template, function)["Handler"] == f"lambdas.{module}.handler.handle"
    assert len({properties(template, function)["Code"]["S3Key"] for function in functions.values()}) == 1


VIA_SQS = '{"StringEquals": {"kms:ViaService": "sqs.eu-central-1.amazonaws.com"}}'
RUN = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}


@pytest.mark.parametrize(
    ("function", "allowed"),
    [
        (
            "admit_function",
            {
                *("s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "kms:Decrypt", "kms:GenerateDataKey"),
                *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"),
                "dynamodb:ConditionCheckItem",
            },
        ),
        (
            "store_function",
            {
                *("s3:GetObject", "s3:ListBucket", "s3:PutObject", "kms:Decrypt", "kms:GenerateDataKey"),
                *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query"),
            },
        ),
        (
            "score_function",
            {"s3:GetObject", "s3:ListBucket", "kms:Decrypt", "kms:GenerateDataKey", "dynamodb:UpdateItem"},
        ),
    ],
)
def test_each_function_may_do_its_step_and_no_more(default: Default, function: str, allowed: set[str]) -> None:
    workflow, template = default
    role = role_of(getattr(workflow, function))
    assert actions(template, role) == allowed | RUN
    assert "ManagedPolicyArns" not in properties(template, role)


def test_storing_reads_replies_and_transcripts_and_writes_transcripts_only(default: Default) -> None:
    workflow, template = default
    by_action: dict[str, set[str]] = {}
    for permission in permissions(template, role_of(workflow.store_function)):
        for action in permission.actions:
            by_action.setdefault(action, set()).update(
                resource.partition(".Arn>")[2] for resource in permission.resources
            )
    assert by_action["s3:GetObject"] == {"/replies/*", "/transcripts/*"}
    assert by_action["s3:PutObject"] == {"/transcripts/*"}


def test_the_transcribing_function_may_answer_this_state_machine_only(default: Default) -> None:
    workflow, template = default
    [answers] = [
        permission
        for permission in permissions(template, role_of(workflow.transcription.function))
        if "states:SendTaskSuccess" in permission.actions
    ]
    assert answers.actions == {"states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"}
    assert answers.resources == {f"<{logical_id(workflow.state_machine)}>"}


def test_settings_reach_the_functions(stack: Stack) -> None:
    workflow = new_workflow(
        stack,
        options=DeepgramOptions(summarize=False),
        clinics=ClinicRules(clinic_by_prefix={"connect/lakeside/": "lakeside"}, default_clinic_id="main"),
        channel_roles={0: "agent", 1: "customer"},
        policy=RecordingPolicy(
            on_new_version="keep", live_transcripts="when-incomplete", live_patience=Duration.minutes(5)
        ),
        retain_for=Duration.days(30),
        limits=RecordingLimits(max_duration=Duration.hours(1)),
    )
    template = Template.from_stack(stack)
    admit = environment(template, workflow.admit_function)
    assert json.loads(admit["CLINICS"]) == {
        "clinic_by_queue": {},
        "clinic_by_dialled_number": {},
        "clinic_by_prefix": {"connect/lakeside/": "lakeside"},
        "default_clinic_id": "main",
    }
    assert (admit["ON_NEW_VERSION"], admit["MAX_DURATION_SECONDS"], admit["RETENTION_DAYS"]) == ("keep", "3600", "30")
    assert (admit["LIVE_TRANSCRIPTS"], admit["LIVE_PATIENCE_SECONDS"]) == ("when-incomplete", "300")
    store = environment(template, workflow.store_function)
    assert json.loads(store["CHANNEL_ROLES"]) == {"0": "agent", "1": "customer"}
    assert store["TRANSCRIPT_RETENTION_DAYS"] == "30"
    assert json.loads(store["DEEPGRAM_OPTIONS"])["summarize"] is False


def test_agents_are_asked_for_where_somebody_wants_that_and_an_instance_is_named(stack: Stack) -> None:
    instance = f"arn:aws:connect:{REGION}:123456789012:instance/8f0b4ad6-2f0e-4b16-9b8b-0d6b2f1f6f39"
    workflow = new_workflow(stack, instance_arn=instance, contact_details=True)
    template = Template.from_stack(stack)
    assert environment(template, workflow.admit_function)["CONTACT_DETAILS"] == "true"
    assert workflow.admit_function.role is not None
    asked = [
        one for one in permissions(template, workflow.admit_function.role) if "connect:DescribeContact" in one.actions
    ]
    assert [one.resources for one in asked] == [{f"{instance}/contact/*"}]


def test_agents_without_an_instance_to_ask_are_refused(stack: Stack) -> None:
    with pytest.raises(ValueError, match="contact_details without instance_arn: name the Amazon Connect instance"):
        new_workflow(stack, contact_details=True)


def test_without_settings_everything_is_kept_and_unknown_clinics_are_rejected(default: Default) -> None:
    workflow, template = default
    admit = environment(template, workflow.admit_function)
    assert not any(json.loads(admit["CLINICS"]).values())
    assert admit["CONNECT_INSTANCE_ARN"] == ""
    assert (admit["ON_NEW_VERSION"], admit["RETENTION_DAYS"]) == ("supersede", "")
    assert admit["LIVE_TRANSCRIPTS"] == "always"
    store = environment(template, workflow.store_function)
    assert json.loads(store["CHANNEL_ROLES"]) == {"0": "customer", "1": "agent"}
    assert store["TRANSCRIPT_RETENTION_DAYS"] == ""


def test_in_a_vpc_all_functions_run_there(stack: Stack) -> None:
    workflow = new_workflow(stack, functions=FunctionSettings(vpc=ec2.Vpc(stack, "Vpc", max_azs=2)))
    template = Template.from_stack(stack)
    for function in (workflow.admit_function, workflow.store_function, workflow.score_function):
        assert len(properties(template, function)["VpcConfig"]["SubnetIds"]) == 2
    for group in template.find_resources("AWS::EC2::SecurityGroup").values():
        assert [rule["FromPort"] for rule in group["Properties"]["SecurityGroupEgress"]] == [443]


def test_the_key_that_a_bucket_is_imported_with_is_used(stack: Stack) -> None:
    key = kms.Key(stack, "Mine")
    recordings = s3.Bucket.from_bucket_attributes(stack, "Theirs", bucket_name="their-recordings", encryption_key=key)
    workflow = new_workflow(stack, recordings=recordings)
    template = Template.from_stack(stack)
    for role in (role_of(workflow.admit_function), workflow.transcription.presigning_role):
        keys = {r for p in permissions(template, role) if "kms:Decrypt" in p.actions for r in p.resources}
        assert f"<{logical_id(key)}.Arn>" in keys


# Announcement


def test_transcripts_are_announced_on_an_encrypted_bus_of_its_own(default: Default) -> None:
    workflow, template = default
    bus = properties(template, cast(events.EventBus, workflow.bus))
    assert bus["KmsKeyIdentifier"] == {"Fn::GetAtt": [logical_id(workflow.key), "Arn"]}


def test_a_bus_of_ones_own_is_used_and_none_made(stack: Stack) -> None:
    bus = events.EventBus.from_event_bus_name(stack, "Ours", "ours")
    workflow = new_workflow(stack, bus=bus)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::Events::EventBus", 0)
    [announce] = [p for p in permissions(template, workflow.state_machine.role) if "events:PutEvents" in p.actions]
    assert [arn.endswith(":event-bus/ours") for arn in announce.resources] == [True]


def test_on_call_transcribed_tells_the_target_of_transcripts_only(stack: Stack) -> None:
    workflow = new_workflow(stack)
    rule = workflow.on_call_transcribed("ToCrm", target=targets.SqsQueue(sqs.Queue(stack, "Crm")))
    found = properties(Template.from_stack(stack), rule)
    assert found["EventBusName"] == {"Ref": logical_id(cast(events.EventBus, workflow.bus))}
    assert found["EventPattern"] == {"source": ["callscribe"], "detail-type": ["Call Transcribed"]}


# Operators


def test_alarms_watch_failures_waits_and_refusals(default: Default) -> None:
    workflow, template = default
    alarms = {name: properties(template, alarm) for name, alarm in workflow.alarms.items()}
    watched = {name: (alarm["MetricName"], alarm["Threshold"]) for name, alarm in alarms.items()}
    assert watched == {
        "FailedCalls": ("ApproximateNumberOfMessagesVisible", 0),
        "StrandedCalls": ("ApproximateNumberOfMessagesVisible", 0),
        "OldestWaitingCall": ("ApproximateAgeOfOldestMessage", 3600),
        "ExecutionsFailed": ("ExecutionsFailed", 0),
        "ExecutionsTimedOut": ("ExecutionsTimedOut", 0),
        "RateLimited": ("DeepgramRateLimited", 0),
        "LastingTrouble": ("TroubledCallAge", 3600),
        "ClinicConflicts": ("ClinicConflicts", 0),
    }
    assert {alarm["ComparisonOperator"] for alarm in alarms.values()} == {"GreaterThanThreshold"}
    assert {alarm["TreatMissingData"] for alarm in alarms.values()} == {"notBreaching"}
    assert alarms["RateLimited"]["EvaluationPeriods"] == 3


def test_alarms_go_to_a_topic_that_cloudwatch_may_use(default: Default) -> None:
    workflow, template = default
    topic = logical_id(workflow.alarm_topic)
    for alarm in workflow.alarms.values():
        assert properties(template, alarm)["AlarmActions"] == [{"Ref": topic}]
    template.has_resource_properties(
        "AWS::SNS::TopicPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {
                                "Action": "sns:Publish",
                                "Effect": "Allow",
                                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                                "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
                            }
                        )
                    ]
                )
            }
        },
    )


def test_a_topic_of_ones_own_hears_the_alarms(stack: Stack) -> None:
    arn = "arn:aws:sns:eu-central-1:111122223333:pager"
    workflow = new_workflow(stack, alarm_topic=sns.Topic.from_topic_arn(stack, "Pager", arn))
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::SNS::Topic", 0)
    assert properties(template, workflow.alarms["FailedCalls"])["AlarmActions"] == [arn]


def test_on_alarm_adds_an_action_to_every_alarm(stack: Stack) -> None:
    workflow = new_workflow(stack)
    topic = sns.Topic(stack, "Pager")
    workflow.on_alarm(cloudwatch_actions.SnsAction(topic))
    template = Template.from_stack(stack)
    for alarm in workflow.alarms.values():
        assert {"Ref": logical_id(topic)} in properties(template, alarm)["AlarmActions"]


def test_the_wait_that_raises_an_alarm_can_be_chosen(stack: Stack) -> None:
    workflow = new_workflow(stack, limits=RecordingLimits(waiting_alarm_after=Duration.minutes(10)))
    template = Template.from_stack(stack)
    for name in ("OldestWaitingCall", "LastingTrouble"):
        assert properties(template, workflow.alarms[name])["Threshold"] == 600


def test_the_dashboard_shows_alarms_and_graphs(default: Default) -> None:
    workflow, template = default
    body = json.dumps(properties(template, workflow.dashboard)["DashboardBody"])
    for shown in ("Failed calls", "Oldest waiting call", "DeepgramRateLimited", "ExecutionsSucceeded"):
        assert shown in body


def test_metrics_are_those_of_this_workflow(default: Default) -> None:
    workflow, _ = default
    assert workflow.metric_transcribed().metric_name == "ExecutionsSucceeded"
    assert workflow.metric_failed_calls().dimensions == {"QueueName": workflow.failed_calls.queue_name}
    assert workflow.metric_oldest_waiting_call().dimensions == {"QueueName": workflow.queue.queue_name}


def test_grant_redrive_allows_repeating_failed_calls_and_no_more(stack: Stack) -> None:
    workflow, role = new_workflow(stack), reader(stack)
    workflow.grant_redrive(role)
    template = Template.from_stack(stack)
    queues = workflow.failed_calls, workflow.stranded_calls, workflow.queue
    failed, stranded, waiting = (f"<{logical_id(queue)}.Arn>" for queue in queues)
    by_action: dict[str, set[str]] = {}
    for permission in permissions(template, role):
        for action in permission.actions:
            by_action.setdefault(action, set()).update(permission.resources)
    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"):
        assert by_action.pop(action) == {failed, stranded}
    assert by_action.pop("sqs:SendMessage") == {waiting}
    assert by_action.pop("states:StartExecution") == {f"<{logical_id(workflow.state_machine)}>"}
    [executions] = by_action.pop("states:DescribeExecution")
    assert ":execution:" in executions
    assert logical_id(workflow.state_machine) in executions
    assert by_action.keys() == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert {p.condition for p in permissions(template, role) if "kms:Decrypt" in p.actions} == {VIA_SQS}


# Keys


def test_services_may_use_the_key_for_their_part_in_this_account_only(default: Default) -> None:
    workflow, template = default
    statements = properties(template, workflow.key)["KeyPolicy"]["Statement"]
    by_service = {
        service: statement.get("Condition")
        for statement in statements
        for services in [statement["Principal"].get("Service", [])]
        for service in ([services] if isinstance(services, str) else services)
    }
    assert {"events.amazonaws.com", "cloudwatch.amazonaws.com", "logs.eu-central-1.amazonaws.com"} <= by_service.keys()
    assert by_service["cloudwatch.amazonaws.com"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_a_key_of_ones_own_is_used_and_none_made(stack: Stack) -> None:
    key = kms.Key(stack, "Mine")
    workflow = new_workflow(stack, key=key)
    template = Template.from_stack(stack)
    assert properties(template, workflow.queue)["KmsMasterKeyId"] == {"Fn::GetAtt": [logical_id(key), "Arn"]}
    assert not [name for name in template.find_resources("AWS::KMS::Key") if name.startswith("Workflow")]


# Several in one account, and failures


def test_two_in_one_stack_share_no_name() -> None:
    stack = new_stack()
    first = new_workflow(stack)
    second = TranscriptionWorkflow(
        stack,
        "Second",
        recordings=s3.Bucket.from_bucket_name(stack, "Theirs", "their-recordings"),
        table=cast(Any, stack.node.find_child("Table")).table,
        archive=cast(Any, stack.node.find_child("Archive")).bucket,
    )
    template = Template.from_stack(stack)
    names = [
        (resource["Type"], json.dumps(value))
        for resource in template.to_json()["Resources"].values()
        for name, value in resource.get("Properties", {}).items()
        if name in {"Name", "LogGroupName", "StateMachineName", "FunctionName", "QueueName", "TopicName", "RoleName"}
    ]
    assert len(names) == len(set(names)) > 0
    assert first.transcription.vocabulary_path != second.transcription.vocabulary_path
    services = [
        environment(template, workflow.transcription.function)["POWERTOOLS_SERVICE_NAME"]
        for workflow in (first, second)
    ]
    assert len(set(services)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {
                "clinics": ClinicRules(
                    clinic_by_prefix={f"connect/clinic-number-{n}/CallRecordings/": f"clinic-{n}" for n in range(60)}
                )
            },
            r"0 queues, 0 numbers and 60 prefixes of clinics take 3\d{3} bytes: a function's environment has room for",
        ),
        ({"retain_for": Duration.hours(36)}, r"retain_for of 1 day 12 hours is out of range: choose whole days"),
        ({"retain_for": Duration.days(0)}, r"retain_for of .* is out of range: choose whole days, 1 or more"),
        ({"key_prefixes": ["calls/*"]}, r"key_prefixes 'calls/\*' are not prefixes: name them without '\*'"),
        ({"key_prefixes": [""]}, r"key_prefixes holds an empty text"),
        (
            {"key_prefixes": [f"connect/clinic-number-{n}/telephone-calls/" for n in range(9)]},
            r"9 key_prefixes make an event pattern longer than EventBridge takes",
        ),
    ],
)
def test_fails_for_settings_that_cannot_work(stack: Stack, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new_workflow(stack, **options)


def test_grant_rebuild_allows_listing_the_archive_and_asking_the_store_and_no_more(stack: Stack) -> None:
    workflow, role = new_workflow(stack), reader(stack)
    workflow.grant_rebuild(role)
    allowed = {(*p.actions, *p.resources) for p in permissions(Template.from_stack(stack), role)}
    assert {actions[0] for actions in allowed} == {"s3:ListBucket", "lambda:InvokeFunction"}
    assert ("lambda:InvokeFunction", f"<{logical_id(workflow.store_function)}.Arn>") in allowed


def test_replies_that_are_not_to_be_kept_may_be_deleted_and_nothing_else() -> None:
    app = new_app()
    enforce(app)
    stack = Stack(app, "Test", env=Environment(region=REGION))
    workflow = new_workflow(stack, policy=RecordingPolicy(replies="delete"))
    report = Report.of(app)
    assert [finding for finding in report.open if "@ Test/Workflow" in finding] == []
    assert report.stale == []
    archive = logical_id(stack.node.find_child("Archive").node.find_child("Bucket"))
    found = permissions(Template.from_stack(stack), workflow.state_machine.role)
    objects = {one for one in found if any(action.startswith("s3:") for action in one.actions)}
    assert objects == {Permission(frozenset({"s3:DeleteObject"}), frozenset({f"<{archive}.Arn>/replies/*"}))}


def test_what_becomes_of_a_reply_is_one_of_two_things() -> None:
    with pytest.raises(ValueError, match=r"replies 'burn' is unknown: choose one of 'keep', 'delete'"):
        RecordingPolicy(replies=cast("Any", "burn"))
