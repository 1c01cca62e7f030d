"""The filesystem of fsspec."""

# fsspec has no types, and those that are inferred from it are wrong.
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import fsspec
import httpx
import pytest

from callfs import problems
from callfs.filesystem import CallFSFileSystem

if TYPE_CHECKING:
    from pathlib import Path


def test_the_entry_point_names_it(folder: str) -> None:
    with fsspec.open(f"callfs://{folder}/file", "wb") as file:
        file.write(b"by its URL")
    fs, path = fsspec.url_to_fs(f"callfs://{folder}/file")
    assert isinstance(fs, CallFSFileSystem)
    assert path == f"{folder}/file"
    assert fs.unstrip_protocol(path) == f"callfs://{folder}/file"
    assert fs.cat(path) == b"by its URL"


@pytest.mark.parametrize(
    "written", ["callfs:///a/b", "callfs://a/b", "/a/b", "a/b", "/a/b/", "callfs:///a/b/"]
)
def test_a_path_has_one_form(written: str) -> None:
    assert CallFSFileSystem._strip_protocol(written) == "/a/b"  # pyright: ignore[reportPrivateUsage]


def test_listings_and_globs_find_what_is_there(fs: CallFSFileSystem, folder: str) -> None:
    files = ["a.csv", "b.txt", "2026/01/a.csv", "2026/02/b c.csv", "2026/02/[x].csv"]
    fs.pipe({f"{folder}/{name}": name.encode() for name in files})
    assert fs.ls(folder, detail=False) == [f"{folder}/{n}" for n in ("2026", "a.csv", "b.txt")]
    details: list[dict[str, Any]] = fs.ls(f"callfs://{folder}/")
    assert [(entry["type"], entry["size"]) for entry in details] == [
        ("directory", 0), ("file", 5), ("file", 5),
    ]  # fmt: skip
    assert fs.ls(f"{folder}/a.csv", detail=False) == [f"{folder}/a.csv"]

    def found(pattern: str) -> list[str]:
        return [path.removeprefix(f"{folder}/") for path in fs.glob(f"{folder}/{pattern}")]

    assert found("*.csv") == ["a.csv"]
    assert found("*") == ["2026", "a.csv", "b.txt"]
    assert found("2026/*/*.csv") == ["2026/01/a.csv", "2026/02/[x].csv", "2026/02/b c.csv"]
    assert found("**/*.csv") == [*found("2026/*/*.csv"), "a.csv"]
    assert found("2026/0?/?.csv") == ["2026/01/a.csv"]
    assert found("none*") == []
    everything = [f"{folder}/{name}" for name in sorted(files)]
    assert fs.find(folder) == everything
    assert fs.find(folder, maxdepth=1) == [f"{folder}/a.csv", f"{folder}/b.txt"]
    assert f"{folder}/2026/01" in fs.find(folder, withdirs=True)
    assert fs.find(f"{folder}/none") == []
    assert fs.find(f"{folder}/a.csv") == [f"{folder}/a.csv"]
    assert [name for name, _, _ in fs.walk(f"{folder}/2026")] == [
        f"{folder}/2026", f"{folder}/2026/01", f"{folder}/2026/02",
    ]  # fmt: skip
    assert fs.du(folder) == sum(map(len, files))
    assert fs.cat(f"{folder}/2026/*/*.csv") == {
        f"{folder}/{name}": name.encode() for name in files[2:]
    }


def test_an_entry_is_described(fs: CallFSFileSystem, folder: str) -> None:
    fs.pipe(f"{folder}/file", b"12345")
    info = fs.info(f"{folder}/file")
    assert (info["name"], info["type"], info["size"]) == (f"{folder}/file", "file", 5)
    assert info["mtime"] == fs.modified(f"{folder}/file")
    assert (fs.isfile(f"{folder}/file"), fs.isdir(folder), fs.isdir("/")) == (True, True, True)
    assert not fs.exists(f"{folder}/none")
    with pytest.raises(FileNotFoundError):
        fs.info(f"{folder}/none")
    before = fs.checksum(f"{folder}/file")
    fs.pipe(f"{folder}/file", b"67890")
    assert fs.checksum(f"{folder}/file") != before


@pytest.mark.parametrize(
    ("start", "end"),
    [(None, None), (2, 5), (-3, None), (-5, -2), (2, -2), (None, -4), (8, 99), (99, None), (5, 5)],
)
def test_a_part_of_a_file_is_a_slice(
    fs: CallFSFileSystem, folder: str, start: int | None, end: int | None
) -> None:
    fs.pipe(f"{folder}/digits", b"0123456789")
    assert fs.cat_file(f"{folder}/digits", start, end) == b"0123456789"[start:end]
    assert fs.cat_ranges([f"{folder}/digits"] * 2, [0, 5], [3, 9]) == [b"012", b"5678"]


def test_a_file_is_read_in_parts(fs: CallFSFileSystem, folder: str) -> None:
    content = bytes(range(256)) * 1024
    fs.pipe(f"{folder}/file", content)
    with fs.open(f"{folder}/file", block_size=10_000) as file:
        file.seek(100_000)
        assert file.read(1000) == content[100_000:101_000]
        file.seek(-10, 2)
        assert file.read() == content[-10:]
        file.seek(0)
        assert file.read() == content
    with fs.open(f"{folder}/text", "w") as text:
        text.write("one\ntwo\n")
    with fs.open(f"{folder}/text", "r") as text:
        assert list(text) == ["one\n", "two\n"]


def test_a_file_that_is_replaced_is_not_mixed(fs: CallFSFileSystem, folder: str) -> None:
    fs.pipe(f"{folder}/file", b"1" * 1000)
    with fs.open(f"{folder}/file", block_size=10, cache_type="none") as file:
        assert file.read(10) == b"1" * 10
        fs.pipe(f"{folder}/file", b"2" * 1000)
        with pytest.raises(problems.PreconditionFailed):
            file.read(10)


@pytest.mark.parametrize("size", [0, 5, 100_000, 250_000])
def test_a_file_is_written_in_blocks(fs: CallFSFileSystem, folder: str, size: int) -> None:
    content = bytes(index % 251 for index in range(size))
    with fs.open(f"{folder}/file", "wb", block_size=100_000) as file:
        for at in range(0, size, 7_000):
            file.write(content[at : at + 7_000])
        assert not fs.exists(f"{folder}/file")
    assert fs.cat(f"{folder}/file") == content


@pytest.mark.parametrize("size", [10, 500_000])
def test_a_block_that_raises_stores_nothing(fs: CallFSFileSystem, folder: str, size: int) -> None:
    fs.pipe(f"{folder}/file", b"old")

    def write() -> None:
        with fs.open(f"{folder}/file", "wb", block_size=100_000) as file:
            file.write(b"x" * size)
            raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        write()
    assert fs.cat(f"{folder}/file") == b"old"


def test_exclusive_creation_refuses_to_replace(fs: CallFSFileSystem, folder: str) -> None:
    with fs.open(f"{folder}/file", "xb") as file:
        file.write(b"first")
    second = fs.open(f"{folder}/file", "xb")
    second.write(b"second")
    with pytest.raises(FileExistsError):
        second.close()
    with pytest.raises(FileExistsError):
        fs.pipe_file(f"{folder}/file", b"third", mode="create")
    assert fs.cat(f"{folder}/file") == b"first"
    with pytest.raises(ValueError, match="cannot be opened with 'ab'"):
        fs.open(f"{folder}/file", "ab")


def test_a_refused_upload_raises(fs: CallFSFileSystem, folder: str) -> None:
    fs.makedirs(f"{folder}/directory")
    file = fs.open(f"{folder}/directory", "wb", block_size=1000)
    file.write(b"x" * 1000)
    with pytest.raises(problems.IsADirectory):
        file.close()


def test_a_transaction_commits_or_discards(fs: CallFSFileSystem, folder: str) -> None:
    with fs.transaction, fs.open(f"{folder}/file", "wb") as file:
        file.write(b"committed")
    assert fs.cat(f"{folder}/file") == b"committed"

    def fail() -> None:
        with fs.transaction:
            with fs.open(f"{folder}/file", "wb") as file:
                file.write(b"discarded")
            raise RuntimeError("after the file was closed")

    with pytest.raises(RuntimeError):
        fail()
    assert fs.cat(f"{folder}/file") == b"committed"


def test_entries_are_moved_copied_and_removed(fs: CallFSFileSystem, folder: str) -> None:
    fs.makedirs(f"{folder}/a/b")
    fs.makedirs(f"{folder}/a/b", exist_ok=True)
    with pytest.raises(FileExistsError):
        fs.mkdir(f"{folder}/a")
    with pytest.raises(FileNotFoundError):
        fs.mkdir(f"{folder}/none/b", create_parents=False)
    fs.pipe(f"{folder}/a/b/file", b"1")
    fs.mv(f"{folder}/a", f"{folder}/moved", recursive=True)
    fs.cp(f"{folder}/moved/b/file", f"{folder}/copy")
    fs.cp(f"{folder}/moved", f"{folder}/tree", recursive=True)
    assert fs.find(folder) == [
        f"{folder}/copy", f"{folder}/moved/b/file", f"{folder}/tree/b/file",
    ]  # fmt: skip
    with pytest.raises(problems.DirectoryNotEmpty):
        fs.rmdir(f"{folder}/moved")
    fs.rm(f"{folder}/c*")
    fs.rm([f"{folder}/moved", f"{folder}/tree"], recursive=True)
    assert fs.ls(folder) == []
    fs.rmdir(folder)
    with pytest.raises(FileNotFoundError):
        fs.rm(f"{folder}/none")


def test_trees_are_uploaded_and_downloaded(
    fs: CallFSFileSystem, folder: str, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    (source / "below").mkdir(parents=True)
    (source / "below/file").write_bytes(b"x" * 300_000)
    (source / "file").write_bytes(b"y")
    fs.put(f"{source}/", f"{folder}/", recursive=True)
    assert fs.find(folder) == [f"{folder}/below/file", f"{folder}/file"]
    fs.get(f"{folder}/", f"{tmp_path}/copy/", recursive=True)
    assert (tmp_path / "copy/below/file").read_bytes() == b"x" * 300_000
    assert (tmp_path / "copy/file").read_bytes() == b"y"


def test_a_signed_url_needs_no_key(fs: CallFSFileSystem, folder: str) -> None:
    fs.pipe(f"{folder}/file", b"shared")
    url = fs.sign(f"{folder}/file", expiration=60)
    assert httpx.get(url).content == b"shared"
    assert httpx.get(url, headers={"Range": "bytes=2-"}).content == b"ared"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_it_can_be_awaited(folder: str, anyio_backend: str) -> None:
    fs = CallFSFileSystem(asynchronous=True, skip_instance_cache=True)
    await fs._pipe_file(f"{folder}/file", b"awaited")  # pyright: ignore[reportPrivateUsage]
    assert await fs._cat_file(f"{folder}/file") == b"awaited"  # pyright: ignore[reportPrivateUsage]
    await (await fs.client()).aclose()
