"""Which recording a call's transcript stands for beside its own: what is noted on its item, and where it must not be.

A transcript stands for a recording with the same content that was put later, and a live transcript for each recording
that it covers. The newest of them is noted, so that an older recording, which is stored late, does not take its place.
The attributes are named after the first of these cases.
"""

from typing import Final

TIME: Final = "same_content_last_modified"
"""Attribute with the time at which S3 got that recording."""

SEQUENCER: Final = "same_content_sequencer"
"""Attribute with the sequencer of that recording. S3 tells the time to the second; within one, its sequencer tells
which write was later (Amazon S3 User Guide, "Event message structure")."""

NOTE: Final = f"SET {TIME} = :time, {SEQUENCER} = :sequencer"
"""Notes a recording: the update's expression, with its time and sequencer."""

NO_NEWER: Final = f"(attribute_not_exists({TIME}) OR {TIME} < :time OR ({TIME} = :time AND {SEQUENCER} <= :sequencer))"
"""No newer recording is noted than the one of this time and sequencer: a condition."""
