"""What differs between the environments, as data."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aws_cdk import Duration, Environment, RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from msgspec import Struct, structs

from callscribe.serialization import InvalidData, decode_json
from callscribe.time_zones import checked_time_zone
from constructs_lib import (
    BedrockAnalyst,
    CallLimits,
    Capacity,
    ClinicRules,
    DeepgramOptions,
    FunctionSettings,
    RecordingLimits,
    RecordingPolicy,
    RequestLimits,
    SentenceEncoder,
)
from constructs_lib.console_domain import MANAGED_RULES
from constructs_lib.streamer_settings import Egress

LOCAL_SPEECH_URL: Final = "http://127.0.0.1:8787"
"""Where the local speech server listens unless told otherwise."""

_CLINICS = Path(__file__).parent / "clinics"
_LOCAL_CLINICS = Path(__file__).parent / "local_clinics"  # that no deployed environment has
_CLAIMS = {"recording_prefixes": "prefix", "queues": "queue", "dialled_numbers": "number"}


class _ClinicFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    recording_prefixes: tuple[str, ...]
    vocabulary: tuple[str, ...]
    queues: tuple[str, ...] = ()
    dialled_numbers: tuple[str, ...] = ()
    time_zone: str | None = None


@dataclass(frozen=True, kw_only=True)
class Clinics:
    """The clinics whose calls are transcribed: a file each, in ``stacks/clinics``."""

    vocabulary: Mapping[str, Sequence[str]]
    """Words Deepgram should expect, by clinic id."""
    rules: ClinicRules = ClinicRules()  # noqa: RUF009 - frozen
    """Whose a call is where neither flow nor key say so."""
    time_zones: Mapping[str, str] = field(default_factory=dict)
    """Time zones in which operators are shown times, by clinic id; only of the clinics that name one."""

    @classmethod
    def load(cls, *folders: Path) -> Clinics:
        """Read *folders*, by default ``stacks/clinics``.

        Each file is named after its clinic and holds ``recording_prefixes`` and ``vocabulary``.

        It may hold ``queues``, by their ARNs, and ``dialled_numbers`` as well: what tells the clinic's calls from
        others' of the same Amazon Connect instance. And it may hold the clinic's ``time_zone``.

        Raises:
            ValueError: If a file holds something else, or two clinics claim the same prefix, queue or number.
        """
        clinic_by: dict[str, dict[str, str]] = {name: {} for name in _CLAIMS}
        vocabulary: dict[str, Sequence[str]] = {}
        time_zones: dict[str, str] = {}
        for path in (path for folder in folders or (_CLINICS,) for path in sorted(folder.glob("*.json"))):
            try:
                clinic, file = path.stem, decode_json(_ClinicFile, path.read_bytes(), path.name)
            except InvalidData as error:
                raise ValueError(
                    f"{error}: a clinic's file holds the lists 'recording_prefixes' and 'vocabulary', perhaps "
                    "'queues', 'dialled_numbers' and the text 'time_zone', and nothing else"
                ) from None
            vocabulary[clinic] = file.vocabulary
            if file.time_zone is not None:
                time_zones[clinic] = checked_time_zone(path.name, file.time_zone)
            for name, what in _CLAIMS.items():
                for one in getattr(file, name):
                    owner = clinic_by[name].setdefault(one, clinic)
                    if owner != clinic:
                        raise ValueError(
                            f"{path.name} claims the {what} {one!r} of {owner}.json: a {what} belongs to one clinic"
                        )
        return cls(
            vocabulary=vocabulary,
            time_zones=time_zones,
            rules=ClinicRules(
                clinic_by_prefix=clinic_by["recording_prefixes"],
                clinic_by_queue=clinic_by["queues"],
                clinic_by_dialled_number=clinic_by["dialled_numbers"],
            ),
        )


def functions_on_this_machine() -> FunctionSettings:
    """Run functions in an emulator, which uses this machine's processor, operating system and Python."""
    arm = platform.machine().lower() in ("arm64", "aarch64")
    return FunctionSettings(
        runtime=lambda_.Runtime(
            f"python{sys.version_info.major}.{sys.version_info.minor}", lambda_.RuntimeFamily.PYTHON
        ),
        architecture=lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64,
        bundling_platform=f"{'aarch64' if arm else 'x86_64'}-apple-darwin" if sys.platform == "darwin" else None,
    )


@dataclass(frozen=True, kw_only=True)
class Live:
    """How running calls are transcribed."""

    capacity: Capacity
    """How many calls can be followed at once."""
    limits: CallLimits = field(default_factory=CallLimits)
    """When a call is over, and when another streamer takes it."""
    stream_prefix: str = "callscribe"
    """How the names of Connect's Kinesis video streams begin."""
    connect_instance_arn: str | None = None
    """The Amazon Connect instance to wire up: storage of audio, functions, flow modules. Default: wired by hand."""
    connect_recordings: bool = False
    """Whether that instance is told to store its recordings here, too: for one that stores none yet."""
    contact_details: bool = False
    """Whether that instance is asked for agent, queue and direction of each recording's contact, which the console
    filters by."""
    nat_gateways: int | None = None
    """NAT gateways of the streamers' network. Default: one in each zone."""
    egress: Egress = "private-subnets"
    """How streamers reach AWS and Deepgram; by ``"public-addresses"`` there is no NAT gateway. Default: from private
    subnets."""
    image: str | None = None
    """Name of the streamer's image, where nothing runs it. Default: the image built from the sources."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A name under which people find the console: the data of a ``ConsoleDomain``."""

    name: str
    """The name, such as ``calls.example.com``."""
    certificate_arn: str
    """Certificate for *name*, in us-east-1."""
    hosted_zone_id: str | None = None
    """Zone in which *name* is pointed to the distribution. Default: none; you do it, by an alias or a CNAME."""
    web_acl: str | None = MANAGED_RULES
    """ARN of a web ACL for CloudFront; None for none. Default: one of the console's own, for which the environment must
    be in us-east-1."""


@dataclass(frozen=True, kw_only=True)
class Console:
    """How people look at calls."""

    require_mfa: bool = True
    """Whether they need a second factor to sign in."""
    sign_in_url: str | None = None
    """Base URL of the pages on which they do. Default: a domain of Cognito's."""
    domain: Domain | None = None
    """A name under which they find it, by CloudFront and AWS WAF. Default: the API's own address."""
    program_access: bool = False
    """Whether they may also sign in to programs on their own machines, such as ``callscribe mcp``, which only read."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One environment."""

    name: str
    """Name of the stage, and first part of the stacks' names."""
    env: Environment
    """Where it is deployed: always a region, since calls must not leave it; the account is the caller's own."""
    options: DeepgramOptions
    """What Deepgram is asked for."""
    live: Live
    """How running calls are transcribed."""
    removal_policy: RemovalPolicy
    """What deleting the storage stack does to recordings, transcripts and Deepgram's key."""
    termination_protection: bool = False
    """Whether the stacks are protected from deletion."""
    retain_for: Duration | None = None
    """Age at which recordings and transcripts are deleted. Default: never."""
    default_clinic_id: str | None = None
    """Clinic of recordings that no prefix names. Default: such recordings are rejected."""
    time_zone: str | None = None
    """Time zone in which operators are shown times of calls, such as ``Europe/Berlin``, for clinics whose file names
    none. Default: UTC."""
    clinics: Clinics = field(default_factory=Clinics.load)
    """The clinics."""
    functions: FunctionSettings = field(default_factory=FunctionSettings)
    """What the functions run on."""
    policy: RecordingPolicy = field(default_factory=lambda: RecordingPolicy(live_transcripts="when-incomplete"))
    """Which recordings are transcribed where there is a transcript already. Default: those of live calls only where the
    live transcript does not cover them."""
    limits: RecordingLimits = field(default_factory=RecordingLimits)
    """How long a recording may be, and how long it waits."""
    requests: RequestLimits = field(default_factory=RequestLimits)
    """How long Deepgram may take for a recording, and how often it is asked."""
    analyst: BedrockAnalyst | None = None
    """A language model that reads each call after the rules have. Default: the rules alone."""
    encoder: SentenceEncoder | None = None
    """What looks for flags by wording, beside the rules. Default: the rules look for them alone."""
    console: Console | None = None
    """A page on which people of the clinics look at their calls. Default: none."""
    alarm_emails: tuple[str, ...] = ()
    """Who is told of alarms. Each address confirms its subscription once."""

    @property
    def clinic_rules(self) -> ClinicRules:
        """Whose a call is where neither flow nor key say so, with the clinic of all others."""
        return structs.replace(self.clinics.rules, default_clinic_id=self.default_clinic_id)

    @property
    def time_zones(self) -> Mapping[str, str]:
        """Time zones by clinic, with ``*`` for all others: empty where none is known."""
        others = {} if self.time_zone is None else {"*": checked_time_zone("time_zone", self.time_zone)}
        named = {clinic: name for clinic, name in self.clinics.time_zones.items() if name != self.time_zone}
        return {**others, **named}

    @property
    def older_runtime(self) -> bool:
        """Whether Lambda has a newer Python than the functions run on."""
        return self.functions.runtime.name != FunctionSettings().runtime.name


def local(*, speech_url: str = LOCAL_SPEECH_URL, analyst_url: str | None = None) -> Settings:
    """Describe the environment on this machine: an emulator and a speech server, everything on loopback.

    Args:
        speech_url: Where the speech server listens.
        analyst_url: Where something listens that speaks as Amazon Bedrock does. Default: calls have no analyst.
    """
    analyst = (
        BedrockAnalyst(
            model="amazon.nova-lite-v1:0",
            endpoint=analyst_url,
            request_timeout=Duration.seconds(5),
            max_attempts=2,
        )
        if analyst_url
        else None
    )
    return Settings(
        name="Local",
        env=Environment(region="us-east-1"),
        options=DeepgramOptions(endpoint=speech_url),
        live=Live(
            capacity=Capacity(slots_per_task=20),
            limits=CallLimits(
                idle_limit=Duration.seconds(10), start_wait=Duration.seconds(20), lease=Duration.seconds(10)
            ),
            image="callscribe-streamer",
        ),
        removal_policy=RemovalPolicy.DESTROY,
        default_clinic_id="demo-clinic",
        clinics=Clinics.load(_CLINICS, _LOCAL_CLINICS),
        functions=functions_on_this_machine(),
        limits=RecordingLimits(max_wait=Duration.minutes(30)),
        requests=RequestLimits(request_timeout=Duration.minutes(2), max_retry_delay=Duration.seconds(5)),
        analyst=analyst,
        # The emulator signs people in on its own host, and has no authenticator app.
        console=Console(require_mfa=False, sign_in_url="", program_access=True),
    )


def dev() -> Settings:
    """Describe the environment for trying things out on AWS; its data goes with it."""
    return Settings(
        name="Dev",
        env=Environment(region="us-east-1"),
        options=DeepgramOptions(tags=("callscribe-dev",)),
        live=Live(capacity=Capacity(slots_per_task=50, min_tasks=1, max_tasks=3), nat_gateways=1),
        removal_policy=RemovalPolicy.DESTROY,
        retain_for=Duration.days(30),
        default_clinic_id="main",
    )


def prod() -> Settings:
    """Describe the environment that patients' calls go through; its data outlives it.

    For calls that must stay in Europe: a European region here and ``region="eu"`` in the options.
    """
    return Settings(
        name="Prod",
        env=Environment(region="us-east-1"),
        options=DeepgramOptions(tags=("callscribe",)),
        # Together what Deepgram lets a pay-as-you-go project stream: raise both when the contract allows more.
        live=Live(capacity=Capacity(slots_per_task=50, min_tasks=2, max_tasks=3)),
        removal_policy=RemovalPolicy.RETAIN,
        termination_protection=True,
        default_clinic_id="main",
    )
