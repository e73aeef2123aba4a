"""What S3 says when an object was put."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def object_created(*, bucket: str, key: str, size: int, stored: Mapping[str, Any], sequencer: str) -> dict[str, Any]:
    """Return the event by way of EventBridge.

    Source: Amazon S3 User Guide, "Amazon S3 event notification message structure for Amazon EventBridge".

    Args:
        bucket: Bucket of the object.
        key: Its key.
        size: Its bytes.
        stored: S3's answer to the upload.
        sequencer: Orders the writes of one key.
    """
    announced = {"key": key, "size": size, "etag": stored["ETag"].strip('"'), "sequencer": sequencer}
    if "VersionId" in stored:
        announced["version-id"] = stored["VersionId"]
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-11-20T10:00:00Z",
        "region": "eu-central-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": announced,
            "request-id": "C3D13FE58DE4C810",
            "requester": "123456789012",
            "source-ip-address": "192.0.2.1",
            "reason": "PutObject",
        },
    }
