"""What calls are judged by: sets that ship, by their names, and sets of the app's own, as files beside the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration

from callscribe import data_files
from callscribe.conversation.flags import FlagSet, FlagSetFile, FlagSetSource, InvalidFlagSet, read_flag_set
from callscribe.judgement.quality import InvalidRubric, Rubric, RubricSource, read_rubric
from callscribe.serialization import encode_json
from constructs_lib.sentence_encoder import SentenceEncoder

# A whole processor (AWS: "Configure Lambda function memory"), and time for a long call on it; docs/benchmarks.md.
_ENCODER_MEMORY_MIB: Final = 1769
_ENCODER_TIMEOUT: Final = Duration.minutes(10)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The flags and the rubric of a construct, checked."""

    flag_set: FlagSet
    """The flags."""
    rubric: Rubric
    """By which calls are rated."""
    encoder: SentenceEncoder | None
    """What looks for the flags beside the rules."""

    @classmethod
    def checked(
        cls, *, flags: FlagSetSource, rubric: RubricSource, encoder: SentenceEncoder | None = None
    ) -> Judgement:
        """Read the options.

        Raises:
            InvalidFlagSet: If the flags do not fit; the message names the option and the place.
            InvalidRubric: If the rubric does not.
            ValueError: If the encoder does not know the flags.
        """
        try:
            flag_set = read_flag_set(flags)
        except InvalidFlagSet as error:
            raise InvalidFlagSet(f"flags: {error}") from error
        if encoder is not None:
            encoder.check_flags(flag_set.file.name)
        try:
            return cls(flag_set=flag_set, rubric=read_rubric(rubric), encoder=encoder)
        except InvalidRubric as error:
            raise InvalidRubric(f"rubric: {error}") from error

    @property
    def memory_mib(self) -> int:
        """Memory of a function that looks for flags, in MiB."""
        return 1024 if self.encoder is None else _ENCODER_MEMORY_MIB

    @property
    def timeout(self) -> Duration:
        """Its longest run."""
        return Duration.minutes(2) if self.encoder is None else _ENCODER_TIMEOUT

    @property
    def own_flags(self) -> FlagSetFile | None:
        """The flag set, where it is the app's own."""
        return None if self.flag_set.file.name in data_files.names("flag_sets") else self.flag_set.file

    @property
    def files(self) -> Mapping[str, bytes]:
        """The app's own sets, by the paths under which the functions look for them."""
        flags = {} if self.own_flags is None else {f"callscribe/flag_sets/{self.own_flags.name}.json": self.own_flags}
        own = self.rubric.name not in data_files.names("rubrics")
        rubric = {f"callscribe/rubrics/{self.rubric.name}.json": self.rubric} if own else {}
        return {path: encode_json(content) for path, content in {**flags, **rubric}.items()}
