"""What Deepgram is asked for, checked before anything is deployed.

The rules are those of Deepgram's documentation (developers.deepgram.com/docs); each names its page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

from constructs_lib._private import quoted

Region = Literal["us", "eu", "au", "in"]
"""Where Deepgram processes the audio."""
Speakers = Literal["auto", "multichannel", "diarize"]
"""How speakers are told apart: by channel, by voice, or by channel where the recording has two."""

MAX_TERMS: Final = 100
"""Terms of a vocabulary per request (pages "keyterm" and "keywords")."""
MAX_TERM_TOKENS: Final = 500
"""Tokens of all terms of a request together (page "keyterm")."""

# Pages "models-languages-overview" and "model-options".
_NOVA_3: Final = ("nova-3", "nova-3-general", "nova-3-medical")
_NOVA_2: Final = (
    *("nova-2", "nova-2-general", "nova-2-meeting", "nova-2-phonecall", "nova-2-finance", "nova-2-conversationalai"),
    *("nova-2-voicemail", "nova-2-video", "nova-2-medical", "nova-2-drivethru", "nova-2-automotive", "nova-2-atc"),
)
_ANY_LANGUAGE: Final = ("nova-3", "nova-3-general", "nova-2", "nova-2-general")

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
_STAYING: Final = frozenset({"keyterms", "region", "endpoint", "max_parallel_requests", "max_parallel_streams"})

_LANGUAGE = re.compile(r"multi|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, kw_only=True)
class DeepgramOptions:
    """Options of every transcription, as Deepgram's model takes them.

    Raises:
        ValueError: If Deepgram would refuse or ignore an option; the message names the value and the fix.
    """

    model: str = "nova-3"
    """Speech model. Default: Deepgram's current general one."""
    language: str = "en"
    """Language of the calls as a BCP 47 tag, or ``multi``. Default: English."""
    speakers: Speakers = "auto"
    """How speakers are told apart. Default: by channel where the recording has two channels, else by voice."""
    smart_format: bool = True
    """Whether dates, amounts and phone numbers are written as one would write them."""
    redact: tuple[str, ...] = ()
    """What is replaced in the text: ``pci``, ``pii``, ``phi``, ``numbers``, ``aggressive_numbers`` or entity types.
    Deepgram still hears it, and the recording still holds it. Default: nothing."""
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
    region: Region = "us"
    """Where Deepgram processes the audio. Default: the United States."""
    endpoint: str | None = None
    """Base URL of a dedicated or self-hosted deployment. Default: the shared one of :attr:`region`."""
    max_parallel_requests: int | None = None
    """Requests in flight at once, 2 to 1000. Default: what a pay-as-you-go project may send with these options."""
    max_parallel_streams: int | None = None
    """Live calls at once that the project may stream. Default: what a pay-as-you-go project may."""

    def __post_init__(self) -> None:
        """Check every option against the others."""
        self._check_model_and_language()
        self._check_english_only()
        self._check_redact()
        check_vocabulary(self.keyterms, model=self.model)
        if self.speakers not in get_args(Speakers):
            raise ValueError(f"speakers {self.speakers!r} is unknown: choose one of {quoted(get_args(Speakers))}")
        self._check_where()
        limit = self.max_parallel_requests
        if limit is not None and not _FEWEST_PARALLEL <= limit <= _MOST_PARALLEL:
            raise ValueError(
                f"max_parallel_requests of {limit} is out of range: Lambda takes {_FEWEST_PARALLEL} to "
                f"{_MOST_PARALLEL} from a queue at once; ask Deepgram for a higher limit or use more projects"
            )
        if self.max_parallel_streams is not None and self.max_parallel_streams < 1:
            raise ValueError(
                f"max_parallel_streams of {self.max_parallel_streams} is out of range: name the number of streams that "
                "Deepgram allows your project"
            )

    def _check_model_and_language(self) -> None:
        if self.model.startswith("flux"):
            raise ValueError(f"model {self.model!r} only streams: choose a nova-3 model for recordings")
        if self.model not in _NOVA_3 + _NOVA_2:
            raise ValueError(f"model {self.model!r} is unknown: choose one of {quoted(_NOVA_3 + _NOVA_2)}")
        if not _LANGUAGE.fullmatch(self.language):
            raise ValueError(
                f"language {self.language!r} is not a language tag: write it like 'en', 'en-GB' or 'multi'"
            )
        if self.model not in _ANY_LANGUAGE and not self._is_english:
            raise ValueError(
                f"model {self.model!r} takes English only, not {self.language!r}: choose one of "
                f"{quoted(_ANY_LANGUAGE)} for other languages"
            )

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
        known = {*_REDACT_NUMBERS, *_REDACT_GROUPS, *_REDACT_ENTITIES}
        if unknown := [name for name in self.redact if name not in known]:
            raise ValueError(
                f"redact does not know {quoted(unknown)}: choose {quoted(_REDACT_GROUPS + _REDACT_NUMBERS)} or entity "
                "types of Deepgram's page 'supported-entity-types', such as 'ssn'"
            )
        if not self._is_english and (entities := [name for name in self.redact if name not in _REDACT_NUMBERS]):
            raise ValueError(
                f"Deepgram redacts {quoted(entities)} in English only, not for language {self.language!r}: "
                f"choose {quoted(_REDACT_NUMBERS)}"
            )

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
    if model in _NOVA_3 and (tokens := estimated_tokens(terms)) > MAX_TERM_TOKENS:
        raise ValueError(
            f"the keyterms come to about {tokens} tokens: Deepgram takes {MAX_TERM_TOKENS}; drop or shorten some"
        )


def estimated_tokens(terms: Iterable[str]) -> int:
    """Estimate, rather too high than too low, how many tokens Deepgram counts for *terms*.

    Deepgram does not publish its tokenizer. Ordinary English has about four characters to a token; names of drugs and
    devices have fewer, so a token is taken for every three bytes, begun ones included, of every word.
    """
    return sum(-(-len(word.encode()) // 3) for term in terms for word in term.split())
