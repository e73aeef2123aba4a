import pytest

from local.speech.errors import ListenError
from local.speech.live.options import SUPPORTED, StreamOptions, parse_stream_options, streaming_parameters

ASKED = {"model": "nova-3", "encoding": "linear16", "sample_rate": "8000"}


def parsed(**parameters: str) -> StreamOptions:
    return parse_stream_options((ASKED | parameters).items())


def test_defaults_are_deepgrams() -> None:
    options = parsed()
    assert (options.channels, options.endpointing, options.interim_results) == (1, 0.01, False)


@pytest.mark.parametrize(("value", "seconds"), [("300", 0.3), ("0", 0.0), ("true", 0.01), ("false", None)])
def test_endpointing_is_milliseconds_or_off(value: str, seconds: float | None) -> None:
    assert parsed(endpointing=value).endpointing == seconds


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("endpointing", "soon"),
        ("encoding", "mp3"),
        ("encoding", "opus"),
        ("encoding", "alaw"),
        ("sample_rate", "4000"),
        ("channels", "21"),
        ("utterances", "true"),
        ("summarize", "v2"),
        ("keywords", "copay:2"),
    ],
)
def test_what_a_stream_cannot_be_asked_for_is_refused(name: str, value: str) -> None:
    with pytest.raises(ListenError) as caught:
        parsed(**{name: value})
    assert caught.value.status == 400


@pytest.mark.parametrize("missing", ["encoding", "sample_rate"])
def test_bare_samples_need_their_description(missing: str) -> None:
    with pytest.raises(ListenError) as caught:
        parse_stream_options((name, value) for name, value in ASKED.items() if name != missing)
    assert missing in caught.value.message


@pytest.mark.parametrize("name", sorted(streaming_parameters().keys() - SUPPORTED))
def test_what_deepgram_does_and_this_server_does_not_is_refused_by_name(name: str) -> None:
    with pytest.raises(ListenError) as caught:
        parsed(**{name: "1"})
    assert caught.value.code == "INVALID_QUERY_PARAMETER"
    assert caught.value.message == f"The local server does not support `{name}`, which Deepgram does."
