"""What outlives a deployment: recordings, transcripts, Deepgram's key, and who may sign in."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from constructs_lib import ClinicUsers, DeepgramSecret, RecordingBucket, TranscriptArchive, TranscriptTable
from stacks.environments import Settings


class StorageStack(Stack):
    """Keep recordings, transcripts, Deepgram's key and the users, apart from what works with them."""

    recordings: RecordingBucket
    table: TranscriptTable
    archive: TranscriptArchive
    deepgram: DeepgramSecret
    users: ClinicUsers | None

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
        self.users = self._users(settings)
        CfnOutput(self, "RecordingBucketName", value=self.recordings.bucket.bucket_name)
        CfnOutput(self, "RecordingKeyArn", value=self.recordings.key.key_arn)
        CfnOutput(self, "TableName", value=self.table.table.table_name)
        CfnOutput(self, "ArchiveBucketName", value=self.archive.bucket.bucket_name)
        CfnOutput(self, "DeepgramSecretArn", value=self.deepgram.secret.secret_arn)

    def _users(self, settings: Settings) -> ClinicUsers | None:
        console, default = settings.console, settings.default_clinic_id
        if console is None:
            return None
        users = ClinicUsers(
            self,
            "Users",
            clinics=sorted({*settings.clinics.vocabulary, *(() if default is None else (default,))}),
            sign_in_url=console.sign_in_url,
            require_mfa=console.require_mfa,
            removal_policy=settings.removal_policy,
        )
        CfnOutput(self, "ConsoleUserPoolId", value=users.user_pool.user_pool_id)
        return users
