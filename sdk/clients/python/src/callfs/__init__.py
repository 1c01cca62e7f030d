"""CallFS: one REST filesystem over any storage.

`Client` blocks, `AsyncClient` is awaited, and `callfs.filesystem` has the filesystem of fsspec.
"""

from callfs import problems
from callfs.async_client import AsyncClient
from callfs.client import Client
from callfs.download import AsyncDownload, Download
from callfs.errors import (
    CallFSError,
    ConnectionFailed,
    NotModified,
    TimedOut,
    Truncated,
    UnexpectedAnswer,
)
from callfs.info import Info, Written
from callfs.models import Entry, IssuedLink, Link, Listing
from callfs.problems import Problem
from callfs.retries import Retries

__all__ = [
    "AsyncClient",
    "AsyncDownload",
    "CallFSError",
    "Client",
    "ConnectionFailed",
    "Download",
    "Entry",
    "Info",
    "IssuedLink",
    "Link",
    "Listing",
    "NotModified",
    "Problem",
    "Retries",
    "TimedOut",
    "Truncated",
    "UnexpectedAnswer",
    "Written",
    "problems",
]
