"""Stacks of other apps, deployed to the emulator beside the usual ones and found by their names."""

import argparse
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from callscribe.contract.outputs import DeploymentOutput
from local.emulator.settings import ACCOUNT_ID, REGION
from operations import environment
from operations.environment import Environment
from tests.emulator.deployment import Deployment
from tests.patience import PATIENCE_SECONDS


def deploy(deployment: Deployment, assembly: Path, stack: str) -> list[str]:
    """Deploy a stack of a cloud assembly; returns what a command line names it by."""
    of_assets = json.loads((assembly / f"{stack}.assets.json").read_text(encoding="utf-8"))
    s3 = deployment.environment.s3()
    for file in of_assets["files"].values():
        source, [place] = file["source"], file["destinations"].values()
        bucket = place["bucketName"].replace("${AWS::AccountId}", ACCOUNT_ID)
        if source["packaging"] == "zip":
            packed = shutil.make_archive(str(assembly / f"code-{uuid.uuid4()}"), "zip", assembly / source["path"])
            s3.upload_file(packed, bucket, place["objectKey"])
            Path(packed).unlink()
    s3.put_object(Bucket=bucket, Key=stack, Body=(assembly / f"{stack}.template.json").read_bytes())
    cloudformation = deployment.environment.client("cloudformation", read_timeout_seconds=PATIENCE_SECONDS)
    cloudformation.create_stack(
        StackName=stack,
        TemplateURL=f"https://s3.{REGION}.amazonaws.com/{bucket}/{stack}",
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    return ["--stack", stack, "--endpoint-url", deployment.session.emulator.url, "--region", REGION]


@contextmanager
def connected(deployment: Deployment, where: list[str]) -> Iterator[Environment]:
    """That stack's deployment, with Deepgram's key in its secret."""
    parser = argparse.ArgumentParser()
    environment.add_arguments(parser)
    credentials = deployment.environment.credentials()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", credentials.access_key or "")
        patch.setenv("AWS_SECRET_ACCESS_KEY", credentials.secret_key or "")
        found = environment.connect(parser.parse_args(where))
        secret = found.output(DeploymentOutput.DEEPGRAM_SECRET)
        found.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=deployment.session.key)
        yield found
