"""The engine that looks for flags by wording, where a deployment has one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from callscribe.conversation.flags import FlagSet
    from callscribe.conversation.wording import WordingEngine

_CODE: Final = Path(__file__).parents[2]


def wording_engine(weights: str | None, flag_set: FlagSet) -> WordingEngine | None:
    """Load the sentence encoder, which takes a moment and much memory: once in a process.

    Args:
        weights: Folder of its weights, within the code; `None` where the deployment has none.
        flag_set: The flags that are looked for.

    Raises:
        EncoderUnavailable: Something of it is missing, or it does not know the flag set.
    """
    if weights is None:
        return None
    # Only where there is one does the code have it.
    from callscribe.encoder.opening import open_encoder

    return open_encoder(_CODE / weights, flag_set=flag_set.file.name)
