"""What must hold of every history, whatever broke in it."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from boto3.dynamodb.types import TypeDeserializer

from callscribe.contract.object_keys import TRANSCRIPTS, analysis_key, is_document, reply_key
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.recordings.recording import recording_id
from tests.simulation.batch.analyst import MODEL, Question
from tests.simulation.batch.contents import NOT_AUDIO, contents, telling_words
from tests.simulation.batch.storage import Version
from tests.simulation.batch.vendor import API_KEY, Asked
from tests.simulation.batch.world import Announced, World
from tests.simulation.outcomes import Violation

_IN_PROGRESS: Final = ("claimed", "transcribed", "stored")
_TRANSCRIBED: Final = ("completed", "superseded", "duplicate", "kept", "covered")
_FAILED: Final = ("failed", "rejected")
_deserialize: Final = TypeDeserializer().deserialize


class Check:
    """Watches one history.

    Attributes:
        violations: What did not hold.
    """

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self._shown: dict[str, tuple[str, float]] = {}

    def add(self, what: str, detail: str) -> None:
        """Note that something does not hold."""
        if (violation := Violation(what, detail)) not in self.violations:
            self.violations.append(violation)

    # While it runs

    def before_request(self, world: World, asked: Asked) -> None:
        """Look at a request to the speech service that is about to be done, and billed."""
        mine = recording_id(asked.bucket, asked.key, asked.version.version_id, asked.version.etag)
        same = self._same(world, asked)
        for other in same:
            if any(map(_usable, _replies(world, other))):
                self.add("paid-twice", f"{asked.by.name} asks for {mine[:8]}; the reply of {other[:8]} is stored")
        versions = [a.version for a in world.announced if named(world, a) in same]
        under_way = [
            other
            for other in world.vendor.asked
            if other.until is None and not other.by.killed and any(other.version is one for one in versions)
        ]
        if under_way:
            self.add("two-under-way", f"{asked.by.name} asks for {mine[:8]} beside {under_way[0].by.name}")

    def before_question(self, world: World, asked: Question) -> None:
        """Look at a request to the language model that is about to be answered, and billed."""
        if _analyses(world, asked.document):
            self.add("paid-twice", f"{asked.by.name} asks about a document whose analysis is stored")

    @staticmethod
    def _same(world: World, asked: Asked) -> list[str]:
        """Return the recordings of the call with the bytes that are asked for, that one among them."""
        calls = {announced.put.call for announced in world.announced if announced.version is asked.version}
        return [
            named(world, announced)
            for announced in world.announced
            if announced.put.call in calls and announced.content == asked.version.content
        ]

    def after_write(self, world: World) -> None:
        """Look at what a reader would find who comes at this moment: an item never points to nothing."""
        for item in world.table:
            if "transcript_key" not in item:
                continue
            call = item["call_id"]["S"]
            if not _document(world, item["transcript_key"]["S"]):
                self.add("dangling", f"the item of {call} points to no document")
            if "recording_id" in item:
                self._replaced(world, call, item["recording_id"]["S"])

    def _replaced(self, world: World, call: str, shown: str) -> None:
        """Where an earlier version is to be kept, nothing replaces it that was put after it was shown."""
        before, since = self._shown.get(call, (shown, world.scheduler.now))
        if before == shown:
            self._shown[call] = before, since
            return
        self._shown[call] = shown, world.scheduler.now
        if world.plan.setup.on_new_version == "keep":
            for announced in world.announced:
                if named(world, announced) == shown and announced.put.at + min(announced.put.told) > since:
                    self.add("replaced", f"{shown[:8]} came when {before[:8]} was shown, and replaced it")

    # When nothing happens any more

    def at_rest(self, world: World) -> None:
        """Look at a history whose every execution should be over, before anybody repeats anything."""
        add = self.add
        for execution in world.machine.executions.values():
            if execution.status == "RUNNING":
                add("endless", f"{execution.arn[-12:]} in {execution.states[-1:]}")
        if world.machine.waiting_tokens:
            add("token", f"{world.machine.waiting_tokens} tokens wait")
        if world._busy:
            add("slot", f"{world._busy} workers are busy")
        work = world.queues.queue(world.plan.work_queue).messages
        if work:
            add("queue", f"{len(work)} messages lie in the work queue")
        self._seen(world)
        self._failed(world)
        self._replies(world)
        self._finished(world)
        self._bounded(world)
        self._private(world)

    def _seen(self, world: World) -> None:
        """Every execution that failed is in exactly one place where an operator sees it."""
        told: Counter[str] = Counter()
        for _, body in world.failed_messages():
            message = json.loads(body)
            told[message.get("execution") or message.get("detail", {}).get("executionArn") or "none"] += 1
        repeated = {str(execution.input.get("redrive_of")) for execution in world.machine.executions.values()}
        for execution in world.machine.executions.values():
            number = told[execution.arn]
            failed = execution.status != "SUCCEEDED"
            if failed and not number and execution.arn not in repeated and not world.history.redrives:
                self.add("unseen", f"{execution.arn[-12:]} failed by {execution.error}")
            if number > 1 + world.lost_sends:
                self.add("seen-twice", f"{execution.arn[-12:]} is in {number} places")
            if number and not failed:
                self.add("seen-wrongly", f"{execution.arn[-12:]} succeeded")

    def _failed(self, world: World) -> None:
        """Nothing fails for nothing."""
        history = world.history
        ordered = world.vendor.hits["ordered"]
        troubled = history.faults or history.outages or history.stops or history.deletes or history.idle or ordered
        for execution in world.machine.executions.values():
            if execution.status == "SUCCEEDED":
                continue
            failure = execution.variables.get("failure", {})
            of_no_audio = any(a.content == NOT_AUDIO for a in world.announced)
            if not troubled and not of_no_audio:
                self.add("needless", f"{execution.arn[-12:]} failed by {execution.error}, and nothing was wrong")
            if failure.get("error") == "States.Timeout" and failure["step"] == "Transcribe" and not history.idle:
                self.add("forgotten", f"{execution.arn[-12:]} waited for a transcription until its time was over")
            if (failure.get("error"), failure.get("step")) == ("UnusableReply", "Store"):
                self.add("reply-lost", f"{execution.arn[-12:]} found no reply where one had been told of")

    def _replies(self, world: World) -> None:
        """What was paid for and stored stays, and what stands for another recording is there."""
        for announced in world.announced:
            name = named(world, announced)
            written = world.storage.versions(world.plan.archive, reply_key(name))
            usable = [_usable(version) for version in written if version.content is not None]
            if usable != sorted(usable):
                self.add("reply-lost", f"the reply of {name[:8]} was written over")
        statuses = {claim["recording_id"]: claim["status"] for claim in claims(world)}
        for claim in claims(world):
            if claim["status"] == "duplicate" and statuses.get(claim["same_content_as"]) in _FAILED:
                self.add("duplicate", f"{claim['recording_id'][:8]} counts as transcribed by one that failed")

    def _finished(self, world: World) -> None:
        """What ended as transcribed is, and once."""
        done = Counter(
            execution.variables["recording"]["recording_id"]
            for execution in world.machine.executions.values()
            # Where replies are deleted, whoever repeats a completed recording comes to that step again.
            if execution.states[-1:] == ["Transcribed"] and "Complete" in execution.states
        )
        statuses = {claim["recording_id"]: claim["status"] for claim in claims(world)}
        for name, times in done.items():
            if times > 1:
                self.add("transcribed-twice", f"{name[:8]}, {times} times")
            if statuses.get(name) != "completed":
                self.add("unfinished", f"{name[:8]} ended as transcribed and is {statuses.get(name)}")

    def _bounded(self, world: World) -> None:
        for claim in claims(world):
            if int(claim.get("execution_requests", 0)) > world.plan.most_attempts:
                self.add("attempts", f"{claim['recording_id'][:8]} was asked for too often")
            if int(claim["deepgram_requests"]) < len(_asked(world, claim)):
                self.add(
                    "uncounted",
                    f"{claim['recording_id'][:8]}: {claim['deepgram_requests']} of {len(_asked(world, claim))} counted",
                )

    def _private(self, world: World) -> None:
        kept = [json.dumps([execution.input, execution.told]) for execution in world.machine.executions.values()]
        messages = [body for _, body in world.failed_messages()] + failed_enrichments(world)
        for place, texts in (
            ("a log", world.logs),
            ("a state", kept),
            ("an event", [json.dumps(event) for event in world.events]),
            ("a message", messages),
        ):
            text = "\n".join(texts)
            for secret in (*telling_words(), API_KEY, "X-Amz-Signature"):
                if secret in text:
                    self.add("told", f"{secret} is in {place}")

    # When an operator has repeated what the queues hold, and nothing goes wrong any more

    def redriven(self, world: World) -> None:
        """What was started again is worked on: no claim waits for an execution that is over."""
        over = {arn for arn, execution in world.machine.executions.items() if execution.status != "RUNNING"}
        for claim in claims(world):
            if claim["status"] in _IN_PROGRESS and claim["execution"] in over:
                self.add("untaken", f"{claim['recording_id'][:8]} stays {claim['status']} by what is over")

    # When everything was repeated

    def at_end(self, world: World) -> None:
        """Look at a history after its faults are over and everything that failed was repeated."""
        add = self.add
        by_recording = {claim["recording_id"]: claim for claim in claims(world)}
        for announced in world.announced:
            if announced.put.call not in world.deleted:
                self._done(world, announced, by_recording.get(named(world, announced)))
        for name, claim in by_recording.items():
            if claim["status"] in _IN_PROGRESS:
                add("claim", f"{name[:8]} stays {claim['status']}")
            if int(claim.get("request_lease_until", 0)) > world.scheduler.epoch() and claim["status"] in _TRANSCRIBED:
                add("lease", f"{name[:8]} is leased")
        self._agree(world, by_recording)
        self._enriched(world)
        self._analysed(world)
        self._holders(world, by_recording)
        for _, body in world.failed_messages():
            if "redrive" not in body and not world.deleted and not any(a.content == NOT_AUDIO for a in world.announced):
                add("left", "a message is left with the failed calls")

    def rebuilt(self, world: World) -> None:
        """Look at what is left when all that was stored by an earlier version is written anew."""
        # Of a reply that is gone nothing can be made anew.
        whole = world.plan.setup.replies == "keep" and not world.deleted
        for result in world.rebuilt:
            live = "/live" in result.key or "live transcript" in result.reason
            if result.outcome not in ("rebuilt", "current") and not live and whole:
                self.add("rebuild", f"{result.key[-40:]}: {result.outcome}: {result.reason}")
        for item in transcripts(world):
            document = _document(world, item["transcript_key"]) or {}
            versions = {int(item["schema_version"]), document.get("schema_version")}
            if world.plan.setup.replies == "keep" and "recording_id" in item and versions != {SCHEMA_VERSION}:
                self.add("rebuild", f"{item['call_id']} is of versions {versions}")
        self._agree(world, {claim["recording_id"]: claim for claim in claims(world)})
        self._analysed(world)

    def _enriched(self, world: World) -> None:
        """Every announced call went through the step of one's own, or its failure is kept."""
        on_failure = world.plan.setup.enrichment
        kept = "".join(failed_enrichments(world))
        unsent = any(fault.by == "machine" for fault in world.history.faults)
        for event in details(world):
            detail = event["Detail"]
            name, told = detail["recording_id"], detail.get("enrichment")
            if (told is None) != (on_failure is None):
                self.add("enrichment", f"the event of {name[:8]} says {told}")
            elif told is not None and told["status"] == "succeeded":
                if name not in world.enriched:
                    self.add("enrichment", f"{name[:8]} was told as enriched, and is not")
            elif told is not None and on_failure == "fail":
                self.add("enrichment", f"{name[:8]} was announced, and is not enriched")
            elif told is not None and name not in kept and not unsent:
                self.add("enrichment", f"nothing is kept of the failed step of {name[:8]}")

    def _analysed(self, world: World) -> None:
        """Every announced call tells what became of its analysis, and whoever pays is told of each answer once."""
        history = world.history
        troubled = history.analyst or any(fault.by in ("analyse_call", "machine") for fault in history.faults)
        for event in details(world):
            told, place = event["Detail"].get("analysis"), event["Detail"]["transcript"]
            name = event["Detail"]["recording_id"][:8]
            if (told is None) == world.plan.setup.analyst:
                self.add("analysis", f"the event of {name} says {told}")
            elif told is None:
                continue
            elif told["status"] == "succeeded" and not _analyses(world, place["key"]):
                self.add("analysis", f"{name} was told as analysed, and is not")
            elif told["status"] == "succeeded":
                continue
            elif not told.get("reason"):
                self.add("analysis", f"the event of {name} says {told['status']}, and not why")
            elif not troubled:
                self.add("needless", f"the analysis of {name} is {told['status']} by {told['reason']}")
        self._bills(world)

    def _bills(self, world: World) -> None:
        for item in transcripts(world):
            if "analysis" in item:
                self._analysis(world, item)
            elif answers := self._unbilled(world, item["transcript_key"]):
                self.add("bill", f"{item['call_id']} has none for {answers} answers")

    @staticmethod
    def _unbilled(world: World, document: str) -> int:
        """How many answers readers had that were not kept from the table."""
        if any(fault.by == "analyse_call" and "dynamodb.".startswith(fault.of[:9]) for fault in world.history.faults):
            return 0
        of_it = (question for question in world.model.asked if question.document == document)
        return sum(question.reached for question in of_it)

    def _analysis(self, world: World, item: Mapping[str, Any]) -> None:
        """An item shows an analysis of its own document, and a bill with each answer in it once."""
        shown, document = item["analysis"], item["transcript_key"]
        if shown["status"] == "succeeded" and shown["key"] not in _analyses(world, document):
            self.add("dangling", f"the item of {item['call_id']} points to no analysis of its document")
        if shown["status"] != "succeeded" and not shown.get("reason"):
            self.add("analysis", f"the item of {item['call_id']} says {shown['status']}, and not why")
        asked = [question for question in world.model.asked if question.document == document]
        # Of one that was killed it is noted that it asked; of two at once each knows what was noted before.
        at_once = any(one.by is not other.by and one.at <= other.at < one.until for one in asked for other in asked)
        reached = [question for question in asked if question.reached]
        exact = item["cost"].get("total_usd") is not None
        noted = [question for question in reached if not at_once and (exact or not question.by.killed)]
        spent = (shown.get("spent") or {}).get(MODEL, {})
        for direction in ("input", "output"):
            of = f"{direction}_tokens"
            told = int(spent.get(of, 0))
            least, most = (sum(int(getattr(question, of)) for question in some) for some in (noted, reached))
            if not least <= told <= most:
                self.add("bill", f"{item['call_id']} says {told} of {least} to {most} {direction} tokens")
            billed = [line for line in item["cost"]["lines"] if line["item"] == f"analysis {MODEL} {direction}"]
            if sum(round(1000 * float(line["quantity"])) for line in billed) != told or len(billed) > 1:
                self.add("bill", f"{item['call_id']} has {len(billed)} lines for {told} {direction} tokens")
        unanswered = sum(not question.reached or not question.input_tokens for question in asked)
        # Each notes one before it asks, and the one whose analysis is shown has put what it took in its place.
        readers = sum(read == document for read in world.model.documents.values())
        unanswered += readers - (shown["status"] == "succeeded")
        if int(spent.get("unanswered", 0)) > unanswered:
            self.add("bill", f"{item['call_id']} says that {spent['unanswered']} of {unanswered} were not answered")

    def _done(self, world: World, announced: Announced, claim: Mapping[str, Any] | None) -> None:
        if claim is None:
            self.add("lost", f"{announced.key} has no claim")
        elif claim["status"] == "kept":
            if world.plan.setup.on_new_version != "keep":
                self.add("lost", f"{announced.key} was left alone, and should not be")
        elif announced.content == NOT_AUDIO:
            if claim["status"] != "rejected":
                self.add("rejection", f"{announced.key}, no audio, is {claim['status']}")
        elif claim["status"] not in _TRANSCRIBED:
            self.add("lost", f"{announced.key} is {claim['status']}: {claim.get('error_code')}")
        elif claim["status"] == "covered":
            self._covered(world, announced)

    def _covered(self, world: World, announced: Announced) -> None:
        """A live transcript stands for a recording only if it is whole, and there, or recordings are never wanted."""
        lives = [live for live in world.history.lives if live.call == announced.put.call]
        if lives and world.plan.setup.live_transcripts == "never":
            return
        whole = any(live.outcome == "complete" and live.call in world.live_stored for live in lives)
        if not whole or world.plan.setup.live_transcripts != "when-incomplete":
            self.add("lost", f"{announced.key} counts as covered, by nothing")

    def _agree(self, world: World, by_recording: Mapping[str, Mapping[str, Any]]) -> None:
        """Item, document, reply, claim and event say the same."""
        told = {event["Detail"]["recording_id"]: event["Detail"] for event in details(world)}
        shown: dict[str, Mapping[str, Any]] = {}
        for item in transcripts(world):
            shown[item["call_id"]] = item
            document = _document(world, item["transcript_key"])
            if document is None or _text(document) != _text(item):
                self.add("disagree", f"item and document of {item['call_id']} differ")
            elif "recording_id" in item:
                self._agrees(world, item, document, by_recording.get(item["recording_id"]))
                self._told(world, item, told.get(item["recording_id"]))
        for name in told.keys() - by_recording.keys():
            self.add("disagree", f"an event names {name}, which is unknown")
        self._words(world, shown, by_recording)

    def _agrees(
        self, world: World, item: Mapping[str, Any], document: Mapping[str, Any], claim: Mapping[str, Any] | None
    ) -> None:
        name = item["recording_id"]
        if claim is None or claim["status"] != "completed":
            self.add("disagree", f"an item shows {name[:8]}, which is {claim and claim['status']}")
        if document["provenance"]["recording_id"] != name:
            self.add("disagree", f"item and document of {name[:8]} differ")
        if world.plan.setup.replies == "keep" and not _kept(world, name):
            self.add("disagree", f"the reply of {name[:8]} is missing")
        if world.plan.setup.replies == "delete" and _kept(world, name):
            self.add("not-deleted", f"the reply of {name[:8]} is still there")
        if "quality" not in item:
            self.add("disagree", f"{name[:8]} has no score")

    def _told(self, world: World, item: Mapping[str, Any], told: Mapping[str, Any] | None) -> None:
        name = item["recording_id"]
        place = {"pk": item["PK"], "sk": item["SK"], "bucket": world.plan.archive, "key": item["transcript_key"]}
        if told is None:
            self.add("unannounced", f"{name[:8]} was never announced")
        elif told["transcript"] != place:
            self.add("disagree", f"the event of {name[:8]} names another place")

    def _words(
        self,
        world: World,
        shown: Mapping[str, Mapping[str, Any]],
        by_recording: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """Every call shows the words of its newest recording, and no others, unless another one is to be kept."""
        newest: dict[int, Announced] = {}
        for announced in world.announced:
            if announced.content != NOT_AUDIO and announced.put.call not in world.deleted:
                newest[announced.put.call] = announced
        by_name = {_call_id(announced): announced for announced in newest.values()}
        for call_id, announced in by_name.items():
            self._shows(world, call_id, announced, shown.get(call_id), by_recording.get(named(world, announced), {}))

    def _shows(
        self,
        world: World,
        call_id: str,
        newest: Announced,
        item: Mapping[str, Any] | None,
        claim: Mapping[str, Any],
    ) -> None:
        setup, status = world.plan.setup, claim.get("status")
        if item is None:
            if (status, setup.live_transcripts) != ("covered", "never"):
                self.add("lost", f"{call_id} has no transcript")
            return
        text = _text(item)
        if "recording_id" not in item:
            if status not in ("covered", "duplicate"):
                self.add("stale", f"{call_id} shows its live transcript, and its recording is {status}")
            return
        wanted = newest
        if setup.on_new_version == "keep":
            wanted = next((a for a in world.announced if named(world, a) == item["recording_id"]), newest)
        expected = contents()[wanted.put.content].name
        if expected not in text:
            self.add("stale", f"{call_id} does not show its newest recording, which is {status}")
        if any(content.name in text for content in contents() if content.name != expected):
            self.add("stale", f"{call_id} shows the words of another recording")

    def _holders(self, world: World, by_recording: Mapping[str, Mapping[str, Any]]) -> None:
        for item in world.table:
            if item["type"]["S"] != "content":
                continue
            holder = by_recording.get(item["recording_id"]["S"])
            if holder is None or (
                holder["status"] not in ("completed", "superseded", "rejected", "covered", "kept") and not world.deleted
            ):
                self.add("holder", f"a content is held by {holder and holder['status']}")


def claims(world: World) -> list[dict[str, Any]]:
    """The claims."""
    return [_plain(item) for item in world.table if item["type"]["S"] == "claim"]


def transcripts(world: World) -> list[dict[str, Any]]:
    """The calls' transcripts."""
    return [_plain(item) for item in world.table if item["SK"]["S"].startswith("TRANSCRIPT#")]


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _deserialize(value) for name, value in item.items()}


def failed_enrichments(world: World) -> list[str]:
    """What is kept of the failures of a step of one's own."""
    url = world.plan.failed_enrichments
    return [] if url is None else [message.body for message in world.queues.queue(url).messages]


def details(world: World) -> list[dict[str, Any]]:
    """The events that were announced."""
    return [event for event in world.events if event["DetailType"] == "Call Transcribed"]


def named(world: World, announced: Announced) -> str:
    """The identity of a recording."""
    version = announced.version
    return recording_id(world.plan.recordings, announced.key, version.version_id, version.etag)


def _call_id(announced: Announced) -> str:
    name = announced.key.rpartition("/")[2].rpartition(".")[0]
    return name.partition("_")[0]


def _asked(world: World, claim: Mapping[str, Any]) -> list[Asked]:
    return [asked for asked in world.vendor.asked if asked.version.version_id == claim.get("version_id")]


def _kept(world: World, recording: str) -> bool:
    """Whether a reply that holds a transcription is in the archive."""
    version = world.storage.current(world.plan.archive, reply_key(recording))
    return version is not None and _usable(version)


def _replies(world: World, recording: str) -> list[Version]:
    """What was written of a reply and can be read; where replies are deleted, only what is there now."""
    if world.plan.setup.replies == "keep":
        return world.storage.versions(world.plan.archive, reply_key(recording))
    current = world.storage.current(world.plan.archive, reply_key(recording))
    return [] if current is None else [current]


def _usable(version: Version) -> bool:
    return b'"words"' in gzip.decompress(version.content or b"")


def _analyses(world: World, document: str) -> list[str]:
    """Keys of the analyses of a document that are in the archive."""
    beside = analysis_key(document, "").removesuffix(".json.gz")
    keys = world.storage.keys(world.plan.archive, TRANSCRIPTS)
    return [key for key in keys if key.startswith(beside) and not is_document(key)]


def _document(world: World, key: str) -> dict[str, Any] | None:
    version = world.storage.current(world.plan.archive, key)
    if version is None:
        return None
    document: dict[str, Any] = json.loads(gzip.decompress(version.content or b""))
    return document


def _text(of: Mapping[str, Any]) -> str:
    return " ".join(str(utterance["text"]) for utterance in of["utterances"])
