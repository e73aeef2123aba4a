"""Deploys the plain handler beside the project's stacks: bucket, notification, function, table."""

from __future__ import annotations

import compileall
import json
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

from botocore.config import Config

from benchmarks.burst import RECORDINGS
from benchmarks.machine import memory_bytes
from benchmarks.rig import PARALLEL_LIMIT, Rig

RETRY_SECONDS = 5
"""Wait before Lambda's first retry of a failed asynchronous invocation; the second waits twice as long. On AWS it is
60 and 120 s (Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation")."""

_TIMEOUT_SECONDS = 120
_PATIENT = Config(read_timeout=300, retries={"total_max_attempts": 1}, max_pool_connections=RECORDINGS)
_MEMORY_MIB = 512
_HANDLER = Path(__file__).parent / "plain_handler" / "handler.py"
_NOT_NEEDED = {"lambdas", "callscribe", "numpy", "numpy.libs", "aws_lambda_powertools"}
# What a running copy takes on this machine, and the part of its memory that all of them may take.
_BYTES_PER_COPY = 70 * 2**20
_PART_OF_MEMORY = 3


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to run the plain handler.

    Attributes:
        name: How the table calls it.
        function: Name of the function.
        copies: Copies that run at once.
    """

    name: str
    function: str
    copies: int


def variants() -> tuple[Variant, ...]:
    """As it comes, one copy for every recording, if this machine has the memory; and bounded to what Deepgram takes."""
    affordable = memory_bytes() // _PART_OF_MEMORY // _BYTES_PER_COPY
    return (
        Variant(name="plain handler", function="plain-handler", copies=min(RECORDINGS, affordable)),
        Variant(name="plain handler, bounded", function="plain-handler-bounded", copies=PARALLEL_LIMIT),
    )


class PlainHandler:
    """The plain handler, deployed.

    Args:
        rig: Where it is deployed.
        code: What :func:`package` made.
        variant: How it runs.
    """

    quiet_seconds = 2.0 * RETRY_SECONDS + 5

    def __init__(self, rig: Rig, code: bytes, variant: Variant) -> None:
        self.name, self.copies = variant.name, variant.copies
        self._rig = rig
        self._function = variant.function
        self._bucket = f"{variant.function}-recordings"
        self._s3, self._lambda = rig.client("s3"), rig.client("lambda")
        self._table = rig.session.environment.session.resource(
            "dynamodb", endpoint_url=rig.session.environment.endpoint_url
        ).create_table(
            TableName=f"{variant.function}-transcripts",
            KeySchema=[{"AttributeName": "call", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "call", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self._s3.create_bucket(Bucket=self._bucket)
        self._s3.put_object(Bucket=self._bucket, Key="code.zip", Body=code)
        function = self._lambda.create_function(
            FunctionName=self._function,
            Runtime=_runtime(rig),
            Handler="handler.handle",
            Role=_role(rig, self._function),
            Code={"S3Bucket": self._bucket, "S3Key": "code.zip"},
            MemorySize=_MEMORY_MIB,
            Timeout=_TIMEOUT_SECONDS,
            Environment={
                "Variables": {
                    "DEEPGRAM_API_KEY": rig.session.key,
                    "DEEPGRAM_BASE_URL": rig.session.speech.url,
                    "TABLE_NAME": self._table.name,
                }
            },
        )
        self._lambda.add_permission(
            FunctionName=self._function, StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
        )
        self._s3.put_bucket_notification_configuration(
            Bucket=self._bucket,
            NotificationConfiguration={
                "LambdaFunctionConfigurations": [
                    {
                        "LambdaFunctionArn": function["FunctionArn"],
                        "Events": ["s3:ObjectCreated:*"],
                        "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".wav"}]}},
                    }
                ]
            },
        )

    def warm_up(self) -> None:
        """Start as many copies as will run at once; an event without records costs nothing more."""
        client = self._rig.client("lambda", _PATIENT)
        with ThreadPoolExecutor(self.copies) as pool:
            invocations = [
                pool.submit(client.invoke, FunctionName=self._function, Payload=json.dumps({"Records": []}))
                for _ in range(self.copies)
            ]
            for invocation in invocations:
                invocation.result()

    def put(self, call_id: str, audio: bytes) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=f"{call_id}.wav", Body=audio)

    def transcripts(self) -> set[str]:
        items = self._table.scan(ProjectionExpression="#call", ExpressionAttributeNames={"#call": "call"})["Items"]
        return {str(item["call"]).removesuffix(".wav") for item in items}

    def announce_again(self, call_id: str) -> None:
        """Deliver the recording's notification a second time, as S3 may."""
        about = {"bucket": {"name": self._bucket}, "object": {"key": f"{call_id}.wav"}}
        event = {"Records": [{"eventName": "ObjectCreated:Put", "s3": about}]}
        self._lambda.invoke(FunctionName=self._function, InvocationType="Event", Payload=json.dumps(event))


def _runtime(rig: Rig) -> str:
    runtimes = {function["Runtime"] for function in rig.client("lambda").list_functions()["Functions"]}
    return str(next(iter(runtimes)))


def _role(rig: Rig, name: str) -> str:
    iam = rig.client("iam")
    role = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=_policy(
            {"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ),
    )
    iam.put_role_policy(
        RoleName=name,
        PolicyName="access",
        PolicyDocument=_policy({"Action": ["s3:GetObject", "dynamodb:PutItem"], "Resource": "*"}),
    )
    return str(role["Role"]["Arn"])


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def package(bundle: Path, scratch: Path) -> bytes:
    """Zip the handler and what it needs of a bundle, compiled: a hundred copies compiling it take minutes.

    Args:
        bundle: Folder with the dependencies, those of the project's own functions.
        scratch: Where the code is put together.
    """
    code = scratch / "plain-handler"
    shutil.copytree(
        bundle, code, ignore=lambda folder, names: _NOT_NEEDED & set(names) if folder == str(bundle) else set()
    )
    shutil.copy(_HANDLER, code)
    compileall.compile_dir(code, quiet=1, workers=0, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted(code.rglob("*")):
            if path.is_file():
                zipped.write(path, path.relative_to(code))
    return archive.getvalue()
