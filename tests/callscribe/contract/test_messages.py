import pytest

from callscribe.contract.events import TranscriptPlace
from callscribe.contract.messages import ReplyPlace, ScoreMessage, StoreMessage, written
from callscribe.serialization import decode


def test_a_message_is_written_with_every_field_and_no_other() -> None:
    assert written(ScoreMessage, recording="{% $r %}", transcript="{% $t %}") == {
        "recording": "{% $r %}",
        "transcript": "{% $t %}",
    }
    with pytest.raises(TypeError, match=r"ScoreMessage has the fields \['recording', 'transcript'\]"):
        written(ScoreMessage, recording="{% $r %}")
    with pytest.raises(TypeError, match="other"):
        written(ScoreMessage, recording="{% $r %}", transcript="{% $t %}", other=1)


def test_a_place_is_read_from_more_than_it_needs() -> None:
    """What an earlier state machine, or one of a later version, hands on beside it is left alone."""
    sent = {
        "recording": {"call_id": "c"},
        "reply": {"bucket": "b", "key": "k"},
        "deepgram_requests": 1,
        "request_id": "r",
    }
    assert decode(StoreMessage, sent, "the message") == StoreMessage(
        recording={"call_id": "c"}, reply=ReplyPlace(key="k"), deepgram_requests=1
    )
    place = {"pk": "p", "sk": "s", "bucket": "b", "key": "k"}
    read = decode(ScoreMessage, {"recording": {}, "transcript": place}, "the message")
    assert read.transcript == TranscriptPlace(**place)
