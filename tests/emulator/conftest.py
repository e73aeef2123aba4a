"""One deployed environment for all end-to-end tests."""

import json
from collections.abc import Iterator

import pytest

from local.session import LocalSession
from tests.emulator.deployment import Deployment

# Not those of `make demo` and `make local`, so that tests run beside them.
_EMULATOR_PORT = 4567
_SPEECH_PORT = 8788
_MEDIA_PORT = 8790
# Deepgram's limit for the intelligence features in use, which the queue is to keep.
PARALLEL_LIMIT = 10
SCRIPTED = ("--engine", "scripted", "--delay", "0.2", "--parallel-limit", str(PARALLEL_LIMIT))


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    with LocalSession(
        emulator_port=_EMULATOR_PORT, speech_port=_SPEECH_PORT, media_port=_MEDIA_PORT, speech_arguments=SCRIPTED
    ) as session:
        yield Deployment(session, _announcements(session))


def _announcements(session: LocalSession) -> str:
    """A queue that gets every event of the bus; returns its URL."""
    sqs = session.environment.sqs()
    url = sqs.create_queue(QueueName="announcements")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events = session.environment.session.client("events", endpoint_url=session.emulator.url)
    bus = session.environment.output("EventBusName")
    pattern = json.dumps({"source": [{"prefix": ""}]})
    events.put_rule(Name="announcements", EventBusName=bus, EventPattern=pattern)
    events.put_targets(Rule="announcements", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    return url
