"""Query parameters of ``POST /v1/listen``, checked against the list that Deepgram publishes.

The list is data: `parameters.json`, written from Deepgram's API specification. A parameter that is not in it is
refused, as is a value of the wrong type; what Deepgram publishes and this server cannot do is accepted and reported in
``metadata.warnings`` (see `ListenOptions.warnings`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from local.speech.errors import bad_request, invalid_parameter

DIARIZE_NOTE = "Speakers are told apart by a simple local voice comparison."
MAX_KEYTERMS = 100
MAX_KEYTERM_TOKENS = 500
MAX_CUSTOM_LABELS = 100
CALLBACK_PORTS = {80, 443, 8080, 8443}
NOT_REDACTABLE = {"cardinal", "ordinal", "percent"}

# Published options that need what this server does not have.
_NOT_LOCAL = {
    "dictation": "Dictation commands are not interpreted by the local server.",
    "filler_words": "The local recogniser leaves filler words out.",
    "measurements": "Measurements are not abbreviated by the local server.",
    "profanity_filter": "The local server has no profanity filter.",
}

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
        utterance_gap: Seconds of silence that end an utterance (`utt_split`).
        keyterms: Terms of `keyterm`, and of `keywords` without their intensifiers.
        channels: Of bare samples; containers say it themselves.
        warnings: What was asked for and cannot be given here, in the form of ``metadata.warnings``.
    """

    model: str = "base-general"
    language: str = "en"
    multichannel: bool = False
    diarize: Literal["v1", "v2"] | None = None
    punctuate: bool = False
    smart_format: bool = False
    numerals: bool = False
    paragraphs: bool = False
    utterances: bool = False
    utterance_gap: float = 0.8
    keyterms: tuple[str, ...] = ()
    redact: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    sentiment: bool = False
    topics: bool = False
    custom_topics: tuple[str, ...] = ()
    custom_topics_only: bool = False
    intents: bool = False
    custom_intents: tuple[str, ...] = ()
    custom_intents_only: bool = False
    summarize: bool = False
    detect_entities: bool = False
    detect_language: bool = False
    language_hints: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    callback: str | None = None
    callback_method: str = "POST"
    encoding: str | None = None
    sample_rate: int | None = None
    channels: int = 1
    warnings: tuple[Notice, ...] = field(default=())

    @property
    def written(self) -> bool:
        """Whether words are wanted as they would be written, with capitals and punctuation."""
        return self.punctuate or self.smart_format or self.paragraphs

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
    return read_query(query, known_parameters(), engine_languages)[0]


def read_query(
    query: Iterable[tuple[str, str]], rules: Rules, engine_languages: frozenset[str] | None
) -> tuple[ListenOptions, dict[str, list[str]]]:
    """Check a query string against a list of parameters; return the options and every value by name.

    Raises:
        ListenError: As `parse_options`.
    """
    values: dict[str, list[str]] = {}
    for name, value in query:
        _check(name, value, rules)
        values.setdefault(name, []).append(value)
    for name, given in values.items():
        if len(given) > 1 and not rules[name].get("repeatable"):
            raise invalid_parameter(f"Failed to deserialize query parameters: duplicate field `{name}`")
    options = _options(values)
    _check_model(options, last_value(values, "version") or "latest", engine_languages)
    _check_combinations(options, values)
    return options, values


def _check(name: str, value: str, rules: Rules) -> None:
    rule = rules.get(name)
    if rule is None:
        raise invalid_parameter(f"Failed to deserialize query parameters: unknown field `{name}`")
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

    diarize: Literal["v1", "v2"] | None = None
    if flag("diarize_model"):
        diarize = "v1" if last_value(values, "diarize_model") == "v1" else "v2"
    elif flag("diarize"):
        diarize = "v1"
    warnings = [
        {"parameter": name, "type": "unsupported_locally", "message": message}
        for name, message in _NOT_LOCAL.items()
        if flag(name)
    ]
    if diarize:
        warnings.append({"parameter": "diarize", "type": "approximated_locally", "message": DIARIZE_NOTE})
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
        numerals=flag("numerals"),
        paragraphs=flag("paragraphs"),
        utterances=flag("utterances"),
        utterance_gap=float(last_value(values, "utt_split") or 0.8),
        # `keywords` are WORD or WORD:INTENSIFIER; a negative one asks for less, which no boost does.
        keyterms=many("keyterm")
        + tuple(word for word, _, weight in (k.partition(":") for k in many("keywords")) if not weight.startswith("-")),
        redact=tuple(value for value in many("redact") if value != "false"),
        replace=many("replace"),
        search=many("search"),
        sentiment=flag("sentiment"),
        topics=flag("topics"),
        custom_topics=many("custom_topic"),
        custom_topics_only=last_value(values, "custom_topic_mode") == "strict",
        intents=flag("intents"),
        custom_intents=many("custom_intent"),
        custom_intents_only=last_value(values, "custom_intent_mode") == "strict",
        summarize=flag("summarize"),
        detect_entities=flag("detect_entities"),
        detect_language=flag("detect_language"),
        language_hints=many("language_hint"),
        tags=many("tag"),
        extra=many("extra"),
        callback=last_value(values, "callback"),
        callback_method=last_value(values, "callback_method") or "POST",
        encoding=last_value(values, "encoding"),
        sample_rate=int(last_value(values, "sample_rate") or 0) or None,
        channels=int(last_value(values, "channels") or 1),
        warnings=tuple(warnings),
    )


def _check_model(options: ListenOptions, version: str, engine_languages: frozenset[str] | None) -> None:
    available = published()["languages"] if engine_languages is None else engine_languages
    if options.model not in published()["models"] or options.language not in available or version != "latest":
        raise bad_request("Bad Request: No such model/language/tier combination found.")


def _check_combinations(options: ListenOptions, values: Mapping[str, list[str]]) -> None:
    if "diarize" in values and "diarize_model" in values:
        raise invalid_parameter("`diarize` and `diarize_model` cannot be used together.")
    if "keywords" in values and options.model.startswith("nova-3"):
        raise invalid_parameter("Keywords are not supported for Nova-3. Please use `keyterm` instead.")
    if len(options.keyterms) > MAX_KEYTERMS or keyterm_tokens(values.get("keyterm", [])) > MAX_KEYTERM_TOKENS:
        raise bad_request(
            f"Keyterm limit exceeded. The maximum number of tokens across all keyterms is {MAX_KEYTERM_TOKENS}."
        )
    for name in ("custom_topic", "custom_intent"):
        if len(values.get(name, ())) > MAX_CUSTOM_LABELS:
            raise invalid_parameter(f"`{name}` accepts up to {MAX_CUSTOM_LABELS} values.")
    for entity in sorted(NOT_REDACTABLE & set(options.redact)):
        raise invalid_parameter(f"Failed to deserialize query parameters: redact: unknown variant `{entity}`")
    if options.summarize and not options.english:
        raise bad_request("Summarization v2 not supported for non-English languages")
    if options.callback is not None and not _callback_allowed(options.callback):
        raise invalid_parameter("Invalid callback url.")
    if options.channels not in range(1, 21):
        raise invalid_parameter("Failed to deserialize query parameters: channels: expected 1 to 20")


def keyterm_tokens(terms: Iterable[str]) -> int:
    """Estimate tokens as Deepgram's Keyterm page suggests for planning: a third more than words."""
    return round(sum(len(term.split()) for term in terms) * 4 / 3)


def _callback_allowed(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return False
    # Deepgram's own rule is the four ports; a receiver on this machine cannot be expected to have one of them.
    loopback = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and (loopback or port in CALLBACK_PORTS)
