"""What Deepgram offers: its models, query parameters, redactions and limits.

The pages named are those of its documentation (developers.deepgram.com/docs). What is not listed may still be known to
Deepgram: the lists serve warnings and defaults.
"""

from typing import Final

DETECT: Final = "detect"
"""`language` of recordings whose language Deepgram finds out (page "language-detection")."""

# Pages "models-languages-overview" and "model-options".
NOVA_3: Final = ("nova-3", "nova-3-general", "nova-3-medical")
NOVA_2: Final = (
    *("nova-2", "nova-2-general", "nova-2-meeting", "nova-2-phonecall", "nova-2-finance", "nova-2-conversationalai"),
    *("nova-2-voicemail", "nova-2-video", "nova-2-medical", "nova-2-drivethru", "nova-2-automotive", "nova-2-atc"),
)
ANY_LANGUAGE: Final = ("nova-3", "nova-3-general", "nova-2", "nova-2-general")
# Changelog of October 2026.
SEVERAL_LANGUAGES: Final = (*ANY_LANGUAGE, "nova-3-medical")

# API reference of `/v1/listen`, recordings and streams; the pages of single features added the rest.
PARAMETERS: Final = frozenset(
    {"callback", "callback_method", "channels", "custom_intent", "custom_intent_mode", "custom_topic"}
    | {"custom_topic_mode", "detect_entities", "detect_language", "diarize", "diarize_model", "dictation", "encoding"}
    | {"extra", "filler_words", "intents", "keyterm", "keywords", "language", "language_hint", "measurements"}
    | {"mip_opt_out", "model", "multichannel", "numerals", "paragraphs", "profanity_filter", "punctuate", "redact"}
    | {"replace", "sample_rate", "search", "sentiment", "smart_format", "summarize", "tag", "topics", "utterances"}
    | {"utt_split", "version"}
)
STREAM_PARAMETERS: Final = frozenset(
    {"callback", "callback_method", "channels", "detect_entities", "diarize", "diarize_model", "dictation", "encoding"}
    | {"endpointing", "extra", "interim_results", "keyterm", "keywords", "language", "language_hint", "mip_opt_out"}
    | {"model", "multichannel", "numerals", "profanity_filter", "punctuate", "redact", "replace", "sample_rate"}
    | {"search", "smart_format", "tag", "utterance_end_ms", "vad_events", "version"}
)
# What the other options say, or what the transcript could not be made without.
SET_BY_OPTIONS: Final = frozenset(
    {"callback", "callback_method", "channels", "detect_entities", "detect_language", "diarize", "diarize_model"}
    | {"encoding", "endpointing", "intents", "interim_results", "keyterm", "keywords", "language", "language_hint"}
    | {"mip_opt_out", "model", "multichannel", "punctuate", "redact", "sample_rate", "sentiment", "smart_format"}
    | {"summarize", "tag", "topics", "utterances"}
)
# Page "redaction": number redaction takes any language, the groups and single entity types only English.
REDACT_NUMBERS: Final = ("numbers", "aggressive_numbers")
REDACT_GROUPS: Final = ("pci", "pii", "phi")
# Page "supported-entity-types".
REDACT_ENTITIES: Final = (
    *("account_number", "age", "bank_account", "blood_type", "condition", "credit_card"),
    *("credit_card_expiration", "cvv", "date", "date_interval", "dob", "driver_license", "drug"),
    *("email_address", "event", "filename", "gender_sexuality", "healthcare_number", "injury", "ip_address"),
    *("language", "location", "location_address", "location_city", "location_coordinate", "location_country"),
    *("location_state", "location_zip", "marital_status", "medical_process", "money", "name", "name_family"),
    *("name_given", "name_medical_professional", "numerical_pii", "occupation", "organization", "origin"),
    *("passport_number", "password", "phone_number", "physical_attribute", "political_affiliation", "religion"),
    *("routing_number", "ssn", "statistics", "time", "url", "username", "vehicle_id", "zodiac_sign"),
)

# Those of both pages that stand for people's names.
REDACT_NAMES: Final = frozenset({"pii", "name", "name_family", "name_given", "name_medical_professional"})

# Same page: found by ``detect_entities`` only.
NOT_REDACTABLE: Final = ("cardinal", "ordinal", "percent")

# Page "api-rate-limits": parallel pre-recorded requests of a pay-as-you-go project; where a request uses several
# features the lowest limit counts.
_PARALLEL: Final = 50
_PARALLEL_DIARIZED_ABROAD: Final = 25
_PARALLEL_INTELLIGENCE: Final = 10
_PARALLEL_INTELLIGENCE_ABROAD: Final = 5
_PARALLEL_ENTITIES: Final = 5
# Same page: parallel streams of a pay-as-you-go project, in any region; India, which it does not name, counted alike.
PARALLEL_STREAMS: Final = 150

MAX_VOCABULARY_TERMS: Final = 100
"""Terms of a vocabulary per request (pages "keyterm" and "keywords")."""

MAX_KEYTERM_TOKENS: Final = 500
"""Tokens of all terms of a request together (page "keyterm")."""

_KEYWORD_MODELS: Final = ("nova-2", "nova-general", "nova-phonecall", "nova-medical", "enhanced", "base", "whisper")


def takes_keywords(model: str) -> bool:
    """Whether a model knows `keywords` only, as those before nova-3 do (pages "keyterm" and "keywords")."""
    return model == "nova" or model.startswith(_KEYWORD_MODELS)


def is_english(language: str) -> bool:
    """Whether Deepgram offers sentiment, topics, intents and summary (page "models-languages-overview")."""
    return language.partition("-")[0].lower() == "en"


def parallel_requests(*, abroad: bool, diarizing: bool, intelligence: bool, entities: bool) -> int:
    """Requests for recordings that a pay-as-you-go project may have in flight at once.

    India, for which no limits are published, counts as the regions with the lower ones do.

    Args:
        abroad: Whether they go anywhere but the United States.
        diarizing: Whether speakers may be told apart by their voices.
        intelligence: Whether sentiment, topics, intents or a summary are asked for.
        entities: Whether entities are asked for.
    """
    limits = [_PARALLEL]
    if abroad and diarizing:
        limits.append(_PARALLEL_DIARIZED_ABROAD)
    if intelligence:
        limits.append(_PARALLEL_INTELLIGENCE_ABROAD if abroad else _PARALLEL_INTELLIGENCE)
    if entities:
        limits.append(_PARALLEL_ENTITIES)
    return min(limits)
