"""What Amazon Connect is asked about a contact, and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from botocore.stub import Stubber

from callscribe.recordings.calls import CallDirection, ContactDetails
from callscribe.recordings.clinics import ContactFacts
from lambdas.admit_recording.contacts import Contacts, ContactsClosed
from lambdas.common.errors import is_transient
from lambdas.common.observability import metrics
from tests.fakes.contact_flow import CONTACT_ID, CUSTOMER_NUMBER, DIALLED_NUMBER, INSTANCE_ARN
from tests.lambdas.cloud import REGION

if TYPE_CHECKING:
    from mypy_boto3_connect import ConnectClient

INSTANCE = INSTANCE_ARN.rpartition("/")[2]
INITIAL = "11111111-1f28-4e26-b97b-5d1c8d0e3b11"
QUEUE = "2f1a7c8e-0001-4000-8000-00000000000a"
CONTACT: dict[str, Any] = {
    "Id": CONTACT_ID,
    "InitialContactId": INITIAL,
    "Channel": "VOICE",
    "QueueInfo": {"Id": QUEUE},
    "CustomerEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": CUSTOMER_NUMBER},
    "SystemEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": DIALLED_NUMBER},
}


class Connect:
    """Amazon Connect, with answers laid out in advance."""

    def __init__(self) -> None:
        self.client: ConnectClient = boto3.client("connect", region_name=REGION)
        self._stub = Stubber(self.client)
        self._stub.activate()

    def describes(self, **contact: Any) -> None:
        given = {name: value for name, value in {**CONTACT, **contact}.items() if value is not None}
        asked = {"InstanceId": INSTANCE, "ContactId": CONTACT_ID}
        self._stub.add_response("describe_contact", {"Contact": given}, asked)

    def has_attributes(self, of: str = INITIAL, **attributes: str) -> None:
        asked = {"InstanceId": INSTANCE, "InitialContactId": of}
        self._stub.add_response("get_contact_attributes", {"Attributes": attributes}, asked)

    def refuses(self, code: str, *, status: int = 400, operation: str = "describe_contact") -> None:
        self._stub.add_client_error(operation, code, f"about {CUSTOMER_NUMBER}", status)

    def facts(self) -> ContactFacts:
        return Contacts(connect=self.client, instance_arn=INSTANCE_ARN).facts(CONTACT_ID)

    def details(self) -> ContactDetails:
        return Contacts(connect=self.client, instance_arn=INSTANCE_ARN).details(CONTACT_ID)

    def asked_everything(self) -> None:
        self._stub.assert_no_pending_responses()


@pytest.fixture
def connect(_aws_environment: None) -> Iterator[Connect]:
    connect = Connect()
    yield connect
    connect.asked_everything()


def test_a_contact_is_known_by_attribute_queue_and_dialled_number(connect: Connect) -> None:
    connect.describes(Attributes={"clinic_id": "lakeside", "vip": "yes"})
    assert connect.facts() == ContactFacts(attribute="lakeside", queue=QUEUE, dialled_number=DIALLED_NUMBER)


@pytest.mark.parametrize(("initial", "asked"), [(INITIAL, INITIAL), (None, CONTACT_ID)])
def test_attributes_that_are_not_described_are_those_of_the_first_contact(
    connect: Connect, initial: str | None, asked: str
) -> None:
    connect.describes(InitialContactId=initial)
    connect.has_attributes(of=asked, clinic_id="lakeside")
    assert connect.facts().attribute == "lakeside"


@pytest.mark.parametrize(
    "system", [None, {}, {"Type": "EMAIL_ADDRESS", "Address": "x@example.com"}, {"Address": DIALLED_NUMBER}]
)
def test_what_a_contact_has_not_is_not_known(connect: Connect, system: dict[str, str] | None) -> None:
    connect.describes(QueueInfo=None, SystemEndpoint=system)
    connect.has_attributes()
    assert connect.facts() == ContactFacts()


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidParameterException", "InvalidRequestException"])
def test_a_contact_of_another_instance_is_not_known(connect: Connect, code: str) -> None:
    connect.refuses(code)
    assert connect.facts() == ContactFacts()


def test_nothing_is_guessed_where_connect_may_not_be_asked(connect: Connect) -> None:
    connect.refuses("AccessDeniedException", status=403)
    with pytest.raises(ContactsClosed, match=r"^Connect\.AccessDenied: ") as refused:
        connect.facts()
    assert CUSTOMER_NUMBER not in str(refused.value)


@pytest.mark.parametrize(
    ("code", "status"),
    [("ThrottlingException", 429), ("TooManyRequestsException", 429), ("InternalServiceException", 500)],
)
@pytest.mark.parametrize("operation", ["describe_contact", "get_contact_attributes"])
def test_trouble_of_connects_passes(connect: Connect, code: str, status: int, operation: str) -> None:
    if operation == "get_contact_attributes":
        connect.describes()
    connect.refuses(code, status=status, operation=operation)
    with pytest.raises(ClientError) as refused:
        connect.facts()
    assert is_transient(refused.value)


AGENT = "5c2a1f70-0002-4000-8000-00000000000b"


def test_direction_agent_and_queue_are_told_by_their_ids(connect: Connect) -> None:
    connect.describes(InitiationMethod="OUTBOUND", AgentInfo={"Id": AGENT})
    assert connect.details() == ContactDetails(direction=CallDirection.OUTGOING, agent_id=AGENT, queue_id=QUEUE)


@pytest.mark.parametrize("method", [None, "TRANSFER", "QUEUE_TRANSFER", "DISCONNECT"])
def test_what_a_contact_does_not_tell_is_not_known(connect: Connect, method: str | None) -> None:
    connect.describes(InitiationMethod=method, QueueInfo=None)
    assert connect.details() == ContactDetails()


def test_an_agents_own_queue_has_an_id_too(connect: Connect) -> None:
    connect.describes(QueueInfo={"Id": f"agent/{AGENT}"}, AgentInfo={"Id": "x" * 256})
    assert connect.details() == ContactDetails(agent_id="x" * 256, queue_id=f"agent/{AGENT}")


@pytest.mark.parametrize(
    ("code", "status"),
    [("ThrottlingException", 429), ("ResourceNotFoundException", 404), ("AccessDeniedException", 403)],
)
def test_where_connect_does_not_tell_nothing_is_known_and_that_is_counted(
    connect: Connect, output: Callable[[], str], code: str, status: int
) -> None:
    connect.refuses(code, status=status)
    assert connect.details() == ContactDetails()
    assert "the contact is not described" in (told := output())
    assert code in told
    assert CUSTOMER_NUMBER not in told
    assert metrics.metric_set["ContactsUnknown"]["Value"] == [1.0]


def test_a_connect_that_is_out_of_reach_costs_no_call(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(**_: Any) -> Any:
        raise ConnectTimeoutError(endpoint_url="https://connect.example.com")

    monkeypatch.setattr(connect.client, "describe_contact", unreachable)
    assert connect.details() == ContactDetails()
