import json
from typing import Any

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Match, Template

from constructs_lib import (
    DeepgramOptions,
    FunctionSettings,
    RecordingBucket,
    RequestLimits,
    TranscriptionFunction,
)
from tests.constructs_lib.parts import (
    Permission,
    actions,
    environment,
    logical_id,
    new_function,
    new_stack,
    permissions,
    properties,
    reader,
)

Default = tuple[TranscriptionFunction, Template]

VIA_S3 = '{"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}'


@pytest.fixture(scope="module")
def default() -> Default:
    """The function as it is without options; nobody changes it."""
    stack = new_stack()
    transcription = new_function(stack)
    return transcription, Template.from_stack(stack)


def test_the_function_runs_on_arm_with_the_newest_python(default: Default) -> None:
    transcription, template = default
    found = properties(template, transcription.function)
    assert found["Architectures"] == ["arm64"]
    assert found["Runtime"] == "python3.14"
    assert found["Handler"] == "lambdas.transcribe_call.handler.handle"
    assert found["TracingConfig"] == {"Mode": "Active"}
    assert found["RecursiveLoop"] == "Terminate"
    assert "FunctionName" not in found
    assert "VpcConfig" not in found


def test_logs_are_json_encrypted_and_kept_for_a_year(default: Default) -> None:
    transcription, template = default
    config = properties(template, transcription.function)["LoggingConfig"]
    assert (config["LogFormat"], config["ApplicationLogLevel"]) == ("JSON", "INFO")
    group = template.to_json()["Resources"][config["LogGroup"]["Ref"]]["Properties"]
    assert group == {"RetentionInDays": 365, "KmsKeyId": {"Fn::GetAtt": [logical_id(transcription.key), "Arn"]}}
    template.has_resource_properties(
        "AWS::KMS::Key",
        {
            "KeyPolicy": {
                "Statement": Match.array_with(
                    [Match.object_like({"Principal": {"Service": "logs.eu-central-1.amazonaws.com"}})]
                )
            }
        },
    )


def test_the_function_waits_longer_than_deepgram_works(default: Default) -> None:
    transcription, template = default
    assert environment(template, transcription.function)["REQUEST_TIMEOUT_SECONDS"] == "660"
    assert properties(template, transcription.function)["Timeout"] == 720


def test_the_pauses_of_the_function_last_for_the_wait_unless_they_are_bounded(default: Default) -> None:
    transcription, template = default
    found = environment(template, transcription.function)
    assert (found["MAX_ATTEMPTS"], found["MAX_RETRY_DELAY_SECONDS"]) == ("50", "")
    assert json.loads(found["CHANNEL_ROLES"]) == {"0": "customer", "1": "agent"}


def test_settings_reach_the_function(stack: Stack) -> None:
    transcription = new_function(
        stack,
        options=DeepgramOptions(region="eu", keyterms=("glaucoma",)),
        requests=RequestLimits(
            request_timeout=Duration.minutes(2), max_attempts=4, max_retry_delay=Duration.minutes(3)
        ),
        channel_roles={0: "agent", 1: "customer"},
    )
    template = Template.from_stack(stack)
    found = environment(template, transcription.function)
    assert found["DEEPGRAM_BASE_URL"] == "https://api.eu.deepgram.com"
    assert json.loads(found["DEEPGRAM_OPTIONS"])["keyterms"] == []
    assert (found["MAX_ATTEMPTS"], found["MAX_RETRY_DELAY_SECONDS"]) == ("4", "180")
    assert (found["REQUEST_TIMEOUT_SECONDS"], properties(template, transcription.function)["Timeout"]) == ("120", 180)
    assert json.loads(found["CHANNEL_ROLES"]) == {"0": "agent", "1": "customer"}
    assert found["PRESIGNED_URL_SECONDS"] == "900"
    assert found["VOCABULARY_PATH"] == transcription.vocabulary_path
    assert found["POWERTOOLS_METRICS_NAMESPACE"] == "CallScribe"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocabulary": {"default": ("a",)}}, r"'default' is not a clinic: pass .* as options.keyterms"),
        ({"vocabulary": {"lake side": ("a",)}}, r"clinic id 'lake side' cannot be part of a key"),
        ({"vocabulary": {"lakeside": ("",)}}, r"vocabulary\['lakeside'\] holds an empty text"),
        (
            {
                "vocabulary": {"lakeside": tuple(f"b{n}" for n in range(60))},
                "options": DeepgramOptions(keyterms=tuple(f"a{n}" for n in range(60))),
            },
            r"vocabulary of clinic 'lakeside': 120 keyterms are too many",
        ),
        (
            {
                "vocabulary": {"lakeside": tuple(f"{n:02} {'x' * 60}" for n in range(80))},
                "options": DeepgramOptions(model="nova-2"),
            },
            r"vocabulary of clinic 'lakeside' takes \d+ bytes: a parameter holds 4096",
        ),
    ],
)
def test_fails_for_settings_that_cannot_work(stack: Stack, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new_function(stack, **options)


def test_the_presigning_role_reads_recordings_and_nothing_else(stack: Stack) -> None:
    mine = RecordingBucket(stack, "Mine")
    transcription = new_function(stack, recordings=mine.bucket)
    template = Template.from_stack(stack)
    bucket, key = logical_id(mine.bucket), logical_id(mine.key)
    assert permissions(template, transcription.presigning_role) == {
        Permission(frozenset({"s3:GetObject", "s3:GetObjectVersion"}), frozenset({f"<{bucket}.Arn>/*"})),
        Permission(frozenset({"kms:Decrypt"}), frozenset({f"<{key}.Arn>"}), VIA_S3),
    }
    assert "ManagedPolicyArns" not in properties(template, transcription.presigning_role)


def test_only_the_function_may_take_the_presigning_role(default: Default) -> None:
    transcription, template = default
    trust = properties(template, transcription.presigning_role)["AssumeRolePolicyDocument"]
    assert transcription.function.role is not None
    role = logical_id(transcription.function.role)
    assert [statement["Principal"] for statement in trust["Statement"]] == [{"AWS": {"Fn::GetAtt": [role, "Arn"]}}]


def test_the_function_itself_cannot_read_recordings(default: Default) -> None:
    transcription, template = default
    assert transcription.function.role is not None
    for permission in permissions(template, transcription.function.role):
        assert not any("Recordings" in resource for resource in permission.resources)


def test_the_function_may_do_its_work_and_no_more(default: Default) -> None:
    transcription, template = default
    role = transcription.function.role
    assert role is not None
    assert "ManagedPolicyArns" not in properties(template, role)
    assert actions(template, role) == {
        *("dynamodb:GetItem", "dynamodb:UpdateItem"),
        *("kms:Decrypt", "kms:GenerateDataKey"),
        *("logs:CreateLogStream", "logs:PutLogEvents"),
        *("s3:GetObject", "s3:ListBucket", "s3:PutObject"),
        *("secretsmanager:GetSecretValue", "ssm:GetParameter", "sts:AssumeRole"),
        *("xray:PutTelemetryRecords", "xray:PutTraceSegments"),
    }
    [wild] = [p for p in permissions(template, role) if "*" in p.resources]
    assert wild.actions == {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}


def test_archived_replies_are_all_that_it_touches_in_the_archive(default: Default) -> None:
    transcription, template = default
    role = transcription.function.role
    assert role is not None
    [objects] = [p for p in permissions(template, role) if "s3:PutObject" in p.actions]
    assert all(resource.endswith(".Arn>/replies/*") for resource in objects.resources)


def test_a_secret_is_made_if_none_is_given(stack: Stack) -> None:
    transcription = new_function(stack, secret=None)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::SecretsManager::Secret", 2)
    assert environment(template, transcription.function)["DEEPGRAM_SECRET_ARN"] == {
        "Ref": logical_id(transcription.secret)
    }


def test_a_secret_of_ones_own_is_read(stack: Stack) -> None:
    arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:deepgram-AbCdEf"
    mine = secretsmanager.Secret.from_secret_complete_arn(stack, "Mine", arn)
    role = new_function(stack, secret=mine).function.role
    assert role is not None
    assert Permission(frozenset({"secretsmanager:GetSecretValue"}), frozenset({arn})) in permissions(
        Template.from_stack(stack), role
    )


def test_the_key_that_a_bucket_is_imported_with_is_used(stack: Stack) -> None:
    key = kms.Key(stack, "Mine")
    recordings = s3.Bucket.from_bucket_attributes(stack, "Theirs", bucket_name="their-recordings", encryption_key=key)
    transcription = new_function(stack, recordings=recordings)
    assert permissions(Template.from_stack(stack), transcription.presigning_role) == {
        Permission(
            frozenset({"s3:GetObject", "s3:GetObjectVersion"}),
            frozenset({"arn:aws:s3:::their-recordings/*"}),
        ),
        Permission(frozenset({"kms:Decrypt"}), frozenset({f"<{logical_id(key)}.Arn>"}), VIA_S3),
    }


def test_vocabularies_are_parameters_below_one_path(stack: Stack) -> None:
    transcription = new_function(
        stack,
        options=DeepgramOptions(keyterms=("glaucoma", "drops")),
        vocabulary={"lakeside": ("drops", "Müller"), "hilltop": ()},
    )
    parameters = {
        found["Properties"]["Name"]: json.loads(found["Properties"]["Value"])
        for found in Template.from_stack(stack).find_resources("AWS::SSM::Parameter").values()
    }
    assert parameters == {
        f"{transcription.vocabulary_path}default": ["glaucoma", "drops"],
        f"{transcription.vocabulary_path}lakeside": ["glaucoma", "drops", "Müller"],
    }


def test_the_function_reads_parameters_below_its_path_only(default: Default) -> None:
    transcription, template = default
    assert transcription.function.role is not None
    [found] = [p for p in permissions(template, transcription.function.role) if "ssm:GetParameter" in p.actions]
    assert found.resources == {f"arn:aws:ssm:eu-central-1:<AWS::AccountId>:parameter{transcription.vocabulary_path}*"}


def test_grant_set_vocabulary_covers_one_clinic(stack: Stack) -> None:
    transcription, role = new_function(stack), reader(stack)
    transcription.grant_set_vocabulary(role, "lakeside")
    [found] = permissions(Template.from_stack(stack), role)
    assert found.actions == {"ssm:PutParameter"}
    assert [arn.endswith(f":parameter{transcription.vocabulary_path}lakeside") for arn in found.resources] == [True]


@pytest.mark.parametrize(("options", "parallel"), [(DeepgramOptions(), 10), (DeepgramOptions(region="eu"), 5)])
def test_consume_takes_as_many_calls_at_once_as_deepgram_allows(
    stack: Stack, options: DeepgramOptions, parallel: int
) -> None:
    transcription = new_function(stack, options=options)
    queue = sqs.Queue(stack, "Queue", visibility_timeout=Duration.minutes(13))
    transcription.consume(queue)
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::Lambda::EventSourceMapping",
        {
            "BatchSize": 1,
            "EventSourceArn": {"Fn::GetAtt": [logical_id(queue), "Arn"]},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": parallel},
        },
    )
    assert environment(template, transcription.function)["QUEUE_URL"] == {"Ref": logical_id(queue)}


def test_consume_may_put_messages_aside_that_cannot_be_read(stack: Stack) -> None:
    transcription = new_function(stack)
    failed = sqs.Queue(stack, "Failed")
    transcription.consume(sqs.Queue(stack, "Queue", visibility_timeout=Duration.minutes(13)), failed_calls=failed)
    template = Template.from_stack(stack)
    assert environment(template, transcription.function)["FAILED_CALLS_QUEUE_URL"] == {"Ref": logical_id(failed)}
    role = transcription.function.role
    assert role is not None
    [sending] = [p for p in permissions(template, role) if "sqs:SendMessage" in p.actions]
    assert sending.resources == {f"<{logical_id(failed)}.Arn>"}


def test_in_a_vpc_the_function_leaves_by_tls_only(stack: Stack) -> None:
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
    transcription = new_function(stack, functions=FunctionSettings(vpc=vpc))
    template = Template.from_stack(stack)
    [group] = template.find_resources("AWS::EC2::SecurityGroup").values()
    assert [
        (rule["CidrIp"], rule["FromPort"], rule["ToPort"]) for rule in group["Properties"]["SecurityGroupEgress"]
    ] == [("0.0.0.0/0", 443, 443)]
    assert "SecurityGroupIngress" not in group["Properties"]
    assert properties(template, transcription.function)["VpcConfig"]["SubnetIds"] == [
        {"Ref": logical_id(subnet)} for subnet in vpc.private_subnets
    ]
    role = transcription.function.role
    assert role is not None
    assert {"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"} <= actions(template, role)


def test_in_a_vpc_the_port_of_a_self_hosted_deepgram_is_open_too(stack: Stack) -> None:
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
    new_function(
        stack,
        functions=FunctionSettings(vpc=vpc),
        options=DeepgramOptions(endpoint="https://deepgram.internal:8443"),
    )
    [group] = Template.from_stack(stack).find_resources("AWS::EC2::SecurityGroup").values()
    assert {rule["FromPort"] for rule in group["Properties"]["SecurityGroupEgress"]} == {443, 8443}


def test_subnets_can_be_chosen(stack: Stack) -> None:
    vpc = ec2.Vpc(
        stack,
        "Vpc",
        max_azs=2,
        subnet_configuration=[
            ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        ],
    )
    isolated = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    transcription = new_function(stack, functions=FunctionSettings(vpc=vpc, vpc_subnets=isolated))
    assert properties(Template.from_stack(stack), transcription.function)["VpcConfig"]["SubnetIds"] == [
        {"Ref": logical_id(subnet)} for subnet in vpc.isolated_subnets
    ]


def test_processor_python_and_retention_can_be_chosen(stack: Stack) -> None:
    transcription = new_function(
        stack,
        functions=FunctionSettings(runtime=lambda_.Runtime.PYTHON_3_13, architecture=lambda_.Architecture.X86_64),
        log_retention=logs.RetentionDays.ONE_WEEK,
    )
    template = Template.from_stack(stack)
    found = properties(template, transcription.function)
    assert (found["Runtime"], found["Architectures"]) == ("python3.13", ["x86_64"])
    template.has_resource_properties("AWS::Logs::LogGroup", {"RetentionInDays": 7})


def test_metrics_are_those_of_this_function(default: Default) -> None:
    transcription, template = default
    service = environment(template, transcription.function)["POWERTOOLS_SERVICE_NAME"]
    metrics = {
        "DeepgramRateLimited": transcription.metric_rate_limited(),
        "DeepgramRequests": transcription.metric_requests(),
        "AudioSeconds": transcription.metric_audio_seconds(),
        "TroubledCallAge": transcription.metric_troubled_call_age(),
    }
    for name, metric in metrics.items():
        assert (metric.namespace, metric.metric_name, metric.dimensions) == ("CallScribe", name, {"service": service})
