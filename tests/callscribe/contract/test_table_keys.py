from callscribe.contract.call_kind import CallKind
from callscribe.contract.table_keys import ItemKey, claim_key, transcript_key, transcript_range


def test_a_transcript_is_filed_by_clinic_and_day_and_listed_by_call() -> None:
    assert transcript_key("downtown", "2026-03-02", "c-1", CallKind.AGENT).attributes() == {
        "PK": "CLINIC#downtown",
        "SK": "TRANSCRIPT#2026-03-02#c-1",
        "GSI1PK": "CALL#c-1",
        "GSI1SK": "TRANSCRIPT",
    }


def test_the_automated_part_stands_beside_the_agents() -> None:
    agent = transcript_key("downtown", "2026-03-02", "c-1", CallKind.AGENT)
    automated = transcript_key("downtown", "2026-03-02", "c-1", CallKind.IVR)
    assert (automated.sk, automated.gsi1sk) == (f"{agent.sk}#IVR", "TRANSCRIPT#IVR")
    assert (automated.pk, automated.gsi1pk) == (agent.pk, agent.gsi1pk)


def test_a_day_is_a_range_within_all_transcripts() -> None:
    key = transcript_key("downtown", "2026-03-02", "c-1", CallKind.AGENT)
    assert key.sk.startswith(transcript_range("2026-03-02"))
    assert transcript_range("2026-03-02").startswith(transcript_range())
    assert not key.sk.startswith(transcript_range("2026-03-03"))


def test_a_claim_is_listed_by_call_and_kind() -> None:
    key = claim_key("a" * 64, "c-1", CallKind.IVR)
    assert key == ItemKey(f"RECORDING#{'a' * 64}", "CLAIM", "CALL#c-1", f"CLAIM#ivr#{'a' * 64}")


def test_a_claim_without_a_call_is_in_no_index() -> None:
    key = claim_key("a" * 64, None, None)
    assert key.attributes() == key.primary() == {"PK": f"RECORDING#{'a' * 64}", "SK": "CLAIM"}
