"""Refusals and failures that the gateway explains (RFC 9457).

Each code has a class, whose name is the code in another spelling. Where Python has an exception of
that meaning, the class is one of it as well: `except FileNotFoundError` works.
"""

from __future__ import annotations

from typing import Any

from callfs.errors import CallFSError


class Problem(CallFSError):
    """A refused or failed request. Codes are stable; messages are for people."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int,
        request_id: str | None = None,
        retry_after: float | None = None,
        members: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        #: Names the request in the log of the gateway.
        self.request_id = request_id
        #: Seconds after which the gateway wants to be asked again.
        self.retry_after = retry_after
        #: The whole problem document, with members that only some codes have.
        self.members = members or {}

    def __str__(self) -> str:
        where = f", request {self.request_id}" if self.request_id else ""
        return f"{self.message} ({self.status} {self.code}{where})"


class BadRequest(Problem, ValueError):
    pass


class DigestMismatch(BadRequest):
    pass


class NotADirectory(Problem, NotADirectoryError):
    pass


class AuthenticationFailed(Problem, PermissionError):
    pass


class PermissionDenied(Problem, PermissionError):
    pass


class FileNotFound(Problem, FileNotFoundError):
    """There is no file, directory or link of this name."""


class NotFound(Problem):
    """The gateway has no such route."""


class MethodNotAllowed(Problem):
    pass


class FileAlreadyExists(Problem, FileExistsError):
    pass


class IsADirectory(Problem, IsADirectoryError):
    pass


class DirectoryNotEmpty(Problem, OSError):
    pass


class Gone(Problem):
    pass


class PreconditionFailed(Problem):
    """The entry is not in the state that a condition asked for."""


class PayloadTooLarge(Problem):
    pass


class UriTooLong(Problem):
    pass


class HeadersTooLarge(Problem):
    pass


class RangeNotSatisfiable(Problem):
    pass


class Unsupported(Problem):
    """The storage cannot do this."""


class Locked(Problem):
    pass


class RateLimitExceeded(Problem):
    pass


class InternalError(Problem):
    pass


class NotImplementedByGateway(Problem):
    pass


class PluginFailed(Problem):
    pass


class BackendUnavailable(Problem):
    pass


class BackendTimeout(BackendUnavailable):
    pass


class NotReady(BackendUnavailable):
    pass


class InsufficientStorage(Problem, OSError):
    pass


CLASSES: dict[str, type[Problem]] = {
    "AUTHENTICATION_FAILED": AuthenticationFailed,
    "BACKEND_TIMEOUT": BackendTimeout,
    "BACKEND_UNAVAILABLE": BackendUnavailable,
    "BAD_REQUEST": BadRequest,
    "DIGEST_MISMATCH": DigestMismatch,
    "DIRECTORY_NOT_EMPTY": DirectoryNotEmpty,
    "FILE_ALREADY_EXISTS": FileAlreadyExists,
    "FILE_NOT_FOUND": FileNotFound,
    "GONE": Gone,
    "HEADERS_TOO_LARGE": HeadersTooLarge,
    "INSUFFICIENT_STORAGE": InsufficientStorage,
    "INTERNAL_ERROR": InternalError,
    "IS_A_DIRECTORY": IsADirectory,
    "LOCKED": Locked,
    "METHOD_NOT_ALLOWED": MethodNotAllowed,
    "NOT_A_DIRECTORY": NotADirectory,
    "NOT_FOUND": NotFound,
    "NOT_IMPLEMENTED": NotImplementedByGateway,
    "NOT_READY": NotReady,
    "PAYLOAD_TOO_LARGE": PayloadTooLarge,
    "PERMISSION_DENIED": PermissionDenied,
    "PLUGIN_FAILED": PluginFailed,
    "PRECONDITION_FAILED": PreconditionFailed,
    "RANGE_NOT_SATISFIABLE": RangeNotSatisfiable,
    "RATE_LIMIT_EXCEEDED": RateLimitExceeded,
    "UNSUPPORTED": Unsupported,
    "URI_TOO_LONG": UriTooLong,
}

#: The code that a status most likely stands for, where the answer has no body: that to HEAD.
CODES_OF_STATUSES = {
    400: "BAD_REQUEST",
    401: "AUTHENTICATION_FAILED",
    403: "PERMISSION_DENIED",
    404: "FILE_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    410: "GONE",
    412: "PRECONDITION_FAILED",
    414: "URI_TOO_LONG",
    422: "UNSUPPORTED",
    423: "LOCKED",
    429: "RATE_LIMIT_EXCEEDED",
    431: "HEADERS_TOO_LARGE",
    500: "INTERNAL_ERROR",
    501: "NOT_IMPLEMENTED",
    502: "PLUGIN_FAILED",
    503: "BACKEND_UNAVAILABLE",
    507: "INSUFFICIENT_STORAGE",
}


def class_of(code: str) -> type[Problem]:
    """The class of a code; of one that a newer gateway added, `Problem` itself."""
    return CLASSES.get(code, Problem)
