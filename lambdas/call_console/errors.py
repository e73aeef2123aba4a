"""Refusals, as the console's API words them."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar


class ApiError(Exception):
    """A request that is refused. The message holds no words of a call.

    Attributes:
        STATUS: Status of HTTP.
        CODE: Name of the refusal.
        message: What is wrong, and what to do.
    """

    STATUS: ClassVar[HTTPStatus]
    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(ApiError):
    """Something in the request cannot be read."""

    STATUS = HTTPStatus.BAD_REQUEST
    CODE = "BadRequest"


class NotFound(ApiError):
    """There is no such thing, or it is another clinic's: nobody can tell which."""

    STATUS = HTTPStatus.NOT_FOUND
    CODE = "NotFound"

    def __init__(self) -> None:
        super().__init__("there is no such thing in your clinics")


class Forbidden(ApiError):
    """It takes a role that the user does not have."""

    STATUS = HTTPStatus.FORBIDDEN
    CODE = "Forbidden"


class Conflict(ApiError):
    """Something else is there meanwhile."""

    STATUS = HTTPStatus.CONFLICT
    CODE = "Conflict"


class Impossible(ApiError):
    """What is asked for cannot be done, however often it is asked."""

    STATUS = HTTPStatus.CONFLICT
    CODE = "Impossible"


class TooLarge(ApiError):
    """The answer is larger than a function's can be."""

    STATUS = HTTPStatus(413)  # its name differs between versions of Python
    CODE = "TooLarge"


class Unavailable(ApiError):
    """AWS throttles, or has a fault."""

    STATUS = HTTPStatus.SERVICE_UNAVAILABLE
    CODE = "Unavailable"

    def __init__(self, message: str = "the service is busy: try again") -> None:
        super().__init__(message)
