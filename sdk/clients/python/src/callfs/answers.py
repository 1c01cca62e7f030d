"""Reading answers: which are good, and what the others say."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from callfs.conditions import unquoted
from callfs.errors import NotModified, UnexpectedAnswer
from callfs.problems import CODES_OF_STATUSES, Problem, class_of

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


def failure_of(response: httpx.Response) -> Exception:
    """The error that an answer stands for which is no success; its body has been read."""
    path = response.request.url.path
    if response.status_code == 304:
        return NotModified(path, unquoted(response.headers.get("ETag")))
    if response.status_code < 400:
        return UnexpectedAnswer(f"{response.request.method} {path}: status {response.status_code}")
    return _problem(response)


def decoded(content: bytes, model: type[T]) -> T:
    """JSON as a model."""
    try:
        return msgspec.json.decode(content, type=model)
    except msgspec.MsgspecError as error:
        raise UnexpectedAnswer(f"the answer is no {model.__name__}: {error}") from error


def retry_after(response: httpx.Response) -> float | None:
    """In seconds, whether the answer names them or a time."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=timezone.utc)
    return max(0.0, (until - datetime.now(timezone.utc)).total_seconds())


def _problem(response: httpx.Response) -> Problem:
    request = response.request
    document = _document(response)
    status = response.status_code
    code = str(document.get("code") or CODES_OF_STATUSES.get(status, "UNKNOWN"))
    unexplained = f"{request.method} {request.url.path}: {response.reason_phrase}"
    request_id = document.get("request_id") or response.headers.get("X-Request-Id")
    return class_of(code)(
        str(document.get("message") or unexplained),
        code=code,
        status=status,
        request_id=request_id,
        retry_after=retry_after(response),
        members=document,
    )


def _document(response: httpx.Response) -> dict[str, Any]:
    """Empty for an answer to HEAD, and for one that is not the gateway's."""
    if not response.headers.get("Content-Type", "").startswith("application/problem+json"):
        return {}
    try:
        return msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}
