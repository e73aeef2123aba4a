"""What is asked of Deepgram: the options of a deployment and the query parameters they become."""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Any, Final

from callscribe.live.call import CHANNEL_ROLES, SAMPLE_RATE
from callscribe.recognition import OptionsRecord
from callscribe.serialization import encode

MAX_VOCABULARY_TERMS: Final = 100
MAX_KEYTERM_TOKENS: Final = 500
"""Deepgram's limits for one request (docs, pages "Keyterm Prompting" and "Keywords")."""

ENDPOINTING_MILLISECONDS: Final = 300
"""Silence that ends a piece of live speech: people pause in mid-thought, and Deepgram's default of 10 would cut there
(docs, "Configure Endpointing and Interim Results")."""

DETECT: Final = "detect"
"""`language` of recordings whose language Deepgram finds out (docs, page "Language Detection")."""

_KEYWORD_MODELS: Final = ("nova-2", "nova-general", "nova-phonecall", "nova-medical", "enhanced", "base", "whisper")

SPEAKER_POLICIES: Final = ("auto", "multichannel", "diarize")

QueryParameters = dict[str, str | bool | list[str]]


class InvalidOptions(ValueError):
    """The options cannot be sent to Deepgram as they are."""


class VocabularyTooLarge(InvalidOptions):
    """More terms or tokens than Deepgram takes in one request. Nothing is cut: the list must be shortened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionOptions:
    """The options of a deployment.

    Attributes:
        model: Deepgram model.
        language: BCP-47 tag, `multi`, or `detect` (recordings only).
        language_hint: languages to expect with `multi`.
        speakers: `auto` takes each channel of a stereo recording for one speaker and diarizes a mono one;
            `multichannel` never diarizes; `diarize` always does, whatever the channels.
        smart_format: format numbers, dates and the like.
        redact: what Deepgram hides in the text (`pci`, `phi`, `ssn`, ...).
        sentiment: score the mood. English only, as are topics, intents and summary.
        topics: name the topics.
        intents: name the speakers' intents.
        summarize: write a summary.
        detect_entities: name entities.
        mip_opt_out: keep the audio out of Deepgram's Model Improvement Program.
        keyterms: vocabulary of every request, before the clinic's own.
        tags: labels of the request in Deepgram's usage logs.
        extra_parameters: further query parameters of a recording's request, sent as they are.
        extra_stream_parameters: the same for a live call's stream.

    Raises:
        InvalidOptions: a value of the wrong type, or an unknown speaker policy.
    """

    model: str = "nova-3"
    language: str = "en"
    language_hint: tuple[str, ...] = ()
    speakers: str = "auto"
    smart_format: bool = True
    redact: tuple[str, ...] = ()
    sentiment: bool = True
    topics: bool = True
    intents: bool = True
    summarize: bool = True
    detect_entities: bool = False
    mip_opt_out: bool = True
    keyterms: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    extra_parameters: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    extra_stream_parameters: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for option in fields(self):
            value, default = getattr(self, option.name), option.default
            if option.default_factory is dict:
                if not isinstance(value, Mapping) or not all(map(_is_parameter, value.values())):
                    raise InvalidOptions(f"{option.name} must be an object of texts and lists of texts")
            elif isinstance(default, tuple):
                if not isinstance(value, tuple) or not all(isinstance(part, str) and part for part in value):
                    raise InvalidOptions(f"{option.name} must be a list of texts")
            elif type(value) is not type(default) or value == "":
                raise InvalidOptions(
                    f"{option.name} must be {'true or false' if default in (True, False) else 'a text'}"
                )
        if self.speakers not in SPEAKER_POLICIES:
            raise InvalidOptions(f"speakers must be one of {', '.join(SPEAKER_POLICIES)}")
        if self.model.startswith("flux"):
            raise InvalidOptions("flux models transcribe streams only, not recordings")

    @classmethod
    def from_json(cls, text: str) -> "TranscriptionOptions":
        """Read the options a deployment carries; what is left out has its default.

        Raises:
            InvalidOptions: no JSON object, an unknown option or a value of the wrong type.
        """
        try:
            value = json.loads(text)
        except ValueError as error:
            raise InvalidOptions("the options are not JSON") from error
        if not isinstance(value, dict):
            raise InvalidOptions("the options must be an object")
        unknown = value.keys() - {option.name for option in fields(cls)}
        if unknown:
            raise InvalidOptions(f"unknown option: {', '.join(sorted(unknown))}")
        return cls(**{name: _with_tuples(part) for name, part in value.items()})

    @classmethod
    def from_record(cls, record: OptionsRecord) -> "TranscriptionOptions":
        """Read what was noted once, as far as this code knows it; for all else the default stands."""
        known: dict[str, Any] = {}
        for option in fields(cls):
            if option.name in record:
                value = record[option.name]
                wanted = {**known, option.name: _with_tuples(value)}
                with suppress(InvalidOptions):
                    cls(**wanted)
                    known = wanted
        return cls(**known)

    def record(self) -> OptionsRecord:
        """Note them for a transcript; of the vocabulary, which the clinics add to, `vocabulary_terms` tells."""
        return {name: value for name, value in encode(self).items() if name != "keyterms"}

    @property
    def english(self) -> bool:
        """Whether Deepgram offers sentiment, topics, intents and summary (docs, "Models & Languages Overview")."""
        return self.language.split("-")[0].lower() == "en"

    def separates_channels(self, channels: int) -> bool:
        """Whether each channel of such a recording is transcribed by itself."""
        return channels > 1 and self.speakers != "diarize"

    def diarizes(self, channels: int) -> bool:
        """Whether speakers are told apart by their voices in such a recording."""
        return self.speakers == "diarize" or (self.speakers == "auto" and channels == 1)

    @property
    def vocabulary_parameter(self) -> str:
        """`keyterm`; models before nova-3 know `keywords` only (docs, pages "Keyterm Prompting" and "Keywords")."""
        return "keywords" if self.model == "nova" or self.model.startswith(_KEYWORD_MODELS) else "keyterm"


def query_parameters(
    options: TranscriptionOptions, *, channels: int, vocabulary: Sequence[str] = ()
) -> QueryParameters:
    """Write the query parameters of one pre-recorded request.

    Every name is a keyword of the SDK's `transcribe_url` and is listed in Deepgram's API reference ("Pre-Recorded
    Audio"). Options Deepgram offers for English only are left out for other languages, where the API would answer
    with a warning, or for `summarize` with an error.

    Args:
        options: options of the deployment.
        channels: channels of the recording.
        vocabulary: the clinic's own terms, behind those of the options; repeated terms count once.

    Raises:
        InvalidOptions: a term that is empty or holds control characters.
        VocabularyTooLarge: more than 100 terms, or for nova-3 about more than 500 tokens.
    """
    parameters: QueryParameters = {"model": options.model}
    if options.language == DETECT:
        parameters["detect_language"] = True
    else:
        parameters["language"] = options.language
    # Punctuation is asked for in any case: sentences and questions are told apart by it.
    switches = {
        "punctuate": True,
        "smart_format": options.smart_format,
        "utterances": True,
        "multichannel": options.separates_channels(channels),
        "sentiment": options.sentiment and options.english,
        "topics": options.topics and options.english,
        "intents": options.intents and options.english,
        "detect_entities": options.detect_entities,
        "mip_opt_out": options.mip_opt_out,
    }
    parameters |= {name: True for name, on in switches.items() if on}
    if options.diarizes(channels):
        parameters["diarize_model"] = "latest"
    if options.summarize and options.english:
        parameters["summarize"] = "v2"
    return parameters | _lists(options, vocabulary) | _extra(options.extra_parameters)


def live_query_parameters(options: TranscriptionOptions, *, vocabulary: Sequence[str] = ()) -> QueryParameters:
    """Write the query parameters of a live stream of two channels.

    Every name is a keyword of the SDK's `listen.v1.connect` and is listed in Deepgram's API reference ("Live Audio").
    Streams have no text intelligence but entities (docs, "Feature Overview" of streaming), and those are not asked for
    because no live transcript shows them. Each speaker has a channel, so nobody is told apart by voice. Results say
    where somebody pauses, so that no messages of their own are asked for about that.

    Args:
        options: options of the deployment.
        vocabulary: the clinic's own terms, behind those of the options; repeated terms count once.

    Raises:
        InvalidOptions: a term that is empty or holds control characters.
        VocabularyTooLarge: more than 100 terms, or for nova-3 about more than 500 tokens.
    """
    parameters: QueryParameters = {
        "model": options.model,
        "language": options.language,
        "encoding": "linear16",
        "sample_rate": str(SAMPLE_RATE),
        "channels": str(len(CHANNEL_ROLES)),
        "multichannel": True,
        "interim_results": True,
        "endpointing": str(ENDPOINTING_MILLISECONDS),
        "punctuate": True,
    }
    switches = {"smart_format": options.smart_format, "mip_opt_out": options.mip_opt_out}
    parameters |= {name: True for name, on in switches.items() if on}
    return parameters | _lists(options, vocabulary) | _extra(options.extra_stream_parameters)


def merged_vocabulary(options: TranscriptionOptions, vocabulary: Sequence[str]) -> list[str]:
    """The terms of a request: those of the options, then the clinic's, each once whatever its capitals."""
    terms: dict[str, str] = {}
    for term in (*options.keyterms, *vocabulary):
        terms.setdefault(term.strip().casefold(), term.strip())
    return list(terms.values())


def estimated_tokens(term: str) -> int:
    """About how many tokens Deepgram counts for a term: its tokeniser is not published, four letters are typical."""
    return sum(math.ceil(len(word) / 4) for word in term.split())


def _lists(options: TranscriptionOptions, vocabulary: Sequence[str]) -> QueryParameters:
    """Write the parameters that repeat."""
    lists = {
        "language_hint": list(options.language_hint),
        "redact": list(options.redact),
        options.vocabulary_parameter: _checked_vocabulary(options, vocabulary),
        "tag": list(options.tags),
    }
    return {name: values for name, values in lists.items() if values}


def _extra(parameters: Mapping[str, str | tuple[str, ...]]) -> QueryParameters:
    return {name: value if isinstance(value, str) else list(value) for name, value in parameters.items()}


def _is_parameter(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, tuple) and all(isinstance(part, str) for part in value))


def _with_tuples(value: Any) -> Any:
    """A value of JSON with tuples for lists."""
    if isinstance(value, list):
        return tuple(value)
    return {name: _with_tuples(part) for name, part in value.items()} if isinstance(value, dict) else value


def _checked_vocabulary(options: TranscriptionOptions, vocabulary: Sequence[str]) -> list[str]:
    terms = merged_vocabulary(options, vocabulary)
    if not all(term and term.isprintable() for term in terms):
        raise InvalidOptions("a vocabulary term is empty or holds control characters")
    if len(terms) > MAX_VOCABULARY_TERMS:
        raise VocabularyTooLarge(f"{len(terms)} vocabulary terms, Deepgram takes {MAX_VOCABULARY_TERMS} in one request")
    if options.vocabulary_parameter == "keyterm":
        tokens = sum(estimated_tokens(term) for term in terms)
        if tokens > MAX_KEYTERM_TOKENS:
            raise VocabularyTooLarge(
                f"the vocabulary has about {tokens} tokens, Deepgram takes {MAX_KEYTERM_TOKENS} in one request"
            )
    return terms
