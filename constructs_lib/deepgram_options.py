"""What Deepgram is asked for, checked before anything is deployed.

The rules are those of Deepgram's documentation (developers.deepgram.com/docs); each names its page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import msgspec
from aws_cdk import Annotations
from constructs import IConstruct

from callscribe.deepgram import catalogue
from callscribe.deepgram.options import (
    ParameterValue,
    Speakers,
    StreamEncoding,
    TranscriptionOptions,
    estimated_tokens,
)
from callscribe.deepgram.prices import DeepgramPrices
from constructs_lib._checks import base_url, flag, integer, one_of, quoted, text, texts

Region = Literal["us", "eu", "au", "in"]
"""Where Deepgram processes the audio."""

# Bounds of an event source's maximum concurrency (AWS: "Configuring scaling behavior for SQS event source mappings").
_FEWEST_PARALLEL, _MOST_PARALLEL = 2, 1000

_PARAMETER_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LANGUAGE = re.compile(r"multi|detect|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class DeepgramOptions(TranscriptionOptions, frozen=True, kw_only=True):
    """Options of every transcription, as Deepgram's model takes them.

    What contradicts itself is an error. What this version does not know, such as a newer model, passes with a warning
    at synth: Deepgram may know it.

    Raises:
        ValueError: If Deepgram would refuse or ignore an option; the message names the value and the fix.
    """

    region: Region = "us"
    """Where Deepgram processes the audio. Default: the United States."""
    endpoint: str | None = None
    """Base URL of a dedicated or self-hosted deployment. Default: the shared one of :attr:`region`."""
    max_parallel_requests: int | None = None
    """Requests in flight at once, 2 to 1000. Default: what a pay-as-you-go project may send with these options."""
    max_parallel_streams: int | None = None
    """Live calls at once that the project may stream. Default: what a pay-as-you-go project may; a secondary project of
    a self-serve account may stream one (page "api-rate-limits")."""
    prices: DeepgramPrices = DeepgramPrices()
    """By which the cost of a transcript is reckoned. Default: the newest list, pay-as-you-go."""

    def __post_init__(self) -> None:
        """Check every option, and against the others."""
        self._check_kinds()
        self._check_model_and_language()
        self._check_english_only()
        self._check_redact()
        self._check_extra("extra_parameters")
        self._check_extra("extra_stream_parameters")
        check_vocabulary(self.keyterms, model=self.model)
        one_of("speakers", self.speakers, get_args(Speakers))
        one_of("stream_encoding", self.stream_encoding, get_args(StreamEncoding))
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
        super().__post_init__()

    def _check_kinds(self) -> None:
        """Check what the type of each option is: Python does not, nor does msgspec where a struct is made."""
        for option in msgspec.structs.fields(type(self)):
            name, value = option.name, getattr(self, option.name)
            if isinstance(option.default, bool):
                flag(name, value)
            elif isinstance(option.default, tuple):
                texts(name, value)
            elif isinstance(option.default, str) or (name == "endpoint" and value is not None):
                text(name, value)
            elif name in ("max_parallel_requests", "max_parallel_streams") and value is not None:
                integer(name, value)
        if not isinstance(self.prices, DeepgramPrices):
            raise ValueError(f"prices of {self.prices!r} are none: pass DeepgramPrices(...)")

    def _check_model_and_language(self) -> None:
        if not self.model or self.model != self.model.strip() or not self.model.isprintable():
            raise ValueError(
                f"model {self.model!r} is not a name: choose one of {quoted(catalogue.NOVA_3 + catalogue.NOVA_2)}"
            )
        if not _LANGUAGE.fullmatch(self.language):
            raise ValueError(
                f"language {self.language!r} is not a language tag: write it like 'en', 'en-GB' or 'multi'"
            )
        # Page "models-languages-overview": the special models of nova-2 were trained in English.
        if self.model in catalogue.NOVA_2 and self.model not in catalogue.ANY_LANGUAGE and not self.english:
            raise ValueError(
                f"model {self.model!r} takes English only, not {self.language!r}: choose one of "
                f"{quoted(catalogue.ANY_LANGUAGE)} for other languages"
            )
        if self.language_hint and (self.language != "multi" or self.model in catalogue.NOVA_2):
            raise ValueError("language_hint goes with language='multi' and a nova-3 model: drop it or set both")
        if wrong := [
            tag for tag in self.language_hint if not _LANGUAGE.fullmatch(tag) or tag in ("multi", catalogue.DETECT)
        ]:
            raise ValueError(f"language_hint {quoted(wrong)} is not a language tag: write it like 'en' or 'es-419'")

    def _check_english_only(self) -> None:
        # Page "stt-intelligence-overview". In another language Deepgram answers without the data, or 400 to a summary.
        asked = [
            name
            for name in ("sentiment", "topics", "intents", "summarize", "detect_entities")
            if getattr(self, name) and not self.english
        ]
        if asked:
            raise ValueError(
                f"Deepgram offers {', '.join(asked)} in English only, not for language {self.language!r}: set "
                f"{', '.join(f'{name}=False' for name in asked)}"
            )

    def _check_redact(self) -> None:
        if wrong := [name for name in self.redact if not _PARAMETER_NAME.fullmatch(name)]:
            raise ValueError(
                f"redact {quoted(wrong)} cannot be an entity type: choose "
                f"{quoted(catalogue.REDACT_GROUPS + catalogue.REDACT_NUMBERS)} or entity types of Deepgram's page "
                "'supported-entity-types', such as 'ssn'"
            )
        if refused := [name for name in self.redact if name in catalogue.NOT_REDACTABLE]:
            raise ValueError(f"Deepgram finds {quoted(refused)} but redacts it not: drop it, or use 'numbers'")
        if not self.english and (entities := [name for name in self.redact if name not in catalogue.REDACT_NUMBERS]):
            raise ValueError(
                f"Deepgram redacts {quoted(entities)} in English only, not for language {self.language!r}: "
                f"choose {quoted(catalogue.REDACT_NUMBERS)}"
            )

    def _check_extra(self, option: str) -> None:
        extra: Mapping[str, ParameterValue] = getattr(self, option)
        if not isinstance(extra, Mapping):
            raise ValueError(f"{option} must be a mapping of names and values, such as {{'numerals': True}}")
        for name, value in extra.items():
            if not _PARAMETER_NAME.fullmatch(name):
                raise ValueError(f"{option} has no query parameter {name!r}: write it like 'profanity_filter'")
            if name in catalogue.SET_BY_OPTIONS:
                raise ValueError(f"{option} sets {name!r}, which is set by the other options: change those")
            values = [value] if isinstance(value, str | bool | int | float) else value
            if (
                not values
                or isinstance(values, Mapping)
                or not all(isinstance(part, str | bool | int | float) and part != "" for part in values)
            ):
                raise ValueError(f"{option} gives {name!r} no value: pass a text, a number, a bool or several of them")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What Deepgram may refuse because this version does not know it."""
        found = []
        if self.model not in catalogue.NOVA_3 + catalogue.NOVA_2:
            found.append(f"model {self.model!r} is not known to this version: make sure that Deepgram has it")
        elif self.model not in catalogue.SEVERAL_LANGUAGES and self.language == "multi":
            found.append(f"model {self.model!r} is not known to take language 'multi': try it before you rely on it")
        elif self.model not in catalogue.ANY_LANGUAGE and not self.english and self.language != "multi":
            found.append(f"model {self.model!r} is not known to take language {self.language!r}: try it first")
        known = {*catalogue.REDACT_NUMBERS, *catalogue.REDACT_GROUPS, *catalogue.REDACT_ENTITIES}
        if unknown := [name for name in self.redact if name not in known]:
            found.append(f"redact {quoted(unknown)} is not known to this version: make sure that Deepgram redacts it")
        for option, published in (
            ("extra_parameters", catalogue.PARAMETERS),
            ("extra_stream_parameters", catalogue.STREAM_PARAMETERS),
        ):
            if unknown := [name for name in getattr(self, option) if name not in published]:
                found.append(f"{option} {quoted(unknown)} is not known to this version: Deepgram may refuse every call")
        return tuple(found)

    def annotate(self, scope: IConstruct) -> None:
        """Show :attr:`warnings` at synth, on the construct that uses the options."""
        for number, warning in enumerate(self.warnings):
            Annotations.of(scope).add_warning_v2(f"callscribe:deepgram-options-{number}", warning)

    def _check_where(self) -> None:
        one_of("region", self.region, get_args(Region))
        if self.endpoint is None:
            return
        if self.region != "us":
            raise ValueError(f"endpoint {self.endpoint!r} and region {self.region!r} exclude each other: drop one")
        base_url("endpoint", self.endpoint)

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
        return self.max_parallel_streams or catalogue.PARALLEL_STREAMS

    @property
    def parallel_requests(self) -> int:
        """Requests in flight at once: :attr:`max_parallel_requests`, else Deepgram's limit for these options.

        The limits are those of a pay-as-you-go project.
        """
        if self.max_parallel_requests is not None:
            return self.max_parallel_requests
        return catalogue.parallel_requests(
            abroad=self.region != "us",
            diarizing=self.speakers != "multichannel",
            intelligence=self.sentiment or self.topics or self.intents or self.summarize,
            entities=self.detect_entities,
        )

    @property
    def of_requests(self) -> TranscriptionOptions:
        """What travels with each request: not where it goes, nor the vocabulary, which has a place of its own."""
        travelling = (name for name in TranscriptionOptions.__struct_fields__ if name != "keyterms")
        return TranscriptionOptions(**{name: getattr(self, name) for name in travelling})


def check_vocabulary(terms: Sequence[str], *, model: str) -> None:
    """Check the terms of one request.

    Raises:
        ValueError: If there are too many, or one is empty, doubled, or not a term for *model*.
    """
    if len(terms) > catalogue.MAX_VOCABULARY_TERMS:
        raise ValueError(
            f"{len(terms)} keyterms are too many: Deepgram takes {catalogue.MAX_VOCABULARY_TERMS}; keep the 20 to 50 "
            "that matter"
        )
    for term in terms:
        if not term or term != term.strip() or not term.isprintable():
            raise ValueError(f"keyterm {term!r} is not a word or phrase: drop it or trim it")
        if catalogue.takes_keywords(model) and ":" in term:
            raise ValueError(f"keyterm {term!r} holds a colon, which nova-2 reads as a weight: drop it or use nova-3")
    if doubled := sorted({term for term in terms if terms.count(term) > 1}):
        raise ValueError(f"keyterms {quoted(doubled)} are listed twice: drop one of each")
    if not catalogue.takes_keywords(model) and (tokens := estimated_tokens(terms)) > catalogue.MAX_KEYTERM_TOKENS:
        raise ValueError(
            f"the keyterms come to about {tokens} tokens: Deepgram takes {catalogue.MAX_KEYTERM_TOKENS}; drop or "
            "shorten some"
        )
