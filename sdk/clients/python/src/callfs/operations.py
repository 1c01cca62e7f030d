"""Every operation of the HTTP API that the clients offer."""

from __future__ import annotations

import base64
from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Any

import msgspec

from callfs import models
from callfs.answers import decoded
from callfs.conditions import ReadConditions, WriteConditions, condition_headers, quoted
from callfs.info import Info, Written
from callfs.operation import Operation, target
from callfs.paths import Path, absolute, encoded
from callfs.problems import IsADirectory
from callfs.ranges import range_headers
from callfs.upload import AsyncContent, Upload

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import httpx

    from callfs.listing import Selection

_JSON = {"Content-Type": "application/json"}
_NDJSON = {"Accept": "application/x-ndjson"}
#: Lengths and ranges are about the bytes as they are stored.
_IDENTITY = {"Accept-Encoding": "identity"}


def stat(path: Path, conditions: ReadConditions) -> Operation[Info]:
    return Operation(
        method="HEAD",
        target=_file(path),
        headers={**_IDENTITY, **condition_headers(conditions)},
        read=lambda response: Info.of(absolute(path), response),
    )


def read(
    path: Path, start: int | None, end: int | None, conditions: ReadConditions
) -> Operation[bytes]:
    def content(response: httpx.Response) -> bytes:
        file_info(path, response)
        return response.content

    return Operation(
        method="GET",
        target=_file(path),
        headers={**_IDENTITY, **range_headers(start, end), **condition_headers(conditions)},
        read=content,
    )


def file_info(path: Path, response: httpx.Response) -> Info:
    """What a download is of. A directory under this path is answered with its listing."""
    info = Info.of(absolute(path), response)
    if info.type == "directory":
        message = f"{info.path!r} is a directory; list it instead"
        raise IsADirectory(message, code="IS_A_DIRECTORY", status=response.status_code)
    return info


def write(
    path: Path,
    content: AsyncContent,
    *,
    create: bool,
    media_type: str | None,
    sha256: bytes | None,
    mtime: datetime | None,
    conditions: WriteConditions,
) -> Operation[Written]:
    headers = condition_headers(conditions)
    if media_type is not None:
        headers["Content-Type"] = media_type
    if sha256 is not None:
        headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(sha256).decode()}:"
    if mtime is not None:
        headers["X-CallFS-MTime"] = _in_utc(mtime).isoformat()
    return Operation(
        method="POST" if create else "PUT",
        target=_file(path),
        headers=headers,
        upload=Upload(content),
        read=lambda response: Written.of(absolute(path), response),
    )


def make_directory(path: Path) -> Operation[Written]:
    return Operation(
        method="POST",
        target=_file(path).rstrip("/") + "/",
        read=lambda response: Written.of(absolute(path), response),
    )


def copy(
    source: Path, to: Path, *, overwrite: bool, conditions: WriteConditions
) -> Operation[Written]:
    return Operation(
        method="PUT" if overwrite else "POST",
        target=target(_file(to), from_=absolute(source)),
        headers=condition_headers(conditions),
        read=lambda response: Written.of(absolute(to), response),
    )


def move(
    path: Path,
    to: Path,
    *,
    overwrite: bool,
    create_parents: bool,
    conditions: WriteConditions,
) -> Operation[models.Entry]:
    wanted = models.MoveEntry(
        destination=absolute(to), overwrite=overwrite, create_parents=create_parents
    )
    return Operation(
        method="PATCH",
        target=_file(path),
        headers={**_JSON, **condition_headers(conditions)},
        upload=_json(wanted),
        read=lambda response: decoded(response.content, models.Entry),
    )


def exchange(
    path: Path, other: Path, *, other_if_match: str | None, conditions: WriteConditions
) -> Operation[models.Entry]:
    wanted = models.ExchangeEntry(
        destination=absolute(other),
        exchange=True,
        destination_if_match=None if other_if_match is None else quoted(other_if_match),
    )
    return Operation(
        method="PATCH",
        target=_file(path),
        headers={**_JSON, **condition_headers(conditions)},
        upload=_json(wanted),
        is_undone_by_repetition=True,
        read=lambda response: decoded(response.content, models.Entry),
    )


def set_attributes(
    path: Path,
    *,
    mode: int | str | None,
    owner: str | None,
    group: str | None,
    mtime: datetime | None,
    conditions: WriteConditions,
) -> Operation[models.Entry]:
    wanted = models.SetAttributes(
        mode=f"{mode:04o}" if isinstance(mode, int) else mode,
        owner=owner,
        group=group,
        mtime=None if mtime is None else _in_utc(mtime),
    )
    return Operation(
        method="PATCH",
        target=_file(path),
        headers={**_JSON, **condition_headers(conditions)},
        upload=_json(wanted),
        read=lambda response: decoded(response.content, models.Entry),
    )


def remove(path: Path, *, recursive: bool, conditions: WriteConditions) -> Operation[None]:
    return Operation(
        method="DELETE",
        target=target(_file(path), recursive=recursive or None),
        headers=condition_headers(conditions),
        read=_nothing,
    )


def list_page(
    path: Path, selection: Selection, limit: int | None, after: str | None
) -> Operation[models.Listing]:
    return Operation(
        method="GET",
        target=target(_directory(path), **selection.query, limit=limit, after=after),
        read=lambda response: decoded(response.content, models.Listing),
    )


def stream_directory(
    path: Path, selection: Selection, limit: int | None, after: str | None
) -> Operation[None]:
    """Its lines are read while they come."""
    return Operation(
        method="GET",
        target=target(_directory(path), **selection.query, limit=limit or 0, after=after),
        headers=_NDJSON,
        read=_nothing,
    )


def create_link(
    path: Path,
    *,
    expires_in: timedelta | float | None,
    max_downloads: int | None,
    filename: str | None,
    unlimited: bool,
    inline: bool,
) -> Operation[models.IssuedLink]:
    if isinstance(expires_in, timedelta):
        expires_in = expires_in.total_seconds()
    wanted = models.LinkRequest(
        path=absolute(path),
        expiry_seconds=None if expires_in is None else int(expires_in),
        max_downloads=max_downloads,
        filename=filename,
        unlimited=unlimited or None,
        disposition="inline" if inline else None,
    )
    return Operation(
        method="POST",
        target="/v1/links/generate",
        headers=_JSON,
        upload=_json(wanted),
        read=lambda response: decoded(response.content, models.IssuedLink),
    )


def links_page(*, of_all: bool, after: str | None) -> Operation[models.Links]:
    return Operation(
        method="GET",
        target=target("/v1/links", all=of_all or None, after=after),
        read=lambda response: decoded(response.content, models.Links),
    )


def link(link_id: str) -> Operation[models.Link]:
    return Operation(
        method="GET",
        target="/v1/links" + encoded(link_id),
        read=lambda response: decoded(response.content, models.Link),
    )


def revoke_link(link_id: str) -> Operation[None]:
    return Operation(method="DELETE", target="/v1/links" + encoded(link_id), read=_nothing)


def _file(path: Path) -> str:
    return "/v1/files" + encoded(path)


def _directory(path: Path) -> str:
    return "/v1/directories" + encoded(path)


def _in_utc(time: datetime) -> datetime:
    """A time without a zone is a local one, as everywhere in Python."""
    return time.astimezone(timezone.utc)


def _json(model: models.Change | models.LinkRequest) -> Upload:
    """A document without the fields that were not given."""
    fields: Mapping[str, Any] = msgspec.to_builtins(model)
    given = {name: value for name, value in fields.items() if value is not None}
    return Upload(msgspec.json.encode(given))


def _nothing(_: httpx.Response) -> None:
    return None
