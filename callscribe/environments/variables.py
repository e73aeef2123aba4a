"""A process's environment variables as a struct: whoever deploys the process fills it in, the process reads it once.

The variable of a field has its name in capitals. Text stands as it is, so that names which only a deployment knows may
be placeholders; all else is written in JSON. An empty variable counts as none at all.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

import msgspec
from msgspec import inspect

from callscribe.serialization import decode_json, encode_json

Days = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[int, msgspec.Meta(ge=1)]


class InvalidEnvironment(Exception):
    """The variables do not describe the process; the message names every one that is wrong, and no value."""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is told by its environment."""

    def to_variables(self) -> dict[str, str]:
        """Write every field; one that is None as an empty variable."""
        return {field.upper(): _written(getattr(self, field)) for field in self.__struct_fields__}

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> Self:
        """Read every field; other variables are somebody else's.

        Raises:
            InvalidEnvironment: A variable is missing or has no usable value.
        """
        values: dict[str, Any] = {}
        problems: list[str] = []
        for field in msgspec.structs.fields(cls):
            name = field.name.upper()
            text = variables.get(name, "")
            if text:
                try:
                    values[field.name] = _read(text, field.type, name)
                except ValueError as error:
                    problems.append(str(error))
            elif field.required:
                problems.append(f"{name} is missing")
        if problems:
            raise InvalidEnvironment("; ".join(problems))
        return cls(**values)


def _written(value: Any) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, str) else encode_json(value).decode()


def _read(text: str, kind: Any, name: str) -> Any:
    known = inspect.type_info(kind)
    alternatives = known.types if isinstance(known, inspect.UnionType) else (known,)
    if any(isinstance(one, inspect.StructType | inspect.DictType) for one in alternatives):
        return decode_json(kind, text, name)
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as error:
        # What was expected is a type or a bound; where it is one of several names, the message quotes the value.
        expected = str(error).partition(", got")[0]
        reason = expected if expected.startswith("Expected ") else "has no value of its kind"
        raise ValueError(f"{name}: {reason}") from None
