"""A running emulator, and the small AWS resources that its contract tests are made of."""

import io
import json
import uuid
import zipfile
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials

from local.emulator.process import Emulator
from tests.patience import eventually


class Account:
    """The emulated account: clients by service name, and short ways to make what a test needs."""

    def __init__(self, emulator: Emulator) -> None:
        self._endpoint_url = emulator.url
        self.key = emulator.key
        self._clients: dict[str, Any] = {}

    def client(self, service: str, **credentials: str) -> Any:
        if credentials:
            return self._new_client(service, **credentials)
        return self._clients.setdefault(service, self._new_client(service))

    def _new_client(self, service: str, **credentials: str) -> Any:
        session: Any = boto3  # the service is not known to the type checker
        return session.client(
            service,
            endpoint_url=self._endpoint_url,
            region_name="us-east-1",
            config=Config(
                signature_version="s3v4" if service == "s3" else None,
                retries={"max_attempts": 0},
                s3={"addressing_style": "path"},
            ),
            **(credentials or self.owner),
        )

    @property
    def owner(self) -> dict[str, str]:
        """The session's own credentials, as :meth:`client` takes them."""
        return {"aws_access_key_id": self.key.access_key_id, "aws_secret_access_key": self.key.secret_access_key}

    @property
    def endpoint_url(self) -> str:
        return self._endpoint_url

    def role(self, *statements: dict[str, Any], service: str = "lambda.amazonaws.com") -> str:
        name = unique("role")
        trust = {"Effect": "Allow", "Principal": {"Service": service, "AWS": "*"}, "Action": "sts:AssumeRole"}
        iam = self.client("iam")
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return arn

    def function(self, code: str, *, timeout: int = 60, role: str | None = None, **variables: str) -> str:
        """A function whose module has a function ``handle(event, context)``; returns its ARN."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("handler.py", code)
        arn: str = self.client("lambda").create_function(
            FunctionName=unique("function"),
            Runtime="python3.12",
            Handler="handler.handle",
            Role=role or self.role({"Effect": "Allow", "Action": "*", "Resource": "*"}),
            Code={"ZipFile": archive.getvalue()},
            Timeout=timeout,
            Environment={"Variables": variables},
        )["FunctionArn"]
        return arn

    def queue(self, **attributes: str) -> str:
        url: str = self.client("sqs").create_queue(QueueName=unique("queue"), Attributes=attributes)["QueueUrl"]
        return url

    def queue_arn(self, url: str) -> str:
        answer = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn: str = answer["Attributes"]["QueueArn"]
        return arn

    def receive(self, url: str) -> dict[str, Any]:
        """Wait for a message."""
        receive = self.client("sqs").receive_message
        messages: list[dict[str, Any]] = eventually(
            lambda: receive(QueueUrl=url, WaitTimeSeconds=10, AttributeNames=["All"]).get("Messages")
        )
        return messages[0]

    def deploy(self, resources: dict[str, Any], outputs: dict[str, Any] | None = None) -> dict[str, str]:
        """Create a stack of these resources; returns its outputs, and its name as ``StackName``."""
        name = unique("stack")
        template = {
            "Resources": resources,
            "Outputs": {output: {"Value": value} for output, value in (outputs or {}).items()},
        }
        self.client("cloudformation").create_stack(
            StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
        )
        return self.finished(name, "CREATE_COMPLETE")

    def finished(self, stack: str, status: str) -> dict[str, str]:
        """Wait until a stack has come to a status; returns its outputs, and its name as ``StackName``."""

        def at_rest() -> dict[str, Any] | None:
            (described,) = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
            return described if not described["StackStatus"].endswith("IN_PROGRESS") else None

        described = eventually(at_rest)
        assert described["StackStatus"] == status, described.get("StackStatusReason")
        return {
            "StackName": stack,
            **{output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])},
        }

    def gone(self, stack: str) -> None:
        """Wait until a stack has been deleted."""
        listed = self.client("cloudformation").list_stacks
        eventually(
            lambda: (
                [entry["StackStatus"] for entry in listed()["StackSummaries"] if entry["StackName"] == stack]
                == ["DELETE_COMPLETE"]
            )
        )

    def assume(self, role: str) -> dict[str, str]:
        """Credentials of a role, as :meth:`client` takes them."""
        credentials = self.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        return {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }

    def credentials(self, given: dict[str, str]) -> Credentials:
        """Credentials as a signer takes them."""
        return Credentials(given["aws_access_key_id"], given["aws_secret_access_key"], given.get("aws_session_token"))

    def start(self, definition: dict[str, Any], state_input: Any = None) -> str:
        """Start an execution of a new JSONata state machine; returns the execution's ARN."""
        states = self.client("stepfunctions")
        machine = states.create_state_machine(
            name=unique("machine"),
            definition=json.dumps({"QueryLanguage": "JSONata", **definition}),
            roleArn=self.role(service="states.amazonaws.com"),
        )
        execution: str = states.start_execution(
            stateMachineArn=machine["stateMachineArn"], input=json.dumps(state_input or {})
        )["executionArn"]
        return execution

    def ended(self, execution: str) -> dict[str, Any]:
        """Wait for an execution's end and describe it."""
        describe = self.client("stepfunctions").describe_execution
        described: dict[str, Any] = eventually(
            lambda: (answer := describe(executionArn=execution))["status"] != "RUNNING" and answer
        )
        return described


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def account(emulator: Emulator) -> Account:
    return Account(emulator)
