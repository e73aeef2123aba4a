"""What each function is told by its environment.

Beside these variables stand only those that other libraries read (:func:`powertools_variables`), and what AWS itself
sets.
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from callscribe.analysis.settings import AnalystSettings
from callscribe.contract import metrics
from callscribe.contract.limits import (
    LONGEST_RECORDING_SECONDS,
    LONGEST_RETRY_DELAY_SECONDS,
    MOST_ATTEMPTS,
)
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.prices import DeepgramPrices
from callscribe.environments.variables import Days, Environment, Seconds
from callscribe.recordings.clinics import ClinicRules

OnNewVersion = Literal["supersede", "keep"]
"""What a new version of a recording does to the transcript that is there: `supersede` transcribes it and lets the newer
one win. `keep` leaves it alone; the rule looks at finished transcripts, so two versions that arrive at the same time
are both transcribed and the newer one wins."""

LiveTranscripts = Literal["always", "when-incomplete", "never"]
"""When the recording of a call is transcribed that was announced to the streamers. `always`: also then, and its
transcript replaces the live one. `when-incomplete`: unless the live transcript is proven to hold the whole call.
`never`: only when it is repeated on purpose."""

ChannelRole = Literal["agent", "customer"]
"""Who speaks on a channel."""


class FunctionEnvironment(Environment, frozen=True, kw_only=True):
    """What a function is told.

    Attributes:
        MODULE: Folder below `lambdas` that holds the function.
        table_name: Table of transcripts, claims and live calls.
    """

    MODULE: ClassVar[str]

    table_name: str


class AdmitRecordingEnvironment(FunctionEnvironment, frozen=True, kw_only=True):
    """What the function is told that admits recordings.

    Attributes:
        clinics: Whose calls they are.
        connect_instance_arn: Amazon Connect instance that is asked about contacts; None asks none.
        contact_details: Whether that instance is asked for agent, queue and direction of each contact.
        max_duration_seconds: Longest recording that is transcribed.
        claim_lease_seconds: How long a claim holds; longer than any execution.
        on_new_version: What a new version of a recording does.
        live_transcripts: When the recording of a live call is transcribed.
        live_patience_seconds: Longest wait for a live transcript.
        retention_days: How long claims are kept; None is for ever.
    """

    MODULE = "admit_recording"

    clinics: ClinicRules
    connect_instance_arn: str | None = None
    contact_details: bool = False
    max_duration_seconds: Annotated[int, Meta(ge=1, le=LONGEST_RECORDING_SECONDS)]
    claim_lease_seconds: Seconds
    on_new_version: OnNewVersion
    live_transcripts: LiveTranscripts
    live_patience_seconds: Seconds
    retention_days: Days | None = None


class TranscribeCallEnvironment(FunctionEnvironment, frozen=True, kw_only=True):
    """What the function is told that has Deepgram transcribe recordings.

    Attributes:
        archive_bucket: Bucket of replies.
        queue_url: Queue that the work comes from; None as long as there is none.
        failed_calls_queue_url: Where a message goes that cannot be read; None leaves it to the queue's redrive policy.
        deepgram_secret_arn: Secret with Deepgram's key.
        deepgram_base_url: Where Deepgram's API is, without a path.
        deepgram_options: What Deepgram is asked for.
        vocabulary_path: Parameter Store path of the clinics' vocabularies.
        presigner_role_arn: Role that signs the URLs of recordings.
        presigned_url_seconds: How long such a URL lasts.
        request_timeout_seconds: Longest wait for Deepgram's answer.
        max_attempts: Requests for one recording at most.
        max_retry_delay_seconds: Longest pause between two of them; None spreads them over the time somebody waits.
        channel_roles: Who speaks on which channel.
    """

    MODULE = "transcribe_call"

    archive_bucket: str
    queue_url: str | None = None
    failed_calls_queue_url: str | None = None
    deepgram_secret_arn: str
    deepgram_base_url: str
    deepgram_options: TranscriptionOptions
    vocabulary_path: str
    presigner_role_arn: str
    presigned_url_seconds: Seconds
    request_timeout_seconds: Seconds
    max_attempts: Annotated[int, Meta(ge=1, le=MOST_ATTEMPTS)]
    max_retry_delay_seconds: Annotated[int, Meta(ge=1, le=LONGEST_RETRY_DELAY_SECONDS)] | None = None
    channel_roles: dict[int, ChannelRole]


class StoreTranscriptEnvironment(FunctionEnvironment, frozen=True, kw_only=True):
    """What the function is told that stores transcripts of recordings.

    Attributes:
        archive_bucket: Bucket of replies and transcripts.
        deepgram_options: What Deepgram is asked for, for replies that do not tell what they were asked.
        deepgram_prices: By which the cost is reckoned.
        flags: Name of the flag set.
        encoder_weights: Folder of the sentence encoder's weights, within the code; None judges by the flag set alone.
        rubric: By which older documents are judged anew.
        channel_roles: Who speaks on which channel.
        transcript_retention_days: How long transcripts are kept in the table; None is for ever.
    """

    MODULE = "store_transcript"

    archive_bucket: str
    deepgram_options: TranscriptionOptions
    deepgram_prices: DeepgramPrices
    flags: str
    encoder_weights: str | None = None
    rubric: str
    channel_roles: dict[int, ChannelRole]
    transcript_retention_days: Days | None = None


class ScoreQualityEnvironment(FunctionEnvironment, frozen=True, kw_only=True):
    """What the function is told that judges calls.

    Attributes:
        archive_bucket: Bucket of transcripts.
        rubric: By which calls are judged.
    """

    MODULE = "score_quality"

    archive_bucket: str
    rubric: str


class AnalyseCallEnvironment(FunctionEnvironment, frozen=True, kw_only=True):
    """What the function is told that has calls read by an analyst.

    Attributes:
        archive_bucket: Bucket of transcripts.
        flags: Name of the flag set, which says what flags mean.
        rubric: By which calls are judged.
        analyst: How the language model is asked.
    """

    MODULE = "analyse_call"

    archive_bucket: str
    flags: str
    rubric: str
    analyst: AnalystSettings


class StartLiveCallEnvironment(FunctionEnvironment, frozen=True, kw_only=True):
    """What the function is told that announces live calls to the streamers.

    Attributes:
        calls_queue_url: Queue of announced calls.
        clinics: Whose calls they are.
        retention_days: How long states are kept; None is for ever.
    """

    MODULE = "start_live_call"

    calls_queue_url: str
    clinics: ClinicRules
    retention_days: Days | None = None


class EndLiveCallEnvironment(FunctionEnvironment, frozen=True, kw_only=True):
    """What the function is told that notes the ends of live calls."""

    MODULE = "end_live_call"


class StoreLiveTranscriptEnvironment(FunctionEnvironment, frozen=True, kw_only=True):
    """What the function is told that stores transcripts of live calls.

    Attributes:
        archive_bucket: Bucket of transcripts.
        deepgram_options: What Deepgram is asked for, for calls that do not tell what was asked.
        deepgram_prices: By which the cost is reckoned.
        flags: Name of the flag set.
        encoder_weights: Folder of the sentence encoder's weights, within the code; None judges by the flag set alone.
        rubric: By which calls are judged.
        retention_days: How long transcripts are kept in the table; None is for ever.
        event_bus_name: Where transcripts are announced.
        failed_calls_queue_url: Where an event goes that cannot be worked on.
        role_names: What the parties are called where people read the call, by role; None where as their roles.
    """

    MODULE = "store_live_transcript"

    archive_bucket: str
    deepgram_options: TranscriptionOptions
    deepgram_prices: DeepgramPrices
    flags: str
    encoder_weights: str | None = None
    rubric: str
    retention_days: Days | None = None
    event_bus_name: str
    failed_calls_queue_url: str
    role_names: dict[str, str] | None = None


class UpdateSearchEnvironment(FunctionEnvironment, frozen=True, kw_only=True):
    """What the function is told that keeps what is searched.

    Attributes:
        archive_bucket: Bucket of transcripts.
        search_bucket: Bucket of the shards.
    """

    MODULE = "update_search"

    archive_bucket: str
    search_bucket: str


class CallConsoleEnvironment(FunctionEnvironment, frozen=True, kw_only=True):
    """What the function is told that serves the console.

    Attributes:
        archive_bucket: Bucket of transcripts.
        recording_bucket: Bucket of recordings.
        reader_role_arn: Role that reads calls, narrowed to a clinic by each session.
        writer_role_arn: Role that writes what people say of calls, narrowed to a clinic by each session.
        store_function: Function that judges the transcripts of recordings anew; None where roles of those cannot be
            corrected.
        live_store_function: The same for live transcripts.
        live_calls_queue_url: Queue of the streamers, from which a failed live call is followed again; None where it
            cannot be.
        audio_role_arn: Role that signs the URLs of recordings.
        client_id: The page's client of the user pool.
        program_client_id: That of programs which only read; None where none may sign in.
        sign_in_url: Base URL of the pages on which people sign in, without a slash at its end; "" is that of the
            console.
        calls_scope: OAuth scope of a token by which running calls can be followed.
        flags: Name of the flag set.
        time_zones: Time zones by clinic, `*` for all others.
        role_names: What parties of a call are called, by role.
        feed_http_url: Where the words of running calls are published; None where there is no feed.
        feed_realtime_url: Where they can be followed.
        state_machine_arn: What repeats a failed recording; None where nothing may.
        search_bucket: Bucket of the shards that are searched; None where nothing is.
        waveform_function: Function that draws the waveform of a recording.
        origin_secret_arn: What requests must show; None where they need not come by a distribution.
    """

    MODULE = "call_console"

    archive_bucket: str
    recording_bucket: str
    reader_role_arn: str
    writer_role_arn: str
    store_function: str | None = None
    live_store_function: str | None = None
    live_calls_queue_url: str | None = None
    audio_role_arn: str
    client_id: str
    program_client_id: str | None = None
    sign_in_url: str = ""
    calls_scope: str
    flags: str
    time_zones: dict[str, str]
    role_names: dict[str, str]
    feed_http_url: str | None = None
    feed_realtime_url: str | None = None
    state_machine_arn: str | None = None
    search_bucket: str | None = None
    waveform_function: str
    origin_secret_arn: str | None = None


class DrawWaveformEnvironment(FunctionEnvironment, frozen=True, kw_only=True):
    """What the function is told that draws the waveforms of recordings.

    Attributes:
        archive_bucket: Bucket of transcripts, which waveforms lie beside.
    """

    MODULE = "draw_waveform"

    archive_bucket: str


def powertools_variables(service: str) -> dict[str, str]:
    """What Powertools for AWS Lambda (Python) reads ("Environment variables").

    Args:
        service: Name under which the function writes logs and metrics.
    """
    return {"POWERTOOLS_SERVICE_NAME": service, "POWERTOOLS_METRICS_NAMESPACE": metrics.NAMESPACE}
