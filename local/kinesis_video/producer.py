"""Calls that are played into streams as Amazon Connect does.

``POST /_local/calls`` starts one. The body is JSON with

- ``stream``: name of the stream, which is created if there is none;
- ``contact_id``;
- ``wav``: path of a file of 8,000 samples a second and 16 bits, with the customer on the left channel and the agent
  on the right one, or of one channel with the customer alone;
- and, unless it is 1, ``pace``: twice as fast as speech is 2.

What else can be odd about a call's audio, `operations.verification.fragments.Contact` makes for tests of the streamer.

It answers 201 with the state of the call, among it what the contact flow's event says: ``stream_arn``,
``start_fragment`` and ``start_ms``. 400 tells what is wrong; 409 that the contact is on the line already.

``GET /_local/calls/{contact_id}`` answers with the state: ``state`` (``playing``, ``ended``, ``stopped`` or
``failed``), ``fragments`` and ``seconds`` played so far, ``duration`` of the whole call in seconds, ``last_fragment``.
``DELETE /_local/calls/{contact_id}`` hangs up, and answers like GET. The fragment that is being spoken is still stored;
after that the state is ``stopped``.
"""

from __future__ import annotations

import asyncio
import time
import wave
from array import array
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from local.kinesis_video.streams import Stream, Streams
from operations.verification.fragments import (
    AGENT_TRACK,
    BYTES_PER_MS,
    CUSTOMER_TRACK,
    SAMPLES_PER_MS,
    Contact,
    Fragment,
    fragment_number,
    from_pcm,
)

_RATE = SAMPLES_PER_MS * 1_000
_FIELDS = frozenset({"stream", "contact_id", "wav", "pace"})


class InvalidCall(ValueError):
    """A call that cannot be played; the message says why."""


class CallInProgress(Exception):
    """The contact is on the line already."""


async def _play(stream: Stream, contact: Contact, *, pace: float, stored: Callable[[Fragment], None]) -> None:
    """Produce a call's fragments, each when its audio has been spoken.

    Args:
        stream: Where they go.
        contact: The call.
        pace: How much faster than speech.
        stored: Called with each fragment that has been stored.
    """
    began = time.monotonic()
    for fragment in contact.fragments():
        due = began + (fragment.end_ms - contact.start_ms) / 1_000 / pace
        await asyncio.sleep(due - time.monotonic())
        stream.append(fragment, seconds=(fragment.end_ms - fragment.start_ms) / 1_000 / pace)
        stored(fragment)


def read_wav(path: Path) -> tuple[bytes, bytes | None]:
    """Read the customer's and the agent's PCM.

    Raises:
        InvalidCall: The file is not one that Connect could have recorded.
    """
    try:
        with wave.open(str(path), "rb") as file:
            if (file.getframerate(), file.getsampwidth()) != (_RATE, 2) or file.getnchannels() not in (1, 2):
                raise InvalidCall(f"{path.name} is not of {_RATE} samples a second, 16 bits and one or two channels")
            samples = array("h", file.readframes(file.getnframes()))
            channels = file.getnchannels()
    except (OSError, EOFError, wave.Error) as error:
        raise InvalidCall(f"{path.name} cannot be read: {error}") from None
    if channels == 1:
        return samples.tobytes(), None
    return samples[0::2].tobytes(), samples[1::2].tobytes()


@dataclass(kw_only=True)
class Call:
    """A call that is or was played; the fields are those of the state that HTTP tells."""

    contact_id: str
    stream: str
    stream_arn: str
    start_fragment: str
    start_ms: int
    duration: float
    state: Literal["playing", "ended", "stopped", "failed"] = "playing"
    fragments: int = 0
    seconds: float = 0.0
    last_fragment: str | None = None


class Calls:
    """Plays calls that are ordered over HTTP.

    Args:
        streams: Where they go.
    """

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._calls: dict[str, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._hung_up: set[str] = set()

    def start(self, order: object) -> dict[str, Any]:
        """Begin one, as the module's description says, and return its state.

        Raises:
            InvalidCall: The order cannot be carried out.
            CallInProgress: The contact is on the line already.
        """
        if not isinstance(order, dict) or not set(order) <= _FIELDS:
            raise InvalidCall(f"a call is an object with some of {', '.join(sorted(_FIELDS))}")
        try:
            pace = float(order.get("pace", 1))
            contact, duration = _contact(str(order["contact_id"]), Path(order["wav"]))
            name = str(order["stream"])
        except (KeyError, TypeError) as error:
            raise InvalidCall(f"the order lacks something or has it in another form: {error!r}") from None
        if pace <= 0:
            raise InvalidCall("`pace` must be positive")
        if (present := self._calls.get(contact.contact_id)) is not None and present.state == "playing":
            raise CallInProgress
        self._hung_up.discard(contact.contact_id)
        stream = self._streams.ensure(name)
        call = self._calls[contact.contact_id] = Call(
            contact_id=contact.contact_id,
            stream=stream.name,
            stream_arn=stream.arn,
            start_fragment=fragment_number(stream.next_serial),
            start_ms=contact.start_ms,
            duration=duration,
        )
        task = asyncio.create_task(self._play(call, stream, contact, pace), name=f"call {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return asdict(call)

    def state(self, contact_id: str) -> dict[str, Any]:
        """Return the state of a call.

        Raises:
            KeyError: There was none with this contact.
        """
        return asdict(self._calls[contact_id])

    def stop(self, contact_id: str) -> dict[str, Any]:
        """Hang up, if the call is not over already, and return its state.

        Raises:
            KeyError: There was none with this contact.
        """
        state = self.state(contact_id)
        self._hung_up.add(contact_id)
        return state

    async def close(self) -> None:
        """Cut every call off."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _play(self, call: Call, stream: Stream, contact: Contact, pace: float) -> None:
        def stored(fragment: Fragment) -> None:
            call.fragments += 1
            call.seconds = (fragment.end_ms - call.start_ms) / 1_000
            call.last_fragment = fragment_number(stream.next_serial - 1)
            if call.contact_id in self._hung_up:
                raise _HungUp

        try:
            await _play(stream, contact, pace=pace, stored=stored)
            call.state = "ended"
        except _HungUp:
            call.state = "stopped"
        except BaseException:
            call.state = "failed"
            raise


class _HungUp(Exception):
    pass


def _contact(contact_id: str, wav: Path) -> tuple[Contact, float]:
    """Return a call that begins now and its length in seconds."""
    customer, agent = read_wav(wav)
    spoken = {CUSTOMER_TRACK: customer} if agent is None else {CUSTOMER_TRACK: customer, AGENT_TRACK: agent}
    contact = Contact(
        contact_id=contact_id,
        sources={name: from_pcm(pcm) for name, pcm in spoken.items()},
        start_ms=round(time.time() * 1_000),
    )
    return contact, len(customer) / BYTES_PER_MS / 1_000
