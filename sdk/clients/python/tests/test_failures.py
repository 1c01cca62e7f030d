"""What happens when the gateway is busy, gone, or cut off."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from script import ENTRY, NEXT, WRITTEN, Script, lines, problem

from callfs import (
    Client,
    ConnectionFailed,
    Problem,
    Retries,
    TimedOut,
    Truncated,
    UnexpectedAnswer,
    problems,
)
from callfs.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client waited each time; it takes no time here."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


def test_retry_after_is_honoured(waits: list[float]) -> None:
    in_five = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=5), usegmt=True)
    script = Script(
        problem(503, "BACKEND_UNAVAILABLE", **{"Retry-After": "3"}),
        problem(429, "RATE_LIMIT_EXCEEDED", **{"Retry-After": in_five}),
        problem(423, "LOCKED"),
        WRITTEN,
    )
    script.client().write("/file", b"content")
    assert script.bodies == [b"content"] * 4
    assert 3 <= waits[0] <= 3.25
    assert 3.5 <= waits[1] <= 5.5
    assert waits[2] <= 1


def test_retries_are_bounded(waits: list[float]) -> None:
    busy = problem(503, "NOT_READY", **{"Retry-After": "1"})
    script = Script(*[busy] * 9)
    with pytest.raises(problems.NotReady):
        script.client().read("/file")
    assert len(script.bodies) == 4
    script = Script(problem(503, "NOT_READY", **{"Retry-After": "3600"}), WRITTEN)
    with pytest.raises(problems.NotReady) as failure:
        script.client().write("/file", b"")
    assert failure.value.retry_after == 3600
    script = Script(busy, WRITTEN)
    with pytest.raises(problems.NotReady):
        script.client(Retries(attempts=1)).write("/file", b"")
    assert len(waits) == 3


LOST = httpx.ReadError("connection reset")
BUSY = problem(503, "BACKEND_TIMEOUT")


@pytest.mark.parametrize("failure", [LOST, BUSY, httpx.ReadTimeout("too slow")])
@pytest.mark.parametrize(
    ("call", "attempts"),
    [
        (lambda client: client.read("/a"), 2),
        (lambda client: client.write("/a", b"x"), 2),
        (lambda client: client.remove("/a"), 2),
        (lambda client: client.copy("/a", "/b", overwrite=True), 2),
        (lambda client: client.move("/a", "/b", if_match="x"), 2),
        (lambda client: client.copy("/a", "/b", if_none_match="*"), 2),
        (lambda client: client.create("/a", b"x"), 1),
        (lambda client: client.exchange("/a", "/b"), 1),
        # The condition may hold again after the first one.
        (lambda client: client.exchange("/a", "/b", if_match="*", other_if_match="*"), 1),
        (lambda client: client.move("/a", "/b"), 1),
        (lambda client: client.copy("/a", "/b"), 1),
        (lambda client: client.create_link("/a"), 1),
        # There is no second first block.
        (lambda client: client.write("/a", iter([b"x"])), 1),
    ],
)
@pytest.mark.usefixtures("waits")
def test_only_what_may_be_repeated_is(
    call: Callable[[Client], object], attempts: int, failure: httpx.Response | Exception
) -> None:
    script = Script(failure, problem(400, "BAD_REQUEST"))
    with pytest.raises((Problem, ConnectionFailed, TimedOut)):
        call(script.client())
    assert len(script.bodies) == attempts


@pytest.mark.parametrize(
    ("answer", "expected", "code"),
    [
        (problem(404, "FILE_NOT_FOUND"), FileNotFoundError, "FILE_NOT_FOUND"),
        (problem(409, "FILE_ALREADY_EXISTS"), FileExistsError, "FILE_ALREADY_EXISTS"),
        (problem(403, "PERMISSION_DENIED"), PermissionError, "PERMISSION_DENIED"),
        (problem(400, "NOT_A_DIRECTORY"), NotADirectoryError, "NOT_A_DIRECTORY"),
        (problem(507, "INSUFFICIENT_STORAGE"), OSError, "INSUFFICIENT_STORAGE"),
        (problem(418, "OF_A_NEWER_GATEWAY"), Problem, "OF_A_NEWER_GATEWAY"),
        (httpx.Response(404), problems.FileNotFound, "FILE_NOT_FOUND"),
        (httpx.Response(502, html="<h1>proxy</h1>"), problems.PluginFailed, "PLUGIN_FAILED"),
        (httpx.Response(418), Problem, "UNKNOWN"),
    ],
)
def test_a_problem_has_the_class_of_its_code(
    answer: httpx.Response, expected: type[Exception], code: str
) -> None:
    with pytest.raises(expected) as raised:
        Script(answer).client().read("/a")
    failure = raised.value
    assert isinstance(failure, Problem)
    assert (failure.code, failure.status) == (code, answer.status_code)
    if answer.headers.get("Content-Type") == "application/problem+json":
        assert (failure.message, failure.request_id) == ("why", "r")
        assert str(failure) == f"why ({answer.status_code} {code}, request r)"


def test_every_class_is_that_of_its_code() -> None:
    for code, problem_class in problems.CLASSES.items():
        words = code.title().replace("_", "")
        assert problem_class.__name__ in (words, words + "ByGateway")


@contextmanager
def server(*pieces: bytes) -> Generator[str]:
    """Sends these bytes to one client and closes the connection."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            for piece in pieces:
                connection.sendall(piece)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def chunk(block: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(block), block)


NDJSON = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
)
FILE = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-CallFS-Type: file\r\nX-CallFS-Size: 9\r\n"
    b"X-CallFS-Mode: 0644\r\nX-CallFS-Owner: a\r\nX-CallFS-Group: b\r\n\r\n"
)


@pytest.mark.parametrize(
    "pieces",
    [
        [NDJSON, chunk(ENTRY)],
        [NDJSON, chunk(ENTRY + ENTRY[:20])],
        [NDJSON, chunk(ENTRY + ENTRY[:20]), chunk(b"")],
    ],
    ids=["between lines", "within a line", "within a line of a complete body"],
)
def test_a_stream_that_is_cut_raises(pieces: list[bytes]) -> None:
    with server(*pieces) as url, Client(url, "key") as client:
        entries = client.stream_directory("/")
        assert next(entries).name == "a"
        with pytest.raises(Truncated):
            next(entries)


def test_a_line_may_come_in_pieces() -> None:
    pieces = [chunk(ENTRY[:10]), chunk(ENTRY[10:] + ENTRY[:50]), chunk(ENTRY[50:]), chunk(b"")]
    with server(NDJSON, *pieces) as url, Client(url, "key") as client:
        assert [entry.name for entry in client.stream_directory("/")] == ["a", "a"]


def test_a_stream_that_the_gateway_cuts_goes_on_by_itself() -> None:
    script = Script(lines(ENTRY, NEXT), lines(NEXT), lines(ENTRY))
    entries = script.client().stream_directory("/", recursive=True)
    assert [entry.name for entry in entries] == ["a", "a"]
    first, *others = script.queries
    assert first == "recursive=true&limit=0"
    assert others == ["recursive=true&limit=0&after=%2Fa"] * 2


def test_a_stream_with_a_limit_does_not() -> None:
    script = Script(lines(ENTRY, NEXT))
    assert [entry.name for entry in script.client().stream_directory("/", limit=1)] == ["a"]
    assert script.queries == ["limit=1"]


@pytest.mark.parametrize(
    "line", [b'{"type":"next"}', b'{"type":"file","next":"/a"}', b"[]", b"<html>", ENTRY[:40]]
)
def test_a_line_that_is_no_entry_is_unexpected(line: bytes) -> None:
    entries = Script(lines(ENTRY, line + b"\n")).client().stream_directory("/")
    assert next(entries).name == "a"
    with pytest.raises(UnexpectedAnswer, match="no Entry"):
        next(entries)


def test_a_download_that_is_cut_raises() -> None:
    with server(FILE, b"four") as url, Client(url, "key") as client:
        with client.download("/file") as download, pytest.raises(Truncated):
            download.read()
    with server(FILE, b"four") as url, Client(url, "key", retries=Retries(attempts=1)) as client:
        with pytest.raises(Truncated):
            client.read("/file")


def test_a_gateway_that_does_not_answer_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Client(url, "key", timeout=0.1, retries=Retries(attempts=1)) as client:
            with pytest.raises(TimeoutError):
                client.read("/file")
    with Client(url, "key", retries=Retries(attempts=2, first_wait=0.01)) as client:
        with pytest.raises(ConnectionError):
            client.read("/file")


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CALLFS_URL")
    with pytest.raises(ValueError, match="set CALLFS_URL"):
        Client()
    monkeypatch.delenv("CALLFS_KEY")
    with pytest.raises(ValueError, match="set CALLFS_KEY"):
        Client("http://127.0.0.1:1")


def test_an_upload_that_can_be_sent_again_knows_its_size() -> None:
    upload = Upload(b"12345")
    assert (upload.size, upload.is_repeatable) == (5, True)
    assert [b"".join(upload.blocks()) for _ in range(2)] == [b"12345"] * 2
    assert not Upload(iter([b"1"])).is_repeatable
