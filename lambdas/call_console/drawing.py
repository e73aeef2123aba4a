"""Has the waveform of a recording drawn, by the function that may read recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from callscribe.serialization import encode_json

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from callscribe.contract.messages import DrawMessage

START_SECONDS: Final = 5.0
"""Longest wait until Lambda has taken what it is to run by itself."""


class Drawing:
    """Asks for waveforms; nobody waits until they are drawn.

    Args:
        client: Of Lambda.
        function: Name of the function that draws.
    """

    def __init__(self, *, client: LambdaClient, function: str) -> None:
        self._client = client
        self._function = function

    def ask(self, message: DrawMessage) -> None:
        """Have a waveform drawn.

        Raises:
            ClientError: Lambda does not take it.
        """
        self._client.invoke(FunctionName=self._function, InvocationType="Event", Payload=encode_json(message))
