"""One use of Deepgram from end to end: what was asked, what it heard and what it costs."""

from dataclasses import dataclass
from typing import ClassVar

from msgspec import structs

from callscribe.audio_facts import AudioFacts
from callscribe.deepgram.errors import ERROR_PREFIX
from callscribe.deepgram.options import TranscriptionOptions, merged_vocabulary, redaction_of
from callscribe.deepgram.prices import PriceList, cost_of, load_prices
from callscribe.deepgram.reply import parse_reply
from callscribe.live.call import CHANNEL_ROLES
from callscribe.live.state import LiveState
from callscribe.recognition import OptionsRecord, Recognition, Request, Transcription
from callscribe.redaction import redacted


@dataclass(frozen=True, kw_only=True)
class DeepgramTranscriptions:
    """Tells of the uses that one deployment makes of Deepgram.

    Attributes:
        options: What the deployment asks for; it stands for uses that did not note what they asked.
        prices: Rates; None takes the pay-as-you-go rates of the newest list.
        error_prefix: What the codes of failures begin with.
    """

    options: TranscriptionOptions
    prices: PriceList | None = None
    error_prefix: ClassVar[str] = ERROR_PREFIX

    def of_reply(
        self,
        reply: bytes,
        *,
        audio: AudioFacts,
        noted: OptionsRecord | None = None,
        vocabulary_terms: int | None = None,
        requests: int = 1,
        refused: int | None = None,
    ) -> Transcription:
        """Read a reply about a recording.

        Args:
            reply: The body, as it came.
            audio: The recording.
            noted: What was asked, as noted then; None takes the deployment's options.
            vocabulary_terms: Terms sent with the request, which Deepgram charges for; None counts the options' own.
            requests: Requests sent for the recording so far.
            refused: Those of them that Deepgram answered with an error; None where that is not known.

        Raises:
            InvalidReply: The body is no transcription.
        """
        # The deployment's own may have changed since.
        options = self.options if noted is None else TranscriptionOptions.from_record(noted)
        recognition = self._redacted(parse_reply(reply), options)
        heard = recognition.duration_seconds
        return Transcription(
            request=_request(options, options.record() if noted is None else noted, audio.channels, vocabulary_terms),
            recognition=recognition,
            cost=cost_of(
                duration_seconds=audio.duration_seconds if heard is None else heard,
                channels=audio.channels,
                options=options,
                vocabulary_terms=_terms(options, vocabulary_terms),
                usage=recognition.usage,
                requests=requests,
                refused=refused,
                prices=self.prices or load_prices(),
            ),
        )

    def of_call(self, state: LiveState, recognition: Recognition) -> Transcription:
        """Tell of a live call; what Deepgram offers for recordings only counts as not asked for.

        Args:
            state: The call. Where the streamer did not note what it asked for, the deployment's options stand for it.
            recognition: What was heard of the call.
        """
        noted, vocabulary_terms = state.options, state.vocabulary_terms
        options = _streamed(self.options if noted is None else TranscriptionOptions.from_record(noted))
        record = {**(noted or {}), **options.record()}
        channels = len(CHANNEL_ROLES)
        return Transcription(
            request=_request(options, record, channels, vocabulary_terms),
            recognition=self._redacted(recognition, options),
            cost=cost_of(
                duration_seconds=state.coverage.duration_seconds,
                channels=channels,
                options=options,
                vocabulary_terms=_terms(options, vocabulary_terms),
                usage=(),
                requests=state.sessions,
                prices=self.prices or load_prices(),
                streamed=True,
            ),
        )

    def _redacted(self, recognition: Recognition, asked: TranscriptionOptions) -> Recognition:
        """Redact what was to be redacted then, and what is to be now."""
        wanted = redaction_of(asked, self.options)
        return recognition if wanted is None else redacted(recognition, wanted)


def _request(
    options: TranscriptionOptions, record: OptionsRecord, channels: int, vocabulary_terms: int | None
) -> Request:
    return Request(
        options=record if vocabulary_terms is None else {**record, "vocabulary_terms": vocabulary_terms},
        model=options.model,
        language=options.language,
        separate_channels=options.separates_channels(channels),
    )


def _terms(options: TranscriptionOptions, vocabulary_terms: int | None) -> int:
    return len(merged_vocabulary(options, ())) if vocabulary_terms is None else vocabulary_terms


def _streamed(options: TranscriptionOptions) -> TranscriptionOptions:
    """Return the options as far as they hold for a stream.

    Each speaker has a channel, and text intelligence is for recordings only (Deepgram docs, page "Text Intelligence").
    """
    return structs.replace(
        options,
        speakers="multichannel",
        sentiment=False,
        topics=False,
        intents=False,
        summarize=False,
        detect_entities=False,
    )
