"""Flag sets and rubrics of somebody's own: read from a file or a mapping, refused with the place and the fix."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from callscribe.conversation.flags import FlagSet, InvalidFlagSet, load_flag_set, read_flag_set
from callscribe.data_files import MAX_OWN_BYTES
from callscribe.documents import ArchivePointers, from_document, quality_attribute, stored_form
from callscribe.judgement.criteria import CriterionKind
from callscribe.judgement.quality import InvalidRubric, load_rubric, read_rubric, score
from callscribe.recordings.calls import CallDirection
from callscribe.serialization import encode, encode_json
from callscribe.written_calls import read_call, transcript_of
from operations.command_line import main
from tests.conftest import ROOT

FLAGS: dict[str, Any] = {
    "name": "front-desk",
    "version": 3,
    "acts": "acts-eye-clinic-en-v1",
    "least_label_confidence": 0.6,
    "flags": {
        "wants_to_come": {"title": "somebody wants to come", "acts": ["request-appointment"], "alerts": True},
        "complaint": {"title": "somebody complains", "acts": ["complain"]},
    },
}
CRITERION = {"id": "bye", "kind": "closing", "title": "Says goodbye", "farewell": 4, "anything_else": 6, "last": 2}
OUTGOING: dict[str, Any] = {
    "name": "front-desk-calls-out",
    "version": 1,
    "language": "en",
    "direction": "outgoing",
    "criteria": [CRITERION],
}
RUBRIC: dict[str, Any] = {**OUTGOING, "name": "front-desk", "version": 7, "direction": "incoming", "outgoing": OUTGOING}
CALL = {
    "lines": [
        ["agent", "Eye clinic, Sam speaking, how can I help you?"],
        ["customer", "Hello, I would like to make an appointment, please."],
        ["agent", "You are booked for Tuesday at ten. Is there anything else?"],
        ["customer", "No, that is all, thank you very much. Goodbye."],
        ["agent", "Goodbye."],
    ]
}
POINTERS = ArchivePointers(bucket="archive", transcript_key="transcripts/t", reply_key="replies/r")


def changed(data: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(data))
    change(copy)
    return copy


def written(folder: Path, data: object) -> Path:
    path = folder / "own.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", [dict, Path, str])
def test_a_set_is_read_from_a_file_or_from_what_stands_in_one(tmp_path: Path, kind: type) -> None:
    def source(data: dict[str, Any]) -> Any:
        return data if kind is dict else kind(written(tmp_path, data))

    assert read_flag_set(source(FLAGS)).names == ("wants_to_come", "complaint")
    assert read_rubric(source(RUBRIC)).criteria[0].id == "bye"


def test_what_was_read_is_taken_as_well_as_the_names_of_what_ships() -> None:
    assert read_flag_set(read_flag_set(FLAGS).file).file.version == 3
    assert read_rubric(read_rubric(RUBRIC)).version == 7
    assert read_flag_set("eye-clinic-v1").file == load_flag_set().file
    assert read_rubric("clinic-call-v1") == load_rubric()
    assert read_flag_set(encode(load_flag_set().file)).file == load_flag_set().file


WRONG_FLAGS = [
    (lambda flags: flags.update(name="eye-clinic-v1"), "that ships: give yours one of its own"),
    (lambda flags: flags.update(name="../x"), "small letters"),
    (lambda flags: flags.update(acts="acts-eye-clinic-en"), "did you mean acts-eye-clinic-en-v1?"),
    (lambda flags: flags.update(acts="english-v1"), "acts: there is no lexicon english-v1"),
    (lambda flags: flags.update(version=0), r"version"),
    (lambda flags: flags.update(least_label_confidence=1.5), r"least_label_confidence"),
    (lambda flags: flags.update(flags={}), r"\$.flags"),
    (lambda flags: flags.update(colour="red"), "colour"),
    (lambda flags: flags["flags"]["complaint"].update(acts=["complian"]), "flags.complaint: .* did you mean complain?"),
    (lambda flags: flags["flags"]["complaint"].update(acts=[]), "complaint|flags"),
    (lambda flags: flags["flags"]["complaint"].update(not_accepted_in="urgent"), "there is no flag urgent"),
    (lambda flags: flags["flags"]["complaint"].update(topics="(billing"), r"flags.complaint.topics"),
    (lambda flags: flags["flags"].update({"Has Gap": flags["flags"]["complaint"]}), "flags.Has Gap: a flag's name"),
    (lambda flags: flags.update(description="x" * MAX_OWN_BYTES), "more than 32768 bytes"),
]


@pytest.mark.parametrize(("change", "said"), WRONG_FLAGS)
def test_a_flag_set_that_does_not_fit_is_refused_with_the_place(
    change: Callable[[dict[str, Any]], object], said: str
) -> None:
    with pytest.raises(InvalidFlagSet, match=said):
        read_flag_set(changed(FLAGS, change))


WRONG_RUBRICS = [
    (lambda rubric: rubric.update(name="clinic-call-v1"), "that ships: give yours one of its own"),
    (lambda rubric: rubric["outgoing"].update(name="clinic-call-outgoing-v1"), "that ships"),
    (lambda rubric: rubric.update(outgoing="clinic-call-outgoing"), "did you mean clinic-call-outgoing-v1?"),
    (lambda rubric: rubric["outgoing"].update(direction="incoming"), "outgoing is no rubric for outgoing calls"),
    (lambda rubric: rubric["outgoing"].update(name="front-desk"), "with a name of its own"),
    (lambda rubric: rubric.update(language="xx"), "no lexicon of criteria for xx"),
    (lambda rubric: rubric.update(criteria=[]), r"\$.criteria"),
    (lambda rubric: rubric.update(criteria=[CRITERION, CRITERION]), "same id"),
    (lambda rubric: rubric["criteria"][0].update(kind="charm"), r"charm"),
    (
        lambda rubric: rubric["criteria"][0].update(farewell=0, anything_else=0),
        r"criteria\[0\]: points must be above 0",
    ),
    (lambda rubric: rubric["criteria"][0].update(farewell="four"), r"criteria\[0\].farewell"),
]


@pytest.mark.parametrize(("change", "said"), WRONG_RUBRICS)
def test_a_rubric_that_does_not_fit_is_refused_with_the_place(
    change: Callable[[dict[str, Any]], object], said: str
) -> None:
    with pytest.raises(InvalidRubric, match=said):
        read_rubric(changed(RUBRIC, change))


@pytest.mark.parametrize("source", ["nowhere.json", 5, None, ["eye-clinic-v1"]])
def test_what_is_no_file_and_no_set_is_refused(source: Any) -> None:
    with pytest.raises(InvalidFlagSet, match=r"No such file|is none: pass a name"):
        read_flag_set(source)
    with pytest.raises(InvalidRubric, match=r"No such file|is none: pass a name"):
        read_rubric(source)


def test_a_file_that_is_no_json_is_refused_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text("{", encoding="utf-8")
    with pytest.raises(InvalidFlagSet, match=r"own\.json: .*truncated"):
        read_flag_set(tmp_path / "own.json")


@pytest.fixture
def flag_set() -> FlagSet:
    return read_flag_set(FLAGS)


def test_item_and_document_say_which_set_and_have_its_flags(flag_set: FlagSet) -> None:
    transcript = transcript_of(read_call(encode_json(CALL)), flag_set=flag_set)
    form = stored_form(transcript, archive=POINTERS)
    assert form.item["flags"] == {"wants_to_come": True, "complaint": False}
    assert form.item["flag_set"] == {"name": "front-desk", "version": 3}
    assert "appointment_requested" not in form.item or form.item["appointment_requested"] is None
    assert form.item["complaint"] is False
    # Whoever reads it needs no such set.
    read = from_document(form.document)
    assert read.summary.raised == ("wants_to_come",)
    assert (read.flag_set, read.flag_set and read.flag_set.name) == (transcript.flag_set, "front-desk")


def test_a_rubric_of_ones_own_judges_both_directions_and_is_named(flag_set: FlagSet) -> None:
    rubric = read_rubric(RUBRIC)
    call = read_call(encode_json(CALL))
    incoming = score(transcript_of(call, direction=CallDirection.INCOMING), rubric)
    outgoing = score(transcript_of(call, direction=CallDirection.OUTGOING), rubric)
    assert (incoming.rubric, incoming.version, incoming.score) == ("front-desk", 7, 100)
    assert (outgoing.rubric, outgoing.version) == ("front-desk-calls-out", 1)
    assert quality_attribute(incoming)["rubric"] == "front-desk"


def test_judge_takes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls = tmp_path / "calls.jsonl"
    calls.write_text(json.dumps(CALL), encoding="utf-8")
    paths = {name: tmp_path / f"{name}.json" for name in ("flags", "rubric")}
    for name, data in (("flags", FLAGS), ("rubric", RUBRIC)):
        paths[name].write_text(json.dumps(data), encoding="utf-8")
    options = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
    assert main(["judge", "--jsonl", str(calls), *options]) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["flags"], line["criteria"]) == (["wants_to_come"], {"bye": "10/10"})


def test_judge_says_what_is_wrong_with_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = written(tmp_path, changed(FLAGS, lambda flags: flags["flags"]["complaint"].update(acts=["complian"])))
    with pytest.raises(SystemExit) as left:
        main(["judge", "--jsonl", "-", "--flags", str(wrong)])
    assert left.value.code == 2
    assert "did you mean complain?" in capsys.readouterr().err


def test_the_examples_of_the_how_to_are_what_they_seem() -> None:
    page = (ROOT / "docs" / "how-to" / "own-flags-and-rubric.md").read_text(encoding="utf-8")
    flags, rubric = (json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE))
    flag_set = read_flag_set(flags)
    assert flag_set.alerting == ("urgent",)
    assert score(transcript_of(read_call(encode_json(CALL)), flag_set=flag_set), read_rubric(rubric)).score == 90
    assert all(f"`{act}`" in page for act in flag_set.acts.names)
    kinds = {kind.__struct_config__.tag for kind in get_args(CriterionKind)}
    assert [kind for kind in kinds if f"`{kind}`" not in page] == []
