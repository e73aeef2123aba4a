"""Faults put into the functions and the state machine one at a time. One that no history finds is a rule nobody checks.

A mutation is a text of a module's source, or of the state machine's definition, replaced by another one.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final
from unittest.mock import patch

from tests.simulation.batch import runner
from tests.simulation.batch.aimed import AIMED
from tests.simulation.batch.containers import Containers
from tests.simulation.batch.deployment import Plan, deployed
from tests.simulation.batch.histories import History, generate
from tests.simulation.mutations import Finder, Found, Mutation

DEFINITION: Final = "the definition"
"""In place of a module: the state machine's definition, in each deployment that has the text."""


MUTATIONS: Final = (
    Mutation(
        "a request lease that others hold is not respected",
        "lambdas.common.claims",
        '" AND (attribute_not_exists(request_lease_until) OR request_lease_until < :epoch)"',
        '" AND (attribute_exists(PK) OR request_lease_until < :epoch)"',
    ),
    Mutation(
        "a request lease is shorter than a request",
        "lambdas.transcribe_call.worker",
        "lease=delivery.lifetime,",
        "lease=timedelta(seconds=1),",
    ),
    Mutation(
        "a reply in the archive is not looked for",
        "lambdas.transcribe_call.worker",
        "if place.reply is not None:\n            try:",
        "if False:\n            try:",
    ),
    Mutation(
        "a reply that the archive does not take is given up, and the call goes on",
        "lambdas.transcribe_call.worker",
        "self._replies.keep_trying(\n",
        "(lambda *_args, **_more: None)(\n",
    ),
    Mutation(
        "room for the reply is made without a look at what is there",
        "lambdas.common.archive",
        "self._s3.put_object(**self._object(key, content, metadata), **condition)",
        "self._s3.put_object(**self._object(key, content, metadata))",
    ),
    Mutation(
        "a claim in progress is taken from whoever has it",
        "lambdas.common.claims",
        "if status in IN_PROGRESS and not mine and not abandoned:",
        "if False:",
    ),
    Mutation(
        "a redrive waits for the lease of the execution that it repeats",
        "lambdas.common.claims",
        'existing["execution"] in ended_executions or int(',
        "int(",
    ),
    Mutation(
        "a redrive knows only the last of the executions that it repeats",
        "lambdas.admit_recording.admission",
        "(*event.redrives_before, event.redrive_of)",
        "(event.redrive_of,)",
    ),
    Mutation(
        "a recording that was deleted behind the storing of it is rejected",
        "lambdas.admit_recording.admission",
        "stored = None if call is None else self._stored(announced, call)",
        "stored = None",
    ),
    Mutation(
        "a finished claim is taken over",
        "lambdas.common.claims",
        "if not repeated and status not in IN_PROGRESS:",
        "if False:",
    ),
    Mutation(
        "the holder of a content is not waited for",
        "lambdas.admit_recording.admission",
        "if found.in_progress and by.started_at is not None:",
        "if False:",
    ),
    Mutation(
        "the holder of a content keeps it when it fails",
        "lambdas.admit_recording.contents",
        "return status in _WITHOUT_TRANSCRIPT",
        "return False",
    ),
    Mutation(
        "of a content nobody is the holder",
        "lambdas.admit_recording.contents",
        "if stored.digest is None:",
        "if True:",
    ),
    Mutation(
        "the reply to the same content is not taken",
        "lambdas.transcribe_call.worker",
        "if other is None or not self._is_usable(work, other):",
        "if True:",
    ),
    Mutation(
        "that a content was put again is not noted",
        "lambdas.admit_recording.admission",
        "or self._note(call, shown, stored.provenance)",
        "or True",
    ),
    Mutation(
        "a recording that is shown becomes the duplicate of another",
        "lambdas.admit_recording.admission",
        "if shown == stored.provenance.recording_id:",
        "if False:",
    ),
    Mutation(
        "the recording that is stored last is shown",
        "lambdas.store_transcript.store",
        '"attribute_not_exists(PK) OR recording_id = :recording"',
        '"attribute_not_exists(PK) OR attribute_exists(PK)"',
    ),
    Mutation(
        "an item is written before its document",
        "lambdas.store_transcript.store",
        "            self._archive.write(built.pointers.transcript_key, built.form.document)\n"
        "            superseded = not self._put(recording, self._item(built), now=now)\n",
        "            superseded = not self._put(recording, self._item(built), now=now)\n"
        "            self._archive.write(built.pointers.transcript_key, built.form.document)\n",
    ),
    Mutation(
        "a message that failed is taken for done",
        "lambdas.transcribe_call.handler",
        "        _return(record, seconds=later.delay_seconds)\n        raise\n",
        "        _return(record, seconds=later.delay_seconds)\n",
    ),
    Mutation(
        "requests are not counted",
        "lambdas.common.claims",
        '" ADD deepgram_requests :one, execution_requests :one"',
        '" ADD execution_requests :one"',
    ),
    Mutation(
        "a transcript is logged",
        "lambdas.store_transcript.handler",
        'logger.info("stored", superseded=stored.superseded,',
        "logger.info(stored.transcript.full_transcript, superseded=stored.superseded,",
    ),
    Mutation(
        "the reply that was paid for before the last holder is forgotten",
        "lambdas.admit_recording.contents",
        "return holder if asked or before is None else str(before)",
        "return holder",
    ),
    Mutation(
        "a recording is covered by a live transcript that is not shown",
        "lambdas.admit_recording.admission",
        "transcribed=source == LIVE, replaced=source not in (None, LIVE)",
        "transcribed=source is not None, replaced=False",
    ),
    Mutation(
        "that a live transcript stands for a recording is not noted",
        "lambdas.admit_recording.admission",
        "return self._note(live, None, recording) or self._evidence(live).transcribed",
        "return True",
    ),
    Mutation(
        "a live transcript that does not cover all stands for a recording",
        "lambdas.admit_recording.live_policy",
        "if not covers(state.coverage.intervals, recorded):",
        "if False:",
    ),
    Mutation(
        "a recording takes the place of one that is to be kept",
        "lambdas.admit_recording.admission",
        'if self._on_new_version == "keep" and',
        "if False and",
    ),
    Mutation(
        "what earlier analyses took is forgotten",
        "lambdas.analyse_call.analysis",
        "earlier = spent.get(self._model, Usage())",
        "earlier = Usage()",
    ),
    Mutation(
        "an analysis that is stored is not looked for",
        "lambdas.analyse_call.analysis",
        "if kept is not None and not again:",
        "if False:",
    ),
    Mutation(
        "an analysis that the archive does not take is asked for again",
        "lambdas.analyse_call.analysis",
        'logger.error("the archive does not take the analysis", error_code=code)',
        "raise",
    ),
    Mutation(
        "an item shows an analysis of another document",
        "lambdas.analyse_call.analysis",
        'ConditionExpression="transcript_key = :key",',
        'ConditionExpression="transcript_key = :key OR attribute_exists(PK)",',
    ),
    Mutation(
        "a call whose analysis failed is told as analysed",
        DEFINITION,
        '{"status": "failed", "reason": "{% $substring($states.errorOutput.Error, 0, 200) %}"}',
        '{"status": "succeeded", "reason": "{% $substring($states.errorOutput.Error, 0, 200) %}"}',
    ),
    Mutation("a failed step leads nowhere", DEFINITION, '"Next": "RecordFailure"', '"Next": "Transcribed"'),
    Mutation(
        "a failure is noted over a completed call", DEFINITION, " AND #status <> :unless", " OR #status = :unless"
    ),
    Mutation(
        "what cannot be put with the failed calls ends as an ordinary failure",
        DEFINITION,
        '"FailedCalls.Unreachable"',
        '"FailedCalls.Gone"',
    ),
    Mutation("a stored transcript is not announced", DEFINITION, '"Next": "Announce"', '"Next": "Complete"'),
    Mutation("a reply that is not to be kept is kept", DEFINITION, '"Next": "DeleteReply"', '"Next": "Transcribed"'),
)


@contextmanager
def put_in(mutation: Mutation) -> Iterator[None]:
    """Have the functions, or the state machine, with a fault."""

    def changed(name: str) -> Plan:
        plan = deployed(name)
        if mutation.module != DEFINITION:
            return plan
        text = json.dumps(plan.definition)
        return replace(plan, definition=json.loads(text.replace(mutation.old, mutation.new)))

    processes, finder = Containers(), Finder(mutation)
    sys.meta_path.insert(0, finder)
    try:
        with patch.object(runner, "deployed", changed), patch.object(runner, "containers", lambda: processes):
            yield
    finally:
        sys.meta_path.remove(finder)


def found_by(mutation: Mutation, seeds: range) -> Found:
    """Run the aimed histories, and those of some seeds, with a fault."""
    by: Counter[str] = Counter()

    def finds(history: History) -> bool:
        violated = {violation.what for violation in runner.run(history).violations}
        by.update(violated)
        return bool(violated)

    with put_in(mutation):
        aimed = sum(map(finds, AIMED.values()))
        return Found(aimed=aimed, random=sum(finds(generate(seed)) for seed in seeds), by=by)
