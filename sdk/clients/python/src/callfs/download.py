"""Files on their way to the caller, block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callfs.errors import body_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx

    from callfs.info import Info


class Download:
    """A file, or a part of it. Iterate over it, or `read` all of it.

    `Truncated` is raised if the connection is lost before all of it was there.
    """

    def __init__(self, info: Info, response: httpx.Response) -> None:
        self.info = info
        #: Of what is downloaded, in bytes; `info.size` is that of the whole file.
        self.size = int(response.headers["Content-Length"])
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return blocks_of(self._response)

    def read(self) -> bytes:
        return b"".join(self)


class AsyncDownload:
    """The same for `async for`."""

    def __init__(self, info: Info, response: httpx.Response) -> None:
        self.info = info
        #: Of what is downloaded, in bytes; `info.size` is that of the whole file.
        self.size = int(response.headers["Content-Length"])
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return async_blocks_of(self._response)

    async def read(self) -> bytes:
        return b"".join([block async for block in self])


def blocks_of(response: httpx.Response) -> Iterator[bytes]:
    """The body; only what goes wrong with reading it becomes an error of this library."""
    blocks = response.iter_bytes()
    while True:
        with body_errors():
            block = next(blocks, None)
        if block is None:
            return
        yield block


async def async_blocks_of(response: httpx.Response) -> AsyncIterator[bytes]:
    blocks = response.aiter_bytes()
    while True:
        with body_errors():
            block = await anext(blocks, None)
        if block is None:
            return
        yield block
