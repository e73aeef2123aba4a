"""What draws the waveforms of recordings, apart from their transcription, which it neither delays nor fails."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from callscribe.contract.messages import DrawMessage, written
from callscribe.contract.object_keys import TRANSCRIPTS, WAVEFORM_ENDING
from callscribe.contract.table_keys import RECORDINGS
from callscribe.environments.functions import DrawWaveformEnvironment
from constructs_lib import _grants, _nag
from constructs_lib._functions import RuntimeFunction, SharedByFunctions
from constructs_lib._live_grants import leading_keys
from constructs_lib.transcription_workflow import TranscriptionWorkflow


class Waveforms:
    """The function that draws, in *scope*.

    Args:
        scope: Construct that shows waveforms.
        shared: What the functions of *scope* have in common.
        recordings: Bucket of the recordings.
        archive: Bucket of the transcripts, which waveforms lie beside.
    """

    function: lambda_.Function
    """Draws the waveform of a recording."""

    def __init__(
        self, scope: Construct, *, shared: SharedByFunctions, recordings: s3.IBucket, archive: s3.IBucket
    ) -> None:
        self._scope = scope
        drawing = RuntimeFunction(
            scope,
            "Waveforms",
            shared,
            reads=DrawWaveformEnvironment,
            description="Draws the waveforms of recordings, which it reads from end to end",
            timeout=Duration.minutes(5),
            memory_mib=1024,
            without_failed_events="a waveform that was not drawn is drawn when somebody opens the call",
        )
        drawing.configure(
            DrawWaveformEnvironment(table_name=shared.table.table_name, archive_bucket=archive.bucket_name)
        )
        self.function = drawing.function
        role, waveforms = drawing.role, archive.arn_for_objects(f"{TRANSCRIPTS}*{WAVEFORM_ENDING}")
        _grants.allow_objects(role, recordings, "s3:GetObject", "s3:GetObjectVersion")
        _grants.allow_listing(role, recordings)
        # Named by their ending, so that it can neither read nor write a transcript.
        iam.Grant.add_to_principal(grantee=role, actions=["s3:GetObject", "s3:PutObject"], resource_arns=[waveforms])
        _grants.allow_listing(role, archive)
        if archive.encryption_key:
            _grants.allow_key(role, archive.encryption_key, "s3", write=True)
        _grants.allow_items(role, shared.table, "dynamodb:GetItem", write=False, conditions=leading_keys(RECORDINGS))
        _nag.acknowledge_wildcards(
            role,
            {
                recordings.arn_for_objects("*"): "recordings are named by the contact centre",
                waveforms: "waveforms are named by clinic, day, call and recording",
            },
        )

    def draw_for(self, workflow: TranscriptionWorkflow) -> None:
        """Draw the waveform of every recording that *workflow* transcribes, once it is announced."""
        message = written(
            DrawMessage,
            recording_id=events.EventField.from_path("$.detail.recording_id"),
            document=events.EventField.from_path("$.detail.transcript.key"),
        )
        workflow.on_call_transcribed(
            "DrawWaveform",
            of="batch",
            target=targets.LambdaFunction(self.function, event=events.RuleTargetInput.from_object(message)),
            scope=self._scope,
        )
