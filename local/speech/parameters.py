"""Query parameters of ``POST /v1/listen``, checked against the list that Deepgram publishes.

The list is data: `parameters.json`, written from Deepgram's API specification. A parameter that is not in it is refused
as Deepgram refuses it, and so is a value of the wrong type. A parameter of Deepgram's that CallScribe's options never
set, and that this server does not support, is refused by name. What is done roughly here is reported in
``metadata.warnings`` (see `ListenOptions.warnings`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from local.speech.errors import bad_request, invalid_parameter

DIARIZE_NOTE = "Speakers are told apart by a simple local voice comparison."
MAX_KEYTERMS = 100
MAX_KEYTERM_TOKENS = 500
NOT_REDACTABLE = {"cardinal", "ordinal", "percent"}

SUPPORTED = frozenset(
    {
        *("model", "language", "language_hint", "detect_language", "multichannel", "diarize_model", "utterances"),
        *("punctuate", "smart_format", "redact", "keyterm", "keywords"),
        *("sentiment", "topics", "intents", "summarize", "detect_entities", "tag", "mip_opt_out"),
    }
)
"""Parameters of a recording that this server supports."""

Notice = dict[str, str]
Rules = Mapping[str, dict[str, Any]]


@cache
def published() -> dict[str, Any]:
    """Return the published list: parameters by name, models and languages."""
    listing: dict[str, Any] = json.loads(Path(__file__).with_name("parameters.json").read_text("utf-8"))
    return listing


def known_parameters() -> dict[str, dict[str, Any]]:
    """Return every parameter of a recording: the specification's and those that the documentation added later."""
    return {**published()["published"], **published()["later"]}


@dataclass(frozen=True, kw_only=True)
class ListenOptions:
    """One request's options, with Deepgram's defaults.

    Attributes:
        multichannel: Keeps the channels apart; without it they are mixed down to one.
        diarize: Version of the diarization, `None` without.
        keyterms: Terms of `keyterm`, and of `keywords` without their intensifiers.
        warnings: What was asked for and cannot be given here, in the form of ``metadata.warnings``.
    """

    model: str = "base-general"
    language: str = "en"
    multichannel: bool = False
    diarize: str | None = None
    punctuate: bool = False
    smart_format: bool = False
    utterances: bool = False
    keyterms: tuple[str, ...] = ()
    redact: tuple[str, ...] = ()
    sentiment: bool = False
    topics: bool = False
    intents: bool = False
    summarize: bool = False
    detect_entities: bool = False
    detect_language: bool = False
    language_hints: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    warnings: tuple[Notice, ...] = field(default=())

    @property
    def written(self) -> bool:
        """Whether words are wanted as they would be written, with capitals and punctuation."""
        return self.punctuate or self.smart_format

    @property
    def english(self) -> bool:
        """Whether the intelligence options apply: Deepgram offers them for English only."""
        return self.language.split("-")[0] in {"en", "multi"}


def parse_options(query: Iterable[tuple[str, str]], engine_languages: frozenset[str] | None) -> ListenOptions:
    """Check a query string and return its options.

    Args:
        query: Names and values in order, repeated names included.
        engine_languages: Languages that the engine recognises; `None` for every published one.

    Raises:
        ListenError: 400, for an unknown parameter, an unacceptable value, or a combination that Deepgram refuses.
    """
    return read_query(query, known_parameters(), SUPPORTED, engine_languages)[0]


def read_query(
    query: Iterable[tuple[str, str]], rules: Rules, supported: frozenset[str], engine_languages: frozenset[str] | None
) -> tuple[ListenOptions, dict[str, list[str]]]:
    """Check a query string against Deepgram's list of parameters; return the options and every value by name.

    Raises:
        ListenError: As `parse_options`.
    """
    values: dict[str, list[str]] = {}
    for name, value in query:
        _check(name, value, rules, supported)
        values.setdefault(name, []).append(value)
    for name, given in values.items():
        if len(given) > 1 and not rules[name].get("repeatable"):
            raise invalid_parameter(f"Failed to deserialize query parameters: duplicate field `{name}`")
    options = _options(values)
    _check_model(options, engine_languages)
    _check_combinations(options, values)
    return options, values


def _check(name: str, value: str, rules: Rules, supported: frozenset[str]) -> None:
    rule = rules.get(name)
    if rule is None:
        raise invalid_parameter(f"Failed to deserialize query parameters: unknown field `{name}`")
    if name not in supported:
        raise invalid_parameter(f"The local server does not support `{name}`, which Deepgram does.")
    types = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    if any(_is(kind, value, rule.get("values")) for kind in types):
        return
    if rule.get("values"):
        expected = ", ".join(f"`{v}`" for v in rule["values"])
        raise invalid_parameter(
            f"Failed to deserialize query parameters: {name}: unknown variant, expected one of {expected}"
        )
    wanted = {"boolean": "provided string was not `true` or `false`", "number": "invalid float literal"}
    raise invalid_parameter(
        f"Failed to deserialize query parameters: {name}: {wanted.get(types[0], 'invalid digit found in string')}"
    )


def _is(kind: str, value: str, allowed: list[str] | None) -> bool:
    if kind == "boolean":
        return value in {"true", "false"}
    if kind == "string":
        return allowed is None or value in allowed
    try:
        number = float(value)
    except ValueError:
        return False
    return 0 <= number < 1e6 and (kind == "number" or value.isdecimal())


def last_value(values: Mapping[str, list[str]], name: str) -> str | None:
    """Return the value of a parameter that counts, `None` if it is not given."""
    given = values.get(name)
    return given[-1] if given else None


def _options(values: Mapping[str, list[str]]) -> ListenOptions:
    def flag(name: str) -> bool:
        return (last_value(values, name) or "false") != "false"

    def many(name: str) -> tuple[str, ...]:
        return tuple(value for value in values.get(name, ()) if value)

    version = last_value(values, "diarize_model")
    diarize = "v2" if version == "latest" else version
    warnings: list[Notice] = []
    if diarize:
        warnings.append({"parameter": "diarize_model", "type": "approximated_locally", "message": DIARIZE_NOTE})
    if flag("redact"):
        warnings.append(
            {
                "parameter": "redact",
                "type": "approximated_locally",
                "message": "The local server redacts spoken numbers and nothing else: no names, places or conditions.",
            }
        )
    if flag("detect_language"):
        warnings.append(
            {
                "parameter": "detect_language",
                "type": "unsupported_locally",
                "message": "The local server does not detect the language.",
            }
        )
    return ListenOptions(
        model=last_value(values, "model") or "base-general",
        language=last_value(values, "language") or "en",
        multichannel=flag("multichannel"),
        diarize=diarize,
        punctuate=flag("punctuate"),
        smart_format=flag("smart_format"),
        utterances=flag("utterances"),
        # `keywords` are WORD or WORD:INTENSIFIER; a negative one asks for less, which no boost does.
        keyterms=many("keyterm")
        + tuple(word for word, _, weight in (k.partition(":") for k in many("keywords")) if not weight.startswith("-")),
        redact=tuple(value for value in many("redact") if value != "false"),
        sentiment=flag("sentiment"),
        topics=flag("topics"),
        intents=flag("intents"),
        summarize=flag("summarize"),
        detect_entities=flag("detect_entities"),
        detect_language=flag("detect_language"),
        language_hints=many("language_hint"),
        tags=many("tag"),
        warnings=tuple(warnings),
    )


def _check_model(options: ListenOptions, engine_languages: frozenset[str] | None) -> None:
    available = published()["languages"] if engine_languages is None else engine_languages
    if options.model not in published()["models"] or options.language not in available:
        raise bad_request("Bad Request: No such model/language/tier combination found.")


def _check_combinations(options: ListenOptions, values: Mapping[str, list[str]]) -> None:
    if "keywords" in values and options.model.startswith("nova-3"):
        raise invalid_parameter("Keywords are not supported for Nova-3. Please use `keyterm` instead.")
    if len(options.keyterms) > MAX_KEYTERMS or keyterm_tokens(values.get("keyterm", [])) > MAX_KEYTERM_TOKENS:
        raise bad_request(
            f"Keyterm limit exceeded. The maximum number of tokens across all keyterms is {MAX_KEYTERM_TOKENS}."
        )
    for entity in sorted(NOT_REDACTABLE & set(options.redact)):
        raise invalid_parameter(f"Failed to deserialize query parameters: redact: unknown variant `{entity}`")
    if options.summarize and not options.english:
        raise bad_request("Summarization v2 not supported for non-English languages")


def keyterm_tokens(terms: Iterable[str]) -> int:
    """Estimate tokens as Deepgram's Keyterm page suggests for planning: a third more than words."""
    return round(sum(len(term.split()) for term in terms) * 4 / 3)
