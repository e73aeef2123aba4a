"""Deepgram's error answers.

Bodies and status codes are those of Deepgram's documentation page "Errors" and of the feature pages that show one.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import JSONResponse

Body = dict[str, str]

_DOCUMENTED: dict[int, tuple[str, str]] = {
    400: ("Bad Request", "Bad Request: failed to process audio: corrupt or unsupported data"),
    401: ("INVALID_AUTH", "Invalid credentials."),
    402: (
        "ASR_PAYMENT_REQUIRED",
        "Project does not have enough credits for an ASR request and does not have an overage agreement.",
    ),
    403: ("INSUFFICIENT_PERMISSIONS", "Project does not have access to the requested model."),
    422: ("ASR_UNPROCESSABLE_ENTITY", "Unable to read the entire client request."),
    429: ("TOO_MANY_REQUESTS", "Too many requests. Please try again later"),
}


class ListenError(Exception):
    """A request that is answered with an error.

    Args:
        status: HTTP status code.
        code: Deepgram's ``err_code``.
        message: Deepgram's ``err_msg``. Never holds words of a call or the query of a URL.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.message = message

    @classmethod
    def documented(cls, status: int) -> ListenError:
        """Return the error that Deepgram documents for a status, or a plain one for statuses without a body."""
        code, message = _DOCUMENTED.get(status) or (HTTPStatus(status).phrase, f"{HTTPStatus(status).phrase}.")
        return cls(status, code, message)

    def body(self, request_id: str) -> Body:
        """Return the JSON body of the answer."""
        return {"err_code": self.code, "err_msg": self.message, "request_id": request_id}

    def response(self, request_id: str) -> JSONResponse:
        """Return the whole answer."""
        return JSONResponse(self.body(request_id), self.status, headers={"dg-request-id": request_id})


def bad_request(message: str) -> ListenError:
    """Return a 400 for a request that Deepgram cannot process."""
    return ListenError(400, "Bad Request", message)


def invalid_parameter(message: str) -> ListenError:
    """Return the 400 for a query parameter that Deepgram does not know or whose value it does not accept."""
    return ListenError(400, "INVALID_QUERY_PARAMETER", message)


def remote_content_error(what: str) -> ListenError:
    """Return the 400 for audio that cannot be fetched from the URL in the request."""
    return ListenError(400, "REMOTE_CONTENT_ERROR", f"The remote server hosting the media returned {what}.")


def unusable_audio() -> ListenError:
    """Return the 400 for bytes that are not decodable audio."""
    return ListenError.documented(400)
