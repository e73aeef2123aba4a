"""Faults put into the streamer one at a time. A fault that no history finds is a rule that nobody checks."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any, Final

from tests.simulation.live.aimed import AIMED
from tests.simulation.live.histories import History, generate
from tests.simulation.mutations import Finder, Found, Mutation

_LONGEST_SECONDS: Final = 300
"""By our clock, for one history: what loops for ever in simulated time takes no end."""

_STORE: Final = "streamer.calls.store"
_CALL: Final = "streamer.calls.call"
_INTAKE: Final = "streamer.calls.intake"
_SESSION: Final = "streamer.deepgram.session"

MUTATIONS: Final = (
    Mutation(
        "words are stored without the fence of the lease",
        _STORE,
        "checkpoint.attributes() | self._stamp(now), where=_FENCE, given=_fence(lease)",
        'checkpoint.attributes() | self._stamp(now), where="attribute_exists(PK)", given=_fence(lease)',
    ),
    Mutation(
        "a call is taken though its lease has not run out",
        _STORE,
        'if status is LiveStatus.STREAMING and item["lease_until"] > self._now():',
        'if status is LiveStatus.STREAMING and item["lease_until"] > self._now() + 3600:',
    ),
    Mutation(
        "leases are not renewed",
        _INTAKE,
        "run.apply_hints(await self._store.renew(run.lease))",
        "pass",
    ),
    Mutation(
        "messages are not renewed",
        _INTAKE,
        "await self._queue.renew([work.message for work in self._work.values()])",
        "await self._queue.renew([])",
    ),
    Mutation(
        "the watermark is set a fifth of a second too far",
        _CALL,
        "watermarks[final.channel] = max(watermarks[final.channel], final.end)",
        "watermarks[final.channel] = max(watermarks[final.channel], final.end + 1_600)",
    ),
    Mutation(
        "the watermark stays where it was",
        _CALL,
        "watermarks=(watermarks[0], watermarks[1]),",
        "watermarks=self._checkpoint.watermarks,",
    ),
    Mutation(
        "reading goes on behind the faster channel",
        _CALL,
        "resume = self._media.resume_point(reached) or",
        "resume = self._media.resume_point(max(watermarks)) or",
    ),
    Mutation(
        "numbers of utterances are given twice",
        _CALL,
        "next_seq=self._checkpoint.next_seq + len(utterances),",
        "next_seq=self._checkpoint.next_seq + min(1, len(utterances)),",
    ),
    Mutation(
        "gaps are forgotten",
        _CALL,
        "self._current(gaps=[*gaps, *passed]),",
        "self._current(),",
    ),
    Mutation(
        "what was not heard beside a pause is told to be transcribed",
        "streamer.calls.state",
        "holes = (*checkpoint.gaps, *checkpoint.paused)",
        "holes = checkpoint.gaps",
    ),
    Mutation(
        "the words of a replay are heard again on the channel that is ahead",
        "streamer.deepgram.conversation",
        "buffer.read(self.position, _MAX_SAMPLES, silent_until=self._tracker.silent_until)",
        "buffer.read(self.position, _MAX_SAMPLES, silent_until=(0, 0))",
    ),
    Mutation(
        "audio is let go of when one channel is stored",
        _SESSION,
        "self._buffer.release(min(self._stored))",
        "self._buffer.release(max(self._stored))",
    ),
    Mutation(
        "a rotated key is not asked for",
        _SESSION,
        "newer_key = await self._key.read(refresh=True)",
        "newer_key = await self._key.read()",
    ),
    Mutation(
        "audio is sent as fast as it is there",
        "streamer.deepgram.pacing",
        "RATE: Final = 1.25",
        "RATE: Final = 125.0",
    ),
    Mutation(
        "a call is completed though streaming was started again",
        _STORE,
        "resumed_at_ms <= :ended_at_ms)",
        "resumed_at_ms <= :ended_at_ms OR attribute_exists(resumed_at_ms))",
    ),
    Mutation(
        "a stop counts though streaming was started again",
        "streamer.calls.state",
        '"stop_fragment" in item and stopped_at_ms >= began_at_ms(item)',
        '"stop_fragment" in item and stopped_at_ms >= 0',
    ),
    Mutation(
        "a silent stream is an end",
        "streamer.calls.ending",
        "if evidence.heard and asked_again and evidence.silence >= limits.idle:",
        "if evidence.heard and asked_again:",
    ),
    Mutation(
        "what was streamed before a pause is not read where the token is refused",
        _CALL,
        "return checkpoint.origin_ms",
        "return began_at_ms",
    ),
    Mutation(
        "a message that is given back, and delivered to who gave it back, is left until its lease is over",
        _INTAKE,
        "            while await self._follow(work) is not work.message:\n                pass",
        "            await self._follow(work)",
    ),
    Mutation(
        "Connect's word of the end is not waited for",
        "streamer.calls.ending",
        "word: float = 15.0",
        "word: float = 0.0",
    ),
    Mutation(
        "the message goes before the call is announced",
        _INTAKE,
        "            await self._announcer.announce(to_announce)",
        "            await self._queue.delete(message)\n            await self._announcer.announce(to_announce)",
    ),
    Mutation(
        "a completed call is not announced",
        _INTAKE,
        "            await self._announcer.announce(to_announce)",
        "            pass",
    ),
    Mutation(
        "the message of a failed call goes before its copy is there",
        "streamer.calls.queue",
        "        await self._sqs.send_message(\n            QueueUrl=self._failed_calls_url,",
        "        await self.delete(message)\n        await self._sqs.send_message(\n"
        "            QueueUrl=self._failed_calls_url,",
    ),
    Mutation(
        "a slot is not given back",
        _INTAKE,
        "            del self._work[work.message.message_id]\n            self._note_change()",
        "            self._note_change()",
    ),
    Mutation(
        "the task stays protected",
        _INTAKE,
        "self._protection.set_busy(bool(self._work))",
        "self._protection.set_busy(True)",
    ),
    Mutation(
        "words are told before they are stored",
        _CALL,
        "        await self._services.store.commit(self.lease, utterances, checkpoint)",
        "        self._feed.finals(utterances, reliability)\n"
        "        await self._services.store.commit(self.lease, utterances, checkpoint)",
    ),
    Mutation(
        "a word is logged",
        _CALL,
        "        self._feed.finals(utterances, reliability)\n        if self._alerts",
        '        _log.debug("stored", extra={"texts": [final.text for final in finals]})\n'
        "        self._feed.finals(utterances, reliability)\n        if self._alerts",
    ),
)


def found_by(mutation: Mutation, seeds: range) -> Found:
    """Run the aimed histories, and those of some seeds, with a fault; in a process that has not loaded the product."""
    by: Counter[str] = Counter()
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=_put_in, initargs=(mutation,)) as pool:
        finds = partial(_finds, pool, by)
        aimed = sum(map(finds, AIMED.values()))
        return Found(aimed=aimed, random=sum(finds(generate(seed)) for seed in seeds), by=by)


def _put_in(mutation: Mutation) -> None:
    sys.meta_path.insert(0, Finder(mutation))


def _finds(pool: ProcessPoolExecutor, by: Counter[str], history: History) -> bool:
    violated = pool.submit(_violated, history).result()
    by.update(violated)
    return bool(violated)


def _violated(history: History) -> set[str]:
    from tests.simulation.live import runner

    def stop(*_: Any) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(_LONGEST_SECONDS)
    try:
        return {violation.what for violation in runner.run(history).violations}
    except TimeoutError:
        return {"a history does not end"}
    finally:
        signal.alarm(0)
