"""Options of any kind that pass Python but break calls: refused where they are given, by name and with the fix."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import is_dataclass
from decimal import Decimal
from types import NoneType
from typing import Any, Final, cast, get_args, get_type_hints

import pytest
from aws_cdk import App, CfnParameter, Duration, Environment, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match
from constructs import Construct

import constructs_lib
from constructs_lib import (
    BedrockAnalyst,
    CallLimits,
    CallTranscription,
    Capacity,
    ClinicRules,
    ConnectWiring,
    ConsoleDomain,
    DeepgramOptions,
    DeepgramPrices,
    DeepgramSecret,
    EnrichmentStep,
    FunctionSettings,
    LiveCalls,
    LiveStreamer,
    LiveTranscriptFeed,
    MediaStreamStorage,
    ModelPrices,
    RecordingBucket,
    RecordingLimits,
    RecordingStorage,
    RequestLimits,
    TaskSettings,
    TranscriptArchive,
    TranscriptTable,
)
from tests.constructs_lib.live_parts import new_streamer
from tests.constructs_lib.parts import new_function, new_workflow

STRING: Final = dynamodb.AttributeType.STRING
TOKEN = CfnParameter(Stack(), "Given").value_as_string
NUMBER = CfnParameter(Stack(), "Number", type="Number").value_as_number
TEXTS = CfnParameter(Stack(), "Texts", type="CommaDelimitedList").value_as_list
TIME = Duration.seconds(NUMBER)
NODE = lambda_.Runtime.NODEJS_22_X
FUNCTION = lambda_.Function.from_function_name(Stack(), "Mine", "mine")


def new_feed(stack: Stack, **options: Any) -> LiveTranscriptFeed:
    return LiveTranscriptFeed(stack, "Feed", **options)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (DeepgramOptions, {"keyterms": "drug"}, r"keyterms of 'drug' is not a sequence of texts: pass \['drug'\]"),
        (DeepgramOptions, {"keyterms": TOKEN}, r"keyterms of .* is not a sequence of texts: pass a list of them"),
        (DeepgramOptions, {"keyterms": (1,)}, r"keyterms of 1 is not a text"),
        (DeepgramOptions, {"keyterms": TEXTS}, r"keyterms is known only once something is deployed: pass the texts"),
        (DeepgramOptions, {"tags": ("dev", " ")}, r"tags holds an empty text: drop it"),
        (DeepgramOptions, {"tags": "dev"}, r"tags of 'dev' is not a sequence"),
        (DeepgramOptions, {"redact": "pci"}, r"redact of 'pci' is not a sequence"),
        (DeepgramOptions, {"language": "multi", "language_hint": "en"}, r"language_hint of 'en' is not a sequence"),
        (DeepgramOptions, {"summarize": "false"}, r"summarize of 'false' is not a bool: pass True or False"),
        (DeepgramOptions, {"mip_opt_out": 0}, r"mip_opt_out of 0 is not a bool"),
        (DeepgramOptions, {"model": TOKEN}, r"model is known only once something is deployed"),
        (DeepgramOptions, {"language": None}, r"language of None is not a text"),
        (DeepgramOptions, {"endpoint": TOKEN}, r"endpoint is known only once something is deployed"),
        (DeepgramOptions, {"max_parallel_requests": "5"}, r"max_parallel_requests of '5' is not an integer"),
        (
            DeepgramOptions,
            {"max_parallel_streams": NUMBER},
            r"max_parallel_streams (of .* is not an int|is known only)",
        ),
        (DeepgramOptions, {"prices": "list"}, r"prices of 'list' are none: pass DeepgramPrices"),
        (BedrockAnalyst, {"model": TOKEN}, r"model is known only once something is deployed"),
        (BedrockAnalyst, {"model": "a.b", "endpoint": ""}, r"endpoint '' is not a base URL"),
        (
            BedrockAnalyst,
            {"model": "a.b", "endpoint": "http://vpce.example.org"},
            r"endpoint .* in the clear",
        ),
        (BedrockAnalyst, {"model": "a.b", "endpoint": TOKEN}, r"endpoint is known only once something is deployed"),
        (BedrockAnalyst, {"model": "a.b", "regions": TEXTS}, r"regions is known only once something is deployed"),
        (BedrockAnalyst, {"model": "a.b", "regions": "eu-west-1"}, r"regions of 'eu-west-1' is not a sequence"),
        (BedrockAnalyst, {"model": "a.b", "foundation_models": "arn"}, r"foundation_models of 'arn' is not a sequence"),
        (BedrockAnalyst, {"model": "a.b", "max_attempts": "3"}, r"max_attempts of '3' is not an integer"),
        (RequestLimits, {"max_attempts": True}, r"max_attempts of True is not an integer"),
        (RequestLimits, {"request_timeout": 600}, r"request_timeout of 600 is not a Duration"),
        (RequestLimits, {"request_timeout": TIME}, r"request_timeout is known only once something is deployed"),
        (
            RequestLimits,
            {"request_timeout": Duration.millis(90_500)},
            r"request_timeout of .* no whole number",
        ),
        (CallLimits, {"lease": Duration.millis(7_500)}, r"lease of .* is no whole number of seconds: choose one"),
        (
            MediaStreamStorage,
            {"retention": Duration.millis(3_600_500)},
            r"retention of .* no whole number",
        ),
        (ClinicRules, {"default_clinic_id": TOKEN}, r"default_clinic_id: .* known only once something is deployed"),
        (
            ClinicRules,
            {"clinic_by_prefix": {"a/": TOKEN}},
            r"clinic_by_prefix: .* known only once",
        ),
        (DeepgramPrices, {"price_list": ["mine"]}, r"price_list of \['mine'\] is not a text: pass its name"),
        (DeepgramPrices, {"plan": {}}, r"plan of {} is not a text"),
        (ModelPrices, {"price_list": ["mine"]}, r"price_list of \['mine'\] is not a text"),
        (
            ModelPrices,
            {"input_usd_per_1000_tokens": 0.1},
            r"input_usd_per_1000_tokens of 0.1 is not a Decimal",
        ),
        (ModelPrices, {"output_usd_per_1000_tokens": Decimal(-1)}, r"output_usd_per_1000_tokens of -1 is below zero"),
        (LiveCalls, {"recordings_prefix": ""}, r"recordings_prefix '' is no folder"),
        (LiveCalls, {"recordings_prefix": "/calls/"}, r"recordings_prefix '/calls/' is no folder: use letters"),
        (LiveCalls, {"recordings_prefix": TOKEN}, r"recordings_prefix is known only once something is deployed"),
        (
            LiveCalls,
            {"clinic_claim": "clinic id"},
            r"clinic_claim of .* is empty or has a space in it: pass the name alone",
        ),
        (LiveCalls, {"clinic_claim": ["cognito:groups"]}, r"clinic_claim of .* is not a text"),
        (RecordingLimits, {"waiting_alarm_after": Duration.seconds(0)}, r"waiting_alarm_after of 0 .* out of range"),
        (EnrichmentStep, {"function": FUNCTION, "max_attempts": 1.5}, r"max_attempts of 1.5 is not an integer"),
        (Capacity, {"slots_per_task": "100"}, r"slots_per_task of '100' is not an integer"),
        (Capacity, {"max_tasks": 2.5}, r"max_tasks of 2.5 is not an integer"),
        (MediaStreamStorage, {"configure": "no"}, r"configure of media_streams of 'no' is not a bool"),
        (MediaStreamStorage, {"prefix": TOKEN}, r"prefix of media_streams is known only once"),
        (
            FunctionSettings,
            {"runtime": lambda_.Runtime.PYTHON_3_10},
            r"runtime 'python3.10' cannot run the functions, .*PYTHON_3_11",
        ),
        (FunctionSettings, {"runtime": NODE}, r"runtime 'nodejs22.x' cannot run the functions"),
        (FunctionSettings, {"architecture": lambda_.Architecture.custom("mips")}, r"architecture 'mips' is unknown"),
        (TaskSettings, {"architecture": lambda_.Architecture.custom("mips")}, r"architecture 'mips' is unknown"),
        (TaskSettings, {"base_image": TOKEN}, r"base_image is known only once something is deployed"),
        (TaskSettings, {"base_image": "an image"}, r"base_image of .* is empty or has a space in it"),
        (
            TaskSettings,
            {"nat_gateways": 3},
            r"nat_gateways of 3 are more than the new network has zones",
        ),
        (FunctionSettings, {"bundling_platform": ""}, r"bundling_platform of .* is empty or has a space in it"),
    ],
)
def test_a_value_object_refuses_a_value_of_another_kind(
    make: Callable[..., Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (new_workflow, {"key_prefixes": "recordings/"}, r"key_prefixes of 'recordings/' is not .* \['recordings/'\]"),
        (new_workflow, {"key_prefixes": [TOKEN]}, r"key_prefixes is known only once something is deployed"),
        (new_workflow, {"retain_for": Duration.days(0)}, r"retain_for of 0 days is out of range: choose whole days"),
        (new_workflow, {"retain_for": Duration.hours(36)}, r"retain_for of 36 hours|retain_for of 1 day 12 hours"),
        (new_workflow, {"channel_roles": {0: "agent", 1: "doctor"}}, r"channel_roles\[1\] 'doctor' is unknown"),
        (new_function, {"channel_roles": {5: "agent"}}, r"channel_roles has no channel 5: choose 0, the left one"),
        (new_function, {"channel_roles": {}}, r"channel_roles of {} is not a mapping"),
        (new_function, {"vocabulary": {"main": "glaucoma"}}, r"vocabulary\['main'\] of 'glaucoma' is not a sequence"),
        (new_function, {"vocabulary": ""}, r"vocabulary of '' is not a mapping of clinic ids and words"),
        (new_streamer, {"instance_arn": ""}, r"instance_arn '' is not the ARN of an Amazon Connect instance"),
        (new_streamer, {"vocabulary_path": " "}, r"vocabulary_path .* is not a path of parameters"),
        (new_function, {"vocabulary": {TOKEN: ["word"]}}, r"clinic id of vocabulary is known only once"),
        (new_streamer, {"vocabulary": ["glaucoma"]}, r"vocabulary of \['glaucoma'\] is not a mapping"),
        (new_feed, {"clinic_claim": ""}, r"clinic_claim of .* is empty or has a space in it"),
        (new_streamer, {"retain_for": 30}, r"retain_for of 30 is not a Duration"),
    ],
)
def test_a_construct_refuses_a_value_of_another_kind(
    stack: Stack, make: Callable[..., Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(stack, **options)


@pytest.mark.parametrize("make", [RecordingBucket, TranscriptArchive])
@pytest.mark.parametrize("age", [Duration.hours(36), Duration.days(0), TIME])
def test_objects_expire_after_whole_days(stack: Stack, make: Callable[..., Any], age: Duration) -> None:
    with pytest.raises(ValueError, match="expire_after"):
        make(stack, "Bucket", expire_after=age)


def test_the_table_takes_no_text_for_a_bool(stack: Stack) -> None:
    with pytest.raises(ValueError, match="point_in_time_recovery of 'false' is not a bool"):
        TranscriptTable(stack, "Table", point_in_time_recovery="false")  # type: ignore[arg-type]


@pytest.mark.parametrize("visible_after", [None, Duration.minutes(12)])
def test_a_message_must_stay_hidden_while_it_is_in_work(stack: Stack, visible_after: Duration | None) -> None:
    queue = sqs.Queue(stack, "Mine", visibility_timeout=visible_after)
    with pytest.raises(ValueError, match=r"visibility timeout of Test/Mine is \d+ seconds, .*: set visibility_timeout"):
        new_function(stack).consume(queue)


def test_a_queue_that_is_not_known_is_believed(stack: Stack) -> None:
    arn = "arn:aws:sqs:eu-central-1:111122223333:mine"
    new_function(stack).consume(sqs.Queue.from_queue_arn(stack, "Mine", arn))


@pytest.mark.parametrize("make", [new_function, new_streamer])
def test_a_secret_of_another_region_is_refused(stack: Stack, make: Callable[..., Any]) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:deepgram-AbCdEf"
    secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Mine", arn)
    with pytest.raises(ValueError, match="secret is in us-east-1 and this stack in eu-central-1: replicate it"):
        make(stack, secret=secret)


def test_a_secret_of_another_regions_stack_is_refused() -> None:
    app = App()
    here, there = (Stack(app, region, env=Environment(region=region)) for region in ("eu-central-1", "us-east-1"))
    with pytest.raises(ValueError, match="secret is in us-east-1 and this stack in eu-central-1"):
        new_function(here, secret=DeepgramSecret(there, "Deepgram").secret)


def test_an_instance_that_is_deployed_with_the_stack_is_believed(stack: Stack) -> None:
    streamer = new_streamer(stack, instance_arn=CfnParameter(stack, "Instance").value_as_string)
    ConnectWiring(
        stack,
        "Wiring",
        instance_arn=CfnParameter(stack, "Same").value_as_string,
        start_function=streamer.start_function,
        end_function=streamer.end_function,
    )


PUBLIC = {name: getattr(constructs_lib, name) for name in constructs_lib.__all__}
CONSTRUCTS = {name: one for name, one in PUBLIC.items() if isinstance(one, type) and issubclass(one, Construct)}
SETTINGS = {name: one for name, one in PUBLIC.items() if is_dataclass(one) and isinstance(one, type)}


def takes_an_object(hint: Any) -> bool:
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
    return all(isinstance(kind, type) and kind.__module__ not in ("builtins", "datetime") for kind in kinds)


def objects_of(hints: dict[str, Any]) -> list[str]:
    names = set(hints) - {"self", "scope", "construct_id", "return", "former"}
    return [name for name in sorted(names) if takes_an_object(hints[name]) and Duration not in get_args(hints[name])]


@pytest.mark.parametrize("wrong", [TIME, object(), Stack(), dict])
def test_an_interface_is_taken_of_what_has_all_that_it_asks_for(wrong: Any) -> None:
    for settings, option in ((FunctionSettings, "vpc"), (EnrichmentStep, "function"), (RecordingStorage, "bucket")):
        with pytest.raises(ValueError, match=rf"^{option} of .* is not of the class I\w+: pass such an object"):
            settings(**{option: wrong})


def test_a_part_of_another_kind_is_refused(stack: Stack) -> None:
    with pytest.raises(ValueError, match=r"^recordings of class .* is not of the class IBucket: pass such an"):
        new_function(stack, recordings=kms.Key(stack, "Key"))


def test_what_is_imported_made_or_made_by_a_part_is_taken(stack: Stack) -> None:
    key = kms.Key(stack, "Key")
    for number, bucket in enumerate(
        (
            s3.Bucket(stack, "Made", encryption_key=key),
            s3.Bucket.from_bucket_attributes(stack, "Imported", bucket_name="imported", encryption_key=key),
            RecordingBucket(stack, "Ours").bucket,
        )
    ):
        assert RecordingStorage(bucket=bucket, prefix=f"folder-{number}").bucket is bucket


def test_whoever_passes_a_construct_for_what_it_holds_is_told_its_attribute(stack: Stack) -> None:
    with pytest.raises(ValueError, match=r"^bucket of .* is not of the class IBucket: pass its attribute bucket$"):
        RecordingStorage(bucket=RecordingBucket(stack, "Recordings"))  # type: ignore[arg-type]


def test_what_is_needed_is_not_none() -> None:
    with pytest.raises(ValueError, match=r"^bucket of None is not of the class IBucket"):
        RecordingStorage(bucket=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["", "its-name", 5, ["its-name"], {"name": "its-name"}])
def test_what_takes_an_object_refuses_its_name_number_or_settings(stack: Stack, value: Any) -> None:
    tried = 0
    for name, construct in CONSTRUCTS.items():
        for option in objects_of(get_type_hints(construct.__init__)):
            with pytest.raises(ValueError, match=rf"^{option} of .* is not of the class \w+"):
                construct(stack, f"{name}-{option}", **{option: value})
            tried += 1
    assert tried > 50
    assert not stack.node.children  # before anything is made


def test_settings_refuse_what_is_no_object_of_theirs(stack: Stack) -> None:
    tried = 0
    certificate = acm.Certificate.from_certificate_arn(
        stack, "Certificate", "arn:aws:acm:us-east-1:123456789012:certificate/1"
    )
    # What they need beside.
    others: dict[Any, dict[str, Any]] = {
        BedrockAnalyst: {"model": "amazon.nova-lite-v1:0"},
        ConsoleDomain: {"name": "calls.example.com", "certificate": certificate},
    }
    for settings in SETTINGS.values():
        hints = {name: hint for name, hint in get_type_hints(settings).items() if hint is not Duration}
        for option in objects_of(hints):
            with pytest.raises(ValueError, match=rf"^{option} of 'its-name' is not of the class \w+"):
                settings(**others.get(settings, {}) | {option: "its-name"})
            tried += 1
    assert tried > 10


def test_texts_of_other_kinds_are_refused_by_name(stack: Stack) -> None:
    for wrong in (5, ["arn"], object()):
        with pytest.raises(ValueError, match="instance_arn"):
            ConnectWiring(
                stack,
                f"Wiring{type(wrong).__name__}",
                instance_arn=wrong,  # type: ignore[arg-type]
                start_function=lambda_.Function.from_function_name(stack, f"Start{type(wrong).__name__}", "start"),
                end_function=lambda_.Function.from_function_name(stack, f"End{type(wrong).__name__}", "end"),
            )


ELSEWHERE: dict[str, Callable[[Stack], Any]] = {
    "table": lambda stack: dynamodb.TableV2.from_table_arn(
        stack, "X", "arn:aws:dynamodb:us-east-1:111122223333:table/t"
    ),
    "key": lambda stack: kms.Key.from_key_arn(stack, "X", f"arn:aws:kms:us-east-1:111122223333:key/{'1' * 36}"),
    "bus": lambda stack: events.EventBus.from_event_bus_arn(
        stack, "X", "arn:aws:events:us-east-1:111122223333:event-bus/x"
    ),
    "alarm_topic": lambda stack: sns.Topic.from_topic_arn(stack, "X", "arn:aws:sns:us-east-1:111122223333:t"),
}


@pytest.mark.parametrize("option", ELSEWHERE)
def test_what_is_reached_in_its_own_region_only_is_refused_in_another(stack: Stack, option: str) -> None:
    with pytest.raises(ValueError, match=f"^{option} is in us-east-1 and this stack in eu-central-1: .* pass one of"):
        CallTranscription(stack, "Calls", **{option: ELSEWHERE[option](stack)})


def test_what_settings_hold_is_refused_in_another_region() -> None:
    app = App()
    here, there = (Stack(app, region, env=Environment(region=region)) for region in ("eu-central-1", "us-east-1"))
    with pytest.raises(ValueError, match=r"^vpc is in us-east-1 and this stack in eu-central-1"):
        CallTranscription(here, "Calls", functions=FunctionSettings(vpc=ec2.Vpc(there, "Vpc")))


def test_a_table_with_other_keys_is_refused(stack: Stack) -> None:
    table = dynamodb.TableV2(stack, "Mine", partition_key=dynamodb.Attribute(name="id", type=STRING))
    with pytest.raises(ValueError, match=r"^table Test/Mine is keyed by 'id': key it as TranscriptTable is"):
        CallTranscription(stack, "Calls", table=table)


@pytest.mark.parametrize("made", [dynamodb.Table, dynamodb.TableV2])
def test_a_table_without_its_indexes_is_warned_of_unless_they_come_later(stack: Stack, made: Any) -> None:
    keys = {"partition_key": dynamodb.Attribute(name="PK", type=STRING)}
    table = made(stack, "Mine", **keys, sort_key=dynamodb.Attribute(name="SK", type=STRING))
    CallTranscription(stack, "Calls", table=table)
    table.add_global_secondary_index(index_name="GSI1", **keys)
    [found] = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("by which calls are found"))
    assert "Test/Mine has no index 'GSI2', by which" in str(found.entry.data)


@pytest.mark.parametrize(
    ("partition", "account", "message"),
    [
        (
            "aws-us-gov",
            "999999999999",
            "is of the account 999999999999 and this stack of 111122223333: .*deploy the stack",
        ),
        ("aws", "111122223333", "is of the partition aws, and us-gov-west-1 is in aws-us-gov: write arn:aws-us-gov:"),
    ],
)
def test_an_instance_of_another_account_or_partition_is_refused(partition: str, account: str, message: str) -> None:
    stack = Stack(env=Environment(region="us-gov-west-1", account="111122223333"))
    arn = f"arn:{partition}:connect:us-gov-west-1:{account}:instance/12345678-1234-1234-1234-123456789012"
    with pytest.raises(ValueError, match=f"^instance_arn {message}"):
        CallTranscription(stack, "Calls", instance_arn=arn)


def test_transcripts_are_of_recordings_or_live_and_nothing_else(stack: Stack) -> None:
    calls = CallTranscription(stack, "Calls")
    target = targets.SqsQueue(sqs.Queue(stack, "Mine"))
    with pytest.raises(ValueError, match=r"^of 'recordings' is unknown: choose one of 'batch', 'live'"):
        calls.on_call_transcribed("ToMine", target=target, of="recordings")  # type: ignore[arg-type]


def test_a_target_or_an_action_is_no_queue_or_topic(stack: Stack) -> None:
    calls = CallTranscription(stack, "Calls", live=LiveCalls())
    queue, topic = sqs.Queue(stack, "Mine"), sns.Topic(stack, "Topic")
    streamer = cast(LiveStreamer, calls.streamer)
    tellers: tuple[Callable[..., Any], ...] = (
        calls.on_call_transcribed,
        calls.on_urgent_call,
        calls.workflow.on_urgent_call,
        streamer.on_urgent_call,
        streamer.on_live_call_transcribed,
        RecordingBucket(stack, "Recordings").on_recording,
    )
    for tell in tellers:
        with pytest.raises(ValueError, match=r"^target of class Queue is not of the class IRuleTarget: pass such"):
            tell("ToMine", target=queue)
    for take in (calls.on_alarm, calls.workflow.on_alarm, streamer.on_alarm):
        with pytest.raises(ValueError, match=r"^action of class Topic is not of the class IAlarmAction"):
            take(topic)  # type: ignore[arg-type]


def test_the_feeds_subscriber_is_no_role_that_another_stack_makes(stack: Stack) -> None:
    feed = LiveTranscriptFeed(stack, "Feed")
    role = iam.Role(Stack(cast(App, stack.node.root), "Other"), "Role", assumed_by=iam.AccountRootPrincipal())
    with pytest.raises(ValueError, match=r"^role Other/Role is of another stack than the feed, Test, .*from_role_name"):
        feed.grant_subscribe(role, clinic_id="main")
    named = iam.Role.from_role_name(stack, "Named", "subscriber")
    assert feed.grant_subscribe(named, clinic_id="main").success


WIRED = "arn:aws:connect:eu-central-1:111122223333:instance/12345678-1234-1234-1234-123456789012"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            {},
            r"Test/First wires the same instance, which streams to one place: .*MediaStreamStorage\(configure=False\)",
        ),
        (
            {"media_streams": MediaStreamStorage(configure=False)},
            "Test/First wires the same instance, whose flow modules have names of their own: pass a module_name",
        ),
        ({"media_streams": MediaStreamStorage(configure=False), "module_name": "second"}, None),
        ({"instance_arn": WIRED.replace("instance/1", "instance/9")}, None),
    ],
)
def test_two_wirings_of_an_instance_that_clash_are_refused(
    stack: Stack, other: dict[str, Any], message: str | None
) -> None:
    functions: dict[str, Any] = {
        name: lambda_.Function.from_function_attributes(
            stack, name, function_arn=f"arn:aws:lambda:eu-central-1:111122223333:function:{name}", same_environment=True
        )
        for name in ("start_function", "end_function")
    }
    ConnectWiring(stack, "First", instance_arn=WIRED, **functions)
    second = ConnectWiring(stack, "Second", **{"instance_arn": WIRED, **functions, **other})
    told = second.validate()
    assert [bool(re.search(message or "nothing", one)) for one in told] == ([] if message is None else [True])
