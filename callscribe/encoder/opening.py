"""Opens the encoder, for whoever can do without: its packages are loaded only here."""

from pathlib import Path
from typing import TYPE_CHECKING

from callscribe.encoder.unavailable import EncoderUnavailable

if TYPE_CHECKING:
    from callscribe.encoder.engine import EncoderEngine


def open_encoder(folder: Path) -> "EncoderEngine":
    """Load the encoder.

    Args:
        folder: the model's files, as `callscribe.encoder.model.SentenceEncoder` takes them.

    Raises:
        EncoderUnavailable: a package or a file is missing, or does not fit; the message says what to do.
    """
    try:
        from callscribe.encoder.engine import EncoderEngine
    except ImportError as error:
        raise EncoderUnavailable(
            f"the encoder needs the package {error.name}: pip install 'callscribe[encoder]'"
        ) from None
    return EncoderEngine(folder)
