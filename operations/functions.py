"""Functions of an environment, invoked by an operator with a message of the contract."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from callscribe.serialization import InvalidData, decode_json, encode_json

_T = TypeVar("_T")


class InvocationFailed(Exception):
    """A function gave no answer; the text says why."""


class _FunctionError(msgspec.Struct, rename={"message": "errorMessage"}):
    """What Lambda answers for a function that ended with an error (Lambda developer guide, "Python exceptions")."""

    message: str = "the function ended"


def invoke(client: Any, function: str, message: Any, answer: type[_T]) -> _T:
    """Invoke a function and wait for its answer.

    Args:
        client: Of Lambda.
        function: Name of the function.
        message: What it gets.
        answer: What it answers.

    Raises:
        InvocationFailed: It could not be invoked, failed, or answered something else.
    """
    try:
        response = client.invoke(FunctionName=function, Payload=encode_json(message))
        payload = response["Payload"].read()
    except ClientError as error:
        raise InvocationFailed(error.response["Error"]["Code"]) from None
    except BotoCoreError as error:
        raise InvocationFailed(type(error).__name__) from None
    try:
        if "FunctionError" in response:
            raise InvocationFailed(decode_json(_FunctionError, payload, "the function's error").message)
        return decode_json(answer, payload, "the function's answer")
    except InvalidData as invalid:
        raise InvocationFailed(str(invalid)) from None
