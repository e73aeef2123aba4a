"""What is asked of Deepgram: the options of a deployment and the query parameters they become."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, Final, Literal

import msgspec

from callscribe.deepgram import catalogue
from callscribe.deepgram.catalogue import DETECT, MAX_KEYTERM_TOKENS, MAX_VOCABULARY_TERMS
from callscribe.live.call import CHANNEL_ROLES, SAMPLE_RATE
from callscribe.recognition import OptionsRecord
from callscribe.redaction import Redaction
from callscribe.serialization import encode

ENDPOINTING_MILLISECONDS: Final = 300
"""Silence that ends a piece of live speech: people pause in mid-thought, and Deepgram's default of 10 would cut there
(docs, "Configure Endpointing and Interim Results")."""

Speakers = Literal["auto", "multichannel", "diarize"]
"""How speakers are told apart: by channel, by voice, or by channel where the recording has two."""

StreamEncoding = Literal["mulaw", "linear16"]
"""How the audio of live calls is written for Deepgram, by its names (docs, "Encoding")."""

ParameterValue = str | bool | int | float | Sequence[str]
"""Value of a query parameter; a sequence repeats it."""

Text = Annotated[str, msgspec.Meta(min_length=1)]
"""A text that is not empty."""

QueryParameters = dict[str, str | bool | list[str]]


class InvalidOptions(ValueError):
    """The options cannot be sent to Deepgram as they are."""


class VocabularyTooLarge(InvalidOptions):
    """More terms or tokens than Deepgram takes in one request. Nothing is cut: the list must be shortened."""


class TranscriptionOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of Deepgram with each request.

    Raises:
        InvalidOptions: If the model transcribes no recordings.
    """

    model: Text = "nova-3"
    """Speech model. Default: Deepgram's current general one."""
    language: Text = "en"
    """Language of the calls as a BCP 47 tag, ``multi`` for several in one call, or ``detect`` for recordings whose
    language Deepgram finds out. Default: English."""
    language_hint: tuple[Text, ...] = ()
    """Languages to expect with ``multi``. Default: any."""
    speakers: Speakers = "auto"
    """How speakers are told apart. Default: by channel where the recording has two channels, else by voice."""
    stream_encoding: StreamEncoding = "mulaw"
    """How the audio of live calls is sent: ``mulaw``, as telephones carry it, or ``linear16``, which is twice as
    much to hold and to send. Default: ``mulaw``."""
    smart_format: bool = True
    """Whether dates, amounts and phone numbers are written as one would write them."""
    redact: tuple[Text, ...] = ()
    """What is replaced in the text: ``pci``, ``pii``, ``phi``, ``numbers``, ``aggressive_numbers`` or entity types.
    Deepgram still gets it, and the recording still holds it. What it leaves of numbers spoken digit by digit and of
    dates of birth, and of names where they are among these, is then replaced by rules of our own. Default: nothing."""
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
    keyterms: tuple[Text, ...] = ()
    """Words that Deepgram should expect in every call. Sent as ``keyterm`` to nova-3 and as ``keywords`` to nova-2."""
    tags: tuple[Text, ...] = ()
    """Labels under which Deepgram's usage reports list the requests. Default: none."""
    extra_parameters: Mapping[str, ParameterValue] = {}
    """Further query parameters of the requests for recordings, sent as they are. Default: none."""
    extra_stream_parameters: Mapping[str, ParameterValue] = {}
    """Further query parameters of the streams of live calls, sent as they are. Default: none."""

    def __post_init__(self) -> None:
        if self.model.startswith("flux"):
            raise InvalidOptions(f"model {self.model!r} only streams: choose a nova-3 model for recordings")
        # As they will be sent.
        for option in ("extra_parameters", "extra_stream_parameters"):
            written = {name: _written(value) for name, value in getattr(self, option).items()}
            msgspec.structs.force_setattr(self, option, written)

    @classmethod
    def from_record(cls, record: OptionsRecord) -> "TranscriptionOptions":
        """Read what was noted once, as far as this code knows it; for all else the default stands."""
        known: dict[str, Any] = {}
        for option in msgspec.structs.fields(cls):
            if option.name in record:
                with suppress(ValueError):
                    wanted = {**known, option.name: msgspec.convert(record[option.name], option.type)}
                    cls(**wanted)
                    known = wanted
        return cls(**known)

    def record(self) -> OptionsRecord:
        """Note them for a transcript; of the vocabulary, which the clinics add to, `vocabulary_terms` tells."""
        options: dict[str, Any] = encode(self)
        del options["keyterms"]
        return options

    @property
    def english(self) -> bool:
        """Whether Deepgram offers sentiment, topics, intents and summary (docs, "Models & Languages Overview")."""
        return catalogue.is_english(self.language)

    def separates_channels(self, channels: int) -> bool:
        """Whether each channel of such a recording is transcribed by itself."""
        return channels > 1 and self.speakers != "diarize"

    def diarizes(self, channels: int) -> bool:
        """Whether speakers are told apart by their voices in such a recording."""
        return self.speakers == "diarize" or (self.speakers == "auto" and channels == 1)

    @property
    def vocabulary_parameter(self) -> str:
        """`keyterm`; models before nova-3 know `keywords` only (docs, pages "Keyterm Prompting" and "Keywords")."""
        return "keywords" if catalogue.takes_keywords(self.model) else "keyterm"


def redaction_of(*options: TranscriptionOptions) -> Redaction | None:
    """What is redacted here once more where any of these ask Deepgram to redact; None where none of them does."""
    wanted = {name for one in options for name in one.redact}
    return Redaction(names=not wanted.isdisjoint(catalogue.REDACT_NAMES)) if wanted else None


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
        "encoding": options.stream_encoding,
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


def estimated_tokens(terms: Iterable[str]) -> int:
    """Estimate, rather too high than too low, how many tokens Deepgram counts for *terms*.

    Deepgram does not publish its tokenizer. Ordinary English has about four characters to a token; names of drugs and
    devices have fewer, so a token is taken for every three bytes, begun ones included, of every word.
    """
    return sum(-(-len(word.encode()) // 3) for term in terms for word in term.split())


def _lists(options: TranscriptionOptions, vocabulary: Sequence[str]) -> QueryParameters:
    """Write the parameters that repeat."""
    lists = {
        "language_hint": list(options.language_hint),
        "redact": list(options.redact),
        options.vocabulary_parameter: _checked_vocabulary(options, vocabulary),
        "tag": list(options.tags),
    }
    return {name: values for name, values in lists.items() if values}


def _extra(parameters: Mapping[str, ParameterValue]) -> QueryParameters:
    written = {name: _written(value) for name, value in parameters.items()}
    return {name: value if isinstance(value, str) else list(value) for name, value in written.items()}


def _written(value: ParameterValue) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}"
    return tuple(str(_written(part)) for part in value)


def _checked_vocabulary(options: TranscriptionOptions, vocabulary: Sequence[str]) -> list[str]:
    terms = merged_vocabulary(options, vocabulary)
    if not all(term and term.isprintable() for term in terms):
        raise InvalidOptions("a vocabulary term is empty or holds control characters")
    if len(terms) > MAX_VOCABULARY_TERMS:
        raise VocabularyTooLarge(f"{len(terms)} vocabulary terms, Deepgram takes {MAX_VOCABULARY_TERMS} in one request")
    if options.vocabulary_parameter == "keyterm":
        tokens = estimated_tokens(terms)
        if tokens > MAX_KEYTERM_TOKENS:
            raise VocabularyTooLarge(
                f"the vocabulary has about {tokens} tokens, Deepgram takes {MAX_KEYTERM_TOKENS} in one request"
            )
    return terms
