"""The handler that most tutorials arrive at: S3 event, bytes to Deepgram, item into the table.

It is deliberately left as people commonly write it. Retries are those that come for free: the Deepgram SDK's (two
more attempts) and Lambda's for asynchronous invocations (two more invocations).
"""

import os
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

import boto3
from deepgram import DeepgramClient
from deepgram.environment import DeepgramClientEnvironment

BASE_URL = os.environ["DEEPGRAM_BASE_URL"]

s3 = boto3.client("s3")
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
deepgram = DeepgramClient(
    api_key=os.environ["DEEPGRAM_API_KEY"],
    environment=DeepgramClientEnvironment(base=BASE_URL, production=BASE_URL, agent=BASE_URL, agent_rest=BASE_URL),
)


def handle(event: dict[str, Any], context: object) -> None:  # noqa: ARG001
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = unquote_plus(record["s3"]["object"]["key"])
        audio = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        response = deepgram.listen.v1.media.transcribe_file(
            request=audio,
            model="nova-3",
            smart_format=True,
            multichannel=True,
            utterances=True,
            sentiment=True,
            topics=True,
            intents=True,
            summarize="v2",
        )
        results: Any = response.dict()["results"]
        table.put_item(
            Item={
                "call": key,
                "transcript": "\n".join(utterance["transcript"] for utterance in results["utterances"]),
                "created_at": datetime.now(UTC).isoformat(),
            }
        )
