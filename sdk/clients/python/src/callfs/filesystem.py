"""`callfs://` for fsspec, and so for pandas, pyarrow, zarr, dask and others.

A path is `callfs:///docs/report.pdf`. Which gateway is meant is no part of it: `url` and `key` are
options of the filesystem, or `CALLFS_URL` and `CALLFS_KEY`.
"""

# fsspec has no types, and those that are inferred from it are wrong.
# pyright: basic, reportIncompatibleMethodOverride=false

from __future__ import annotations

import asyncio
import weakref
from pathlib import Path as LocalPath
from typing import TYPE_CHECKING, Any, Literal

from fsspec.asyn import AsyncFileSystem, sync_wrapper
from fsspec.callbacks import DEFAULT_CALLBACK, Callback

from callfs.async_client import AsyncClient
from callfs.file import CallFSFile
from callfs.listing import Choice
from callfs.paths import absolute
from callfs.problems import FileNotFound, NotADirectory, RangeNotSatisfiable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from callfs.info import Info
    from callfs.models import Entry

Details = dict[str, Any]


class CallFSFileSystem(AsyncFileSystem):  # type: ignore[misc]
    """Names start with a slash, from the root of the gateway. Nothing is cached."""

    protocol = "callfs"
    root_marker = "/"
    cachable = True

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        client_options: dict[str, Any] | None = None,
        **options: Any,  # noqa: ANN401 - those of fsspec
    ) -> None:
        super().__init__(**options)
        self._settings: dict[str, Any] = {"url": url, "key": key, **(client_options or {})}
        self._client: AsyncClient | None = None

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:  # noqa: ANN401 - a path or a list of them
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return absolute(str(path).removeprefix("callfs:"))

    async def client(self) -> AsyncClient:
        """The client, whose connections belong to the loop that runs."""
        if self._client is None:
            self._client = AsyncClient(**self._settings)
            if not self.asynchronous:
                weakref.finalize(self, _close, self.loop, self._client)
        return self._client

    async def _info(self, path: str, **_: object) -> Details:
        client = await self.client()
        return details_of(await client.stat(self._strip_protocol(path)))

    async def _ls(self, path: str, detail: bool = True, **_: object) -> list[Details] | list[str]:
        path = self._strip_protocol(path)
        client = await self.client()
        try:
            found = [details_of(entry) async for entry in client.list_directory(path)]
        except NotADirectory:
            found = [await self._info(path)]
        return found if detail else [entry["name"] for entry in found]

    async def _find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        **_: object,
    ) -> dict[str, Details] | list[str]:
        """All entries below a directory come in one answer."""
        path = self._strip_protocol(path)
        found: dict[str, Details] = {}
        try:
            if withdirs and path != "/":
                found[path] = await self._info(path)
            async for entry in self._below(path, maxdepth):
                if withdirs or entry["type"] != "directory":
                    found[entry["name"]] = entry
        except NotADirectory:
            found[path] = await self._info(path)
        except FileNotFound:
            found.clear()
        ordered = dict(sorted(found.items()))
        return ordered if detail else list(ordered)

    async def _below(self, path: str, maxdepth: int | None) -> AsyncIterator[Details]:
        client = await self.client()
        choice = Choice(recursive=True)
        if maxdepth is not None:
            choice["max_depth"] = maxdepth
        async for entry in client.stream_directory(path, **choice):
            yield details_of(entry)

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: object
    ) -> bytes:
        path = self._strip_protocol(path)
        client = await self.client()
        if end is not None and min(start or 0, end) < 0:
            # The header field has no range that ends relative to the end of the file.
            start, end, _step = slice(start, end).indices((await client.stat(path)).size)
        if end is not None and end <= (start or 0):
            return b""
        try:
            return await client.read(path, start, end)
        except RangeNotSatisfiable:
            return b""

    async def _pipe_file(
        self,
        path: str,
        value: bytes,
        mode: Literal["overwrite", "create"] = "overwrite",
        **_: object,
    ) -> None:
        client = await self.client()
        store = client.create if mode == "create" else client.write
        await store(self._strip_protocol(path), value)

    async def _put_file(
        self,
        lpath: str,
        rpath: str,
        callback: Callback = DEFAULT_CALLBACK,
        mode: Literal["overwrite", "create"] = "overwrite",
        **_: object,
    ) -> None:
        local = LocalPath(lpath)
        if await asyncio.to_thread(local.is_dir):
            await self._makedirs(rpath, exist_ok=True)
            return
        client = await self.client()
        store = client.create if mode == "create" else client.write
        with await asyncio.to_thread(local.open, "rb") as file:
            size = (await asyncio.to_thread(local.stat)).st_size
            callback.set_size(size)
            await store(self._strip_protocol(rpath), file)
            callback.absolute_update(size)

    async def _get_file(
        self, rpath: str, lpath: str, callback: Callback = DEFAULT_CALLBACK, **_: object
    ) -> None:
        rpath = self._strip_protocol(rpath)
        local = LocalPath(lpath)
        if await self._isdir(rpath):
            await asyncio.to_thread(local.mkdir, parents=True, exist_ok=True)
            return
        client = await self.client()
        async with client.download(rpath) as download:
            callback.set_size(download.size)
            await asyncio.to_thread(local.parent.mkdir, parents=True, exist_ok=True)
            with await asyncio.to_thread(local.open, "wb") as file:
                async for block in download:
                    await asyncio.to_thread(file.write, block)
                    callback.relative_update(len(block))

    async def _rm_file(self, path: str, **_: object) -> None:
        client = await self.client()
        await client.remove(self._strip_protocol(path))

    async def _rm(
        self,
        path: str | list[str],
        recursive: bool = False,
        maxdepth: int | None = None,
        **_: object,
    ) -> None:
        """A directory is removed by one request."""
        client = await self.client()
        for found in await self._expand_path(path, maxdepth=maxdepth):
            await client.remove(found, recursive=recursive)

    async def _rmdir(self, path: str) -> None:
        await self._rm_file(path)

    async def _cp_file(self, path1: str, path2: str, **_: object) -> None:
        source = self._strip_protocol(path1)
        if await self._isdir(source):
            await self._makedirs(path2, exist_ok=True)
            return
        client = await self.client()
        await client.copy(source, self._strip_protocol(path2), overwrite=True)

    async def _mv(self, path1: str, path2: str, **_: object) -> None:
        """One step, also for a directory. A file that is there is replaced."""
        client = await self.client()
        source, to = self._strip_protocol(path1), self._strip_protocol(path2)
        await client.move(source, to, overwrite=True, create_parents=True)

    async def _mkdir(self, path: str, create_parents: bool = True, **_: object) -> None:
        path = self._strip_protocol(path)
        if not create_parents:
            await self._info(self._parent(path))
        await self._makedirs(path)

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        client = await self.client()
        path = self._strip_protocol(path)
        if path == "/":
            return
        made = await client.make_directory(path)
        if not made.created and not exist_ok:
            raise FileExistsError(path)

    async def _modified(self, path: str) -> datetime | None:
        modified: datetime | None = (await self._info(path))["mtime"]
        return modified

    async def _sign(self, path: str, expiration: int = 100, **_: object) -> str:
        """A URL that works until it expires, as often as it is asked, for ranges of it too."""
        client = await self.client()
        path = self._strip_protocol(path)
        return (await client.create_link(path, expires_in=expiration, unlimited=True)).url

    mv = sync_wrapper(_mv)
    rmdir = sync_wrapper(_rmdir)
    modified = sync_wrapper(_modified)
    sign = sync_wrapper(_sign)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: Details | None = None,
        **options: Any,  # noqa: ANN401 - those of the cache
    ) -> CallFSFile:
        return CallFSFile(
            self,
            self._strip_protocol(path),
            mode,
            block_size=block_size or "default",
            autocommit=autocommit,
            cache_options=cache_options,
            **options,
        )


def details_of(entry: Entry | Info) -> Details:
    """An entry as fsspec has it."""
    return {
        "name": entry.path,
        "type": "other" if entry.type == "special" else entry.type,
        "size": entry.size,
        "mtime": entry.mtime,
        "etag": entry.etag,
        "mode": int(entry.mode, 8),
        "owner": entry.owner,
        "group": entry.group,
    }


def _close(loop: asyncio.AbstractEventLoop | None, client: AsyncClient) -> None:
    """Lets the loop close the connections; this may run on any thread, also on that of the loop."""
    if loop is not None and loop.is_running():
        asyncio.run_coroutine_threadsafe(client.aclose(), loop)
