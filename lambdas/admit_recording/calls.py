"""Which call an object is of, and whose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callscribe.contract.call_kind import CallKind
from callscribe.recordings.calls import CallRecording, with_details
from callscribe.recordings.clinics import ClinicDecision, ClinicRules, InvalidClinic, decide
from callscribe.recordings.keys import CONNECT, RecordingKey
from lambdas.admit_recording.decision import Rejected

if TYPE_CHECKING:
    from datetime import datetime

    from lambdas.admit_recording.contacts import Contacts
    from lambdas.common.clinics import Clinics


class Calls:
    """The calls that recordings are of.

    Args:
        clinics: Whose calls they are.
        rules: Whose a call is that nobody has decided about.
        contacts: What Amazon Connect knows of the contacts; `None` where it is not asked.
        described: The same, to be asked for agent and queue of each; `None` where these are not wanted.
    """

    def __init__(
        self, *, clinics: Clinics, rules: ClinicRules, contacts: Contacts | None, described: Contacts | None = None
    ) -> None:
        self._clinics = clinics
        self._rules = rules
        self._contacts = contacts
        self._described = described

    def of(self, key: RecordingKey, *, now: datetime) -> CallRecording:
        """Return the call that a key speaks of, filed with the clinic that its contact has, or has from now on.

        Raises:
            Rejected: Nothing names a clinic, or what does names one that cannot be.
        """
        try:
            clinic = self._clinic(key, now=now)
        except InvalidClinic as invalid:
            raise Rejected("InvalidClinic", f"{invalid}: correct the contact's attributes") from None
        if clinic is None:
            raise Rejected(
                "UnknownLayout", "nothing names a clinic for this contact, prefix or instance, and there is no default"
            )
        return key.of(clinic)

    def with_details(self, call: CallRecording) -> CallRecording:
        """Return a call with direction, agent and queue of its contact, as far as they are wanted and known."""
        if self._described is None or call.layout != CONNECT or call.kind is not CallKind.AGENT:
            return call
        return with_details(call, self._described.details(call.call_id))

    def _clinic(self, key: RecordingKey, *, now: datetime) -> ClinicDecision | None:
        evidence = key.evidence(self._rules)
        if not key.of_contact:
            return decide(evidence)
        known = self._clinics.known(key.call_id)
        if self._contacts is not None and key.layout == CONNECT and not known.settled:
            evidence = (*self._rules.by_contact(self._contacts.facts(key.call_id)), *evidence)
        return self._clinics.settle(key.call_id, known, evidence, now=now)
