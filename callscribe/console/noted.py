"""What people say of a call, as the console writes it down: attributes of the items, for who grants the right to it."""

from dataclasses import fields
from typing import Final

from callscribe.console.reviews import ReviewItem
from callscribe.corrections import CorrectionItem

NOTED_ATTRIBUTES: Final = tuple(
    sorted(
        {"PK", "SK", "GSI1PK", "GSI1SK", "type"}
        | {field.name for kind in (CorrectionItem, ReviewItem) for field in fields(kind)}
    )
)
"""Every attribute of corrections and reviews."""
