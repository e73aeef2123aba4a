"""Changes of the transcript table as its stream tells them: which items, and nothing of them."""

from __future__ import annotations

from typing import Any


def table_changes(*keys: tuple[str, str]) -> dict[str, Any]:
    """Return the event that a function gets (DynamoDB Developer Guide, "DynamoDB Streams and AWS Lambda triggers").

    Args:
        keys: PK and SK of each item that has changed.
    """
    return {
        "Records": [
            {
                "eventID": f"{number:032x}",
                "eventName": "MODIFY",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "eu-central-1",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1795000000,
                    "Keys": {"PK": {"S": partition}, "SK": {"S": sort_key}},
                    "SequenceNumber": str(number + 1),
                    "SizeBytes": 60,
                    "StreamViewType": "KEYS_ONLY",
                },
                "eventSourceARN": "arn:aws:dynamodb:eu-central-1:123456789012:table/transcripts/stream/2026",
            }
            for number, (partition, sort_key) in enumerate(keys)
        ]
    }
