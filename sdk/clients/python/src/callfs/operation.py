"""A request and how its answer is read, without anything that sends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from callfs.upload import Upload

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_CONDITIONS = frozenset({"If-Match", "If-None-Match", "If-Unmodified-Since"})


@dataclass(frozen=True, kw_only=True)
class Operation(Generic[T_co]):
    """What both clients carry out."""

    method: str
    #: The path and the query, encoded.
    target: str
    #: Reads a successful answer, whose body is there.
    read: Callable[[httpx.Response], T_co]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    #: The body, if the request has one.
    upload: Upload | None = None
    #: Whether a second time undoes the first, also under a condition, which may hold again.
    is_undone_by_repetition: bool = False

    @property
    def is_repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        if self.is_undone_by_repetition:
            return False
        is_safe = self.method in _IDEMPOTENT or not _CONDITIONS.isdisjoint(self.headers)
        return is_safe and (self.upload is None or self.upload.is_repeatable)

    @property
    def all_headers(self) -> Mapping[str, str]:
        """With the length of the body, where it is known."""
        if self.upload is None or self.upload.size is None:
            return self.headers
        return {**self.headers, "Content-Length": str(self.upload.size)}


def target(path: str, **query: str | int | bool | None) -> str:
    """An encoded path with those parameters that have a value; `from_` stands for `from`."""
    pairs = {name.rstrip("_"): _text(value) for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
