"""What was stored before the table had its list gets into it, once."""

from __future__ import annotations

import pytest

from operations.command_line import main
from tests.operations.conftest import Deployed
from tests.operations.recorded_calls import store_claim, store_transcript

OLD = (
    "connect/acme/CallRecordings/2026/11/20/old-1_20260302T14:05_UTC.wav",
    "recordings/clinic-7/2026-11-19/old-2.wav",
)


def forget_listing(deployed: Deployed) -> None:
    """Make the items as they were before."""
    for item in deployed.table.scan()["Items"]:
        item.pop("GSI2PK", None)
        item.pop("GSI2SK", None)
        deployed.table.put_item(Item=item)


def test_old_transcripts_are_missed_until_they_are_added_and_the_list_says_so(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    for key in OLD:
        store_transcript(deployed, key)
    forget_listing(deployed)
    assert main(["calls", *deployed.arguments, "--clinic", "clinic-7"]) == 0
    assert "Not all calls of this clinic are in the list" in capsys.readouterr().err
    assert main(["backfill", *deployed.arguments]) == 0
    assert main(["calls", *deployed.arguments, "--clinic", "clinic-7"]) == 0
    shown = capsys.readouterr()
    assert "old-1" in shown.out
    assert "old-2" in shown.out
    assert shown.err == ""


def test_failed_claims_are_added_and_finished_ones_are_not(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    store_claim(deployed, "1", call_id="a", status="failed")
    store_claim(deployed, "2", call_id=None, status="rejected")
    store_claim(deployed, "3", call_id="b", status="completed")
    forget_listing(deployed)
    assert main(["backfill", *deployed.arguments]) == 0
    listed = {item["recording_id"] for item in deployed.table.scan()["Items"] if item.get("GSI2PK") == "FAILED"}
    assert listed == {"1", "2"}


def test_repeating_it_and_trying_it_dry_change_nothing(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    store_transcript(deployed, OLD[1])
    forget_listing(deployed)
    assert main(["backfill", *deployed.arguments, "--dry-run"]) == 0
    assert all("GSI2PK" not in item for item in deployed.table.scan()["Items"])
    assert main(["backfill", *deployed.arguments]) == 0
    assert main(["backfill", *deployed.arguments]) == 0
    assert "0 items were added" in capsys.readouterr().out


def test_an_item_that_lacks_what_the_list_needs_is_counted(deployed: Deployed) -> None:
    deployed.table.put_item(Item={"PK": "CLINIC#x", "SK": "TRANSCRIPT#2026-11-20#c", "type": "transcript"})
    assert main(["backfill", *deployed.arguments]) == 1
