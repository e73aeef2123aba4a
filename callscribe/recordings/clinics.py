"""Whose call it is: one rule for calls that are transcribed while they run and for recordings.

Amazon Connect's id of a contact is unique, so its clinic is decided once, by the most specific evidence there is, and
kept. Evidence that says otherwise later changes nothing: it is noted as a contradiction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from callscribe.contract.identifiers import CLINIC_ID, CLINIC_ID_RULE
from callscribe.serialization import OpenEnum

ATTRIBUTE: Final = "clinic_id"
"""Name of the contact's attribute, and of the flow block's parameter, that names the clinic."""

_QUEUE: Final = "/queue/"
_CLINICS_BY: Final = {
    "clinic_by_queue": "ARNs of queues",
    "clinic_by_dialled_number": "telephone numbers",
    "clinic_by_prefix": "prefixes of keys",
}
"""The rules by name, and what they tell clinics by."""


class InvalidClinic(ValueError):
    """Something names a clinic that cannot be one; the message names the source, never the value."""


class ClinicSource(OpenEnum):
    """What says whose call it is, the most specific first.

    `live-call`, `recording`: what is already there of the same contact, from before decisions were kept. `parameter`:
    of the flow block. `attribute`: of the contact. `queue`, `dialled-number`: the settings, by what the contact came
    to. `key`: the object's key names the clinic itself. `prefix`: the settings, by the object's key. `default`: nothing
    else did.
    """

    LIVE_CALL = "live-call"
    RECORDING = "recording"
    PARAMETER = "parameter"
    ATTRIBUTE = "attribute"
    QUEUE = "queue"
    DIALLED_NUMBER = "dialled-number"
    KEY = "key"
    PREFIX = "prefix"
    DEFAULT = "default"


_RANK: Final = {source: rank for rank, source in enumerate(ClinicSource)}


def known_source(value: Any) -> ClinicSource | None:
    """Read a source that was stored; None where there is none."""
    try:
        return ClinicSource(value)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicEvidence:
    """One statement about whose call it is.

    Attributes:
        source: What says so.
        clinic_id: The clinic that it names.
    """

    source: ClinicSource
    clinic_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicDecision:
    """Whose call it is.

    Attributes:
        clinic_id: The clinic.
        source: What it was decided by; None where that is not known.
        contradictions: Evidence that named another clinic.
    """

    clinic_id: str
    source: ClinicSource | None
    contradictions: tuple[ClinicEvidence, ...] = ()


def decide(evidence: Iterable[ClinicEvidence]) -> ClinicDecision | None:
    """Decide by the most specific evidence; of two equally specific ones by the first. None without any."""
    statements = sorted(evidence, key=lambda statement: _RANK[statement.source])
    if not statements:
        return None
    best = statements[0]
    return ClinicDecision(
        clinic_id=best.clinic_id, source=best.source, contradictions=contradictions(best.clinic_id, statements)
    )


def contradictions(clinic_id: str, evidence: Iterable[ClinicEvidence]) -> tuple[ClinicEvidence, ...]:
    """Return the evidence against a clinic, each statement once. The default contradicts nothing: it only fills in."""
    return tuple(
        dict.fromkeys(
            statement
            for statement in evidence
            if statement.clinic_id != clinic_id and statement.source is not ClinicSource.DEFAULT
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFacts:
    """What Amazon Connect knows of a contact that tells whose it is.

    Attributes:
        parameter: `clinic_id` among the parameters of the flow's block.
        attribute: `clinic_id` among the contact's attributes.
        queue: ARN of the queue that the contact is, or was, in.
        dialled_number: The number that was dialled, or shown to whom the clinic called; never the other party's.
    """

    parameter: str | None = None
    attribute: str | None = None
    queue: str | None = None
    dialled_number: str | None = field(default=None, repr=False)


class ClinicRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings that say whose a call is where neither flow nor key do.

    Attributes:
        clinic_by_queue: Clinic ids by the ARN or the id of the queue of Amazon Connect that a call is in.
        clinic_by_dialled_number: Clinic ids by the number that callers dial, in E.164 form, as `+493012345678`.
        clinic_by_prefix: Clinic ids by key prefix (whole folders; the longest wins) or by the name of the folder that
            holds `CallRecordings`, which is the alias of the Connect instance unless configured otherwise. For
            recordings only: a call that runs has no key.
        default_clinic_id: Clinic for everything else; None for no such clinic.

    Raises:
        ValueError: An option is no mapping, a name in it is empty, or a clinic id cannot stand in keys.
    """

    clinic_by_queue: Mapping[str, str] = {}
    clinic_by_dialled_number: Mapping[str, str] = {}
    clinic_by_prefix: Mapping[str, str] = {}
    default_clinic_id: str | None = None

    def __post_init__(self) -> None:
        for option, keys in _CLINICS_BY.items():
            _check_clinics(option, getattr(self, option), keys)
        if self.default_clinic_id is not None:
            _check_clinic("default_clinic_id", self.default_clinic_id)

    def __repr__(self) -> str:
        """Leave out the numbers, some of which are people's."""
        shown = (name for name in self.__struct_fields__ if name != "clinic_by_dialled_number")
        return f"ClinicRules({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def by_contact(self, facts: ContactFacts) -> tuple[ClinicEvidence, ...]:
        """Return what the contact, and the settings about it, say.

        Raises:
            InvalidClinic: The flow names a clinic that cannot be one. Whatever is less specific would be a guess then.
        """
        queues = {queue_id(queue): clinic for queue, clinic in self.clinic_by_queue.items()}
        return _evidence(
            (ClinicSource.PARAMETER, _named(ClinicSource.PARAMETER, facts.parameter)),
            (ClinicSource.ATTRIBUTE, _named(ClinicSource.ATTRIBUTE, facts.attribute)),
            (ClinicSource.QUEUE, queues.get(queue_id(facts.queue or ""))),
            (ClinicSource.DIALLED_NUMBER, self.clinic_by_dialled_number.get(facts.dialled_number or "")),
        )

    def by_folders(self, folders: Sequence[str]) -> tuple[ClinicEvidence, ...]:
        """Return what the folders above `CallRecordings` say."""
        by_prefix = {tuple(prefix.strip("/").split("/")): clinic for prefix, clinic in self.clinic_by_prefix.items()}
        for length in range(len(folders), 0, -1):
            clinic = by_prefix.get(tuple(folders[:length]))
            if clinic is not None:
                return _evidence((ClinicSource.PREFIX, clinic))
        return _evidence((ClinicSource.PREFIX, by_prefix.get((folders[-1],)) if folders else None))

    def by_default(self) -> tuple[ClinicEvidence, ...]:
        """Return the clinic of calls that nothing else names one for."""
        return _evidence((ClinicSource.DEFAULT, self.default_clinic_id))


def _check_clinics(option: str, clinics: object, keys: str) -> None:
    if not isinstance(clinics, Mapping):
        raise ValueError(
            f"{option} must be a mapping of {keys} to clinic ids, such as {{…: 'lakeside'}}, and is a "
            f"{type(clinics).__name__}"
        )
    for key, clinic in clinics.items():
        if not isinstance(key, str):
            raise ValueError(f"{option}: {key!r} is a {type(key).__name__}: the keys are {keys}, as text")
        if not key.strip("/"):
            raise ValueError(f"{option}: clinic {clinic!r} has an empty key: use default_clinic_id for all other calls")
        _check_clinic(option, clinic)


def _check_clinic(option: str, clinic: object) -> None:
    if not isinstance(clinic, str):
        raise ValueError(f"{option}: {clinic!r} is a {type(clinic).__name__}: a clinic id is a text")
    if not CLINIC_ID.fullmatch(clinic):
        raise ValueError(
            f"{option}: clinic id {clinic!r} cannot be part of a key: use {CLINIC_ID_RULE}, and the id itself, not a "
            "parameter or a reference, which is known only once something is deployed"
        )


def _evidence(*found: tuple[ClinicSource, str | None]) -> tuple[ClinicEvidence, ...]:
    return tuple(ClinicEvidence(source=source, clinic_id=clinic) for source, clinic in found if clinic is not None)


def _named(source: ClinicSource, clinic_id: str | None) -> str | None:
    if not clinic_id:
        return None
    if not CLINIC_ID.fullmatch(clinic_id):
        raise InvalidClinic(f"the {source} {ATTRIBUTE} must be {CLINIC_ID_RULE}")
    return clinic_id


def queue_id(queue: str) -> str:
    """Return the id of a queue: it is unique, and all that Connect's API tells of a contact's queue."""
    return queue.rpartition(_QUEUE)[2]
