"""What goes wrong without an answer of the gateway. `problems` has what goes wrong with one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Generator


class CallFSError(Exception):
    """Every error of this library."""


class ConnectionFailed(CallFSError, ConnectionError):
    """There is no connection, or it was lost. The request may have been carried out."""


class Truncated(ConnectionFailed):
    """A download or a listing ended before all of it was there."""


class TimedOut(CallFSError, TimeoutError):
    """The gateway took too long. The request may have been carried out."""


class NotModified(CallFSError):
    """The entry is what the caller has already, by the conditions of the request."""

    def __init__(self, path: str, etag: str | None) -> None:
        super().__init__(f"{path!r} has not changed")
        self.etag = etag


class UnexpectedAnswer(CallFSError):
    """The answer is none that a CallFS gateway gives, as that of a proxy."""


@contextmanager
def connection_errors() -> Generator[None]:
    """Turns what httpx raises until the head of the answer is there into errors of this library."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise TimedOut(_message(error)) from error
    except httpx.RequestError as error:
        raise ConnectionFailed(_message(error)) from error


@contextmanager
def body_errors() -> Generator[None]:
    """The same while the body of the answer is read."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise TimedOut(_message(error)) from error
    except httpx.RequestError as error:
        raise Truncated(_message(error)) from error


def _message(error: httpx.RequestError) -> str:
    request = error.request
    return f"{request.method} {request.url.path}: {error or type(error).__name__}"
