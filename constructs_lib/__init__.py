"""AWS CDK constructs that transcribe every Amazon Connect call with Deepgram, in your own account."""

from constructs_lib.deepgram_options import DeepgramOptions
from constructs_lib.deepgram_secret import DeepgramSecret
from constructs_lib.recording_bucket import RecordingBucket
from constructs_lib.transcript_archive import TranscriptArchive
from constructs_lib.transcript_table import TranscriptTable
from constructs_lib.transcription_function import TranscriptionFunction
from constructs_lib.transcription_workflow import TranscriptionWorkflow

__all__ = [
    "DeepgramOptions",
    "DeepgramSecret",
    "RecordingBucket",
    "TranscriptArchive",
    "TranscriptTable",
    "TranscriptionFunction",
    "TranscriptionWorkflow",
]
