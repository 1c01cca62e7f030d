"""Generated from the OpenAPI document by generate.py; do not edit."""

from __future__ import annotations

from typing import Literal, TypeAlias
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Continuation:
    """The last line of a stream that `limit` has cut."""

    next: str
    """The cursor of the entries that follow: their `after`."""

    type: ContinuationType


ContinuationType: TypeAlias = Literal["next"]
"""Tells the line from an entry, which has another type."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A file or a directory."""

    etag: str | None
    """As in `ETag`, without the quotes."""

    group: str
    """The group that owns it."""

    mode: str
    """POSIX permission bits in octal."""

    mtime: datetime | None
    """When it was last changed."""

    name: str
    """The last name of its path; empty for the root."""

    owner: str
    """The user that owns it."""

    path: str
    """The path from the root."""

    size: int
    """In bytes."""

    type: EntryType
    content_type: str | None = None
    """The media type of a file. Only with `fields=content_type`, and `null` if it is not a file."""

    sha256: str | None = None
    """
    SHA-256 of the bytes in hexadecimal digits. Only with `fields=sha256`, and `null` if it is
    not known.
    """


EntryField: TypeAlias = Literal["sha256", "content_type"]
"""A member that the entries of a listing have only on request."""


EntryType: TypeAlias = Literal["file", "directory", "special"]
"""What an entry is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExchangeEntry:
    """Let the entry and the one at `destination` change places in one step, each with everything below it."""

    destination: str
    """Another path."""

    exchange: bool
    """
    Whether the entries at both paths change places in one step, each with everything below it.
    Both have to exist, of any type, and their storage has to be able to do it.
    """

    backend: str | None = None
    """
    With `name`: the path of the mount to move to, where it keeps its place. With
    `destination`: the mount that has to be in.
    """

    destination_if_match: str | None = None
    """The entity tags of which the file at the other path must have one, as in `If-Match`, or `*`."""

    instance: str | None = None
    """The node to move to, by its id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """The response of a service that is well."""

    status: HealthStatus


HealthStatus: TypeAlias = Literal["ok", "failed"]
"""Whether the service or a part of it works."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IssuedLink:
    """A link with its token, which no later response has."""

    disposition: LinkDisposition
    expires: datetime | None
    """When it stops working."""

    filename: str | None
    """The name to save it under, if it is not the file's own."""

    id: str
    """Names the link where it is looked up or revoked."""

    max_downloads: int | None
    """How often a file can be downloaded with it; `null` if it is unlimited."""

    path: str
    """What it shares."""

    token: str
    """The secret part of the URL."""

    type: Literal["file", "directory"]
    """What a link shares."""

    unlimited: bool
    """Whether there is no limit of downloads until it expires."""

    url: str
    """Where the file can be downloaded, or the directory listed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A link, but for its token."""

    created: datetime | None
    """When it was made."""

    disposition: LinkDisposition
    downloads: int | None
    """How often it was downloaded; `null` if it is unlimited, because that is not counted."""

    expires: datetime | None
    """When it stops working."""

    filename: str | None
    """The name to save it under, if it is not the file's own."""

    id: str
    """Names the link where it is looked up or revoked."""

    maker: str
    """The user that made it."""

    max_downloads: int | None
    """How often a file can be downloaded with it; `null` if it is unlimited."""

    path: str
    """What it shares."""

    type: Literal["file", "directory"]
    """What a link shares."""

    unlimited: bool
    """Whether there is no limit of downloads until it expires."""


LinkDisposition: TypeAlias = Literal["attachment", "inline"]
"""What a browser does with the files of a link."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkRequest:
    """A link to create."""

    path: str
    """
    The file or the directory to share. A directory is shared with everything below it, and
    needs `unlimited`.
    """

    disposition: LinkDisposition | None = None
    """What a browser does with the files: it saves them unless this is `inline`."""

    expiry_seconds: int | None = None
    """
    For how many seconds; the configuration has a maximum, and a default for links without
    `unlimited`.
    """

    filename: str | None = None
    """The name to save it under, if it is not to be the file's own."""

    max_downloads: int | None = None
    """How often the file can be downloaded with it; once unless given."""

    unlimited: bool | None = None
    """
    Allow any number of downloads until it expires, without counting them; instead of
    `max_downloads`, and together with `expiry_seconds`.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """A page of links."""

    items: list[Link]
    """The links."""

    next: str | None
    """The cursor of the next page: its `after`; `null` on the last page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A page of a listing."""

    count: int
    """How many entries this page has."""

    items: list[Entry]
    """The entries, by the bytes of their paths."""

    max_depth: int | None
    """How deep, if that was limited."""

    next: str | None
    """The cursor of the next page: its `after`; `null` on the last page."""

    path: str
    """The path of the directory."""

    recursive: bool
    """Whether everything below is listed, too."""

    type: EntryType


ListingLine: TypeAlias = Entry | Continuation
"""A line of a stream: an entry, or at the end of a stream that `limit` has cut, where it continues. The `type` tells one from the other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveEntry:
    """Move to another path, also of another mount."""

    destination: str
    """Another path."""

    backend: str | None = None
    """
    With `name`: the path of the mount to move to, where it keeps its place. With
    `destination`: the mount that has to be in.
    """

    create_parents: bool | None = None
    """Whether missing directories on the way are made."""

    instance: str | None = None
    """The node to move to, by its id."""

    overwrite: bool | None = None
    """Whether a file or an empty directory that is there may be replaced."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part of the service and its state."""

    name: str
    """Which part."""

    status: HealthStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A failure as the client reads it (RFC 9457). Some codes have further members."""

    code: ProblemCode
    detail: str
    """What is wrong with this request."""

    instance: str
    """The path of the request."""

    message: str
    """The same as `detail`."""

    request_id: str
    """As in `X-Request-Id`."""

    status: int
    """The status of the response."""

    title: str
    """The status in words."""

    type: str
    """`about:blank`: the code says more than a URL could."""

    plugin: str | None = None
    """The component that failed, if one did."""


ProblemCode: TypeAlias = Literal[
    "AUTHENTICATION_FAILED",
    "BACKEND_TIMEOUT",
    "BACKEND_UNAVAILABLE",
    "BAD_REQUEST",
    "DIGEST_MISMATCH",
    "DIRECTORY_NOT_EMPTY",
    "FILE_ALREADY_EXISTS",
    "FILE_NOT_FOUND",
    "GONE",
    "HEADERS_TOO_LARGE",
    "INSUFFICIENT_STORAGE",
    "INTERNAL_ERROR",
    "IS_A_DIRECTORY",
    "LOCKED",
    "METHOD_NOT_ALLOWED",
    "NOT_A_DIRECTORY",
    "NOT_FOUND",
    "NOT_IMPLEMENTED",
    "NOT_READY",
    "PAYLOAD_TOO_LARGE",
    "PERMISSION_DENIED",
    "PLUGIN_FAILED",
    "PRECONDITION_FAILED",
    "RANGE_NOT_SATISFIABLE",
    "RATE_LIMIT_EXCEEDED",
    "UNSUPPORTED",
    "URI_TOO_LONG",
]
"""The kind of a failure. A code keeps its meaning; later versions may add codes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Readiness:
    """The response of a service that can serve."""

    parts: list[Part]
    """Every part of the service."""

    status: HealthStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class RenameEntry:
    """Give another name, in the same directory or at the same place below another mount."""

    name: str
    """Another name in the same directory."""

    backend: str | None = None
    """
    With `name`: the path of the mount to move to, where it keeps its place. With
    `destination`: the mount that has to be in.
    """

    create_parents: bool | None = None
    """Whether missing directories on the way are made."""

    instance: str | None = None
    """The node to move to, by its id."""

    overwrite: bool | None = None
    """Whether a file or an empty directory that is there may be replaced."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Root:
    """What this service is, and links to the rest, relative to this one."""

    documentation: str
    """Where the documentation of the API is."""

    files: str
    """Where the files are."""

    name: str
    """The name of the service."""

    openapi: str
    """Where the OpenAPI document is."""

    version: str
    """The version that it runs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SetAttributes:
    """Change attributes: any of these, and at least one."""

    group: str | None = None
    """The group that owns it."""

    mode: str | None = None
    """POSIX permission bits and the sticky bit, in octal: at most `1777`."""

    mtime: datetime | None = None
    """Of a file: when it was last changed."""

    owner: str | None = None
    """The user that owns it."""


Change: TypeAlias = MoveEntry | RenameEntry | ExchangeEntry | SetAttributes
"""One of these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedEntry:
    """An entry of a directory that a link shares."""

    etag: str | None
    """As in `ETag`, without the quotes."""

    mtime: datetime | None
    """When it was last changed."""

    name: str
    """The last name of its path; empty for the directory that the link shares."""

    path: str
    """The path from the directory that the link shares."""

    size: int
    """In bytes."""

    type: EntryType
    content_type: str | None = None
    """The media type of a file. Only with `fields=content_type`, and `null` if it is not a file."""

    sha256: str | None = None
    """
    SHA-256 of the bytes in hexadecimal digits. Only with `fields=sha256`, and `null` if it is
    not known.
    """


UploadForm: TypeAlias = dict[str, bytes]
"""A form with one file and nothing else. Its part may have any name."""
