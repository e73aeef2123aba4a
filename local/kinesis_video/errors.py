"""Errors in the shape of the service, which is that of the AWS REST-JSON protocol."""

from __future__ import annotations

from starlette.responses import JSONResponse

_STATUS = {
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignature": 403,
    "InvalidClientTokenId": 403,
    "InvalidToken": 403,
    "MissingAuthenticationToken": 403,
    "RequestTimeTooSkewed": 403,
    "SignatureDoesNotMatch": 403,
    "UnrecognizedClientException": 403,
    "ResourceNotFoundException": 404,
    "NotAuthorizedException": 401,
    "InternalFailure": 500,
    "ServiceUnavailable": 503,
}


class ServiceError(Exception):
    """A request that is refused.

    Attributes:
        code: Name of the error in the API Reference; ``InternalFailure`` and ``ServiceUnavailable`` have a status of
            5xx.
        status: The HTTP status that goes with it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = _STATUS.get(code, 400)

    def response(self) -> JSONResponse:
        """Answer with it."""
        return JSONResponse({"Message": str(self)}, self.status, {"x-amzn-ErrorType": self.code})
