"""Bodies of uploads: bytes, files, and iterators of blocks."""

from __future__ import annotations

import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Protocol, TypeAlias, runtime_checkable

import anyio.to_thread

BLOCK = 1 << 18


@runtime_checkable
class File(Protocol):
    """A file that is open for reading bytes."""

    def read(self, size: int = ..., /) -> bytes: ...
    def seekable(self) -> bool: ...
    def seek(self, offset: int, whence: int = ..., /) -> int: ...
    def tell(self) -> int: ...


Content: TypeAlias = bytes | bytearray | memoryview | File | Iterable[bytes]
AsyncContent: TypeAlias = Content | AsyncIterable[bytes]


class Upload:
    """The body of one request, which may be sent more than once."""

    def __init__(self, content: AsyncContent) -> None:
        if isinstance(content, str):
            raise TypeError("a body is bytes; encode the text first")
        if isinstance(content, bytes | bytearray | memoryview):
            content = io.BytesIO(content)
        self._content = content
        #: Where the body starts and how long it is, if the content is a file that can seek.
        self._start: int | None = None
        self.size: int | None = None
        if isinstance(content, File) and content.seekable():
            self._start = content.tell()
            self.size = max(0, content.seek(0, io.SEEK_END) - self._start)
            content.seek(self._start)

    @property
    def is_repeatable(self) -> bool:
        return self._start is not None

    def blocks(self) -> Iterator[bytes]:
        """The body from its start."""
        if isinstance(self._content, File):
            self._rewind(self._content)
            while block := self._content.read(BLOCK):
                yield block
        elif isinstance(self._content, AsyncIterable):
            raise TypeError("an asynchronous iterator needs AsyncClient")
        else:
            yield from self._content

    async def async_blocks(self) -> AsyncIterator[bytes]:
        """The same; files are read in a thread."""
        if isinstance(self._content, io.BytesIO):
            for block in self.blocks():
                yield block
        elif isinstance(self._content, File):
            self._rewind(self._content)
            while block := await anyio.to_thread.run_sync(self._content.read, BLOCK):
                yield block
        elif isinstance(self._content, AsyncIterable):
            async for block in self._content:
                yield block
        else:
            for block in self._content:
                yield block

    def _rewind(self, file: File) -> None:
        if self._start is not None:
            file.seek(self._start)
