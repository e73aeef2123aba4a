"""Opens the encoder, for whoever can do without: its packages are loaded only here."""

import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from callscribe.conversation.flags import DEFAULT_FLAG_SET
from callscribe.encoder.files import DEFAULT_HEADS, read_header
from callscribe.encoder.unavailable import EncoderUnavailable

if TYPE_CHECKING:
    from callscribe.encoder.engine import EncoderEngine


def open_encoder(folder: Path, *, flag_set: str = DEFAULT_FLAG_SET) -> "EncoderEngine":
    """Load the encoder.

    Args:
        folder: the model's files, as `callscribe.encoder.model.SentenceEncoder` takes them.
        flag_set: name of the flag set that is judged by.

    Raises:
        EncoderUnavailable: a package or a file is missing, or does not fit, or the encoder does not know the flag set;
            the message says what to do.
    """
    try:
        from callscribe.encoder.engine import EncoderEngine
    except ImportError as error:
        raise EncoderUnavailable(
            f"the encoder needs the package {error.name}: pip install 'callscribe[encoder]'"
        ) from None
    check_flag_set(flag_set)
    return EncoderEngine(folder)


def check_flag_set(flag_set: str) -> None:
    """Make sure that the encoder has learnt the flags of a set, without loading its packages.

    Raises:
        EncoderUnavailable: it knows another one.
    """
    with resources.as_file(resources.files("callscribe") / "encoder" / f"{DEFAULT_HEADS}.safetensors") as heads:
        about = json.loads(read_header(heads)["__metadata__"]["about"])
    if flag_set != about["flag_set"]:
        raise EncoderUnavailable(f"the encoder knows the flag set {about['flag_set']} only, not {flag_set}")
