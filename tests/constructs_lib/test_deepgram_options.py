import json
from typing import Any

import pytest

from constructs_lib import DeepgramOptions
from constructs_lib.deepgram_options import check_vocabulary, estimated_tokens

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
    assert json.loads(options.to_json()) == {
        "model": "nova-3",
        "language": "en",
        "speakers": "auto",
        "smart_format": True,
        "redact": ["pci", "ssn"],
        "sentiment": True,
        "topics": True,
        "intents": True,
        "summarize": True,
        "detect_entities": False,
        "mip_opt_out": True,
        "tags": ["a"],
    }


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
        {"model": "nova-2-phonecall"},
        {"language": "es", **NO_INTELLIGENCE},
        {"language": "multi", **NO_INTELLIGENCE, "redact": ("numbers",)},
        {"redact": ("pci", "phi", "pii", "aggressive_numbers", "ssn", "name_medical_professional")},
        {"keyterms": tuple(f"term{number}" for number in range(100))},
        {"model": "nova-2", "keyterms": LONG_WORDS},
    ],
)
def test_what_deepgram_takes_is_taken(options: dict[str, Any]) -> None:
    DeepgramOptions(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "nova-4"}, r"model 'nova-4' is unknown: choose one of 'nova-3'"),
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
        ({"redact": ("pci", "iban")}, r"redact does not know 'iban': choose 'pci'"),
        ({"redact": ("cardinal",)}, r"redact does not know 'cardinal'"),
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
        ({"keyterms": ("glaucoma", "")}, r"keyterm '' is not a word or phrase"),
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
