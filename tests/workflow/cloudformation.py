"""The resources of synthesised templates, made in moto.

Everything that refers to something else is resolved from the templates, so a wrong reference fails here as it would on
AWS. What moto has no use for (policies, keys, alarms) is not made; a reference to it resolves to a name.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import boto3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ACCOUNT = "123456789012"
REGION = "us-east-1"

Properties: TypeAlias = dict[str, Any]
# Reported as found and otherwise left alone by moto's Lambda.
_EMPTY_ZIP = b"PK\x05\x06" + bytes(18)


@dataclass(frozen=True)
class Made:
    """What a resource answers to `Ref` and `Fn::GetAtt`."""

    ref: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Resource:
    """One resource of a template, with its references resolved."""

    stack: str
    logical_id: str
    type: str
    properties: Properties
    made: Made


class Deployed:
    """Templates as one deployment.

    Args:
        templates: The templates by name of their stack.

    Raises:
        LookupError: Something refers to a resource, attribute or export that does not exist.
        NotImplementedError: A template uses a function that is not known here.
    """

    def __init__(self, templates: Mapping[str, Any]) -> None:
        self._templates = templates
        self._made: dict[tuple[str, str], Resource] = {}
        for stack, template in templates.items():
            for logical_id, resource in template["Resources"].items():
                if resource["Type"] in _MAKERS:
                    self._resource(stack, logical_id)

    def all(self, type_: str) -> list[Resource]:
        """Return the resources of a type, whether or not moto makes them."""
        return list(self._all(type_))

    def _all(self, type_: str) -> Iterator[Resource]:
        for stack, template in self._templates.items():
            for logical_id, resource in template["Resources"].items():
                if resource["Type"] == type_:
                    yield self._resource(stack, logical_id)

    def output(self, name: str) -> str:
        """Return the value of an output, in whichever stack it is."""
        for stack, template in self._templates.items():
            if name in template.get("Outputs", {}):
                return str(self.resolve(stack, template["Outputs"][name]["Value"]))
        raise LookupError(f"no stack has an output {name}")

    def _resource(self, stack: str, logical_id: str) -> Resource:
        if (stack, logical_id) not in self._made:
            resource = self._templates[stack]["Resources"].get(logical_id)
            if resource is None:
                raise LookupError(f"{stack} has no resource {logical_id}")
            make = _MAKERS.get(resource["Type"])
            properties = {} if make is None else self.resolve(stack, resource.get("Properties", {}))
            made = Made(logical_id) if make is None else make(f"{stack}-{logical_id}", properties)
            self._made[stack, logical_id] = Resource(stack, logical_id, resource["Type"], properties, made)
        return self._made[stack, logical_id]

    def resolve(self, stack: str, value: Any) -> Any:
        """Return a value of a template with its functions evaluated."""
        if isinstance(value, list):
            return [self.resolve(stack, item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name == "Ref" or name.startswith("Fn::"):
                return self._evaluate(stack, name, argument)
        return {key: self.resolve(stack, item) for key, item in value.items()}

    def _evaluate(self, stack: str, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._reference(stack, argument)
            case "Fn::GetAtt":
                logical_id, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
                return self._attribute(stack, logical_id, attribute)
            case "Fn::Join":
                delimiter, parts = argument
                return str(delimiter).join(map(str, self.resolve(stack, parts)))
            case "Fn::Select":
                index, options = self.resolve(stack, argument)
                return options[int(index)]
            case "Fn::Split":
                delimiter, text = self.resolve(stack, argument)
                return text.split(delimiter)
            case "Fn::Sub":
                return self._substitute(stack, argument)
            case "Fn::ImportValue":
                return self._import(self.resolve(stack, argument))
            case "Fn::GetStackOutput":
                other = str(self.resolve(stack, argument["StackName"]))
                return self.resolve(other, self._templates[other]["Outputs"][argument["OutputName"]]["Value"])
            case _:
                raise NotImplementedError(f"{name} in {stack}")

    def _reference(self, stack: str, name: str) -> str:
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::StackName": stack,
            "AWS::URLSuffix": "amazonaws.com",
        }
        return pseudo[name] if name in pseudo else self._resource(stack, name).made.ref

    def _attribute(self, stack: str, logical_id: str, attribute: str) -> str:
        resource = self._resource(stack, logical_id)
        if resource.type not in _MAKERS:
            return f"arn:aws:unmade:{REGION}:{ACCOUNT}:{logical_id}/{attribute}"
        if attribute not in resource.made.attributes:
            raise LookupError(f"{resource.type} {logical_id} in {stack} has no attribute {attribute}")
        return resource.made.attributes[attribute]

    def _substitute(self, stack: str, argument: Any) -> str:
        text, given = argument if isinstance(argument, list) else (argument, {})

        def value(match: re.Match[str]) -> str:
            name = match.group(1)
            if name in given:
                return str(self.resolve(stack, given[name]))
            function = "Fn::GetAtt" if "." in name else "Ref"
            return str(self._evaluate(stack, function, name))

        return re.sub(r"\$\{([^!}][^}]*)\}", value, text)

    def _import(self, name: str) -> Any:
        for stack, template in self._templates.items():
            for output in template.get("Outputs", {}).values():
                if "Export" in output and self.resolve(stack, output["Export"]["Name"]) == name:
                    return self.resolve(stack, output["Value"])
        raise LookupError(f"no stack exports {name}")


def _bucket(name: str, properties: Properties) -> Made:
    bucket = properties.get("BucketName", name.lower())
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=bucket)
    if properties.get("VersioningConfiguration", {}).get("Status") == "Enabled":
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return Made(bucket, {"Arn": f"arn:aws:s3:::{bucket}"})


def _table(name: str, properties: Properties) -> Made:
    indexes = [
        {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
        for index in properties.get("GlobalSecondaryIndexes", [])
    ]
    arn = boto3.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=properties["AttributeDefinitions"],
        KeySchema=properties["KeySchema"],
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),  # type: ignore[arg-type]
    )["TableDescription"]["TableArn"]
    return Made(name, {"Arn": arn})


def _queue(name: str, properties: Properties) -> Made:
    settings = {
        key: json.dumps(properties[key]) if key == "RedrivePolicy" else str(properties[key])
        for key in ("VisibilityTimeout", "MessageRetentionPeriod", "RedrivePolicy")
        if key in properties
    }
    queue_name = name[:80]
    url = boto3.client("sqs").create_queue(QueueName=queue_name, Attributes=settings)["QueueUrl"]  # type: ignore[arg-type]
    return Made(url, {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue_name}", "QueueName": queue_name})


def _secret(name: str, properties: Properties) -> Made:
    secrets = boto3.client("secretsmanager")
    if "SecretString" in properties:
        arn = secrets.create_secret(Name=name, SecretString=properties["SecretString"])["ARN"]
    else:
        arn = secrets.create_secret(Name=name)["ARN"]
    return Made(arn, {"Id": arn})


def _parameter(name: str, properties: Properties) -> Made:
    parameter = properties.get("Name", name)
    boto3.client("ssm").put_parameter(Name=parameter, Value=properties["Value"], Type=properties["Type"])
    return Made(parameter, {"Value": properties["Value"], "Type": properties["Type"]})


def _role(name: str, properties: Properties) -> Made:
    role = boto3.client("iam").create_role(
        RoleName=name[-64:], AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"])
    )["Role"]
    return Made(role["RoleName"], {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _function(name: str, properties: Properties) -> Made:
    function = boto3.client("lambda").create_function(
        FunctionName=name[-64:],
        Role=properties["Role"],
        Runtime="python3.13",
        Handler=properties["Handler"],
        Code={"ZipFile": _EMPTY_ZIP},
        Timeout=properties["Timeout"],
    )
    return Made(function["FunctionName"], {"Arn": function["FunctionArn"]})


def _bus(name: str, properties: Properties) -> Made:
    bus = properties.get("Name", name)
    arn = boto3.client("events").create_event_bus(Name=bus)["EventBusArn"]
    return Made(bus, {"Arn": arn, "Name": bus})


def _rule(name: str, properties: Properties) -> Made:
    # moto starts no state machine from a rule, so the rule is only read (see the harness).
    return Made(name, {"Arn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"})


def _state_machine(name: str, properties: Properties) -> Made:
    definition = properties.get("DefinitionString") or json.dumps(properties["Definition"])
    for key, value in properties.get("DefinitionSubstitutions", {}).items():
        definition = definition.replace(f"${{{key}}}", value)
    arn = boto3.client("stepfunctions").create_state_machine(
        name=name[-80:], definition=definition, roleArn=properties["RoleArn"]
    )["stateMachineArn"]
    return Made(arn, {"Arn": arn, "Name": name[-80:]})


def _event_source(name: str, properties: Properties) -> Made:
    # moto polls no queue without Docker, so the mapping is only read (see the harness).
    return Made(name, {"Id": name})


_MAKERS: dict[str, Callable[[str, Properties], Made]] = {
    "AWS::DynamoDB::GlobalTable": _table,
    "AWS::Events::EventBus": _bus,
    "AWS::Events::Rule": _rule,
    "AWS::IAM::Role": _role,
    "AWS::Lambda::EventSourceMapping": _event_source,
    "AWS::Lambda::Function": _function,
    "AWS::S3::Bucket": _bucket,
    "AWS::SQS::Queue": _queue,
    "AWS::SSM::Parameter": _parameter,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::StepFunctions::StateMachine": _state_machine,
}
