"""The blocking client against a real gateway."""

from __future__ import annotations

import hashlib
import io
from datetime import datetime, timedelta, timezone
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import httpx
import pytest

from callfs import Client, NotModified, problems

if TYPE_CHECKING:
    from collections.abc import Iterator

    from callfs.listing import Choice

NAMES = [
    "a b.txt", "100%.txt", "a%41", "%2e%2e", "ä", "日本", "a+b", "a&b;c=d", "a#b?c", "it's", "a:b",
    '<b>"q"', ".hidden", "...", "line\u2028separator", "~", "a\\b",
]  # fmt: skip


def test_a_file_is_written_read_and_described(client: Client, folder: str) -> None:
    path = f"{folder}/notes/hello.txt"
    written = client.write(path, b"hello, world", media_type="text/plain")
    assert written.created
    info = client.stat(path)
    assert (info.path, info.name, info.type, info.size) == (path, "hello.txt", "file", 12)
    assert info.etag == written.etag
    assert info.media_type is not None
    assert info.media_type.startswith("text/plain")
    assert info.mtime is not None
    assert abs(info.mtime - datetime.now(timezone.utc)) < timedelta(minutes=5)
    assert client.read(path) == b"hello, world"
    assert not client.write(path, b"again").created
    assert client.read(PurePosixPath(path)) == b"again"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_as_it_is(client: Client, folder: str, name: str) -> None:
    client.write(f"{folder}/{name}", name.encode())
    assert client.read(f"{folder}/{name}") == name.encode()
    assert [entry.name for entry in client.list_directory(folder)] == [name]
    assert [entry.name for entry in client.stream_directory(folder)] == [name]
    client.move(f"{folder}/{name}", f"{folder}/to/{name}", create_parents=True)
    client.copy(f"{folder}/to/{name}", f"{folder}/{name}")
    assert client.read(f"{folder}/{name}") == name.encode()


@pytest.mark.parametrize("path", ["/a/../b", "..", "/a/.", "/a//b"])
def test_a_path_that_a_url_library_would_rewrite_is_refused(client: Client, path: str) -> None:
    with pytest.raises(ValueError, match="has an empty name"):
        client.remove(path, recursive=True)


@pytest.mark.parametrize(
    ("start", "end"), [(None, None), (0, 3), (2, None), (2, 5), (None, 4), (-3, None), (5, 99)]
)
def test_a_range_is_a_slice(
    client: Client, folder: str, start: int | None, end: int | None
) -> None:
    content = b"0123456789"
    client.write(f"{folder}/digits", content)
    assert client.read(f"{folder}/digits", start, end) == content[start:end]
    with client.download(f"{folder}/digits", start, end) as download:
        assert download.size == len(content[start:end])
        assert download.info.size == 10
        assert download.read() == content[start:end]


def test_a_range_outside_of_the_file_is_a_problem(client: Client, folder: str) -> None:
    client.write(f"{folder}/digits", b"0123456789")
    with pytest.raises(problems.RangeNotSatisfiable):
        client.read(f"{folder}/digits", 10)
    with pytest.raises(ValueError, match="no range"):
        client.read(f"{folder}/digits", 4, 4)


class Sequential(io.RawIOBase):
    """A file that cannot seek, as a pipe."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def read(self, size: int = -1, /) -> bytes:
        return self._content.read(size)

    def seekable(self) -> bool:
        return False


def test_content_is_bytes_a_file_or_blocks(client: Client, folder: str) -> None:
    content = bytes(range(256)) * 4096
    offset = io.BytesIO(b"skipped" + content)
    offset.seek(7)
    blocks = (content[at : at + 10_000] for at in range(0, len(content), 10_000))
    for upload in (content, memoryview(content), offset, Sequential(content), blocks):
        client.write(f"{folder}/file", upload)
        with client.download(f"{folder}/file") as download:
            assert b"".join(download) == content
        client.remove(f"{folder}/file")
    with pytest.raises(TypeError, match="encode the text"):
        client.write(f"{folder}/file", "text")  # type: ignore[arg-type]
    client.write(f"{folder}/empty", b"")
    assert client.read(f"{folder}/empty") == b""


def test_blocks_that_break_off_leave_what_was_there(client: Client, folder: str) -> None:
    def broken() -> Iterator[bytes]:
        yield b"new" * 100_000
        raise RuntimeError("the source broke")

    client.write(f"{folder}/file", b"old")
    with pytest.raises(RuntimeError, match="the source broke"):
        client.write(f"{folder}/file", broken())
    assert client.read(f"{folder}/file") == b"old"


def test_conditions_hold_for_reads_and_writes(client: Client, folder: str) -> None:
    path, other = f"{folder}/file", f"{folder}/other"
    client.write(other, b"other")
    first = client.write(path, b"1", if_none_match="*")
    assert first.etag is not None
    assert not first.etag.startswith('"')
    with pytest.raises(problems.PreconditionFailed):
        client.write(path, b"2", if_none_match="*")
    with pytest.raises(NotModified) as unchanged:
        client.read(path, if_none_match=first.etag)
    assert unchanged.value.etag == first.etag
    second = client.write(path, b"2", if_match=f'"{first.etag}"')
    assert second.etag is not None
    for refused in (
        lambda: client.write(path, b"3", if_match=first.etag or ""),
        lambda: client.move(path, f"{folder}/elsewhere", if_match=first.etag or ""),
        lambda: client.remove(path, if_match=first.etag or ""),
        lambda: client.copy(other, path, overwrite=True, if_match=first.etag or ""),
        lambda: client.read(path, if_match=first.etag or ""),
    ):
        with pytest.raises(problems.PreconditionFailed):
            refused()
    assert client.read(path, if_match=second.etag) == b"2"
    past = datetime(2001, 2, 3, tzinfo=timezone.utc)
    with pytest.raises(problems.PreconditionFailed):
        client.remove(path, if_unmodified_since=past)
    with pytest.raises(NotModified):
        client.read(path, if_modified_since=second.last_modified or past)
    assert client.read(path, if_modified_since=past) == b"2"
    with pytest.raises(TypeError, match="no condition"):
        client.read(path, if_mach="x")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


def test_a_digest_is_checked(client: Client, folder: str) -> None:
    digest = hashlib.sha256(b"content").digest()
    client.write(f"{folder}/file", b"content", sha256=digest)
    with pytest.raises(problems.DigestMismatch):
        client.write(f"{folder}/file", b"c0ntent", sha256=digest)
    assert client.read(f"{folder}/file") == b"content"


@pytest.mark.parametrize(
    "mtime",
    [
        datetime(2020, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
        datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=timezone.utc),
        datetime(2020, 1, 2, 3, 4, 5),
    ],
    ids=["in UTC", "in another zone", "before 1970", "local"],
)
def test_an_upload_brings_its_time(client: Client, folder: str, mtime: datetime) -> None:
    client.write(f"{folder}/written", b"x", mtime=mtime)
    client.create(f"{folder}/created", b"x", mtime=mtime)
    client.write(f"{folder}/changed", b"x")
    assert client.set_attributes(f"{folder}/changed", mtime=mtime).mtime is not None
    for name in ("written", "created", "changed"):
        assert client.stat(f"{folder}/{name}").mtime == mtime.astimezone(timezone.utc)


def test_create_refuses_to_replace(client: Client, folder: str) -> None:
    assert client.create(f"{folder}/file", b"1").created
    with pytest.raises(problems.FileAlreadyExists):
        client.create(f"{folder}/file", b"2")
    assert client.read(f"{folder}/file") == b"1"


def test_entries_are_moved_copied_changed_and_removed(client: Client, folder: str) -> None:
    client.write(f"{folder}/a/file", b"1")
    moved = client.move(f"{folder}/a/file", f"{folder}/a/moved")
    assert (moved.path, moved.name, moved.size) == (f"{folder}/a/moved", "moved", 1)
    assert moved.etag == client.stat(f"{folder}/a/moved").etag
    assert client.copy(f"{folder}/a", f"{folder}/b").created
    with pytest.raises(problems.FileAlreadyExists):
        client.copy(f"{folder}/a/moved", f"{folder}/b/moved")
    with pytest.raises(problems.FileAlreadyExists):
        client.move(f"{folder}/a/moved", f"{folder}/b/moved")
    client.copy(f"{folder}/a/moved", f"{folder}/b/moved", overwrite=True)
    client.move(f"{folder}/a/moved", f"{folder}/b/moved", overwrite=True)
    mtime = datetime(2020, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    entry = client.set_attributes(f"{folder}/b/moved", mode=0o600, mtime=mtime)
    assert (entry.mode, entry.mtime) == ("0600", mtime)
    with pytest.raises(problems.DirectoryNotEmpty):
        client.remove(f"{folder}/b")
    client.remove(f"{folder}/b", recursive=True)
    assert not client.exists(f"{folder}/b")
    assert client.exists(folder)


def test_two_entries_change_places(client: Client, folder: str) -> None:
    one, other = f"{folder}/one", f"{folder}/other"
    client.write(one, b"1")
    client.write(f"{other}/below", b"2")
    assert client.exchange(one, other).path == other
    assert client.read(other) == b"1"
    assert client.read(f"{one}/below") == b"2"
    first = client.stat(f"{one}/below").etag
    second = client.stat(other).etag
    assert first is not None
    assert second is not None
    entry = client.exchange(f"{one}/below", other, if_match=first, other_if_match=second)
    assert (entry.path, entry.etag) == (other, first)
    with pytest.raises(problems.PreconditionFailed):
        client.exchange(f"{one}/below", other, if_match=first)
    with pytest.raises(problems.PreconditionFailed):
        client.exchange(f"{one}/below", other, other_if_match=f'"{second}"')
    assert client.read(other) == b"2"
    with pytest.raises(problems.FileNotFound):
        client.exchange(other, f"{folder}/none")


def test_a_directory_is_made_once(client: Client, folder: str) -> None:
    assert client.make_directory(f"{folder}/a/b").created
    assert not client.make_directory(f"{folder}/a/b").created
    assert client.stat(f"{folder}/a").type == "directory"
    with pytest.raises(problems.IsADirectory):
        client.read(f"{folder}/a")


def test_a_listing_comes_in_pages_or_as_a_stream(client: Client, folder: str) -> None:
    names = [f"{number:02}.txt" for number in range(23)]
    for name in names:
        client.write(f"{folder}/{name}", b"x")
    client.write(f"{folder}/below/deep.txt", b"x")
    page = client.list_page(folder, limit=10)
    assert [entry.name for entry in page.items] == names[:10]
    assert page.next is not None
    assert [e.name for e in client.list_directory(folder, page_size=5)] == [*names, "below"]
    everything = [*names, "below", "deep.txt"]
    assert [e.name for e in client.stream_directory(folder, recursive=True)] == everything
    chosen = client.stream_directory(folder, recursive=True, glob="**/d*.txt", type="file")
    assert [entry.path for entry in chosen] == [f"{folder}/below/deep.txt"]
    after = client.stream_directory(folder, after=f"{folder}/20.txt")
    assert [entry.name for entry in after] == [*names[21:], "below"]
    assert [e.name for e in client.list_directory(folder, recursive=True, max_depth=1)] == [
        *names,
        "below",
    ]


def test_a_stream_with_a_limit_ends_where_the_next_one_begins(client: Client, folder: str) -> None:
    names = [f"{number}.txt" for number in range(7)]
    for name in names:
        client.write(f"{folder}/{name}", b"x")
    first = list(client.stream_directory(folder, limit=3))
    assert [entry.name for entry in first] == names[:3]
    second = client.stream_directory(folder, limit=4, after=first[-1].path)
    assert [entry.name for entry in second] == names[3:]
    assert [entry.name for entry in client.stream_directory(folder, limit=100)] == names


def test_entries_have_more_members_on_request(client: Client, folder: str) -> None:
    digest = hashlib.sha256(b"content")
    client.write(f"{folder}/file", b"content", media_type="text/css", sha256=digest.digest())
    client.make_directory(f"{folder}/with")
    hexadecimal = digest.hexdigest()
    cases: list[tuple[Choice, list[tuple[str | None, str | None]]]] = [
        ({"fields": "sha256"}, [(hexadecimal, None), (None, None)]),
        ({"fields": ["content_type"]}, [(None, "text/css"), (None, None)]),
        ({"fields": ("sha256", "content_type")}, [(hexadecimal, "text/css"), (None, None)]),
        ({"fields": []}, [(None, None)] * 2),
        ({}, [(None, None)] * 2),
    ]
    for choice, expected in cases:
        for entries in (
            client.list_page(folder, **choice).items,
            client.list_directory(folder, page_size=1, **choice),
            client.stream_directory(folder, **choice),
        ):
            assert [(entry.sha256, entry.content_type) for entry in entries] == expected


def test_a_link_downloads_without_a_key(client: Client, folder: str) -> None:
    client.write(f"{folder}/file", b"shared")
    issued = client.create_link(
        f"{folder}/file", expires_in=timedelta(hours=1), max_downloads=2, filename="other.txt"
    )
    answer = httpx.get(issued.url)
    assert answer.content == b"shared"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "other.txt" in answer.headers["Content-Disposition"]
    link = client.get_link(issued.id)
    assert (link.path, link.type, link.disposition) == (f"{folder}/file", "file", "attachment")
    assert (link.unlimited, link.max_downloads, link.downloads) == (False, 2, 1)
    assert issued.id in [link.id for link in client.list_links()]
    client.revoke_link(issued.id)
    assert httpx.get(issued.url).status_code in (404, 410)
    with pytest.raises(problems.FileNotFound):
        client.get_link(issued.id)


def test_an_unlimited_link_is_not_counted(client: Client, folder: str) -> None:
    client.write(f"{folder}/file", b"shared")
    with pytest.raises(problems.BadRequest, match="expiry_seconds"):
        client.create_link(f"{folder}/file", unlimited=True)
    issued = client.create_link(f"{folder}/file", expires_in=60, unlimited=True, inline=True)
    for _ in range(3):
        answer = httpx.get(issued.url)
        assert answer.content == b"shared"
        assert answer.headers["Content-Disposition"].startswith("inline")
    link = client.get_link(issued.id)
    assert (link.unlimited, link.max_downloads, link.downloads) == (True, None, None)
    assert link.disposition == "inline"


def test_a_link_shares_a_directory(client: Client, folder: str) -> None:
    client.write(f"{folder}/a/b c.txt", b"shared")
    client.write(f"{folder}/secret", b"not shared")
    with pytest.raises(problems.IsADirectory, match="unlimited"):
        client.create_link(f"{folder}/a")
    issued = client.create_link(f"{folder}/a", expires_in=timedelta(minutes=1), unlimited=True)
    assert (issued.path, issued.type) == (f"{folder}/a", "directory")
    assert [entry["path"] for entry in httpx.get(issued.url).json()] == ["/b c.txt"]
    assert httpx.get(f"{issued.url}b%20c.txt").content == b"shared"
    assert httpx.get(f"{issued.url}secret").status_code == 404
    client.revoke_link(issued.id)
    assert httpx.get(issued.url).status_code in (404, 410)
