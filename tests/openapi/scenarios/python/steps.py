"""What every Python client is asked for, whatever its functions are called."""

import hashlib
import os
from datetime import datetime, timezone
from typing import Protocol

BASE = os.environ["CALLFS_URL"]
KEY = os.environ["CALLFS_KEY"]


class Steps(Protocol):
    """What a client has to be able to do."""

    def create(self, path: str, data: bytes) -> str:
        """Stores bytes where nothing is; the entity tag, or the code of the problem."""

    def replace(self, path: str, data: bytes, etag: str) -> str:
        """Replaces a version; the new entity tag, or the code of the problem."""

    def read_range(self, path: str, wanted: str) -> bytes: ...

    def create_directory(self, path: str) -> None: ...

    def page(self, path: str, limit: int, after: str | None) -> tuple[list[str], str | None]:
        """The names of one page, and the cursor of the next."""

    def stream(self, path: str, limit: int | None) -> tuple[list[str], str | None]:
        """The names that a stream of lines has, and where it continues if the limit has cut it."""

    def move(self, path: str, destination: str) -> str: ...

    def change_mode(self, path: str, mode: str) -> str: ...

    def copy(self, source: str, path: str) -> None: ...

    def delete(self, path: str) -> None: ...

    def share(self, path: str) -> bytes:
        """Shares a file; what its link gives without a key."""

    def create_at(self, path: str, data: bytes, mtime: str) -> None:
        """Stores bytes with a time of the last change."""

    def digests(self, path: str) -> list[tuple[str, datetime | None, str | None]]:
        """The entries of a directory: name, time and SHA-256."""

    def exchange(self, path: str, destination: str) -> str:
        """Lets two entries change places; where the first is now."""

    def share_directory(self, path: str, file: str) -> tuple[list[str], bytes]:
        """Shares a directory without limit; its names and one of its files, without a key."""

    def problem(self, path: str) -> str:
        """The code of the problem that reading this path ends with."""


def equal(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{found!r} is not {expected!r}")


def run(folder: str, client: Steps) -> None:
    def at(name: str) -> str:
        return f"{folder}/{name}"

    client.create_directory(folder)
    first = client.create(at("a ä.txt"), b"hello, world")
    equal(first[0] + first[-1], '""')
    equal(client.create(at("a ä.txt"), b"other"), "PRECONDITION_FAILED")
    equal(client.read_range(at("a ä.txt"), "bytes=7-11"), b"world")

    second = client.replace(at("a ä.txt"), b"hello again", first)
    equal(second[0] + second[-1], '""')
    equal(second == first, False)
    equal(client.replace(at("a ä.txt"), b"late", first), "PRECONDITION_FAILED")
    equal(client.read_range(at("a ä.txt"), "bytes=0-"), b"hello again")

    client.copy("/" + at("a ä.txt"), at("b.txt"))
    client.create(at("c.txt"), b"{}")
    items, after = client.page(folder, 2, None)
    equal(items, ["a ä.txt", "b.txt"])
    equal(client.page(folder, 2, after), (["c.txt"], None))
    equal(client.stream(folder, None), (["a ä.txt", "b.txt", "c.txt"], None))
    equal(client.stream(folder, 2), (["a ä.txt", "b.txt"], "/" + at("b.txt")))

    equal(client.move(at("b.txt"), "/" + at("moved.txt")), "/" + at("moved.txt"))
    equal(client.change_mode(at("moved.txt"), "0600"), "0600")
    equal(client.share(at("moved.txt")), b"hello again")

    client.delete(at("moved.txt"))
    equal(client.problem(at("moved.txt")), "FILE_NOT_FOUND")

    # A site is replaced while it is in use.
    time = datetime(2001, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
    client.create_directory(at("site"))
    client.create_at(at("site/page.txt"), b"old page", time.isoformat())
    digest = hashlib.sha256(b"old page").hexdigest()
    equal(client.digests(at("site")), [("page.txt", time, digest)])
    client.create_directory(at("next"))
    client.create_at(at("next/page.txt"), b"fresh page", time.isoformat())
    equal(client.exchange(at("next"), "/" + at("site")), "/" + at("site"))
    equal(client.read_range(at("next/page.txt"), "bytes=0-"), b"old page")
    equal(client.share_directory(at("site"), "page.txt"), (["page.txt"], b"fresh page"))
