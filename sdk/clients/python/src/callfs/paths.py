"""Paths of entries, and their form in a URL."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TypeAlias
from urllib.parse import quote

#: `/docs/report.pdf`; a missing first slash is added.
Path: TypeAlias = str | PurePosixPath


def absolute(path: Path) -> str:
    """The path with one slash at its start and none at its end."""
    return "/" + str(path).strip("/")


def encoded(path: Path) -> str:
    """The path as a part of a URL.

    URL libraries resolve `.` and `..` before they send anything, so that a request would be about
    another entry. Such a path is refused here.
    """
    names = absolute(path)[1:].split("/")
    if names == [""]:
        return "/"
    for name in names:
        if name in ("", ".", ".."):
            raise ValueError(f"the path {str(path)!r} has an empty name, '.' or '..' in it")
    return "".join("/" + quote(name, safe="") for name in names)
