"""Live calls of numbered frames on the deployed stacks: who speaks what, who follows them, what became of them."""

import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from callscribe.live.call import SAMPLE_RATE
from local.connect import Instance, PhoneCall
from local.session import speech_server
from local.speech.engines.frames import FRAME_SAMPLES, encode_frame
from local.streamers import Streamer
from operations.environment import Environment
from operations.live_calls import LiveCallStore
from tests.emulator.deployment import CLINIC, Deployment
from tests.patience import PATIENCE_SECONDS, eventually

_SPEECH_PORT = 8791
# As fast as Deepgram takes audio.
_PACE = 1.25
# Longer than a busy machine keeps a streamer from renewing it.
_LEASE_SECONDS = "10"
_IDLE_LIMIT_SECONDS = "90"
_FIRST_FRAME = {"customer": 1_000, "agent": 20_000}
# Each speaker's turns, in frames of 20 ms, and the silence after them.
_TURN, _PAUSE = 75, 25
_TURNS = 6


def frames_of(role: str) -> list[int]:
    """The numbers that a speaker says, in order."""
    return list(range(_FIRST_FRAME[role], _FIRST_FRAME[role] + _TURN * _TURNS))


def write_call(path: Path) -> Path:
    """A call in which customer and agent say numbers, in turns and at the same time; 12 s."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        channels = [_pcm(frames_of("customer"), late=0), _pcm(frames_of("agent"), late=40)]
        samples = (memoryview(channel).cast("h") for channel in channels)
        interleaved = chain.from_iterable(zip_longest(*samples, fillvalue=0))
        file.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) for sample in interleaved))
    return path


def _pcm(numbers: list[int], *, late: int) -> bytes:
    silence = bytes(2 * FRAME_SAMPLES)
    turns = (numbers[at : at + _TURN] for at in range(0, len(numbers), _TURN))
    spoken = (b"".join(map(encode_frame, turn)) + silence * _PAUSE for turn in turns)
    return silence * late + b"".join(spoken)


class LiveCalls:
    """Live calls on the deployed stacks.

    Args:
        deployment: The deployed environment.
        recording: What every caller says.
        environment: Whose calls they are, where it is another one of the same session.
    """

    def __init__(self, deployment: Deployment, recording: Path, *, environment: Environment | None = None) -> None:
        self.deployment = deployment
        self.environment = environment or deployment.environment
        self.instance = Instance(self.environment, deployment.session.media.url)
        self.store = LiveCallStore(self.environment.table())
        self.logs: list[Path] = []
        self.callers: list[PhoneCall] = []
        self._recording = recording
        self._speech = speech_server(_SPEECH_PORT, deployment.session.key, "--engine", "frames")

    @contextmanager
    def speech(self) -> Iterator[None]:
        """Have numbers recognised, by a server beside the one for recordings."""
        with self._speech:
            yield

    @property
    def speech_log(self) -> Path:
        return self._speech.log

    def streamer(self, name: str, *, speech: str | None = None) -> Streamer:
        """Start a streamer; it hears numbers, or asks another speech service."""
        streamer = self.deployment.session.streamer(
            f"test-{name}",
            self.environment,
            DEEPGRAM_STREAM_URL=speech or self._speech.url.replace("http", "ws", 1),
            LEASE_SECONDS=_LEASE_SECONDS,
            IDLE_LIMIT_SECONDS=_IDLE_LIMIT_SECONDS,
            LOG_LEVEL="DEBUG",
        )
        streamer.start()
        self.logs.append(streamer.log)
        return streamer

    def ring(self, *, clinic_id: str = CLINIC, stream: str | None = None) -> PhoneCall:
        """Let somebody call, on a stream that there is already or a new one."""
        call = self.instance.call(self._recording, clinic_id=clinic_id, stream=stream, pace=_PACE)
        self.callers.append(call)
        return call

    def state(self, call: PhoneCall) -> dict[str, Any]:
        return self.store.call(call.contact_id) or {}

    def until(self, call: PhoneCall, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the state of a call is like this."""
        found: dict[str, Any] = eventually(
            lambda: state if condition(state := self.state(call)) else None,
        )
        return found

    def spoken(self, call: PhoneCall, *, utterances: int) -> None:
        """Wait until so many utterances are stored; the caller goes on."""
        self.until(call, lambda state: int(state.get("next_seq", 1)) > utterances)

    def finished(self, *calls: PhoneCall) -> list[dict[str, Any]]:
        """Let the callers finish and hang up, and wait for the ends of their calls."""
        for call in calls:
            call.wait(seconds=PATIENCE_SECONDS)
            call.disconnect()
        return [self.until(call, lambda state: state["status"] in ("completed", "failed")) for call in calls]

    def utterances(self, call: PhoneCall) -> list[tuple[str, str, float, float]]:
        """Role, words, start and end of everything that is stored, in order of time."""
        stored = self.store.utterances(call.contact_id)
        assert [int(item["seq"]) for item in stored] == list(range(1, len(stored) + 1))
        said = [(str(i["role"]), str(i["text"]), float(i["start"]), float(i["end"])) for i in stored]
        return sorted(said, key=lambda utterance: (utterance[0], utterance[2]))


def numbers(utterances: list[tuple[str, str, float, float]], role: str) -> list[int]:
    """The numbers that were understood of a speaker, in order."""
    words = (word for who, text, _, _ in utterances if who == role for word in text.split())
    return [int(word.strip(".,").lower().removeprefix("f")) for word in words]
