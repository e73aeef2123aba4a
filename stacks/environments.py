"""What differs between the environments, as data."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aws_cdk import Duration, Environment, RemovalPolicy
from aws_cdk import aws_lambda as lambda_

from constructs_lib import DeepgramOptions
from constructs_lib.transcription_workflow import LiveTranscripts

LOCAL_SPEECH_URL: Final = "http://127.0.0.1:8787"
"""Where the local speech server listens unless told otherwise."""

_CLINICS = Path(__file__).parent / "clinics"
_CLAIMS = {"recording_prefixes": "prefix", "queues": "queue", "dialled_numbers": "number"}


@dataclass(frozen=True, kw_only=True)
class Clinics:
    """The clinics whose calls are transcribed; one file each in ``stacks/clinics``."""

    vocabulary: Mapping[str, Sequence[str]]
    """Words Deepgram should expect, by clinic id."""
    clinic_by_prefix: Mapping[str, str] = field(default_factory=dict)
    """Clinic ids by the key prefix of their recordings."""
    clinic_by_queue: Mapping[str, str] = field(default_factory=dict)
    """Clinic ids by the ARN of an Amazon Connect queue."""
    clinic_by_dialled_number: Mapping[str, str] = field(default_factory=dict)
    """Clinic ids by the number that callers dial, as ``+493012345678``."""

    @classmethod
    def load(cls, folder: Path = _CLINICS) -> Clinics:
        """Read *folder*: each file is named after its clinic and holds ``recording_prefixes`` and ``vocabulary``.

        It may hold ``queues``, by their ARNs, and ``dialled_numbers`` as well: what tells the clinic's calls from
        others' of the same Amazon Connect instance.

        Raises:
            ValueError: If a file holds something else, or two clinics claim the same prefix, queue or number.
        """
        clinic_by: dict[str, dict[str, str]] = {name: {} for name in _CLAIMS}
        vocabulary: dict[str, Sequence[str]] = {}
        for path in sorted(folder.glob("*.json")):
            clinic, file = path.stem, json.loads(path.read_text(encoding="utf-8"))
            if file.keys() - _CLAIMS.keys() != {"vocabulary"} or "recording_prefixes" not in file:
                raise ValueError(
                    f"{path.name} must hold 'recording_prefixes' and 'vocabulary', perhaps 'queues' and "
                    "'dialled_numbers', and nothing else"
                )
            vocabulary[clinic] = tuple(file["vocabulary"])
            for name, what in _CLAIMS.items():
                claimed = file.get(name, [])
                if not isinstance(claimed, list):
                    raise ValueError(f"{path.name}: {name!r} must be a list")
                for one in claimed:
                    owner = clinic_by[name].setdefault(one, clinic)
                    if owner != clinic:
                        raise ValueError(
                            f"{path.name} claims the {what} {one!r} of {owner}.json: a {what} belongs to one clinic"
                        )
        return cls(
            vocabulary=vocabulary,
            clinic_by_prefix=clinic_by["recording_prefixes"],
            clinic_by_queue=clinic_by["queues"],
            clinic_by_dialled_number=clinic_by["dialled_numbers"],
        )


@dataclass(frozen=True, kw_only=True)
class Functions:
    """What the functions run on."""

    runtime: lambda_.Runtime
    architecture: lambda_.Architecture
    bundling_platform: str | None
    """Platform the dependencies are chosen for, as ``uv --python-platform`` names it; None for Lambda's Linux."""

    @property
    def older_runtime(self) -> bool:
        """Whether Lambda has a newer Python than :attr:`runtime`."""
        return self.runtime.name != lambda_.Runtime.PYTHON_3_14.name

    @classmethod
    def on_lambda(cls) -> Functions:
        """Run on AWS: the newest Python, arm64."""
        return cls(
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            bundling_platform=None,
        )

    @classmethod
    def on_this_machine(cls) -> Functions:
        """Run in an emulator, which uses this machine's processor, operating system and Python."""
        arm = platform.machine().lower() in ("arm64", "aarch64")
        return cls(
            runtime=lambda_.Runtime(
                f"python{sys.version_info.major}.{sys.version_info.minor}", lambda_.RuntimeFamily.PYTHON
            ),
            architecture=lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64,
            bundling_platform=f"{'aarch64' if arm else 'x86_64'}-apple-darwin" if sys.platform == "darwin" else None,
        )


@dataclass(frozen=True, kw_only=True)
class Live:
    """How running calls are transcribed."""

    slots_per_task: int
    """Calls that one task follows at once."""
    min_tasks: int
    """Fewest tasks."""
    max_tasks: int
    """Most tasks."""
    stream_prefix: str = "callscribe"
    """How the names of Connect's Kinesis video streams begin."""
    connect_instance_arn: str | None = None
    """The Amazon Connect instance to wire up: storage of audio, functions, flow modules. Default: wired by hand."""
    connect_recordings: bool = False
    """Whether that instance is told to store its recordings here, too: for one that stores none yet."""
    nat_gateways: int | None = None
    """NAT gateways of the streamers' network. Default: one in each zone."""
    idle_limit: Duration = field(default_factory=lambda: Duration.minutes(2))
    """Silence of a stream after which its call counts as over."""
    start_wait: Duration = field(default_factory=lambda: Duration.minutes(1))
    """Longest wait for the first audio of a call."""
    lease: Duration = field(default_factory=lambda: Duration.seconds(30))
    """Time after which the calls of a dead streamer go to others."""
    image: str | None = None
    """Name of the streamer's image, where nothing runs it. Default: the image built from the sources."""


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
    clinics: Clinics = field(default_factory=Clinics.load)
    """The clinics."""
    functions: Functions = field(default_factory=Functions.on_lambda)
    """What the functions run on."""
    request_timeout: Duration = field(default_factory=lambda: Duration.minutes(11))
    """Longest wait for Deepgram's answer."""
    max_retry_delay: Duration | None = None
    """Longest pause between two tries. Default: so long that the attempts last for ``max_wait``."""
    max_wait: Duration = field(default_factory=lambda: Duration.days(1))
    """Longest wait for a transcription."""
    live_policy: LiveTranscripts = "when-incomplete"
    """When the recording of a call that was transcribed live is transcribed as well: ``always``, ``when-incomplete`` or
    ``never``."""
    alarm_emails: tuple[str, ...] = ()
    """Who hears of alarms. Each address confirms its subscription once."""


def local(*, speech_url: str = LOCAL_SPEECH_URL) -> Settings:
    """Describe the environment on this machine: an emulator and a speech server, everything on loopback."""
    return Settings(
        name="Local",
        env=Environment(region="us-east-1"),
        options=DeepgramOptions(endpoint=speech_url),
        live=Live(
            slots_per_task=20,
            min_tasks=1,
            max_tasks=1,
            idle_limit=Duration.seconds(10),
            start_wait=Duration.seconds(20),
            lease=Duration.seconds(10),
            image="callscribe-streamer",
        ),
        removal_policy=RemovalPolicy.DESTROY,
        default_clinic_id="demo-clinic",
        functions=Functions.on_this_machine(),
        request_timeout=Duration.minutes(2),
        max_retry_delay=Duration.seconds(5),
        max_wait=Duration.minutes(30),
    )


def dev() -> Settings:
    """Describe the environment for trying things out on AWS; its data goes with it."""
    return Settings(
        name="Dev",
        env=Environment(region="us-east-1"),
        options=DeepgramOptions(tags=("callscribe-dev",)),
        live=Live(slots_per_task=50, min_tasks=1, max_tasks=3, nat_gateways=1),
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
        live=Live(slots_per_task=50, min_tasks=2, max_tasks=3),
        removal_policy=RemovalPolicy.RETAIN,
        termination_protection=True,
        default_clinic_id="main",
    )
