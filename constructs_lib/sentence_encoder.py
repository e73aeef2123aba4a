"""A sentence encoder that looks for flags beside the flag set."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from callscribe.encoder.files import FILES, check_files
from callscribe.encoder.opening import check_flag_set
from callscribe.encoder.unavailable import EncoderUnavailable
from constructs_lib._checks import check_fields


@dataclass(frozen=True, kw_only=True)
class SentenceEncoder:
    """Has flags looked for by a sentence encoder, too: by all-MiniLM-L6-v2, weighed against rules and weights of words.

    It finds what these have no words for, in English and for the flags of ``eye-clinic-v1``. The weights go with the
    code of the functions that store transcripts, so that nothing is fetched while they run and no words leave the
    account; these functions have more memory and time for it. Streamers, which tell of what cannot wait while a call
    runs, go by the flag set alone; what the encoder finds is told when the call has ended.

    Raises:
        ValueError: If *weights* is no folder with the model's files.
    """

    weights: str | Path
    """Folder with ``model.safetensors``, ``tokenizer.json`` and ``config.json`` of all-MiniLM-L6-v2, as its publisher
    lays them out (https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2). Nothing fetches it."""

    def __post_init__(self) -> None:
        """Check the files."""
        check_fields(self)
        if not isinstance(self.weights, str | Path) or not str(self.weights):
            raise ValueError(
                f"weights of {self.weights!r} are none: pass the folder with the files of all-MiniLM-L6-v2"
            )
        try:
            check_files(self.folder)
        except EncoderUnavailable as error:
            raise ValueError(f"weights: {error}") from None

    @property
    def folder(self) -> Path:
        """The folder."""
        return Path(self.weights)

    @cached_property
    def digest(self) -> str:
        """Hash of the files, wherever they lie."""
        sha = hashlib.sha256()
        for name in FILES:
            with (self.folder / name).open("rb") as file:
                sha.update(name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
        return sha.hexdigest()

    def check_flags(self, flag_set: str) -> None:
        """Make sure that it knows the flags of a set.

        Raises:
            ValueError: It knows those of another one.
        """
        try:
            check_flag_set(flag_set)
        except EncoderUnavailable as error:
            raise ValueError(f"{error}: drop encoder, or flags") from None
