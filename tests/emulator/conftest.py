"""One deployed environment for all end-to-end tests."""

import json
from collections.abc import Iterator

import pytest

from local.console import Person, add_people
from local.session import LocalSession
from tests.emulator.deployment import Deployment
from tests.fakes.bedrock import FakeBedrock

# Not those of `make demo` and `make local`, so that tests run beside them.
_EMULATOR_PORT = 4567
_SPEECH_PORT = 8788
_MEDIA_PORT = 8790
_BEDROCK_PORT = 8794  # always the same, so that a synthesis serves more than one run
# Deepgram's limit for the intelligence features in use, which the queue is to keep.
PARALLEL_LIMIT = 10
# Whoever waits for another's work looks again after 3 s instead of 30, which tests would spend idle.
_IMPATIENT = ("--wait-scale", "0.1")
SCRIPTED = ("--engine", "scripted", "--delay", "0.2", "--parallel-limit", str(PARALLEL_LIMIT))


@pytest.fixture(scope="session")
def bedrock_server() -> Iterator[FakeBedrock]:
    with FakeBedrock(port=_BEDROCK_PORT).running() as server:
        yield server


@pytest.fixture
def bedrock(bedrock_server: FakeBedrock) -> Iterator[FakeBedrock]:
    """The stand-in for Amazon Bedrock, which has valid answers before and after the test."""
    bedrock_server.reset()
    yield bedrock_server
    bedrock_server.reset()


@pytest.fixture(scope="session")
def deployment(bedrock_server: FakeBedrock) -> Iterator[Deployment]:
    with LocalSession(
        emulator_port=_EMULATOR_PORT,
        speech_port=_SPEECH_PORT,
        media_port=_MEDIA_PORT,
        speech_arguments=SCRIPTED,
        emulator_arguments=_IMPATIENT,
        analyst_url=bedrock_server.url,
    ) as session:
        yield Deployment(session, _announcements(session))


@pytest.fixture(scope="session")
def people(deployment: Deployment) -> dict[str, Person]:
    """Everybody who can sign in to the console, by name."""
    return {person.name: person for person in add_people(deployment.environment)}


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
