"""Older documents are written anew from Deepgram's replies; Deepgram is not asked."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
from botocore.exceptions import ClientError

from callscribe.analysis.prices import ModelPrices, Usage, with_analysis
from callscribe.analysis.stored import AnalysisItem, AnalysisStatus
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.conversation.flags import FlagSet, load_flag_set
from callscribe.conversation.wording import WordingVersion
from callscribe.cost import Cost
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.documents import analysis_attributes, from_document
from callscribe.judgement.quality import load_rubric
from callscribe.serialization import decode
from callscribe.table_values import plain
from callscribe.transcript import Role
from lambdas.common.archive import Archive
from lambdas.common.transcript_builder import TranscriptBuilder
from lambdas.store_transcript import handler
from lambdas.store_transcript.rebuild import Outcome, Rebuilder, Rebuilt
from tests.contracts.golden import Golden, golden
from tests.lambdas.cloud import NOW, Cloud, Context
from tests.lambdas.corrections import correction_item

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from callscribe.conversation.wording import Leaning, WordingEngine

DOCUMENTS = [file for file in golden("document") if file.version < 3]
DOCUMENT = DOCUMENTS[-1]
CONTEXT = cast("LambdaContext", Context())


class Shelf:
    """An archive and a table with what an earlier version left of one call."""

    def __init__(self, cloud: Cloud, file: Golden = DOCUMENT) -> None:
        self.cloud = cloud
        self.earlier: dict[str, Any] = file.json()
        self.item: dict[str, Any] = {**file.beside("transcript-item").item(), "expires_at": Decimal(1_900_000_000)}
        self.key: str = self.item["transcript_key"]
        self.primary = {"PK": self.item["PK"], "SK": self.item["SK"]}
        self.archive = Archive(s3=cloud.s3, bucket="archive")
        metadata = file.beside("reply-metadata").json()
        self.archive.write(self.item["reply_key"], file.beside("reply").text.encode(), metadata=metadata)
        self.archive.write(self.key, file.text.encode())
        cloud.table.put_item(Item=self.item)

    def leave(self, document: dict[str, Any]) -> None:
        """Put another document in its place."""
        self.archive.write(self.key, json.dumps(document).encode())

    def rebuild(
        self,
        key: str | None = None,
        *,
        dry_run: bool = False,
        table: Any = None,
        wording: WordingEngine | None = None,
        flag_set: FlagSet | None = None,
    ) -> Rebuilt:
        rebuilder = Rebuilder(
            table=table or self.cloud.table,
            archive=self.archive,
            builder=TranscriptBuilder(
                bucket="archive",
                # Not what was asked then.
                transcriptions=DeepgramTranscriptions(options=TranscriptionOptions(model="nova-2")),
                channel_roles={0: Role.CUSTOMER, 1: Role.AGENT},
                flag_set=flag_set,
                wording=wording,
            ),
            rubric=load_rubric(),
        )
        return rebuilder.rebuild(self.key if key is None else key, dry_run=dry_run)

    def document(self) -> dict[str, Any]:
        body = self.cloud.s3.get_object(Bucket="archive", Key=self.key)["Body"].read()
        return cast("dict[str, Any]", json.loads(gzip.decompress(body)))

    def shown(self) -> dict[str, Any]:
        return self.cloud.table.get_item(Key=self.primary)["Item"]

    def versions(self) -> int:
        return len(self.cloud.s3.list_object_versions(Bucket="archive", Prefix=self.key)["Versions"])


@pytest.fixture
def shelf(cloud: Cloud) -> Shelf:
    cloud.s3.put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
    return Shelf(cloud)


@pytest.mark.parametrize("file", DOCUMENTS, ids=str)
def test_a_document_of_any_version_gets_what_came_later_and_keeps_what_was_known_then(
    cloud: Cloud, file: Golden
) -> None:
    shelf = Shelf(cloud, file)
    assert shelf.rebuild() == Rebuilt(outcome=Outcome.REBUILT, call_id=shelf.item["call_id"])
    before, after = from_document(json.dumps(shelf.earlier)), from_document(json.dumps(shelf.document()))
    assert shelf.document()["schema_version"] == SCHEMA_VERSION
    assert all(said.words for said in after.utterances)
    assert " ".join(word.text for word in after.utterances[0].words or ()) == before.utterances[0].text
    for name in ("recording", "provenance", "audio", "created_at", "request_id", "full_transcript"):
        assert getattr(after, name) == getattr(before, name)
    assert after.options.items() >= before.options.items()
    assert (after.cost.total_usd, after.cost.price_list) == (before.cost.total_usd, before.cost.price_list)
    item = shelf.shown()
    assert item["schema_version"] == SCHEMA_VERSION
    assert item["full_transcript"] == shelf.item["full_transcript"]
    assert item["expires_at"] == shelf.item["expires_at"]
    assert item["quality"]["rubric"] == "clinic-call-v1"


def test_a_live_calls_coverage_stays_on_the_item_of_its_recording(shelf: Shelf) -> None:
    live = {"complete": False, "utterances": Decimal(3)}
    shelf.cloud.table.put_item(Item={**shelf.item, "live": live})
    shelf.rebuild()
    assert shelf.shown()["live"] == live


def test_an_analysis_stays_on_the_item_with_what_it_cost(shelf: Shelf) -> None:
    usage, prices = Usage(requests=1, input_tokens=2_000, output_tokens=500), ModelPrices()
    shown = AnalysisItem(
        status=AnalysisStatus.SUCCEEDED, source="bedrock", model="m", created_at=NOW, spent={"m": usage}
    )
    earlier = with_analysis(decode(Cost, plain(shelf.item["cost"]), "cost"), "amazon.nova-lite-v1:0", usage, prices)
    attributes = analysis_attributes(shown, earlier)
    shelf.cloud.table.put_item(Item={**shelf.item, **attributes})
    shelf.rebuild()
    assert shelf.shown()["analysis"] == attributes["analysis"]
    assert shelf.shown()["cost"]["lines"][-2:] == attributes["cost"]["lines"][-2:]
    assert shelf.shown()["cost"]["at_least_usd"] == attributes["cost"]["at_least_usd"]


def test_what_had_no_price_makes_the_total_unknown_as_it_does_today(shelf: Shelf) -> None:
    shelf.earlier["cost"] |= {"unpriced": ["keyterm"]}
    shelf.leave(shelf.earlier)
    shelf.rebuild()
    cost = shelf.document()["cost"]
    assert (cost["total_usd"], cost["at_least_usd"]) == (None, shelf.earlier["cost"]["total_usd"])


def test_repeating_it_changes_nothing(shelf: Shelf) -> None:
    shelf.rebuild()
    document, item = shelf.document(), shelf.shown()
    assert shelf.rebuild() == Rebuilt(outcome=Outcome.CURRENT, call_id=item["call_id"])
    assert (shelf.document(), shelf.shown(), shelf.versions()) == (document, item, 2)


def test_a_trial_writes_nothing(shelf: Shelf) -> None:
    assert shelf.rebuild(dry_run=True).outcome is Outcome.REBUILT
    assert (shelf.document(), shelf.shown(), shelf.versions()) == (shelf.earlier, shelf.item, 1)


def test_a_document_that_no_item_shows_is_rebuilt_by_itself(shelf: Shelf) -> None:
    newer = {**shelf.item, "transcript_key": "transcripts/of/a/newer/recording.json.gz"}
    shelf.cloud.table.put_item(Item=newer)
    assert shelf.rebuild().outcome is Outcome.REBUILT
    assert (shelf.document()["schema_version"], shelf.shown()) == (SCHEMA_VERSION, newer)


def test_a_document_whose_item_has_expired_is_rebuilt(shelf: Shelf) -> None:
    shelf.cloud.table.delete_item(Key=shelf.primary)
    assert shelf.rebuild().outcome is Outcome.REBUILT
    assert "Item" not in shelf.cloud.table.get_item(Key=shelf.primary)


class NoWrites:
    """A table that takes no write."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def put_item(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "PutItem")


def test_an_item_that_could_not_be_written_is_written_by_the_next_run(shelf: Shelf) -> None:
    with pytest.raises(ClientError):
        shelf.rebuild(table=NoWrites(shelf.cloud.table))
    assert (shelf.document()["schema_version"], shelf.shown()) == (SCHEMA_VERSION, shelf.item)
    assert shelf.rebuild().outcome is Outcome.REBUILT
    assert shelf.shown()["schema_version"] == SCHEMA_VERSION
    assert shelf.versions() == 2


def meanwhile(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Have something happen after everything was read and before anything is written."""
    build = TranscriptBuilder.build

    def late(*arguments: Any, **named: Any) -> Any:
        built = build(*arguments, **named)
        happens()
        return built

    monkeypatch.setattr(TranscriptBuilder, "build", late)


def test_a_document_that_somebody_else_writes_at_that_moment_is_left_to_them(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(shelf, monkeypatch, lambda: shelf.leave({"written": "meanwhile"}))
    assert shelf.rebuild().outcome is Outcome.CHANGED
    assert (shelf.document(), shelf.shown()) == ({"written": "meanwhile"}, shelf.item)


def test_an_item_that_a_newer_recording_takes_at_that_moment_is_left_to_it(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = {**shelf.item, "transcript_key": "transcripts/of/a/newer/recording.json.gz"}
    meanwhile(shelf, monkeypatch, lambda: shelf.cloud.table.put_item(Item=newer) and None)
    assert shelf.rebuild().outcome is Outcome.CHANGED
    assert shelf.shown() == newer


@pytest.mark.parametrize("version", [SCHEMA_VERSION, SCHEMA_VERSION + 1])
def test_a_document_of_this_version_or_a_later_one_is_left_alone(shelf: Shelf, version: int) -> None:
    shelf.leave({**shelf.earlier, "schema_version": version})
    shelf.cloud.table.put_item(Item={**shelf.item, "schema_version": version})
    assert shelf.rebuild().outcome is Outcome.CURRENT
    assert shelf.versions() == 2


def test_a_document_of_a_later_version_is_left_alone_whatever_its_item_is(shelf: Shelf) -> None:
    shelf.leave({**shelf.earlier, "schema_version": SCHEMA_VERSION + 1})
    assert shelf.rebuild().outcome is Outcome.CURRENT
    assert (shelf.shown(), shelf.versions()) == (shelf.item, 2)


def _without_reply(shelf: Shelf) -> None:
    shelf.cloud.s3.delete_object(Bucket="archive", Key=shelf.item["reply_key"])


def _unusable_reply(shelf: Shelf) -> None:
    shelf.archive.write(shelf.item["reply_key"], b'{"err_code": "X", "err_msg": "Karen"}')


def _live(shelf: Shelf) -> None:
    (document,) = [file for file in golden("live-document") if file.version == 2]
    shelf.archive.write(shelf.key, document.text.encode())


def _elsewhere(shelf: Shelf) -> None:
    other = {**shelf.earlier["recording"], "call_id": "another-call"}
    shelf.leave({**shelf.earlier, "recording": other})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_without_reply, "the reply is not in the archive any more"),
        (
            _unusable_reply,
            "the reply in the archive is unusable: Deepgram.InvalidReply.ErrorReply: the reply is an error: X",
        ),
        (_live, "a live transcript has no reply: its words were stored while the call ran"),
        (_elsewhere, "the document is not where documents of its recording are kept"),
        (lambda shelf: shelf.archive.write(shelf.key, b"Karen"), "the document is not JSON"),
        (lambda shelf: shelf.leave({"a": 1}), "the document has no schema_version"),
        (
            lambda shelf: shelf.leave({**shelf.earlier, "utterances": "Karen"}),
            "transcript.utterances is of another type",
        ),
    ],
)
def test_what_cannot_be_rebuilt_says_why_and_stays(shelf: Shelf, change: Callable[[Shelf], None], reason: str) -> None:
    change(shelf)
    versions = shelf.versions()
    rebuilt = shelf.rebuild()
    assert (rebuilt.outcome, rebuilt.reason) == (Outcome.IMPOSSIBLE, reason)
    assert (shelf.shown(), shelf.versions()) == (shelf.item, versions)


@pytest.mark.parametrize("key", ["transcripts/none.json.gz", "", "replies/r.json.gz"])
def test_only_documents_are_rebuilt(shelf: Shelf, key: str) -> None:
    shelf.archive.write("replies/r.json.gz", json.dumps(shelf.earlier).encode())
    assert shelf.rebuild(key) == Rebuilt(outcome=Outcome.IMPOSSIBLE, reason="there is no such document")


def test_an_operator_is_told_what_became_of_it_and_nobody_the_words(
    shelf: Shelf, function_environment: pytest.MonkeyPatch, output: Callable[[], str]
) -> None:
    request = {"rebuild": {"key": shelf.key, "dry_run": True}}
    assert handler.handle(request, CONTEXT)["outcome"] == "rebuilt"
    assert shelf.versions() == 1
    told = handler.handle({"rebuild": {"key": shelf.key}}, CONTEXT)
    assert told == {"outcome": "rebuilt", "reason": "", "call_id": shelf.item["call_id"]}
    assert shelf.document()["schema_version"] == SCHEMA_VERSION
    written = output()
    assert '"DocumentsRebuilt":[1.0]' in written
    assert not [word for word in ("Karen", "Miller", "glaucoma") if word in written]


def _roles(document: dict[str, Any]) -> dict[str, str]:
    return {speaker["speaker"]: speaker["role"] for speaker in document["roles"]["speakers"]}


def test_a_corrected_document_is_written_anew_with_its_item_and_its_score(shelf: Shelf) -> None:
    shelf.rebuild()
    before = shelf.shown()
    shelf.cloud.table.put_item(Item=correction_item(before))
    assert shelf.rebuild().outcome is Outcome.REBUILT
    document, item = shelf.document(), shelf.shown()
    assert _roles(document) == _roles(item) == {"channel-0": "agent", "channel-1": "customer"}
    assert (document["role_correction"]["author"], item["role_correction"]["number"]) == ("ann", 1)
    assert item["flags"] != before["flags"]
    assert item["quality"]["score"] != before["quality"]["score"]
    assert item["expires_at"] == before["expires_at"]
    assert (item["created_at"], item["cost"]) == (before["created_at"], before["cost"])
    assert shelf.rebuild().outcome is Outcome.CURRENT


def test_an_older_document_keeps_its_correction_when_it_is_written_anew(shelf: Shelf) -> None:
    shelf.cloud.table.put_item(Item=correction_item(shelf.item))
    shelf.rebuild()
    assert _roles(shelf.document())["channel-0"] == "agent"


def test_a_correction_that_did_not_reach_the_item_reaches_it_later(shelf: Shelf) -> None:
    shelf.rebuild()
    before = shelf.shown()
    shelf.cloud.table.put_item(Item=correction_item(before))
    shelf.rebuild()
    corrected = shelf.shown()
    shelf.cloud.table.put_item(Item=before)
    assert shelf.rebuild().outcome is Outcome.REBUILT
    assert shelf.shown() == corrected


def test_a_correction_of_another_recording_changes_nothing(shelf: Shelf) -> None:
    shelf.rebuild()
    shelf.cloud.table.put_item(Item=correction_item(shelf.shown(), recording_id="f" * 64))
    assert shelf.rebuild().outcome is Outcome.CURRENT


def test_the_item_of_a_later_correction_is_not_written_over(shelf: Shelf) -> None:
    shelf.rebuild()
    shelf.cloud.table.put_item(Item=correction_item(shelf.shown()))

    class Slow:
        """Somebody else corrects the call while this rebuild is about to write the item."""

        name = shelf.cloud.table.name

        def get_item(self, **request: Any) -> Any:
            return shelf.cloud.table.get_item(**request)

        def query(self, **request: Any) -> Any:
            return shelf.cloud.table.query(**request)

        def put_item(self, **request: Any) -> Any:
            shelf.cloud.table.put_item(Item={**shelf.shown(), "role_correction": {"number": Decimal(2)}})
            return shelf.cloud.table.put_item(**request)

    assert shelf.rebuild(table=Slow()).outcome is Outcome.CHANGED
    assert shelf.shown()["role_correction"] == {"number": Decimal(2)}


def test_it_can_be_asked_whether_a_current_document_could_be_rebuilt(
    shelf: Shelf, function_environment: pytest.MonkeyPatch
) -> None:
    shelf.rebuild()
    versions = shelf.versions()
    request = {"rebuild": {"key": shelf.key, "dry_run": True, "again": True}}
    assert handler.handle(request, CONTEXT)["outcome"] == "rebuilt"
    _without_reply(shelf)
    assert handler.handle(request, CONTEXT)["outcome"] == "impossible"
    assert shelf.versions() == versions


class Silent:
    """An engine of wordings that finds nothing."""

    def __init__(self, version: int) -> None:
        self.version = WordingVersion(name="silent", version=version)
        self.asked = 0

    def read(self, text: str) -> Mapping[str, Leaning]:
        self.asked += 1
        return {}


def test_who_takes_an_encoder_another_one_or_none_has_calls_judged_anew_by_it_once(shelf: Shelf) -> None:
    shelf.rebuild()
    assert "wording" not in shelf.shown()
    for engine, noted in ((Silent(1), 1), (Silent(2), 2), (None, None)):
        assert shelf.rebuild(wording=engine).outcome is Outcome.REBUILT
        version = None if noted is None else {"name": "silent", "version": noted}
        assert shelf.document()["wording"] == version
        assert plain(shelf.shown().get("wording")) == version
        assert shelf.rebuild(wording=engine).outcome is Outcome.CURRENT


def test_what_another_version_of_the_flags_judged_is_judged_anew_once(shelf: Shelf) -> None:
    shelf.rebuild()
    ours = load_flag_set()
    later = FlagSet(msgspec.structs.replace(ours.file, version=ours.file.version + 1), ours.acts, ours.wording)
    assert shelf.rebuild(flag_set=later).outcome is Outcome.REBUILT
    for shown in (shelf.document(), plain(shelf.shown())):
        assert shown["flag_set"] == {"name": ours.file.name, "version": ours.file.version + 1}
    assert shelf.rebuild(flag_set=later).outcome is Outcome.CURRENT


def test_who_only_asks_whether_a_call_can_be_judged_anew_does_not_wait_for_the_encoder(shelf: Shelf) -> None:
    engine = Silent(1)
    assert shelf.rebuild(wording=engine, dry_run=True).outcome is Outcome.REBUILT
    assert engine.asked == 0
    shelf.rebuild(wording=engine)
    assert engine.asked > 0
