"""What every Python client is asked for, whatever its functions are called."""

import json
import os
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

    def stream(self, path: str) -> list[str]:
        """The names that a stream of lines has."""

    def move(self, path: str, destination: str) -> str: ...

    def change_mode(self, path: str, mode: str) -> str: ...

    def copy(self, source: str, path: str) -> None: ...

    def delete(self, path: str) -> None: ...

    def share(self, path: str) -> bytes:
        """Shares a file; what its link gives without a key."""

    def problem(self, path: str) -> str:
        """The code of the problem that reading this path ends with."""


def names(lines: bytes) -> list[str]:
    return [json.loads(line)["name"] for line in lines.splitlines()]


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
    equal(client.stream(folder), ["a ä.txt", "b.txt", "c.txt"])

    equal(client.move(at("b.txt"), "/" + at("moved.txt")), "/" + at("moved.txt"))
    equal(client.change_mode(at("moved.txt"), "0600"), "0600")
    equal(client.share(at("moved.txt")), b"hello again")

    client.delete(at("moved.txt"))
    equal(client.problem(at("moved.txt")), "FILE_NOT_FOUND")
