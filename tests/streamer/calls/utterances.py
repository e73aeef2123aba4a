"""Utterances to store."""

from callscribe.conversation.utterances import Role
from callscribe.live.call import LiveUtterance


def utterance(seq: int) -> LiveUtterance:
    """Return the utterance of that number, by one channel and the other in turn."""
    return LiveUtterance(
        seq=seq,
        channel=seq % 2,
        role=Role.CUSTOMER,
        text=f"word {seq}",
        start=0.25 * seq,
        end=0.25 * seq + 0.1,
        confidence=0.98765,
        word_count=2,
        speech_final=True,
    )
