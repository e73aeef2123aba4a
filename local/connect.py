"""Calls as Amazon Connect brings them: a stream of audio, a contact flow, contact events and a recording."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from callscribe.serialization import InvalidData, decode_json
from local.access.signatures import signed
from local.calls import Call, connect_key, put_recording
from local.emulator.gateway import EVENTS_PATH
from operations.environment import Environment
from operations.verification import flow_events
from operations.verification.flow_events import CONTACT_EVENT_TYPES

RECORDING_PREFIX = "connect/{clinic_id}"
"""Where the instance stores a clinic's recordings, see ``stacks/local_clinics`` and ``stacks/clinics``."""
CALLER_NUMBER = "+15550107788"
"""Whoever calls: a number that may appear nowhere."""

_INSTANCE = "lakeside"
_INSTANCE_ARN = "arn:aws:connect:us-east-1:000000000000:instance/c8c0e68d-2200-4265-82c0-5a2f0c6d7e11"
_TIMEOUT_SECONDS = 30
_POLL_SECONDS = 0.2


class ConnectFailed(RuntimeError):
    """The environment did not take a call; the message says what it answered."""


class PhoneCall:
    """A call on the line.

    Attributes:
        contact_id: Connect's id of the contact, which is the call's.
        clinic_id: Clinic that takes it.
        stream: Name of the Kinesis video stream that carries it.
        started_at: When its audio began.
        answer: What the contact flow was answered when it announced the call.
    """

    def __init__(self, instance: "Instance", recording: Path, clinic_id: str, state: dict[str, Any]) -> None:
        self._instance = instance
        self._recording = recording
        self._stream_arn = state["stream_arn"]
        self._start_fragment = state["start_fragment"]
        self._start_ms = state["start_ms"]
        self.contact_id = str(state["contact_id"])
        self.clinic_id = clinic_id
        self.stream = str(state["stream"])
        self.started_at = datetime.fromtimestamp(self._start_ms / 1000, UTC)
        self.answer = self.announce()

    def announce(self, *, clinic_id: str | None = None) -> dict[str, Any]:
        """Run the contact flow's Lambda block; returns what it is answered.

        Args:
            clinic_id: Clinic that the flow names, as when it is run again. Default: the call's.

        Raises:
            ConnectFailed: The function failed.
        """
        event = flow_events.announcement(
            self.contact_id,
            clinic_id=clinic_id or self.clinic_id,
            instance_arn=_INSTANCE_ARN,
            caller=CALLER_NUMBER,
            stream_arn=self._stream_arn,
            start_ms=self._start_ms,
            start_fragment=self._start_fragment,
        )
        return self._instance.run_flow(event)

    @property
    def seconds(self) -> float:
        """How much has been spoken."""
        return float(self._instance.line(self.contact_id)["seconds"])

    @property
    def on_the_line(self) -> bool:
        """Whether it goes on."""
        return bool(self._instance.line(self.contact_id)["state"] == "playing")

    def hang_up(self) -> None:
        """Let the caller hang up before the recording is at its end."""
        self._instance.line(self.contact_id, method="DELETE")

    def wait(self, *, seconds: float) -> None:
        """Wait until the caller has hung up.

        Raises:
            ConnectFailed: The call went on for longer.
        """
        deadline = time.monotonic() + seconds
        while self.on_the_line:
            if time.monotonic() > deadline:
                raise ConnectFailed(f"call {self.contact_id} went on for more than {seconds:g} s")
            time.sleep(_POLL_SECONDS)

    def disconnect(self, *, event_type: str = CONTACT_EVENT_TYPES[0]) -> None:
        """Send the contact event that ends a call: it was over when its audio was, and an agent was there at once."""
        over = self.started_at + timedelta(seconds=self.seconds)
        self._instance.send(
            event_type,
            flow_events.disconnection(
                self.contact_id,
                instance_arn=_INSTANCE_ARN,
                caller=CALLER_NUMBER,
                started_at=self.started_at,
                ended_at=over,
            ),
        )

    def deliver_recording(self, *, among: str | None = None) -> Call:
        """Put the recording where the instance stores a clinic's recordings, which starts the batch half.

        Args:
            among: Clinic under whose prefix it comes to lie. Default: the call's.
        """
        prefix = RECORDING_PREFIX.format(clinic_id=among or self.clinic_id)
        call = Call(call_id=self.contact_id, key=connect_key(prefix, self.contact_id, self.started_at))
        return put_recording(self._instance.environment, self._recording, call)


class Instance:
    """An instance of Amazon Connect whose flow streams each call and announces it to the live stack.

    Args:
        environment: The deployed environment.
        media_url: Where the Kinesis Video simulator is, which plays the calls.
    """

    def __init__(self, environment: Environment, media_url: str) -> None:
        self.environment = environment
        self._media_url = media_url

    def call(
        self,
        recording: Path,
        *,
        clinic_id: str,
        contact_id: str | None = None,
        stream: str | None = None,
        pace: float = 1.0,
    ) -> PhoneCall:
        """Let somebody call.

        Args:
            recording: What is said: 8 kHz, 16 bits, the customer on the left channel, the agent on the right.
            clinic_id: Clinic that takes the call.
            contact_id: Connect's id of the contact. Default: a new one.
            stream: Name of the stream. Default: a new one; that of an earlier call is used again, as Connect does.
            pace: How much faster than speech.

        Raises:
            ConnectFailed: The call could not be played, or the contact flow's function failed.
        """
        contact_id = contact_id or str(uuid.uuid4())
        order = {
            "stream": stream or f"callscribe-connect-{_INSTANCE}-contact-{contact_id}",
            "contact_id": contact_id,
            "wav": str(recording.resolve()),
            "pace": pace,
        }
        return PhoneCall(self, recording, clinic_id, self._media("POST", "/_local/calls", order))

    def line(self, contact_id: str, *, method: str = "GET") -> dict[str, Any]:
        """How a call stands, or with ``DELETE`` its end."""
        return self._media(method, f"/_local/calls/{urllib.parse.quote(contact_id)}")

    def run_flow(self, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke the function of the contact flow."""
        functions = self.environment.session.client("lambda", endpoint_url=self.environment.endpoint_url)
        invoked = functions.invoke(
            FunctionName=self.environment.output("StartLiveCallFunctionName"), Payload=json.dumps(event)
        )
        answer: dict[str, Any] = json.loads(invoked["Payload"].read())
        if "FunctionError" in invoked:
            raise ConnectFailed(f"the contact flow's function failed: {answer.get('errorType')}")
        return answer

    def send(self, event_type: str, detail: dict[str, Any]) -> None:
        """Send an event of the instance."""
        event = {"source": "aws.connect", "detail-type": event_type, "detail": detail}
        self._ask("POST", f"{self.environment.endpoint_url}{EVENTS_PATH}", event)

    def _media(self, method: str, path: str, order: dict[str, Any] | None = None) -> dict[str, Any]:
        state: dict[str, Any] = self._ask(method, self._media_url + path, order)
        return state

    def _ask(self, method: str, url: str, body: Any) -> Any:
        credentials = self.environment.session.get_credentials()
        if credentials is None:
            raise ConnectFailed("there is no access key of the local environment")
        data = None if body is None else json.dumps(body).encode()
        return _answer(signed(method, url, data, credentials))


def _answer(request: urllib.request.Request) -> Any:
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
            return json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            raise ConnectFailed(f"the call cannot be played: {_reason(error.read())}") from None


def _reason(answer: bytes) -> str:
    """Why a request was refused, of the simulator's JSON or of anything else."""
    try:
        return str(decode_json(dict[str, str], answer, "the answer")["error"])
    except (InvalidData, KeyError):
        return answer.decode(errors="replace")
