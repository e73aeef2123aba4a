import re
from inspect import signature
from typing import Any

import pytest
from aws_cdk.assertions import Annotations, Match
from deepgram.listen.v1.client import V1Client
from deepgram.listen.v1.media.client import MediaClient

from callscribe.deepgram.catalogue import PARAMETERS, STREAM_PARAMETERS
from callscribe.deepgram.options import TranscriptionOptions, estimated_tokens, query_parameters
from constructs_lib import DeepgramOptions
from constructs_lib.deepgram_options import check_vocabulary
from tests.constructs_lib.parts import new_stack

NO_INTELLIGENCE: dict[str, Any] = {"sentiment": False, "topics": False, "intents": False, "summarize": False}
LONG_WORDS = tuple(f"hydroxychloroquine-{number:02}" for number in range(80))


def test_the_default_keeps_audio_out_of_training_and_asks_for_everything_but_entities() -> None:
    options = DeepgramOptions()
    assert options.mip_opt_out
    assert options.sentiment
    assert options.topics
    assert options.intents
    assert options.summarize
    assert not options.detect_entities
    assert options.base_url == "https://api.deepgram.com"


def test_the_functions_get_the_options_without_place_and_vocabulary() -> None:
    options = DeepgramOptions(redact=("pci", "ssn"), keyterms=("glaucoma",), region="eu", tags=("a",))
    assert options.of_requests == TranscriptionOptions(redact=("pci", "ssn"), tags=("a",))


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({"region": "eu"}, "https://api.eu.deepgram.com"),
        ({"region": "au"}, "https://api.au.deepgram.com"),
        ({"region": "in"}, "https://api.in.deepgram.com"),
        ({"endpoint": "https://x.us-east-1.api.deepgram.com/"}, "https://x.us-east-1.api.deepgram.com"),
        ({"endpoint": "http://127.0.0.1:8787"}, "http://127.0.0.1:8787"),
        ({"endpoint": "http://localhost:8787"}, "http://localhost:8787"),
    ],
)
def test_requests_go_to_the_region_or_the_endpoint(options: dict[str, Any], url: str) -> None:
    assert DeepgramOptions(**options).base_url == url


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ({}, 10),
        (NO_INTELLIGENCE, 50),
        ({**NO_INTELLIGENCE, "topics": True}, 10),
        ({**NO_INTELLIGENCE, "detect_entities": True}, 5),
        ({"region": "eu"}, 5),
        ({"region": "au"}, 5),
        ({"region": "in"}, 5),
        ({**NO_INTELLIGENCE, "region": "eu"}, 25),
        ({**NO_INTELLIGENCE, "region": "eu", "speakers": "multichannel"}, 50),
        ({"max_parallel_requests": 200}, 200),
        ({"max_parallel_requests": 2}, 2),
    ],
)
def test_parallel_requests_follow_the_lowest_limit_in_use(options: dict[str, Any], limit: int) -> None:
    assert DeepgramOptions(**options).parallel_requests == limit


@pytest.mark.parametrize(
    "options",
    [
        {"model": "nova-3-medical", "language": "en-GB"},
        {"model": "nova-3-medical", "language": "multi", **NO_INTELLIGENCE},
        {"language": "multi", **NO_INTELLIGENCE, "language_hint": ("en", "es-419")},
        {"language": "detect", **NO_INTELLIGENCE},
        {"extra_parameters": {"numerals": True, "utt_split": 1.2}, "extra_stream_parameters": {"search": ("a", "b")}},
        {"model": "nova-2-phonecall"},
        {"language": "es", **NO_INTELLIGENCE},
        {"language": "multi", **NO_INTELLIGENCE, "redact": ("numbers",)},
        {"redact": ("pci", "phi", "pii", "aggressive_numbers", "ssn", "name_medical_professional")},
        {"keyterms": tuple(f"term{number}" for number in range(100))},
        {"model": "nova-2", "keyterms": LONG_WORDS},
    ],
)
def test_what_deepgram_takes_is_taken_without_a_word(options: dict[str, Any]) -> None:
    assert DeepgramOptions(**options).warnings == ()


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        ({"model": "nova-4-general"}, "model 'nova-4-general' is not known to this version"),
        ({"model": "nova-3-medical", "language": "es", **NO_INTELLIGENCE}, "not known to take language 'es'"),
        ({"redact": ("pci", "iban")}, "redact 'iban' is not known to this version"),
        ({"extra_parameters": {"speed": 2}}, "extra_parameters 'speed' is not known to this version"),
        ({"extra_stream_parameters": {"utt_split": 1}}, "extra_stream_parameters 'utt_split' is not known"),
    ],
)
def test_what_is_not_known_passes_with_a_warning_at_synth(options: dict[str, Any], warning: str) -> None:
    stack = new_stack()
    DeepgramOptions(**options).annotate(stack)
    Annotations.from_stack(stack).has_warning("*", Match.string_like_regexp(re.escape(warning)))


def test_further_parameters_travel_as_they_will_be_sent() -> None:
    options = DeepgramOptions(extra_parameters={"numerals": True, "utt_split": 1.2, "search": ["refund", "pain"]})
    sent = query_parameters(options.of_requests, channels=2)
    assert {name: sent[name] for name in ("numerals", "utt_split", "search")} == {
        "numerals": "true",
        "utt_split": "1.2",
        "search": ["refund", "pain"],
    }


def test_known_parameters_are_those_that_the_sdk_has_and_more() -> None:
    def keywords(function: Any) -> set[str]:
        return set(signature(function).parameters) - {"self", "url", "authorization", "request_options"}

    assert keywords(MediaClient.transcribe_url) <= PARAMETERS
    assert keywords(V1Client.connect) <= STREAM_PARAMETERS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "nova 4\n"}, r"model 'nova 4\\n' is not a name: choose one of 'nova-3'"),
        ({"model": ""}, r"model '' is not a name"),
        ({"language_hint": ("en",)}, r"language_hint goes with language='multi' and a nova-3 model"),
        ({"language": "multi", **NO_INTELLIGENCE, "language_hint": ("english",)}, r"'english' is not a language tag"),
        ({"language": "detect"}, r"in English only, not for language 'detect': set sentiment=False"),
        ({"extra_parameters": {"language": "de"}}, r"extra_parameters sets 'language', which is set by the other opt"),
        ({"extra_parameters": {"callback": "https://elsewhere.example"}}, r"sets 'callback'"),
        ({"extra_stream_parameters": {"encoding": "opus"}}, r"extra_stream_parameters sets 'encoding'"),
        ({"extra_parameters": {"Numerals": True}}, r"no query parameter 'Numerals': write it like"),
        ({"extra_parameters": {"search": ()}}, r"gives 'search' no value"),
        ({"extra_parameters": {"search": {"drug": 1}}}, r"gives 'search' no value"),
        ({"extra_parameters": [("numerals", True)]}, r"must be a mapping of names and values"),
        ({"model": "flux-general-en"}, r"'flux-general-en' only streams: choose a nova-3 model"),
        ({"language": "english"}, r"language 'english' is not a language tag: write it like 'en'"),
        (
            {"model": "nova-2-phonecall", "language": "de", **NO_INTELLIGENCE},
            r"'nova-2-phonecall' takes English only, not 'de': choose one of 'nova-3'",
        ),
        (
            {"language": "es"},
            r"sentiment, topics, intents, summarize in English only, not for language 'es': set sentiment=False, ",
        ),
        ({"language": "multi", **NO_INTELLIGENCE, "summarize": True}, r"set summarize=False"),
        ({"language": "fr", **NO_INTELLIGENCE, "detect_entities": True}, r"set detect_entities=False"),
        ({"redact": ("pci", "IBAN numbers")}, r"redact 'IBAN numbers' cannot be an entity type: choose 'pci'"),
        ({"redact": ("cardinal",)}, r"finds 'cardinal' but redacts it not"),
        (
            {"language": "es", **NO_INTELLIGENCE, "redact": ("phi",)},
            r"redacts 'phi' in English only, not for language 'es': choose 'numbers', 'aggressive_numbers'",
        ),
        ({"speakers": "both"}, r"speakers 'both' is unknown: choose one of 'auto', 'multichannel', 'diarize'"),
        ({"region": "uk"}, r"region 'uk' is unknown: choose one of 'us', 'eu', 'au', 'in'"),
        ({"region": "eu", "endpoint": "https://deepgram.internal"}, r"exclude each other: drop one"),
        ({"endpoint": "http://deepgram.internal"}, r"'http://deepgram.internal' would send calls in the clear: use h"),
        ({"endpoint": "deepgram.internal"}, r"'deepgram.internal' is not a base URL: write it like 'https://"),
        ({"endpoint": "https://deepgram.internal/v1/listen"}, r"is not a base URL"),
        ({"max_parallel_requests": 1}, r"max_parallel_requests of 1 is out of range: Lambda takes 2 to 1000"),
        ({"max_parallel_requests": 1001}, r"of 1001 is out of range"),
        (
            {"keyterms": tuple(f"term{number}" for number in range(101))},
            r"101 keyterms are too many: Deepgram takes 100",
        ),
        ({"keyterms": LONG_WORDS}, r"about 560 tokens: Deepgram takes 500; drop or shorten some"),
        ({"keyterms": ("glaucoma", "")}, r"keyterms holds an empty text: drop it"),
        ({"keyterms": (" glaucoma",)}, r"keyterm ' glaucoma' is not a word or phrase: drop it or trim it"),
        ({"keyterms": ("a\nb",)}, r"is not a word or phrase"),
        ({"keyterms": ("drops", "drops")}, r"keyterms 'drops' are listed twice"),
        ({"model": "nova-2", "keyterms": ("OCT:5",)}, r"'OCT:5' holds a colon, which nova-2 reads as a weight"),
    ],
)
def test_fails_for_what_deepgram_would_refuse_or_ignore(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DeepgramOptions(**options)


def test_tokens_are_rather_overestimated() -> None:
    # Four characters to a token is what tokenizers make of ordinary English.
    assert estimated_tokens(["glaucoma", "a b c"]) == 6
    assert estimated_tokens(["höhe"]) == 2


def test_a_colon_is_no_weight_for_nova_3() -> None:
    check_vocabulary(("ratio 1:1",), model="nova-3")


@pytest.mark.parametrize(
    ("options", "url"),
    [
        (DeepgramOptions(), "wss://api.deepgram.com"),
        (DeepgramOptions(region="eu"), "wss://api.eu.deepgram.com"),
        (DeepgramOptions(endpoint="https://deepgram.example.com:8443/"), "wss://deepgram.example.com:8443"),
        (DeepgramOptions(endpoint="http://127.0.0.1:8787"), "ws://127.0.0.1:8787"),
    ],
)
def test_live_audio_goes_where_requests_go(options: DeepgramOptions, url: str) -> None:
    assert options.stream_url == url


def test_parallel_streams_are_those_of_the_project_or_as_set() -> None:
    assert DeepgramOptions().parallel_streams == 150
    assert DeepgramOptions(max_parallel_streams=300).parallel_streams == 300


def test_fails_for_a_limit_under_which_nothing_streams() -> None:
    with pytest.raises(ValueError, match=r"max_parallel_streams of 0 is out of range: name the number of streams"):
        DeepgramOptions(max_parallel_streams=0)
