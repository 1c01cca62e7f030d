"""What the head of an answer says about an entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from callfs.conditions import unquoted
from callfs.errors import UnexpectedAnswer

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, kw_only=True)
class Info:
    """A file or directory. The fields are those of `Entry`, and what only files have."""

    path: str
    type: str
    #: Of the whole file, also where a part of it was asked for.
    size: int
    mode: str
    owner: str
    group: str
    mtime: datetime | None
    #: Without its quotes; directories have none.
    etag: str | None
    media_type: str | None
    #: The node that holds the file.
    instance_id: str | None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @classmethod
    def of(cls, path: str, response: httpx.Response) -> Info:
        headers = response.headers
        try:
            mtime = headers.get("X-CallFS-MTime")
            return cls(
                path=path,
                type=headers["X-CallFS-Type"],
                size=int(headers["X-CallFS-Size"]),
                mode=headers["X-CallFS-Mode"],
                owner=headers["X-CallFS-Owner"],
                group=headers["X-CallFS-Group"],
                mtime=None if mtime is None else _time(mtime),
                etag=unquoted(headers.get("ETag")),
                media_type=headers.get("Content-Type"),
                instance_id=headers.get("X-CallFS-Instance-ID"),
            )
        except (KeyError, ValueError) as error:
            raise UnexpectedAnswer(f"the answer does not describe {path!r}: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Written:
    """The outcome of a write."""

    path: str
    #: Whether there was nothing under this path before.
    created: bool
    #: Without its quotes; directories have none.
    etag: str | None
    last_modified: datetime | None

    @classmethod
    def of(cls, path: str, response: httpx.Response) -> Written:
        last_modified = response.headers.get("Last-Modified")
        return cls(
            path=path,
            created=response.status_code == 201,
            etag=unquoted(response.headers.get("ETag")),
            last_modified=None if last_modified is None else parsedate_to_datetime(last_modified),
        )


def _time(text: str) -> datetime:
    """RFC 3339 with nanoseconds, which `datetime` has not."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{seconds}.{fraction[:6]:0<6}+00:00")
