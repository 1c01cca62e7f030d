"""Conditions of requests: what has to hold of an entry for the request to be carried out."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import format_datetime
from typing import TypedDict


class WriteConditions(TypedDict, total=False):
    """An ETag is written with or without its quotes; `"*"` stands for any."""

    if_match: str
    if_none_match: str
    if_unmodified_since: datetime


class ReadConditions(WriteConditions, total=False):
    """Where a read has nothing new to say, `NotModified` is raised."""

    if_modified_since: datetime


def condition_headers(conditions: ReadConditions | WriteConditions) -> dict[str, str]:
    """The header fields of these conditions."""
    known = ReadConditions.__optional_keys__
    headers: dict[str, str] = {}
    for name, value in conditions.items():
        if name not in known:
            raise TypeError(f"{name!r} is no condition; give one of {', '.join(sorted(known))}")
        field = name.replace("_", "-").title()
        if isinstance(value, datetime):
            headers[field] = format_datetime(value.astimezone(timezone.utc), usegmt=True)
        elif value is not None:
            headers[field] = quoted(str(value))
    return headers


def quoted(etag: str) -> str:
    """An ETag as HTTP writes it."""
    return etag if etag == "*" or etag.endswith('"') else f'"{etag}"'


def unquoted(etag: str | None) -> str | None:
    """An ETag as listings write it; a weak one stays as it is."""
    return etag[1:-1] if etag is not None and etag.startswith('"') else etag
