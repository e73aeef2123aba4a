"""The outputs of CloudFormation stacks in which operators find what a deployment consists of."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class DeploymentOutput(StrEnum):
    """What an output names; its value is the end of the output's key."""

    RECORDINGS = "RecordingBucketName"
    TABLE = "TableName"
    ARCHIVE = "ArchiveBucketName"
    DEEPGRAM_SECRET = "DeepgramSecretArn"  # noqa: S105 - the name of an output
    STATE_MACHINE = "StateMachineArn"
    WORK_QUEUE = "WorkQueueUrl"
    FAILED_CALLS_QUEUE = "FailedCallsQueueUrl"
    STRANDED_CALLS_QUEUE = "StrandedCallsQueueUrl"
    STORE_FUNCTION = "StoreFunctionName"
    ANALYSE_FUNCTION = "AnalyseFunctionName"
    EVENT_BUS = "EventBusName"
    LIVE_CALLS_QUEUE = "LiveCallsQueueUrl"
    FAILED_LIVE_CALLS_QUEUE = "FailedLiveCallsQueueUrl"
    START_LIVE_CALL_FUNCTION = "StartLiveCallFunctionName"
    END_LIVE_CALL_FUNCTION = "EndLiveCallFunctionName"
    STREAMER_TASK_DEFINITION = "StreamerTaskDefinitionArn"
    STREAMER_CLUSTER = "StreamerClusterName"
    STREAMER_SERVICE = "StreamerServiceName"
    FEED_HTTP = "FeedHttpUrl"
    FEED_REALTIME = "FeedRealtimeUrl"
    CONNECT_INSTANCE = "ConnectInstanceArn"
    MEDIA_STREAM_PREFIX = "MediaStreamPrefix"
    DEFAULT_CLINIC = "DefaultClinicId"
    TIME_ZONES = "ClinicTimeZones"
    ROLE_NAMES = "RoleNames"
    CONSOLE_URL = "ConsoleUrl"
    CONSOLE_USER_POOL = "ConsoleUserPoolId"
    CONSOLE_CLIENT = "ConsoleClientId"
    SEARCH_FUNCTION = "SearchFunctionName"
    SEARCH_BUCKET = "SearchBucketName"


SCOPE: Final = "CallScribe"
"""Construct id that the outputs of a construct stand below, so that they are told from outputs of others."""

# How the CDK makes a logical id of a path of several ids: the ids, and eight digits of a hash.
_KEY: Final = re.compile(rf"(?P<path>\w*?){SCOPE}(?P<name>{'|'.join(DeploymentOutput)})[0-9A-F]{{8}}")


def exported(key: str) -> tuple[str, DeploymentOutput] | None:
    """What a construct named by an output of this key.

    Args:
        key: Key of an output of a stack.

    Returns:
        The construct's path below its stack, as far as logical ids have it, and what is named; None for other outputs.

    Example:
        >>> exported("ShopCallsCallScribeTableName0A1B2C3D")
        ('ShopCalls', <DeploymentOutput.TABLE: 'TableName'>)
    """
    found = _KEY.fullmatch(key)
    return None if found is None else (found["path"], DeploymentOutput(found["name"]))
