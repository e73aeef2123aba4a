"""AWS CDK constructs that transcribe every Amazon Connect call with Deepgram, in your own account."""

from callscribe.analysis.prices import ModelPrices
from callscribe.deepgram.prices import DeepgramPrices
from callscribe.recordings.clinics import ClinicRules
from constructs_lib.alarm_settings import AlarmSettings
from constructs_lib.bedrock_analyst import BedrockAnalyst
from constructs_lib.call_console import CallConsole
from constructs_lib.call_transcription import CallTranscription, LiveCalls
from constructs_lib.clinic_users import ClinicUsers
from constructs_lib.connect_wiring import ConnectWiring, MediaStreamStorage, RecordingStorage
from constructs_lib.console_domain import ConsoleDomain
from constructs_lib.deepgram_options import DeepgramOptions
from constructs_lib.deepgram_secret import DeepgramSecret
from constructs_lib.enrichment_step import EnrichmentStep
from constructs_lib.function_settings import FunctionSettings, FunctionSize
from constructs_lib.live_streamer import LiveStreamer
from constructs_lib.live_transcript_feed import LiveTranscriptFeed
from constructs_lib.operator_outputs import export_for_operators
from constructs_lib.recording_bucket import RecordingBucket
from constructs_lib.recording_limits import RecordingLimits, RecordingPolicy, RequestLimits
from constructs_lib.sentence_encoder import SentenceEncoder
from constructs_lib.streamer_settings import CallLimits, Capacity, TaskSettings
from constructs_lib.transcript_archive import TranscriptArchive
from constructs_lib.transcript_search import TranscriptSearch
from constructs_lib.transcript_table import TranscriptTable
from constructs_lib.transcription_function import TranscriptionFunction
from constructs_lib.transcription_workflow import TranscriptionWorkflow

__all__ = [
    "AlarmSettings",
    "BedrockAnalyst",
    "CallConsole",
    "CallLimits",
    "CallTranscription",
    "Capacity",
    "ClinicRules",
    "ClinicUsers",
    "ConnectWiring",
    "ConsoleDomain",
    "DeepgramOptions",
    "DeepgramPrices",
    "DeepgramSecret",
    "EnrichmentStep",
    "FunctionSettings",
    "FunctionSize",
    "LiveCalls",
    "LiveStreamer",
    "LiveTranscriptFeed",
    "MediaStreamStorage",
    "ModelPrices",
    "RecordingBucket",
    "RecordingLimits",
    "RecordingPolicy",
    "RecordingStorage",
    "RequestLimits",
    "SentenceEncoder",
    "TaskSettings",
    "TranscriptArchive",
    "TranscriptSearch",
    "TranscriptTable",
    "TranscriptionFunction",
    "TranscriptionWorkflow",
    "export_for_operators",
]
