import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from deepgram.listen.v1.media.client import MediaClient
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from callscribe.deepgram.catalogue import DETECT
from callscribe.deepgram.options import (
    QueryParameters,
    TranscriptionOptions,
    live_query_parameters,
    query_parameters,
)
from local.speech.errors import ListenError
from local.speech.live.options import parse_stream_options
from local.speech.parameters import SUPPORTED, known_parameters, parse_options, published

FIXTURES = os.environ.get("CALLSCRIBE_DEEPGRAM_FIXTURES")
ENGLISH = frozenset({"en", "en-US", "multi"})


def refused(*query: tuple[str, str], languages: frozenset[str] | None = None) -> ListenError:
    with pytest.raises(ListenError) as caught:
        parse_options([("model", "nova-3"), *query], languages)
    assert caught.value.status == 400
    return caught.value


@pytest.mark.parametrize("name", ["custom_vocabulary", "diarize_version", "detect_topics", "tier", "Model"])
def test_a_parameter_that_deepgram_does_not_publish_is_refused_by_name(name: str) -> None:
    error = refused((name, "true"))
    assert error.code == "INVALID_QUERY_PARAMETER"
    assert f"`{name}`" in error.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sentiment", "yes"),
        ("multichannel", "True"),
        ("summarize", "v1"),
        ("diarize_model", "v3"),
        ("redact", "ordinal"),
    ],
)
def test_a_value_that_deepgram_does_not_accept_is_refused(name: str, value: str) -> None:
    assert refused((name, value)).code == "INVALID_QUERY_PARAMETER"


def test_only_list_parameters_may_be_repeated() -> None:
    assert "model" in refused(("model", "nova-2")).message
    options = parse_options([("keyterm", "latanoprost"), ("keyterm", "copay"), ("tag", "a"), ("tag", "b")], None)
    assert options.keyterms == ("latanoprost", "copay")
    assert options.tags == ("a", "b")


@pytest.mark.parametrize(
    "query",
    [
        {"model": "nova-3-phonecall"},
        {"model": "nova-3", "language": "xx"},
        {"model": "nova-3", "language": "es"},
    ],
)
def test_an_unknown_model_or_language_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(ListenError) as caught:
        parse_options(query.items(), ENGLISH)
    assert (caught.value.status, caught.value.code) == (400, "Bad Request")
    assert "model/language/tier" in caught.value.message


def test_combinations_that_deepgram_refuses_are_refused() -> None:
    assert "keyterm" in refused(("keywords", "copay:2")).message
    assert "non-English" in refused(("language", "es"), ("summarize", "v2")).message


def test_keyterms_are_limited_by_number_and_by_tokens() -> None:
    refused(*[("keyterm", f"term{n}") for n in range(101)])
    assert "Keyterm limit" in refused(*[("keyterm", "one two three four five")] * 80).message
    assert len(parse_options([("keyterm", f"term{n}") for n in range(100)], None).keyterms) == 100


def test_keywords_of_older_models_lose_their_weights_and_suppressions() -> None:
    options = parse_options([("model", "nova-2"), ("keywords", "copay:3"), ("keywords", "co-pay:-2")], None)
    assert options.keyterms == ("copay",)


@pytest.mark.parametrize(("value", "arch"), [("latest", "v2"), ("v1", "v1"), ("v2", "v2")])
def test_diarize_model_names_the_version_that_latest_stands_for(value: str, arch: str) -> None:
    assert parse_options([("diarize_model", value)], None).diarize == arch


@pytest.mark.parametrize("value", ["v2", "true"])
def test_summarize_is_on_in_both_published_forms(value: str) -> None:
    assert parse_options([("summarize", value)], None).summarize
    assert not parse_options([("summarize", "false")], None).summarize


@pytest.mark.parametrize("name", sorted(known_parameters().keys() - SUPPORTED))
def test_what_deepgram_does_and_this_server_does_not_is_refused_by_name(name: str) -> None:
    error = refused((name, "1"))
    assert error.code == "INVALID_QUERY_PARAMETER"
    assert error.message == f"The local server does not support `{name}`, which Deepgram does."


@pytest.mark.parametrize("language", ["en", "multi", DETECT])
@pytest.mark.parametrize("model", ["nova-3", "nova-2"])
@pytest.mark.parametrize("channels", [1, 2])
def test_whatever_a_deployments_options_ask_for_is_supported(language: str, model: str, channels: int) -> None:
    asked = TranscriptionOptions(model=model, language=language, **everything())
    parse_options(as_query(query_parameters(asked, channels=channels)), None)
    if language != DETECT:
        for encoding in ("mulaw", "linear16"):
            streamed = structs.replace(asked, stream_encoding=encoding)
            parse_stream_options(as_query(live_query_parameters(streamed)))


FREE_FORM = {"extra_parameters", "extra_stream_parameters"}


def everything() -> dict[str, Any]:
    """Every option that can be switched on or listed, whichever is added; free-form parameters are nobody's promise."""
    lists = {"language_hint": ("en", "es"), "redact": ("pci", "numbers")}
    options: dict[str, Any] = {}
    for option in structs.fields(TranscriptionOptions):
        if isinstance(option.default, bool):
            options[option.name] = True
        elif isinstance(option.default, tuple):
            options[option.name] = lists.get(option.name, ("a", "b"))
        else:
            assert option.name in {"model", "language", "speakers", "stream_encoding"} | FREE_FORM
    return options


def as_query(sent: QueryParameters) -> list[tuple[str, str]]:
    """Parameters as they are sent."""
    texts = {name: [value] if isinstance(value, str) else value for name, value in sent.items()}
    return [
        (name, text)
        for name, values in texts.items()
        for text in (values if isinstance(values, list) else [str(values).lower()])
    ]


def test_every_option_of_the_sdk_is_known() -> None:
    annotations = set(MediaClient.transcribe_url.__annotations__)
    assert annotations - {"url", "request_options", "return"} <= set(known_parameters())


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(known_parameters())) | st.text(max_size=8), st.text(max_size=12)), max_size=6
    )
)
def test_any_query_is_either_understood_or_refused_with_400(query: list[tuple[str, str]]) -> None:
    try:
        parse_options(query, None)
    except ListenError as error:
        assert error.status == 400  # noqa: PT017


@pytest.mark.skipif(FIXTURES is None, reason="CALLSCRIBE_DEEPGRAM_FIXTURES names no folder with Deepgram's openapi.yml")
def test_the_list_is_deepgrams() -> None:
    specification = yaml.safe_load((Path(FIXTURES or "") / "openapi.yml").read_text("utf-8"))
    operation = specification["paths"]["/v1/listen"]["post"]
    assert set(published()["published"]) == {p["name"] for p in operation["parameters"] if p["in"] == "query"}
    assert set(published()["later"]) == {"language_hint", "sample_rate", "channels"}
    models = json.dumps(specification["components"]["schemas"]["V1ListenPostParametersModel"])
    schema = specification["components"]["schemas"]["V1ListenPostParametersModel"]["oneOf"]
    named = [
        name
        for option in schema
        for name in (
            specification["components"]["schemas"][option["$ref"].rsplit("/", 1)[1]] if "$ref" in option else option
        ).get("enum", [])
    ]
    assert named, models
    assert set(named) <= set(published()["models"])
