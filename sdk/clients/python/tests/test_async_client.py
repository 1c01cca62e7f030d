"""The asynchronous client, with asyncio and with trio."""

from __future__ import annotations

import inspect
import io
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import httpx
import pytest
from script import ENTRY, NEXT, Script, lines

from callfs import AsyncClient, Client, NotModified, problems

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def test_a_file_is_written_read_and_removed(async_client: AsyncClient, folder: str) -> None:
    path = f"{folder}/file"
    written = await async_client.create(path, b"0123456789")
    assert written.created
    assert (await async_client.stat(path)).etag == written.etag
    assert await async_client.read(path, 2, 5) == b"234"
    assert written.etag is not None
    with pytest.raises(NotModified):
        await async_client.read(path, if_none_match=written.etag)
    with pytest.raises(problems.FileAlreadyExists):
        await async_client.create(path, b"")
    await async_client.copy(path, f"{folder}/copy")
    moved = await async_client.move(path, f"{folder}/a/moved", create_parents=True)
    entry = await async_client.set_attributes(moved.path, mode="0600")
    assert entry.mode == "0600"
    exchanged = await async_client.exchange(moved.path, f"{folder}/copy", if_match=written.etag)
    assert (exchanged.path, exchanged.mode) == (f"{folder}/copy", "0600")
    assert not await async_client.exists(path)
    await async_client.remove(folder, recursive=True)
    assert not await async_client.exists(folder)


async def test_content_is_bytes_a_file_or_blocks(async_client: AsyncClient, folder: str) -> None:
    content = bytes(range(256)) * 4096

    async def blocks() -> AsyncIterator[bytes]:
        for at in range(0, len(content), 100_000):
            await anyio.lowlevel.checkpoint()
            yield content[at : at + 100_000]

    for upload in (content, io.BytesIO(content), io.BufferedReader(io.BytesIO(content)), blocks()):
        await async_client.write(f"{folder}/file", upload)
        async with async_client.download(f"{folder}/file", 1) as download:
            assert download.size == len(content) - 1
            assert await download.read() == content[1:]


async def test_many_requests_are_made_at_once(async_client: AsyncClient, folder: str) -> None:
    async with anyio.create_task_group() as tasks:
        for number in range(30):
            tasks.start_soon(async_client.write, f"{folder}/{number:02}", b"%d" % number)
    names = [f"{number:02}" for number in range(30)]
    pages = async_client.list_directory(folder, page_size=7)
    assert [entry.name async for entry in pages] == names
    stream = async_client.stream_directory(folder, glob="1?")
    assert [entry.name async for entry in stream] == names[10:20]
    first = [entry async for entry in async_client.stream_directory(folder, limit=12)]
    assert [entry.name for entry in first] == names[:12]
    rest = async_client.stream_directory(folder, after=first[-1].path, fields="sha256")
    assert [(entry.name, entry.sha256 is None) async for entry in rest] == [
        (name, False) for name in names[12:]
    ]
    assert (await async_client.list_page(folder, limit=2)).next is not None


async def test_links_are_made_and_revoked(async_client: AsyncClient, folder: str) -> None:
    await async_client.make_directory(folder)
    await async_client.write(f"{folder}/file", b"shared")
    issued = await async_client.create_link(f"{folder}/file", expires_in=60)
    assert issued.id in [link.id async for link in async_client.list_links()]
    assert (await async_client.get_link(issued.id)).downloads == 0
    await async_client.revoke_link(issued.id)
    with pytest.raises(problems.FileNotFound):
        await async_client.get_link(issued.id)
    shared = await async_client.create_link(folder, expires_in=60, unlimited=True, inline=True)
    link = await async_client.get_link(shared.id)
    assert (link.type, link.disposition, link.downloads) == ("directory", "inline", None)


async def test_an_upload_brings_its_time(async_client: AsyncClient, folder: str) -> None:
    mtime = datetime(2020, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    await async_client.write(f"{folder}/written", b"x", mtime=mtime)
    await async_client.create(f"{folder}/created", b"x", mtime=mtime)
    entries = async_client.list_directory(folder)
    assert [entry.mtime async for entry in entries] == [mtime, mtime]


async def test_a_stream_that_the_gateway_cuts_goes_on_by_itself() -> None:
    script = Script(lines(ENTRY, NEXT), lines(ENTRY))
    http = httpx.AsyncClient(transport=httpx.MockTransport(script))
    async with AsyncClient("http://gateway", "key", http=http) as client:
        assert [entry.name async for entry in client.stream_directory("/")] == ["a", "a"]
    assert script.queries == ["limit=0", "limit=0&after=%2Fa"]


def test_both_clients_have_the_same_methods() -> None:
    def methods(client: type) -> dict[str, list[str]]:
        return {
            name.replace("aclose", "close"): [
                str(parameter).replace("AsyncContent", "Content").replace("Async", "")
                for parameter in inspect.signature(method).parameters.values()
            ]
            for name, method in inspect.getmembers(client, inspect.isfunction)
            if not name.startswith("_")
        }

    assert methods(AsyncClient) == methods(Client)
