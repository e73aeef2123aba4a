"""The Amazon Connect instance: where it stores, what it may invoke, which modules it has; and the streams it made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from .findings import Examined, Finding, failed, ok, skipped, warning

_NO_INSTANCE: Final = "no Amazon Connect instance was named"
_NAME_IT: Final = "pass --instance arn:aws:connect:…"
_GUIDE: Final = "see docs/how-to/connect-amazon-connect.md"
# Enough to know; an account may have 10,000 (Kinesis Video Streams Developer Guide, "Quotas").
_MOST_STREAMS: Final = 1_000


def check_streams(examined: Examined) -> Iterator[Finding]:
    """See how long the streams that Connect has made so far keep the audio."""
    if not examined.live:
        yield skipped("running calls are not transcribed in this environment")
        return
    pages = examined.client("kinesisvideo").get_paginator("list_streams")
    streams = [
        stream
        for page in pages.paginate(
            StreamNameCondition={"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": examined.stream_prefix},
            PaginationConfig={"MaxItems": _MOST_STREAMS},
        )
        for stream in page["StreamInfoList"]
    ]
    forgetful = [stream for stream in streams if not stream.get("DataRetentionInHours")]
    if not streams:
        yield ok(f"no stream is named {examined.stream_prefix}… yet: Connect makes them as calls come")
    elif forgetful:
        yield failed(
            f"{len(forgetful)} of {len(streams)} streams keep no audio: a call is lost when its streamer stops",
            "set a retention of 24 hours on the instance, and on these streams with UpdateDataRetention",
        )
    else:
        hours = min(stream["DataRetentionInHours"] for stream in streams)
        yield ok(f"{len(streams)} streams keep their audio for {hours} hours or longer")


def check_storage(examined: Examined) -> Iterator[Finding]:
    """See where the instance streams calls to and stores recordings."""
    if examined.instance_arn is None:
        yield skipped(_NO_INSTANCE, _NAME_IT)
        return
    yield _media_streams(_storage_configs(examined, "MEDIA_STREAMS"), examined.stream_prefix)
    yield _recordings(_storage_configs(examined, "CALL_RECORDINGS"), examined.target.outputs.get("RecordingBucketName"))


def check_functions(examined: Examined) -> Iterator[Finding]:
    """See whether the instance may invoke the functions."""
    if not examined.live or examined.instance_arn is None:
        yield _skipped(examined)
        return
    pages = examined.client("connect").get_paginator("list_lambda_functions")
    arns = [arn for page in pages.paginate(InstanceId=examined.instance_arn) for arn in page.get("LambdaFunctions", [])]
    for output in ("StartLiveCallFunctionName", "EndLiveCallFunctionName"):
        name = examined.target.output(output)
        if any(arn.endswith(f":function:{name}") for arn in arns):
            yield ok(f"the instance may invoke {name}")
        else:
            yield failed(f"the instance may not invoke {name}", f"associate the function with it; {_GUIDE}")


def check_modules(examined: Examined) -> Iterator[Finding]:
    """See whether a published flow module invokes each function."""
    if not examined.live or examined.instance_arn is None:
        yield _skipped(examined)
        return
    modules = _modules(examined)
    for part, output in (("start", "StartLiveCallFunctionName"), ("stop", "EndLiveCallFunctionName")):
        function = f':function:{examined.target.output(output)}"'
        using = [module for module in modules if function in module.get("Content", "")]
        published = [module for module in using if module.get("Status", "").upper() == "PUBLISHED"]
        if published:
            yield ok(f"the module that {part}s live transcription is published: {published[0]['Name']}")
        elif using:
            yield failed(f"the module {using[0]['Name']} is saved, not published", "publish it in the flow designer")
        else:
            yield failed(f"no active module {part}s live transcription", f"deploy ConnectWiring; {_GUIDE}")


def _skipped(examined: Examined) -> Finding:
    if examined.instance_arn is None:
        return skipped(_NO_INSTANCE, _NAME_IT)
    return skipped("running calls are not transcribed in this environment")


def _storage_configs(examined: Examined, resource_type: str) -> list[dict[str, Any]]:
    pages = examined.client("connect").get_paginator("list_instance_storage_configs")
    return [
        config
        for page in pages.paginate(InstanceId=examined.instance_arn, ResourceType=resource_type)
        for config in page.get("StorageConfigs", [])
    ]


def _media_streams(configs: list[dict[str, Any]], prefix: str) -> Finding:
    if not configs:
        return failed(
            "the instance streams no calls", f"deploy ConnectWiring or turn live media streaming on; {_GUIDE}"
        )
    config = configs[0].get("KinesisVideoStreamConfig", {})
    actual, hours = config.get("Prefix", ""), config.get("RetentionPeriodHours", 0)
    # What is set as "callscribe" reads "callscribe-connect-{alias}-contact-".
    if not actual.startswith(prefix):
        return failed(
            f"the instance's streams begin with {actual!r}, but streamers may only read {prefix!r}",
            "set the same prefix on both sides",
        )
    if not hours:
        return failed(
            "the instance's streams keep no audio: a call is lost when its streamer stops",
            "set a retention of 24 hours",
        )
    return ok(f"calls are streamed as {actual}… and kept for {hours} hours")


def _recordings(configs: list[dict[str, Any]], bucket: str | None) -> Finding:
    if not configs:
        return warning("the instance records no calls", f"name a bucket for recordings if it should; {_GUIDE}")
    actual = configs[0].get("S3Config", {})
    if bucket is None or actual.get("BucketName") != bucket:
        return warning(
            f"recordings go to the bucket {actual.get('BucketName')}, not to this environment's",
            "nothing needs to be done if they get there another way",
        )
    return ok(f"recordings go to {bucket}/{actual.get('BucketPrefix', '')}")


def _modules(examined: Examined) -> list[dict[str, Any]]:
    connect = examined.client("connect")
    pages = connect.get_paginator("list_contact_flow_modules")
    return [
        connect.describe_contact_flow_module(InstanceId=examined.instance_arn, ContactFlowModuleId=module["Id"])[
            "ContactFlowModule"
        ]
        for page in pages.paginate(InstanceId=examined.instance_arn, ContactFlowModuleState="ACTIVE")
        for module in page["ContactFlowModulesSummaryList"]
    ]
