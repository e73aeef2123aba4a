"""The waveform of a recording: kept once, beside the transcript, whatever asks for it and however often."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from callscribe.audio import UnusableAudio
from callscribe.audio.peaks import peaks
from callscribe.contract.object_keys import clinic_transcripts, waveform_key
from callscribe.contract.table_keys import claim_key
from callscribe.recordings.recording import RecordingObject
from callscribe.serialization import decode_json, encode_json
from callscribe.waveform import NoWaveform, Waveform
from lambdas.common.object_stream import ObjectChanged, ObjectStream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

    from lambdas.common.archive import Archive

_BUFFER_BYTES: Final = 64 * 1024


class Drawing:
    """Draws waveforms.

    Args:
        table: The table of claims.
        s3: Client that may read the recordings.
        archive: Where waveforms are kept.
    """

    def __init__(self, *, table: Table, s3: S3Client, archive: Archive) -> None:
        self._table = table
        self._s3 = s3
        self._archive = archive

    def draw(self, recording_id: str, *, document: str, now: datetime) -> tuple[Waveform | None, bool]:
        """Draw the waveform of a recording, unless there is one.

        Args:
            recording_id: The recording.
            document: Key of the document of the transcript that it has or would have.
            now: The time.

        Returns:
            What is kept, None where nothing is known of such a recording of the document's clinic any more; and whether
            it was not there before.
        """
        key = waveform_key(document)
        if earlier := self._archive.read(key):
            return decode_json(Waveform, earlier.content, "the waveform"), False
        claim = self._table.get_item(Key=claim_key(recording_id, None, None).primary(), ConsistentRead=True).get("Item")
        if claim is None or not document.startswith(clinic_transcripts(str(claim.get("clinic_id")))):
            return None, False
        drawn = self._drawn(claim, Waveform(created_at=now, recording_id=recording_id))
        return drawn, self._archive.write_over(None, key, encode_json(drawn))

    def _drawn(self, claim: Mapping[str, Any], of: Waveform) -> Waveform:
        recording = RecordingObject(
            recording_id=of.recording_id,
            bucket=claim["bucket"],
            key=claim["s3_key"],
            version_id=claim.get("version_id"),
            etag=claim["etag"],
            sequencer="",
        )
        size = int(claim["size_bytes"])
        stream = ObjectStream(s3=self._s3, source=recording, size_bytes=size)
        try:
            with io.BufferedReader(stream, _BUFFER_BYTES) as buffered:
                found = peaks(buffered, size)
        except UnusableAudio:
            return replace(of, reason=NoWaveform.AUDIO)
        except ObjectChanged:
            return replace(of, reason=NoWaveform.GONE)
        if found is None:
            return replace(of, reason=NoWaveform.CODING)
        return replace(of, duration_seconds=found.duration_seconds, channels=found.channels)
