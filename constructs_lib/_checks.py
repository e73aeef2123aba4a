"""Checks of what constructs are given; each error names the fix."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache, wraps
from inspect import signature
from types import NoneType
from typing import Any, Final, ParamSpec, TypeVar, get_args, get_type_hints
from urllib.parse import urlsplit

from aws_cdk import Annotations, Duration, FeatureFlags, IResource, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.region_info import RegionInfo
from constructs import Construct, IConstruct

from callscribe.contract.identifiers import CHANNEL_SEGMENT, CHANNEL_SEGMENT_RULE, CLINIC_ID, CLINIC_ID_RULE
from callscribe.contract.table_keys import CALL_INDEX, LISTING_INDEX
from callscribe.conversation.utterances import Role
from callscribe.environments.functions import ChannelRole
from callscribe.time_zones import checked_time_zone

_INSTANCE_ARN = re.compile(r"arn:(?P<partition>[\w-]+):connect:(?P<region>[\w-]+):(?P<account>\d{12}):instance/[\w-]+")
_SECRET_ARN = re.compile(r"arn:[\w-]+:secretsmanager:(?P<region>[\w-]+):(?P<account>\d{12}):.*")
_PYTHON = re.compile(r"python3\.(?P<minor>\d+)")
_OLDEST_PYTHON: Final = 11
"""Minor version of the oldest Python 3 that the runtime code and its locked dependencies run on."""
ARCHITECTURES: Final = ("arm64", "x86_64")
"""Processors that functions and tasks run on."""
# What lies in a recording: one channel, or one for each party (Amazon Connect Administrator Guide, "Set up recording
# behavior").
_CHANNELS: Final = (0, 1)
_NAMED_ROLES: Final = tuple(role.value for role in Role if role is not Role.UNKNOWN)
_LONGEST_NAME: Final = 30
_LONGEST_SHOWN: Final = 60
_PLAIN: Final = (str, bytes, bool, int, float, list, tuple, set, dict)
_NO_OBJECTS: Final = (*_PLAIN, Duration)
_OF_ONE_REGION: Final = (
    dynamodb.ITable,
    ec2.IVpc,
    ecs.ICluster,
    events.IEventBus,
    kms.IKey,
    logs.ILogGroup,
    sns.ITopic,
)
_ENCRYPTS: Final = "SYMMETRIC_DEFAULT"
_Options = ParamSpec("_Options")
_Result = TypeVar("_Result")
_SAME_ACCOUNT: Final = "@aws-cdk/aws-events:eventsTargetQueueSameAccount"
_ALARM_PERMISSIONS: Final = "@aws-cdk/aws-cloudwatch-actions:changeLambdaPermissionLogicalIdForLambdaAction"


def takes_objects(call: Callable[_Options, _Result]) -> Callable[_Options, _Result]:
    """Have an initialiser or a method refuse the name, ARN or settings of an object where it takes the object.

    Python would find out late, in words that do not tell the option, and an empty text would count as no value. Objects
    of a kind that does not do are refused as well (:func:`check_kinds`), and by an initialiser what is in another
    region than its scope (:func:`check_regions`).
    """
    hints = cache(get_type_hints)
    names = [*signature(call).parameters]

    @wraps(call)
    def checked(*args: _Options.args, **kwargs: _Options.kwargs) -> _Result:
        options = {**dict(zip(names, args, strict=False)), **kwargs}
        check_objects(hints(call), options)
        check_kinds(hints(call), options)
        if isinstance(scope := options.get("scope"), Construct) and call.__name__ == "__init__":
            check_regions(scope, hints(call), options)
        return call(*args, **kwargs)

    return checked


def check_kinds(hints: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Check that topics and keys are of a kind that alarms, and services that encrypt, can use, as far as it is known.

    An alarm cannot name the message group that a FIFO topic asks for (Amazon SNS API Reference, "Publish"), and data
    keys are made by symmetric encryption keys alone (AWS KMS API Reference, "GenerateDataKey").

    Args:
        hints: Types, by the name of the option.
        options: Values, by the same names.

    Raises:
        ValueError: If one of them is of another kind.
    """
    for name, value in options.items():
        kinds = (hints.get(name), *get_args(hints.get(name)))
        if value is not None and sns.ITopic in kinds and value.fifo:
            raise ValueError(f"{name} is a FIFO topic, which no alarm can send to: pass a standard topic")
        if value is not None and kms.IKey in kinds and isinstance(key := value.node.default_child, kms.CfnKey):
            spec = key.key_spec
            if spec is not None and not Token.is_unresolved(spec) and spec != _ENCRYPTS:
                raise ValueError(
                    f"{name} is a key of the kind {spec}, by which nothing is encrypted here: pass one of "
                    f"{_ENCRYPTS}, the default of kms.Key"
                )


def check_regions(scope: Construct, hints: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Check that what functions, tasks and alarms reach in their own region only is in that of *scope*, where known.

    Args:
        scope: Construct of a stack.
        hints: Types, by the name of the option.
        options: Values, by the same names; the fields of settings are checked as well.

    Raises:
        ValueError: If something is in another one.
    """
    if bound := [*_of_one_region(hints, options)]:
        here = Stack.of(scope).region
        for name, value in bound:
            check_region(name, value, here)


def _of_one_region(hints: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        hint = hints.get(name)
        if is_dataclass(value) and not isinstance(value, type):
            yield from _of_one_region(get_type_hints(type(value)), vars(value))
        elif value is not None and any(kind in _OF_ONE_REGION for kind in (hint, *get_args(hint))):
            yield name, value


def check_region(name: str, value: IResource, here: str) -> None:
    """Check that the option *value* is in the region *here*, as far as both are known.

    Raises:
        ValueError: If it is in another one.
    """
    there = value.env.region
    if there != here and not Token.is_unresolved(here) and not Token.is_unresolved(there):
        raise ValueError(
            f"{name} is in {there} and this stack in {here}: what is made here reaches nothing of its kind in another "
            f"region; pass one of {here}, or deploy the stack there"
        )


def check_fields(settings: object) -> None:
    """Check the fields of value object *settings* as :func:`check_objects` and :func:`check_kinds` do.

    Raises:
        ValueError: If one of them is not of its class, or of a kind that does not do.
    """
    check_objects(get_type_hints(type(settings)), vars(settings))
    check_kinds(get_type_hints(type(settings)), vars(settings))


def check_objects(hints: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Check those *options* whose types are classes of the CDK or of ours, and no texts, numbers or collections.

    Args:
        hints: Types, by the name of the option.
        options: Values, by the same names.

    Raises:
        ValueError: If one of them is something else.
    """
    for name, value in options.items():
        known = get_args(hints.get(name)) or (hints.get(name),)
        kinds = [kind for kind in known if kind is not NoneType]
        # A time has a check of its own, with an example.
        if not all(isinstance(kind, type) and kind not in _NO_OBJECTS for kind in kinds):
            continue
        if (value is None and NoneType in known) or any(_is_a(kind, value) for kind in kinds):
            continue
        wanted = " or ".join(kind.__name__ for kind in kinds)
        given = repr(value)[:_LONGEST_SHOWN] if value is None or isinstance(value, _PLAIN) else _class_of(value)
        inside = _attribute_of(value, kinds)
        fix = "such an object, not its name, ARN or settings" if inside is None else f"its attribute {inside}"
        raise ValueError(f"{name} of {given} is not of the class {wanted}: pass {fix}")


def _is_a(kind: type, value: Any) -> bool:
    """Tell whether *value* is of the class *kind*, or has all that this asks for as an interface of the CDK's."""
    if not getattr(kind, "_is_protocol", False):
        return isinstance(value, kind)
    # What CDK made itself and handed out by an interface, such as an imported bucket, is believed.
    if type(value).__module__.startswith("jsii."):
        return True
    wanted = (name for name in vars(kind) if not name.startswith("_"))
    return not isinstance(value, type) and all(hasattr(type(value), name) for name in wanted)


def _attribute_of(value: Any, kinds: Sequence[type]) -> str | None:
    """Return the attribute of a construct that holds what is wanted and is called so, if there is one."""
    if not isinstance(value, Construct):
        return None
    for kind in kinds:
        for name, one in vars(value).items():
            if name in kind.__name__.lower() and _is_a(kind, one):
                return name
    return None


def _class_of(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"class {type(value).__name__}"


def text(name: str, value: Any) -> str:
    """Return the option *value*, a text that is known when the app is synthesised.

    Raises:
        ValueError: If it is no text, or is known only once something is deployed.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} of {value!r} is not a text: pass a str")
    if Token.is_unresolved(value):
        raise ValueError(
            f"{name} is known only once something is deployed, and must be known at synth: pass the value itself, not "
            "a parameter or a reference"
        )
    return value


def word(name: str, value: Any) -> str:
    """Return the option *value*, a text without spaces that is known when the app is synthesised.

    Raises:
        ValueError: If it is something else; an empty text would count as no value.
    """
    if not (found := text(name, value)) or not found.isprintable() or " " in found:
        raise ValueError(f"{name} of {value!r} is empty or has a space in it: pass the name alone, or drop it")
    return found


def texts(name: str, value: Any) -> tuple[str, ...]:
    """Return the option *value*, several texts that are known when the app is synthesised.

    Raises:
        ValueError: If it is one text, whose letters would count as the texts, or something in it is no known text.
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        example = f"[{value!r}]" if isinstance(value, str) and not Token.is_unresolved(value) else "a list of them"
        raise ValueError(f"{name} of {value!r} is not a sequence of texts: pass {example}")
    found = tuple(text(name, part) for part in value)
    if Token.is_unresolved([*found]):
        raise ValueError(f"{name} is known only once something is deployed: pass the texts themselves")
    if not all(part.strip() for part in found):
        raise ValueError(f"{name} holds an empty text: drop it")
    return found


def base_url(name: str, value: Any) -> str:
    """Return the option *value*, where a service is asked: a URL without a path, encrypted unless it is this machine.

    Raises:
        ValueError: If it is something else.
    """
    url = urlsplit(text(name, value))
    loopback = url.hostname in ("127.0.0.1", "::1", "localhost")
    if not url.hostname or url.path.strip("/") or url.query or url.scheme not in ("https", "http"):
        raise ValueError(f"{name} {value!r} is not a base URL: write it like 'https://host:port'")
    if url.scheme == "http" and not loopback:
        raise ValueError(f"{name} {value!r} would send calls in the clear: use https")
    return url.geturl()


def flag(name: str, value: Any) -> bool:
    """Return the option *value*, a bool: ``"false"`` would count as true.

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} of {value!r} is not a bool: pass True or False")
    return value


def integer(name: str, value: Any) -> int:
    """Return the option *value*, an integer that is known when the app is synthesised.

    Raises:
        ValueError: If it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name} of {value!r} is not an integer: pass an int")
    if Token.is_unresolved(value):
        raise ValueError(f"{name} is known only once something is deployed: pass the number itself")
    return value


def one_of(name: str, value: Any, known: Sequence[str]) -> None:
    """Check that the option *value* is one of *known*.

    Raises:
        ValueError: If it is none of them.
    """
    if value not in known:
        raise ValueError(f"{name} {value!r} is unknown: choose one of {quoted(known)}")


def channel_roles(value: Mapping[int, ChannelRole]) -> dict[int, ChannelRole]:
    """Return the option *channel_roles*: who speaks on which channel.

    Raises:
        ValueError: If it names a channel or a role that there is not.
    """
    if not isinstance(value, Mapping) or not value:
        raise ValueError(
            f"channel_roles of {value!r} is not a mapping of channels and roles: pass {{0: 'customer', 1: 'agent'}}"
        )
    for channel, role in value.items():
        if isinstance(channel, bool) or channel not in _CHANNELS:
            raise ValueError(f"channel_roles has no channel {channel!r}: choose 0, the left one, and 1, the right one")
        one_of(f"channel_roles[{channel}]", role, get_args(ChannelRole))
    return dict(value)


def role_names(value: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return the option *role_names*: what the parties of a call are called; None where it names none.

    Raises:
        ValueError: If it names a role that there is not, or a name is no short line of text.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ValueError(f"role_names of {value!r} is not a mapping of roles and names: pass {{'customer': 'patient'}}")
    for role, name in value.items():
        one_of("role of role_names", role, _NAMED_ROLES)
        fits = 1 <= len(text(f"role_names[{role!r}]", name).strip()) <= _LONGEST_NAME and name.isprintable()
        if not fits or "{" in name:  # an expression, to a state machine
            raise ValueError(
                f"role_names[{role!r}] of {name!r} is no name: use 1 to {_LONGEST_NAME} printable characters, no braces"
            )
    return dict(value) or None


def time_zones(value: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return the option *time_zones*: names of time zones by clinic, `*` for all others; None where it names none.

    Raises:
        ValueError: If it is something else, or the IANA Time Zone Database has no such zone.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ValueError(
            f"time_zones of {value!r} is not a mapping of clinic ids and time zones: pass {{'*': 'Europe/Berlin'}}"
        )
    for clinic, name in value.items():
        place = f"time_zones[{text('clinic id of time_zones', clinic)!r}]"
        checked_time_zone(place, text(place, name))
    return dict(value) or None


def vocabularies(value: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return the option *vocabulary*: words by clinic id.

    Raises:
        ValueError: If it is something else, or a clinic's words are one text.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"vocabulary of {value!r} is not a mapping of clinic ids and words: pass {{'main': ['word']}}")
    return {
        text("clinic id of vocabulary", clinic): texts(f"vocabulary[{clinic!r}]", terms)
        for clinic, terms in value.items()
    }


def check_architecture(value: lambda_.Architecture) -> None:
    """Check what functions or tasks run on.

    Raises:
        ValueError: If there is no such processor.
    """
    one_of("architecture", value.name, ARCHITECTURES)


def check_runtime(value: lambda_.Runtime) -> None:
    """Check that the runtime code can be bundled for the option *runtime*.

    Raises:
        ValueError: If it is no Python, or one that is too old.
    """
    found = _PYTHON.fullmatch(value.name)
    if not found or int(found["minor"]) < _OLDEST_PYTHON:
        raise ValueError(
            f"runtime {value.name!r} cannot run the functions, which are written in Python 3.{_OLDEST_PYTHON}: choose "
            f"lambda_.Runtime.PYTHON_3_{_OLDEST_PYTHON} or a newer one"
        )


def check_visibility(queue: sqs.IQueue, *, longer_than: Duration) -> None:
    """Check that a message stays hidden for as long as the function works on it, as far as *queue* is known.

    Raises:
        ValueError: If it comes back before, and its recording would be paid for twice.
    """
    resource = queue.node.default_child
    if not isinstance(resource, sqs.CfnQueue):
        return
    timeout = 30 if resource.visibility_timeout is None else resource.visibility_timeout  # SQS's default
    if not Token.is_unresolved(timeout) and timeout <= longer_than.to_seconds():
        raise ValueError(
            f"the visibility timeout of {queue.node.path} is {timeout:g} seconds, and the function may work on a "
            f"message for {longer_than.to_seconds():g}: set visibility_timeout of the queue to more, or its recordings "
            "are paid for twice"
        )


def template_of(construct: IConstruct) -> str:
    """Return the address of the stack that *construct* is deployed with: the outermost, where stacks are nested."""
    stack = Stack.of(construct)
    while stack.nested_stack_parent is not None:
        stack = stack.nested_stack_parent
    return stack.node.addr


def check_target(scope: Construct, target: events.IRuleTarget) -> None:
    """Check that a rule in *scope* can send to *target*, as far as that is known.

    The policy of a queue names the rule, and the rule the queue: in two stacks each would need the other first.

    Raises:
        ValueError: If it cannot.
    """
    if not isinstance(target, targets.SqsQueue):
        return
    queue = target.queue
    here, there = Stack.of(scope), Stack.of(queue)
    is_imported = not isinstance(queue.node.default_child, sqs.CfnQueue)
    # The CDK names no rule in the policy of a queue with a key, unless this flag asks for it.
    names_rule = queue.encryption_master_key is None or FeatureFlags.of(scope).is_enabled(_SAME_ACCOUNT)
    if not is_imported and names_rule and here.node.addr != there.node.addr:
        raise ValueError(
            f"target is the queue {queue.node.path} of another stack than this rule's, {here.node.path}, and each "
            f"would refer to the other: pass scope=, a construct of {there.node.path}, where the rule is defined then"
        )


def check_alarm_action(alarms: Mapping[str, cloudwatch.Alarm], action: cloudwatch.IAlarmAction) -> None:
    """Check that all *alarms* can take *action*.

    Raises:
        ValueError: If the CDK would give the permissions of several alarms for one function the same name.
    """
    if len(alarms) < 2 or not isinstance(action, cloudwatch_actions.LambdaAction):
        return
    if not FeatureFlags.of(next(iter(alarms.values()))).is_enabled(_ALARM_PERMISSIONS):
        raise ValueError(
            "action is a function, which the CDK lets several alarms invoke only with its feature flag "
            f"{_ALARM_PERMISSIONS}: set that to true in cdk.json, or subscribe the function to alarm_topic"
        )


def check_private_subnets(vpc: ec2.IVpc) -> None:
    """Check that *vpc* has the subnets that functions and tasks run in where none are named.

    Raises:
        ValueError: If it has none.
    """
    if not vpc.private_subnets:
        raise ValueError(
            "vpc has no private subnets with a way out (SubnetType.PRIVATE_WITH_EGRESS): pass one that has, or name "
            "in vpc_subnets those from which Deepgram and AWS can be reached"
        )


def check_public_subnets(vpc: ec2.IVpc, subnets: ec2.SubnetSelection) -> None:
    """Check that the *subnets* of tasks with public addresses are public, as far as that can be known.

    Raises:
        ValueError: If there are none, or one of them is not public: a public address is no way out there.
    """
    if not vpc.public_subnets:
        raise ValueError(
            'vpc has no public subnets, which egress="public-addresses" is for: pass one that has, or drop egress'
        )
    others = {subnet.subnet_id for subnet in (*vpc.private_subnets, *vpc.isolated_subnets)}
    if not others.isdisjoint(_selected(vpc, subnets).subnet_ids):
        raise ValueError(
            'vpc_subnets are private, where egress="public-addresses" is no way out: choose public ones '
            "(SubnetType.PUBLIC), or drop egress"
        )


def check_subnets(scope: Construct, vpc: ec2.IVpc, subnets: ec2.SubnetSelection) -> None:
    """Check that what *scope* runs in *subnets* reaches Deepgram, and warn where only a network of one's own can tell.

    Raises:
        ValueError: If one of them is public: what has no public address has no way out there.
    """
    selected = _selected(vpc, subnets)
    if selected.has_public:
        raise ValueError(
            "vpc_subnets are public: functions have no public address, tasks only with "
            'TaskSettings(egress="public-addresses"), and without one there is no way out there; choose private '
            "subnets with a NAT gateway (SubnetType.PRIVATE_WITH_EGRESS)"
        )
    isolated = {subnet.subnet_id for subnet in vpc.isolated_subnets}
    if not isolated.isdisjoint(selected.subnet_ids):
        Annotations.of(scope).add_warning_v2(
            "callscribe:isolatedSubnets",
            "vpc_subnets are isolated: make sure that they reach Deepgram and every AWS service, by endpoints, a "
            "transparent proxy or a deployment of Deepgram's in the network, or choose SubnetType.PRIVATE_WITH_EGRESS",
        )


def _selected(vpc: ec2.IVpc, subnets: ec2.SubnetSelection) -> ec2.SelectedSubnets:
    return vpc.select_subnets(
        availability_zones=subnets.availability_zones,
        one_per_az=subnets.one_per_az,
        subnet_filters=subnets.subnet_filters,
        subnet_group_name=subnets.subnet_group_name,
        subnet_type=subnets.subnet_type,
        subnets=subnets.subnets,
    )


def check_table(table: dynamodb.ITable) -> None:
    """Check that *table* is keyed as :class:`~constructs_lib.TranscriptTable` is, as far as that is known.

    Raises:
        ValueError: If it has other keys, and nothing could be stored in it.
    """
    schema = _of_table(table, "key_schema")
    keys = {str(key.get("attributeName")): key.get("keyType") for key in schema or ()}
    if schema is not None and keys != {"PK": "HASH", "SK": "RANGE"}:
        raise ValueError(
            f"table {table.node.path} is keyed by {quoted([*keys])}: key it as TranscriptTable is, by PK and SK"
        )


def warn_of_missing_indexes(scope: Construct, table: dynamodb.ITable) -> None:
    """Warn, once the app is complete, of a *table* of it without the indexes by which calls are found."""
    if _of_table(table, "key_schema") is None:
        return
    there = {index.get("indexName") for index in _of_table(table, "global_secondary_indexes") or ()}
    if missing := [name for name in (CALL_INDEX, LISTING_INDEX) if name not in there]:
        Annotations.of(scope).add_warning_v2(
            "callscribe:tableIndexes",
            f"{table.node.path} has no index {quoted(missing)}, by which calls are found: add it as in TranscriptTable",
        )


def _of_table(table: dynamodb.ITable, name: str) -> Sequence[Mapping[str, Any]] | None:
    """Return a list of the resource behind *table*; None where the app does not have it, or tells no list."""
    resource = table.node.default_child
    if not isinstance(resource, dynamodb.CfnTable | dynamodb.CfnGlobalTable):
        return None
    found = Stack.of(resource).resolve(getattr(resource, name))
    return found if isinstance(found, list) else None


def check_secret(scope: Construct, secret: secretsmanager.ISecret) -> None:
    """Check that *secret* is in the region of *scope*: functions ask the Secrets Manager of their own region.

    Of a secret of another account a warning says what that account must allow (AWS Secrets Manager User Guide, "Access
    AWS Secrets Manager secrets from a different account").

    Raises:
        ValueError: If it is in another one.
    """
    arn, region, account = secret.secret_arn, Stack.of(scope).region, Stack.of(scope).account
    found = None if Token.is_unresolved(arn) else _SECRET_ARN.fullmatch(arn)
    of_secret = found["region"] if found else secret.env.region
    if not Token.is_unresolved(region) and not Token.is_unresolved(of_secret) and of_secret != region:
        raise ValueError(
            f"secret is in {of_secret} and this stack in {region}: replicate it to {region} (replica_regions) and pass "
            "the replica there, or make one there"
        )
    owner = found["account"] if found else secret.env.account
    if not Token.is_unresolved(account) and not Token.is_unresolved(owner) and owner != account:
        Annotations.of(scope).add_warning_v2(
            "callscribe:secretOfAnotherAccount",
            f"secret is of the account {owner} and this stack of {account}: nobody here can read it until its resource "
            f"policy, and its key of its own there, allow {account} to; pass the key as encryption_key of the secret",
        )


def check_clinic_id(clinic_id: str) -> str:
    """Return *clinic_id*, which becomes part of object keys, table keys and parameter names.

    Raises:
        ValueError: If it holds anything but letters, digits, ``.``, ``_`` and ``-``.
    """
    if not CLINIC_ID.fullmatch(text("clinic id", clinic_id)):
        raise ValueError(f"clinic id {clinic_id!r} cannot be part of a key: use {CLINIC_ID_RULE}")
    return clinic_id


def check_live_clinic_id(clinic_id: str) -> str:
    """Return *clinic_id*, which becomes part of the channels of live calls.

    Raises:
        ValueError: If it does not fit in a channel.
    """
    if not CHANNEL_SEGMENT.fullmatch(text("clinic id", clinic_id)):
        raise ValueError(f"clinic id {clinic_id!r} cannot be part of a channel: use {CHANNEL_SEGMENT_RULE}")
    return clinic_id


def check_instance(scope: Construct, arn: str) -> str:
    """Return *arn*, which names the Amazon Connect instance that *scope* works with.

    Raises:
        ValueError: If it is not the ARN of an instance, or of one in another region.
    """
    is_text = isinstance(arn, str)
    if is_text and Token.is_unresolved(arn):
        return arn
    found = _INSTANCE_ARN.fullmatch(arn) if is_text else None
    if not found:
        raise ValueError(
            f"instance_arn {arn!r} is not the ARN of an Amazon Connect instance: "
            "use arn:aws:connect:{region}:{account}:instance/{instance id}, as the console's overview shows it"
        )
    region = Stack.of(scope).region
    if not Token.is_unresolved(region) and found["region"] != region:
        raise ValueError(
            f"instance_arn is in {found['region']} and this stack in {region}: Connect takes streams, keys and "
            "functions of its own region only; deploy the stack there"
        )
    account, partition = Stack.of(scope).account, RegionInfo.get(found["region"]).partition
    if not Token.is_unresolved(account) and found["account"] != account:
        raise ValueError(
            f"instance_arn is of the account {found['account']} and this stack of {account}: an instance is wired, and "
            "asked for its contacts, from its own account only; deploy the stack there"
        )
    if partition is not None and found["partition"] != partition:
        raise ValueError(
            f"instance_arn is of the partition {found['partition']}, and {found['region']} is in {partition}: write "
            f"arn:{partition}:connect:…"
        )
    return arn


def seconds_within(name: str, value: Duration, *, at_least: Duration, at_most: Duration) -> int:
    """Return *value* in seconds.

    Raises:
        ValueError: If it lies outside the two bounds.
    """
    seconds = int(duration(name, value).to_seconds())
    if not at_least.to_seconds() <= seconds <= at_most.to_seconds():
        raise ValueError(
            f"{name} of {value.to_human_string()} is out of range: choose {at_least.to_human_string()} to "
            f"{at_most.to_human_string()}"
        )
    return seconds


def duration(name: str, value: Any) -> Duration:
    """Return the option *value*, a time that is known when the app is synthesised.

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(value, Duration):
        raise ValueError(f"{name} of {value!r} is not a Duration: pass one such as Duration.minutes(5)")
    if value.is_unresolved():
        raise ValueError(f"{name} is known only once something is deployed: pass the time itself, not a parameter")
    if value.to_milliseconds() % 1000:
        raise ValueError(f"{name} of {value.to_human_string()} is no whole number of seconds: choose one")
    return value


def quoted(values: Sequence[str]) -> str:
    """Write *values* for an error message: ``'a', 'b'``."""
    return ", ".join(map(repr, values))


def retention_days(retain_for: Duration | None) -> int | None:
    """Return the option *retain_for* as functions and tasks read it: whole days, None for ever.

    Raises:
        ValueError: If it is less than a day, or no whole days.
    """
    return whole_days("retain_for", retain_for)


def whole_days(name: str, value: Duration | None) -> int | None:
    """Return *value* in days, None for ever.

    Raises:
        ValueError: If it is less than a day, or no whole days.
    """
    if value is None:
        return None
    days, rest = divmod(int(duration(name, value).to_seconds()), 86_400)
    if rest or days < 1:
        raise ValueError(f"{name} of {value.to_human_string()} is out of range: choose whole days, 1 or more")
    return days
