"""What outlives a deployment: recordings, transcripts and Deepgram's key."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from constructs_lib import DeepgramSecret, RecordingBucket, TranscriptArchive, TranscriptTable
from stacks.environments import Settings


class StorageStack(Stack):
    """Keep recordings, transcripts and Deepgram's key, apart from what works on them."""

    recordings: RecordingBucket
    table: TranscriptTable
    archive: TranscriptArchive
    deepgram: DeepgramSecret

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, **kwargs: Any) -> None:
        super().__init__(scope, construct_id, **kwargs)
        removal_policy = settings.removal_policy
        self.recordings = RecordingBucket(
            self, "Recordings", expire_after=settings.retain_for, removal_policy=removal_policy
        )
        self.table = TranscriptTable(self, "Transcripts", removal_policy=removal_policy)
        self.archive = TranscriptArchive(
            self,
            "Archive",
            key=self.table.key,
            access_logs=self.recordings.access_logs,
            expire_after=settings.retain_for,
            removal_policy=removal_policy,
        )
        self.deepgram = DeepgramSecret(self, "Deepgram", removal_policy=removal_policy)
        CfnOutput(self, "RecordingBucketName", value=self.recordings.bucket.bucket_name)
        CfnOutput(self, "RecordingKeyArn", value=self.recordings.key.key_arn)
        CfnOutput(self, "TableName", value=self.table.table.table_name)
        CfnOutput(self, "ArchiveBucketName", value=self.archive.bucket.bucket_name)
        CfnOutput(self, "DeepgramSecretArn", value=self.deepgram.secret.secret_arn)
