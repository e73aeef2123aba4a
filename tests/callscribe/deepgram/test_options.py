import inspect
import json

import msgspec
import pytest
from deepgram.listen.v1.client import AsyncV1Client
from deepgram.listen.v1.media.client import MediaClient
from hypothesis import given
from hypothesis import strategies as st

from callscribe.deepgram.catalogue import MAX_KEYTERM_TOKENS, MAX_VOCABULARY_TERMS
from callscribe.deepgram.options import (
    InvalidOptions,
    Speakers,
    TranscriptionOptions,
    VocabularyTooLarge,
    estimated_tokens,
    live_query_parameters,
    query_parameters,
)
from local.speech.parameters import published

# Deepgram's list is held against its own specification in tests/local/speech/test_parameters.py.
PUBLISHED = published()["published"].keys()
PUBLISHED_LIVE = published()["streaming"].keys()
OF_THE_SDK = set(inspect.signature(MediaClient.transcribe_url).parameters) - {"self", "url", "request_options"}
LIVE_OF_THE_SDK = set(inspect.signature(AsyncV1Client.connect).parameters) - {
    "self",
    "request_options",
    "authorization",
}


def test_two_channels_are_transcribed_each_by_itself() -> None:
    parameters = query_parameters(TranscriptionOptions(), channels=2)
    assert parameters == {
        "model": "nova-3",
        "language": "en",
        "punctuate": True,
        "smart_format": True,
        "utterances": True,
        "multichannel": True,
        "sentiment": True,
        "topics": True,
        "intents": True,
        "summarize": "v2",
        "mip_opt_out": True,
    }


@pytest.mark.parametrize(
    ("speakers", "channels", "multichannel", "diarize"),
    [
        ("auto", 2, True, False),
        ("auto", 1, False, True),
        ("multichannel", 2, True, False),
        ("multichannel", 1, False, False),
        ("diarize", 2, False, True),
        ("diarize", 1, False, True),
    ],
)
def test_speakers_are_told_apart_by_the_policy(
    speakers: Speakers, channels: int, multichannel: bool, diarize: bool
) -> None:
    parameters = query_parameters(TranscriptionOptions(speakers=speakers), channels=channels)
    assert ("multichannel" in parameters, "diarize_model" in parameters) == (multichannel, diarize)


@pytest.mark.parametrize("language", ["es", "multi", "fr-CA"])
def test_text_intelligence_is_asked_for_in_english_only(language: str) -> None:
    asked = query_parameters(TranscriptionOptions(language=language), channels=2)
    assert not asked.keys() & {"sentiment", "topics", "intents", "summarize"}
    assert "sentiment" in query_parameters(TranscriptionOptions(language="en-GB"), channels=2)


@pytest.mark.parametrize(
    ("model", "parameter", "other"), [("nova-3", "keyterm", "keywords"), ("nova-2-medical", "keywords", "keyterm")]
)
def test_vocabulary_goes_where_the_model_takes_it(model: str, parameter: str, other: str) -> None:
    parameters = query_parameters(TranscriptionOptions(model=model), channels=2, vocabulary=["glaucoma"])
    assert parameters[parameter] == ["glaucoma"]
    assert other not in parameters


def test_the_clinics_terms_follow_the_deployments_and_count_once() -> None:
    options = TranscriptionOptions(keyterms=("Timolol", "cataract"))
    parameters = query_parameters(options, channels=2, vocabulary=[" timolol", "copay"])
    assert parameters["keyterm"] == ["Timolol", "cataract", "copay"]


def test_too_many_terms_are_refused_not_cut() -> None:
    terms = [f"a{number}" for number in range(MAX_VOCABULARY_TERMS)]
    assert query_parameters(TranscriptionOptions(), channels=1, vocabulary=terms)["keyterm"] == terms
    with pytest.raises(VocabularyTooLarge, match="101 vocabulary terms"):
        query_parameters(TranscriptionOptions(), channels=1, vocabulary=[*terms, "more"])


def test_too_many_tokens_are_refused_where_the_model_counts_them() -> None:
    terms = [f"glaucoma {number:04}" for number in range(100)]
    assert estimated_tokens(terms) == MAX_KEYTERM_TOKENS
    query_parameters(TranscriptionOptions(), channels=1, vocabulary=terms)
    longer = [*terms[1:], "glaucoma 0000 x"]
    with pytest.raises(VocabularyTooLarge, match="about 501 tokens"):
        query_parameters(TranscriptionOptions(), channels=1, vocabulary=longer)
    query_parameters(TranscriptionOptions(model="nova-2"), channels=1, vocabulary=longer)


@pytest.mark.parametrize("term", ["", "  ", "a\nb"])
def test_an_unusable_term_is_refused(term: str) -> None:
    with pytest.raises(InvalidOptions):
        query_parameters(TranscriptionOptions(), channels=1, vocabulary=[term])


def test_options_are_read_as_a_deployment_writes_them() -> None:
    text = json.dumps({"model": "nova-2", "redact": ["pci", "ssn"], "summarize": False, "tags": ["callscribe"]})
    options = msgspec.json.decode(text, type=TranscriptionOptions)
    assert options == TranscriptionOptions(model="nova-2", redact=("pci", "ssn"), summarize=False, tags=("callscribe",))
    parameters = query_parameters(options, channels=2)
    assert (parameters["redact"], parameters["tag"]) == (["pci", "ssn"], ["callscribe"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"custom_vocabulary": ["a"]}',
        '{"model": 3}',
        '{"model": ""}',
        '{"sentiment": "yes"}',
        '{"sentiment": 1}',
        '{"redact": "pci"}',
        '{"redact": [1]}',
        '{"speakers": "both"}',
        '{"model": "flux-general-en"}',
        '{"extra_parameters": ["numerals"]}',
        '{"extra_parameters": {"numerals": null}}',
    ],
)
def test_options_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|Expected|Invalid|unknown|truncated|streams"):
        msgspec.json.decode(text, type=TranscriptionOptions)


TEXTS = st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8), max_size=5).map(tuple)
OPTIONS = st.builds(
    TranscriptionOptions,
    model=st.sampled_from(["nova-3", "nova-3-medical", "nova-2", "nova-2-phonecall", "enhanced"]),
    language=st.sampled_from(["en", "en-US", "es", "multi"]),
    speakers=st.sampled_from(["auto", "multichannel", "diarize"]),
    redact=TEXTS,
    keyterms=TEXTS,
    tags=TEXTS,
    **{
        name: st.booleans()
        for name in ("smart_format", "sentiment", "topics", "intents", "summarize", "detect_entities", "mip_opt_out")
    },
)


@given(OPTIONS, st.integers(1, 2), TEXTS)
def test_only_published_parameters_are_sent(
    options: TranscriptionOptions, channels: int, vocabulary: tuple[str, ...]
) -> None:
    parameters = query_parameters(options, channels=channels, vocabulary=vocabulary)
    assert parameters.keys() <= OF_THE_SDK & PUBLISHED
    assert not {"multichannel", "diarize_model"} <= parameters.keys()
    assert not {"keyterm", "keywords"} <= parameters.keys()
    assert parameters.get("summarize", "v2") == "v2"
    assert False not in parameters.values()
    assert [] not in parameters.values()


def test_a_language_that_is_found_out_is_not_named() -> None:
    parameters = query_parameters(TranscriptionOptions(language="detect"), channels=1)
    assert parameters["detect_language"] is True
    assert not {"language", "summarize", "sentiment"} & parameters.keys()


@pytest.mark.parametrize(
    ("model", "parameter"),
    [("nova-4", "keyterm"), ("nova-3-medical", "keyterm"), ("nova-2-phonecall", "keywords"), ("nova", "keywords")],
)
def test_a_model_of_tomorrow_takes_keyterms(model: str, parameter: str) -> None:
    assert TranscriptionOptions(model=model).vocabulary_parameter == parameter


def test_a_live_stream_is_described_in_full() -> None:
    assert live_query_parameters(TranscriptionOptions(), vocabulary=["glaucoma"]) == {
        "model": "nova-3",
        "language": "en",
        "encoding": "mulaw",
        "sample_rate": "8000",
        "channels": "2",
        "multichannel": True,
        "interim_results": True,
        "endpointing": "300",
        "punctuate": True,
        "smart_format": True,
        "mip_opt_out": True,
        "keyterm": ["glaucoma"],
    }


@given(OPTIONS, TEXTS)
def test_only_published_parameters_are_sent_live(options: TranscriptionOptions, vocabulary: tuple[str, ...]) -> None:
    parameters = live_query_parameters(options, vocabulary=vocabulary)
    assert parameters.keys() <= LIVE_OF_THE_SDK & PUBLISHED_LIVE
    assert not {"keyterm", "keywords"} <= parameters.keys()
    assert False not in parameters.values()
    assert [] not in parameters.values()
    recorded = query_parameters(options, channels=2, vocabulary=vocabulary)
    for name in ("model", "language", "redact", "keyterm", "keywords", "tag", "mip_opt_out", "smart_format"):
        assert parameters.get(name) == recorded.get(name)


def test_a_live_vocabulary_has_the_limits_of_any_request() -> None:
    with pytest.raises(VocabularyTooLarge):
        live_query_parameters(TranscriptionOptions(), vocabulary=[f"a{number}" for number in range(101)])


@given(OPTIONS)
def test_options_survive_json(options: TranscriptionOptions) -> None:
    written = msgspec.json.encode(options)
    assert msgspec.json.decode(written, type=TranscriptionOptions) == options


def test_a_record_of_other_times_is_read_as_far_as_it_is_known() -> None:
    record = {"model": "flux-1", "speakers": "by-smell", "redact": ["ssn"], "summarize": None, "numerals": True}
    assert TranscriptionOptions.from_record(record) == TranscriptionOptions(redact=("ssn",))
