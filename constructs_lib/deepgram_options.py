"""What Deepgram is asked for, checked before anything is deployed.

The rules are those of Deepgram's documentation (developers.deepgram.com/docs); each names its page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

from aws_cdk import Annotations
from constructs import IConstruct

from constructs_lib._checks import quoted
from constructs_lib.deepgram_prices import DeepgramPrices

Region = Literal["us", "eu", "au", "in"]
"""Where Deepgram processes the audio."""
Speakers = Literal["auto", "multichannel", "diarize"]
"""How speakers are told apart: by channel, by voice, or by channel where the recording has two."""

MAX_TERMS: Final = 100
"""Terms of a vocabulary per request (pages "keyterm" and "keywords")."""
MAX_TERM_TOKENS: Final = 500
"""Tokens of all terms of a request together (page "keyterm")."""

ParameterValue = str | bool | int | float | Sequence[str]
"""Value of a query parameter; a sequence repeats it."""

DETECT: Final = "detect"
"""``language`` of calls whose language Deepgram finds out (page "language-detection"); recordings only."""

# Pages "models-languages-overview" and "model-options".
_NOVA_3: Final = ("nova-3", "nova-3-general", "nova-3-medical")
_NOVA_2: Final = (
    *("nova-2", "nova-2-general", "nova-2-meeting", "nova-2-phonecall", "nova-2-finance", "nova-2-conversationalai"),
    *("nova-2-voicemail", "nova-2-video", "nova-2-medical", "nova-2-drivethru", "nova-2-automotive", "nova-2-atc"),
)
_ANY_LANGUAGE: Final = ("nova-3", "nova-3-general", "nova-2", "nova-2-general")
# Changelog of October 2026.
_SEVERAL_LANGUAGES: Final = (*_ANY_LANGUAGE, "nova-3-medical")

# API reference of `/v1/listen`, recordings and streams; the pages of single features added the rest.
_PARAMETERS: Final = frozenset(
    {"callback", "callback_method", "channels", "custom_intent", "custom_intent_mode", "custom_topic"}
    | {"custom_topic_mode", "detect_entities", "detect_language", "diarize", "diarize_model", "dictation", "encoding"}
    | {"extra", "filler_words", "intents", "keyterm", "keywords", "language", "language_hint", "measurements"}
    | {"mip_opt_out", "model", "multichannel", "numerals", "paragraphs", "profanity_filter", "punctuate", "redact"}
    | {"replace", "sample_rate", "search", "sentiment", "smart_format", "summarize", "tag", "topics", "utterances"}
    | {"utt_split", "version"}
)
_STREAM_PARAMETERS: Final = frozenset(
    {"callback", "callback_method", "channels", "detect_entities", "diarize", "diarize_model", "dictation", "encoding"}
    | {"endpointing", "extra", "interim_results", "keyterm", "keywords", "language", "language_hint", "mip_opt_out"}
    | {"model", "multichannel", "numerals", "profanity_filter", "punctuate", "redact", "replace", "sample_rate"}
    | {"search", "smart_format", "tag", "utterance_end_ms", "vad_events", "version"}
)
# What the other options say, or what the transcript could not be made without.
_SET_BY_OPTIONS: Final = frozenset(
    {"callback", "callback_method", "channels", "detect_entities", "detect_language", "diarize", "diarize_model"}
    | {"encoding", "endpointing", "intents", "interim_results", "keyterm", "keywords", "language", "language_hint"}
    | {"mip_opt_out", "model", "multichannel", "punctuate", "redact", "sample_rate", "sentiment", "smart_format"}
    | {"summarize", "tag", "topics", "utterances"}
)
_PARAMETER_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

# Page "redaction": number redaction takes any language, the groups and single entity types only English.
_REDACT_NUMBERS: Final = ("numbers", "aggressive_numbers")
_REDACT_GROUPS: Final = ("pci", "pii", "phi")
# Page "supported-entity-types".
_REDACT_ENTITIES: Final = (
    *("account_number", "age", "bank_account", "blood_type", "condition", "credit_card"),
    *("credit_card_expiration", "cvv", "date", "date_interval", "dob", "driver_license", "drug"),
    *("email_address", "event", "filename", "gender_sexuality", "healthcare_number", "injury", "ip_address"),
    *("language", "location", "location_address", "location_city", "location_coordinate", "location_country"),
    *("location_state", "location_zip", "marital_status", "medical_process", "money", "name", "name_family"),
    *("name_given", "name_medical_professional", "numerical_pii", "occupation", "organization", "origin"),
    *("passport_number", "password", "phone_number", "physical_attribute", "political_affiliation", "religion"),
    *("routing_number", "ssn", "statistics", "time", "url", "username", "vehicle_id", "zodiac_sign"),
)

# Same page: found by ``detect_entities`` only.
_NOT_REDACTABLE: Final = ("cardinal", "ordinal", "percent")

# Page "api-rate-limits": parallel pre-recorded requests of a pay-as-you-go project; where a request uses several
# features the lowest limit counts.
_PARALLEL: Final = 50
_PARALLEL_DIARIZED_ABROAD: Final = 25
_PARALLEL_INTELLIGENCE: Final = 10
_PARALLEL_INTELLIGENCE_ABROAD: Final = 5
_PARALLEL_ENTITIES: Final = 5
# Same page: parallel streams of a pay-as-you-go project, in any region; India, which it does not name, counted alike.
_PARALLEL_STREAMS: Final = 150
# Bounds of an event source's maximum concurrency (AWS: "Configuring scaling behavior for SQS event source mappings").
_FEWEST_PARALLEL, _MOST_PARALLEL = 2, 1000

# Options of the deployment; all others travel with each request. The vocabulary has a place of its own.
_STAYING: Final = frozenset(
    {"keyterms", "region", "endpoint", "max_parallel_requests", "max_parallel_streams", "prices"}
)

_LANGUAGE = re.compile(r"multi|detect|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, kw_only=True)
class DeepgramOptions:
    """Options of every transcription, as Deepgram's model takes them.

    What contradicts itself is an error. What this version does not know, such as a newer model, passes with a warning
    at synth: Deepgram may know it.

    Raises:
        ValueError: If Deepgram would refuse or ignore an option; the message names the value and the fix.
    """

    model: str = "nova-3"
    """Speech model. Default: Deepgram's current general one."""
    language: str = "en"
    """Language of the calls as a BCP 47 tag, ``multi`` for several in one call, or ``detect`` for recordings whose
    language Deepgram finds out. Default: English."""
    language_hint: tuple[str, ...] = ()
    """Languages to expect with ``multi``. Default: any."""
    speakers: Speakers = "auto"
    """How speakers are told apart. Default: by channel where the recording has two channels, else by voice."""
    smart_format: bool = True
    """Whether dates, amounts and phone numbers are written as one would write them."""
    redact: tuple[str, ...] = ()
    """What is replaced in the text: ``pci``, ``pii``, ``phi``, ``numbers``, ``aggressive_numbers`` or entity types.
    Deepgram still gets it, and the recording still holds it. Default: nothing."""
    sentiment: bool = True
    """Whether the mood of each utterance is wanted. English only."""
    topics: bool = True
    """Whether the topics of the call are wanted. English only."""
    intents: bool = True
    """Whether the callers' intents are wanted. English only."""
    summarize: bool = True
    """Whether a summary of the call is wanted. English only."""
    detect_entities: bool = False
    """Whether names, dates, numbers and the like are wanted as a list. English only."""
    mip_opt_out: bool = True
    """Whether Deepgram is kept from retaining the audio for training. Opting in lowers the price."""
    keyterms: tuple[str, ...] = ()
    """Words that Deepgram should expect in every call. Sent as ``keyterm`` to nova-3 and as ``keywords`` to nova-2."""
    tags: tuple[str, ...] = ()
    """Labels under which Deepgram's usage reports list the requests. Default: none."""
    extra_parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    """Further query parameters of the requests for recordings, sent as they are. Default: none."""
    extra_stream_parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    """Further query parameters of the streams of live calls, sent as they are. Default: none."""
    region: Region = "us"
    """Where Deepgram processes the audio. Default: the United States."""
    endpoint: str | None = None
    """Base URL of a dedicated or self-hosted deployment. Default: the shared one of :attr:`region`."""
    max_parallel_requests: int | None = None
    """Requests in flight at once, 2 to 1000. Default: what a pay-as-you-go project may send with these options."""
    max_parallel_streams: int | None = None
    """Live calls at once that the project may stream. Default: what a pay-as-you-go project may; a secondary project of
    a self-serve account may stream one (page "api-rate-limits")."""
    prices: DeepgramPrices = DeepgramPrices()  # noqa: RUF009 - frozen
    """By which the cost of a transcript is reckoned. Default: the newest list, pay-as-you-go."""

    def __post_init__(self) -> None:
        """Check every option against the others."""
        self._check_model_and_language()
        self._check_english_only()
        self._check_redact()
        self._check_extra("extra_parameters")
        self._check_extra("extra_stream_parameters")
        check_vocabulary(self.keyterms, model=self.model)
        if self.speakers not in get_args(Speakers):
            raise ValueError(f"speakers {self.speakers!r} is unknown: choose one of {quoted(get_args(Speakers))}")
        self._check_where()
        limit = self.max_parallel_requests
        if limit is not None and not _FEWEST_PARALLEL <= limit <= _MOST_PARALLEL:
            raise ValueError(
                f"max_parallel_requests of {limit} is out of range: Lambda takes {_FEWEST_PARALLEL} to "
                f"{_MOST_PARALLEL} from a queue at once; ask Deepgram for a higher limit"
            )
        if self.max_parallel_streams is not None and self.max_parallel_streams < 1:
            raise ValueError(
                f"max_parallel_streams of {self.max_parallel_streams} is out of range: name the number of streams that "
                "Deepgram allows your project"
            )

    def _check_model_and_language(self) -> None:
        if self.model.startswith("flux"):
            raise ValueError(f"model {self.model!r} only streams: choose a nova-3 model for recordings")
        if not self.model or self.model != self.model.strip() or not self.model.isprintable():
            raise ValueError(f"model {self.model!r} is not a name: choose one of {quoted(_NOVA_3 + _NOVA_2)}")
        if not _LANGUAGE.fullmatch(self.language):
            raise ValueError(
                f"language {self.language!r} is not a language tag: write it like 'en', 'en-GB' or 'multi'"
            )
        # Page "models-languages-overview": the special models of nova-2 were trained in English.
        if self.model in _NOVA_2 and self.model not in _ANY_LANGUAGE and not self._is_english:
            raise ValueError(
                f"model {self.model!r} takes English only, not {self.language!r}: choose one of "
                f"{quoted(_ANY_LANGUAGE)} for other languages"
            )
        if self.language_hint and (self.language != "multi" or self.model in _NOVA_2):
            raise ValueError("language_hint goes with language='multi' and a nova-3 model: drop it or set both")
        if wrong := [tag for tag in self.language_hint if not _LANGUAGE.fullmatch(tag) or tag in ("multi", DETECT)]:
            raise ValueError(f"language_hint {quoted(wrong)} is not a language tag: write it like 'en' or 'es-419'")

    def _check_english_only(self) -> None:
        # Page "stt-intelligence-overview". In another language Deepgram answers without the data, or 400 to a summary.
        asked = [
            name
            for name in ("sentiment", "topics", "intents", "summarize", "detect_entities")
            if getattr(self, name) and not self._is_english
        ]
        if asked:
            raise ValueError(
                f"Deepgram offers {', '.join(asked)} in English only, not for language {self.language!r}: set "
                f"{', '.join(f'{name}=False' for name in asked)}"
            )

    def _check_redact(self) -> None:
        if wrong := [name for name in self.redact if not _PARAMETER_NAME.fullmatch(name)]:
            raise ValueError(
                f"redact {quoted(wrong)} cannot be an entity type: choose {quoted(_REDACT_GROUPS + _REDACT_NUMBERS)} "
                "or entity types of Deepgram's page 'supported-entity-types', such as 'ssn'"
            )
        if refused := [name for name in self.redact if name in _NOT_REDACTABLE]:
            raise ValueError(f"Deepgram finds {quoted(refused)} but redacts it not: drop it, or use 'numbers'")
        if not self._is_english and (entities := [name for name in self.redact if name not in _REDACT_NUMBERS]):
            raise ValueError(
                f"Deepgram redacts {quoted(entities)} in English only, not for language {self.language!r}: "
                f"choose {quoted(_REDACT_NUMBERS)}"
            )

    def _check_extra(self, option: str) -> None:
        extra: Mapping[str, ParameterValue] = getattr(self, option)
        if not isinstance(extra, Mapping):
            raise ValueError(f"{option} must be a mapping of names and values, such as {{'numerals': True}}")
        for name, value in extra.items():
            if not _PARAMETER_NAME.fullmatch(name):
                raise ValueError(f"{option} has no query parameter {name!r}: write it like 'profanity_filter'")
            if name in _SET_BY_OPTIONS:
                raise ValueError(f"{option} sets {name!r}, which is set by the other options: change those")
            values = [value] if isinstance(value, str | bool | int | float) else value
            if not values or not all(isinstance(part, str | bool | int | float) and part != "" for part in values):
                raise ValueError(f"{option} gives {name!r} no value: pass a text, a number, a bool or several of them")
        object.__setattr__(self, option, {name: _written(value) for name, value in extra.items()})

    @property
    def warnings(self) -> tuple[str, ...]:
        """What Deepgram may refuse because this version does not know it."""
        found = []
        if self.model not in _NOVA_3 + _NOVA_2:
            found.append(f"model {self.model!r} is not known to this version: make sure that Deepgram has it")
        elif self.model not in _SEVERAL_LANGUAGES and self.language == "multi":
            found.append(f"model {self.model!r} is not known to take language 'multi': try it before you rely on it")
        elif self.model not in _ANY_LANGUAGE and not self._is_english and self.language != "multi":
            found.append(f"model {self.model!r} is not known to take language {self.language!r}: try it first")
        known = {*_REDACT_NUMBERS, *_REDACT_GROUPS, *_REDACT_ENTITIES}
        if unknown := [name for name in self.redact if name not in known]:
            found.append(f"redact {quoted(unknown)} is not known to this version: make sure that Deepgram redacts it")
        for option, published in (
            ("extra_parameters", _PARAMETERS),
            ("extra_stream_parameters", _STREAM_PARAMETERS),
        ):
            if unknown := [name for name in getattr(self, option) if name not in published]:
                found.append(f"{option} {quoted(unknown)} is not known to this version: Deepgram may refuse every call")
        return tuple(found)

    def annotate(self, scope: IConstruct) -> None:
        """Show :attr:`warnings` at synth, on the construct that uses the options."""
        for number, text in enumerate(self.warnings):
            Annotations.of(scope).add_warning_v2(f"callscribe:deepgram-options-{number}", text)

    def _check_where(self) -> None:
        if self.region not in get_args(Region):
            raise ValueError(f"region {self.region!r} is unknown: choose one of {quoted(get_args(Region))}")
        if self.endpoint is None:
            return
        if self.region != "us":
            raise ValueError(f"endpoint {self.endpoint!r} and region {self.region!r} exclude each other: drop one")
        url = urlsplit(self.endpoint)
        loopback = url.hostname in ("127.0.0.1", "::1", "localhost")
        if not url.hostname or url.path.strip("/") or url.query or url.scheme not in ("https", "http"):
            raise ValueError(f"endpoint {self.endpoint!r} is not a base URL: write it like 'https://host:port'")
        if url.scheme == "http" and not loopback:
            raise ValueError(f"endpoint {self.endpoint!r} would send calls in the clear: use https")

    @property
    def _is_english(self) -> bool:
        return self.language == "en" or self.language.startswith("en-")

    @property
    def base_url(self) -> str:
        """Where requests go, without a trailing slash (page "your-data")."""
        if self.endpoint is not None:
            return self.endpoint.rstrip("/")
        return "https://api.deepgram.com" if self.region == "us" else f"https://api.{self.region}.deepgram.com"

    @property
    def stream_url(self) -> str:
        """Where live audio goes, as a WebSocket URL without path or trailing slash."""
        return "ws" + self.base_url.removeprefix("http")

    @property
    def parallel_streams(self) -> int:
        """Live calls at once: :attr:`max_parallel_streams`, else Deepgram's limit for a pay-as-you-go project."""
        return self.max_parallel_streams or _PARALLEL_STREAMS

    @property
    def parallel_requests(self) -> int:
        """Requests in flight at once: :attr:`max_parallel_requests`, else Deepgram's limit for these options.

        The limits are those of a pay-as-you-go project. India, for which none are published, counts as the regions
        with the lower ones do.
        """
        if self.max_parallel_requests is not None:
            return self.max_parallel_requests
        abroad = self.region != "us"
        limits = [_PARALLEL]
        if abroad and self.speakers != "multichannel":
            limits.append(_PARALLEL_DIARIZED_ABROAD)
        if self.sentiment or self.topics or self.intents or self.summarize:
            limits.append(_PARALLEL_INTELLIGENCE_ABROAD if abroad else _PARALLEL_INTELLIGENCE)
        if self.detect_entities:
            limits.append(_PARALLEL_ENTITIES)
        return min(limits)

    def to_json(self) -> str:
        """Write the options that travel with each request, for the functions; not where it goes, nor the vocabulary."""
        travelling = {option.name: getattr(self, option.name) for option in fields(self) if option.name not in _STAYING}
        return json.dumps(travelling, separators=(",", ":"))


def _written(value: ParameterValue) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}"
    return tuple(str(_written(part)) for part in value)


def check_vocabulary(terms: Sequence[str], *, model: str) -> None:
    """Check the terms of one request.

    Raises:
        ValueError: If there are too many, or one is empty, doubled, or not a term for *model*.
    """
    if len(terms) > MAX_TERMS:
        raise ValueError(
            f"{len(terms)} keyterms are too many: Deepgram takes {MAX_TERMS}; keep the 20 to 50 that matter"
        )
    for term in terms:
        if not term or term != term.strip() or not term.isprintable():
            raise ValueError(f"keyterm {term!r} is not a word or phrase: drop it or trim it")
        if model in _NOVA_2 and ":" in term:
            raise ValueError(f"keyterm {term!r} holds a colon, which nova-2 reads as a weight: drop it or use nova-3")
    if doubled := sorted({term for term in terms if terms.count(term) > 1}):
        raise ValueError(f"keyterms {quoted(doubled)} are listed twice: drop one of each")
    if model not in _NOVA_2 and (tokens := estimated_tokens(terms)) > MAX_TERM_TOKENS:
        raise ValueError(
            f"the keyterms come to about {tokens} tokens: Deepgram takes {MAX_TERM_TOKENS}; drop or shorten some"
        )


def estimated_tokens(terms: Iterable[str]) -> int:
    """Estimate, rather too high than too low, how many tokens Deepgram counts for *terms*.

    Deepgram does not publish its tokenizer. Ordinary English has about four characters to a token; names of drugs and
    devices have fewer, so a token is taken for every three bytes, begun ones included, of every word.
    """
    return sum(-(-len(word.encode()) // 3) for term in terms for word in term.split())
