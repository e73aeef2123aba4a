"""What Amazon Connect knows of the contact that a recording is of.

Its recordings say no more than the contact's id. Source: Amazon Connect API Reference, "DescribeContact" (a contact is
known for 24 months) and "GetContactAttributes". Both are limited to few requests a second for the whole account
(Amazon Connect Administrator Guide, "Amazon Connect service quotas"), so that only contacts are asked about whose
clinic is not decided, unless somebody wants to know agent and queue of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from callscribe.contract.metrics import FunctionMetric
from callscribe.recordings.calls import ContactDetails, connect_id, direction_of
from callscribe.recordings.clinics import ATTRIBUTE, ContactFacts
from lambdas.common.errors import SafeError, describe, error_code
from lambdas.common.observability import logger, metrics

if TYPE_CHECKING:
    from mypy_boto3_connect import ConnectClient
    from mypy_boto3_connect.type_defs import ContactTypeDef

# Another instance's contact, one older than 24 months, or no id of Connect's at all.
_NO_SUCH_CONTACT: Final = frozenset(
    {"ResourceNotFoundException", "InvalidParameterException", "InvalidRequestException"}
)
_TELEPHONE: Final = "TELEPHONE_NUMBER"


class ContactsClosed(SafeError):
    """Amazon Connect does not let the function ask about contacts. Filing the call all the same would be a guess."""


class Contacts:
    """The contacts of one instance.

    Args:
        connect: Client of Amazon Connect.
        instance_arn: The instance.
    """

    def __init__(self, *, connect: ConnectClient, instance_arn: str) -> None:
        self._connect = connect
        self._instance_id = instance_arn.rpartition("/")[2]

    def facts(self, contact_id: str) -> ContactFacts:
        """Return what tells whose a contact is; nothing, if the instance knows no such contact.

        Raises:
            ContactsClosed: The function may not ask.
            ClientError: Connect does not answer now.
        """
        try:
            contact = self._connect.describe_contact(InstanceId=self._instance_id, ContactId=contact_id)["Contact"]
            attributes = contact.get("Attributes") or self._attributes(contact)
        except ClientError as error:
            code = error_code(error)
            if code in _NO_SUCH_CONTACT:
                return ContactFacts()
            if code == "AccessDeniedException":
                raise ContactsClosed(
                    "Connect.AccessDenied", "Amazon Connect tells nothing of its contacts: see instance_arn"
                ) from None
            raise
        system = contact.get("SystemEndpoint", {})
        return ContactFacts(
            attribute=attributes.get(ATTRIBUTE),
            queue=contact.get("QueueInfo", {}).get("Id"),
            dialled_number=system.get("Address") if system.get("Type") == _TELEPHONE else None,
        )

    def details(self, contact_id: str) -> ContactDetails:
        """Return what a contact tells beside whose it is; nothing, where Connect does not tell now.

        A call is transcribed all the same, so that what is in the way is noted and counted, and raises nothing.
        """
        try:
            contact = self._connect.describe_contact(InstanceId=self._instance_id, ContactId=contact_id)["Contact"]
        except (ClientError, BotoCoreError) as error:
            logger.warning("the contact is not described", error=describe(error))
            metrics.add_metric(name=FunctionMetric.CONTACTS_UNKNOWN, unit=MetricUnit.Count, value=1)
            return ContactDetails()
        return ContactDetails(
            direction=direction_of(contact.get("InitiationMethod")),
            agent_id=connect_id(contact.get("AgentInfo", {}).get("Id")),
            queue_id=connect_id(contact.get("QueueInfo", {}).get("Id")),
        )

    def _attributes(self, contact: ContactTypeDef) -> dict[str, str]:
        """Return the attributes of a contact that was described without any: they are kept with the initial contact."""
        initial = contact.get("InitialContactId") or contact["Id"]
        found = self._connect.get_contact_attributes(InstanceId=self._instance_id, InitialContactId=initial)
        return found.get("Attributes", {})
