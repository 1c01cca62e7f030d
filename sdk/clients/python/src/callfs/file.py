"""A file that fsspec opened: ranged reads of one version, or one upload."""

# fsspec has no types, and those that are inferred from it are wrong.
# pyright: basic, reportIncompatibleMethodOverride=false, reportReturnType=false

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fsspec.asyn import sync
from fsspec.spec import AbstractBufferedFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from types import TracebackType

    from callfs.async_client import AsyncClient
    from callfs.filesystem import CallFSFileSystem
    from callfs.info import Written

    Store = Callable[[AsyncIterator[bytes]], Coroutine[None, None, Written]]


class CallFSFile(AbstractBufferedFile):  # type: ignore[misc]
    """One version of a file.

    A read raises `PreconditionFailed` once the file that was opened has been replaced. What is
    written appears when the file is closed, and not at all if its `with` block raises. Wrappers,
    as for text and those of `fsspec.open`, close it in any case: there, only `discard` or a
    transaction of fsspec keeps what was written from appearing.
    """

    def __init__(
        self,
        fs: CallFSFileSystem,
        path: str,
        mode: str,
        **options: Any,  # noqa: ANN401 - those of fsspec
    ) -> None:
        if mode not in ("rb", "wb", "xb"):
            raise ValueError(f"a file of CallFS cannot be opened with {mode!r}; use rb, wb or xb")
        super().__init__(fs, path, mode, **options)
        self._upload: BlockUpload | None = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and self.writable():
            self.discard()
        self.close()

    def discard(self) -> None:
        """Ends the upload, which stores nothing."""
        self.closed = True
        if self._upload is not None:
            sync(self.fs.loop, self._upload.abort)

    def commit(self) -> None:
        """Ends the body, and waits until it is stored."""
        if self._upload is not None:
            sync(self.fs.loop, self._upload.finish)

    def _fetch_range(self, start: int, end: int) -> bytes:
        return sync(self.fs.loop, self._read_version, start, end)  # type: ignore[no-any-return]

    async def _read_version(self, start: int, end: int) -> bytes:
        if start >= end:
            return b""
        client: AsyncClient = await self.fs.client()
        return await client.read(self.path, start, end, if_match=self.details["etag"])

    def _initiate_upload(self) -> None:
        sync(self.fs.loop, self._begin)

    async def _begin(self) -> None:
        client: AsyncClient = await self.fs.client()
        store = client.create if self.mode == "xb" else client.write
        self._upload = BlockUpload(lambda blocks: store(self.path, blocks))

    def _upload_chunk(self, final: bool = False) -> None:
        block = self.buffer.getvalue()
        if self._upload is not None and block:
            sync(self.fs.loop, self._upload.send, block)
        if final and self.autocommit:
            self.commit()


class BlockUpload:
    """A write under way, whose body is handed over block by block."""

    def __init__(self, store: Store) -> None:
        #: One block waits while another is sent, so that memory stays bounded.
        self._blocks: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self._write = asyncio.create_task(store(self._body()))

    async def send(self, block: bytes | None) -> None:
        """Hands a block over; the error of the write, if that has ended with one."""
        handed_over = asyncio.create_task(self._blocks.put(block))
        await asyncio.wait({handed_over, self._write}, return_when=asyncio.FIRST_COMPLETED)
        if not handed_over.done():
            handed_over.cancel()
            self._write.result()

    async def finish(self) -> Written:
        await self.send(None)
        return await self._write

    async def abort(self) -> None:
        self._write.cancel()
        await asyncio.wait({self._write})

    async def _body(self) -> AsyncIterator[bytes]:
        while (block := await self._blocks.get()) is not None:
            yield block
