"""The blocking client."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import httpx

from callfs import models, operations
from callfs.answers import failure_of
from callfs.download import Download, blocks_of
from callfs.errors import CallFSError, body_errors, connection_errors
from callfs.listing import Choice, EntryLines, Selection
from callfs.problems import FileNotFound
from callfs.retries import Retries
from callfs.settings import DEFAULT_TIMEOUT, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from datetime import datetime, timedelta
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from callfs.conditions import ReadConditions, WriteConditions
    from callfs.info import Info, Written
    from callfs.operation import Operation
    from callfs.paths import Path
    from callfs.upload import Content

T = TypeVar("T")
R = TypeVar("R")


class Client:
    """One gateway, asked with one key. It is a context manager, and may be shared by threads.

    `url` and `key` are those of `CALLFS_URL` and `CALLFS_KEY` unless given. `http` is a client of
    httpx to use instead of one with defaults; it is left open.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout: float | httpx.Timeout = DEFAULT_TIMEOUT,
        retries: Retries | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        self._settings = Settings.resolve(url, key)
        self._retries = retries or Retries()
        self._timeout = timeout
        self._http = http or httpx.Client()
        self._is_own = http is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._is_own:
            self._http.close()

    def stat(self, path: Path, **conditions: Unpack[ReadConditions]) -> Info:
        return self._run(operations.stat(path, conditions))

    def exists(self, path: Path) -> bool:
        try:
            self.stat(path)
        except FileNotFound:
            return False
        return True

    def read(
        self,
        path: Path,
        start: int | None = None,
        end: int | None = None,
        **conditions: Unpack[ReadConditions],
    ) -> bytes:
        """A file, or its bytes `start:end`."""
        return self._run(operations.read(path, start, end, conditions))

    @contextmanager
    def download(
        self,
        path: Path,
        start: int | None = None,
        end: int | None = None,
        **conditions: Unpack[ReadConditions],
    ) -> Generator[Download]:
        """A file, or its bytes `start:end`, block by block."""
        with self._stream(operations.read(path, start, end, conditions)) as response:
            yield Download(operations.file_info(path, response), response)

    def write(
        self,
        path: Path,
        content: Content,
        *,
        media_type: str | None = None,
        sha256: bytes | None = None,
        mtime: datetime | None = None,
        **conditions: Unpack[WriteConditions],
    ) -> Written:
        """Creates or replaces a file, and the directories above it.

        Readers see all or nothing of it; an iterator that raises leaves what was there. `mtime` is
        when the content was last changed, and now unless given.
        """
        return self._run(
            operations.write(
                path,
                content,
                create=False,
                media_type=media_type,
                sha256=sha256,
                mtime=mtime,
                conditions=conditions,
            )
        )

    def create(
        self,
        path: Path,
        content: Content,
        *,
        media_type: str | None = None,
        sha256: bytes | None = None,
        mtime: datetime | None = None,
    ) -> Written:
        """Creates a file; `FileAlreadyExists` if there is one."""
        return self._run(
            operations.write(
                path,
                content,
                create=True,
                media_type=media_type,
                sha256=sha256,
                mtime=mtime,
                conditions={},
            )
        )

    def make_directory(self, path: Path) -> Written:
        """Makes a directory, unless it is there."""
        return self._run(operations.make_directory(path))

    def copy(
        self,
        source: Path,
        to: Path,
        *,
        overwrite: bool = False,
        **conditions: Unpack[WriteConditions],
    ) -> Written:
        """Copies a file or a directory within the gateway."""
        return self._run(operations.copy(source, to, overwrite=overwrite, conditions=conditions))

    def move(
        self,
        path: Path,
        to: Path,
        *,
        overwrite: bool = False,
        create_parents: bool = False,
        **conditions: Unpack[WriteConditions],
    ) -> models.Entry:
        """Moves a file or a directory in one step, also to another mount."""
        return self._run(
            operations.move(
                path, to, overwrite=overwrite, create_parents=create_parents, conditions=conditions
            )
        )

    def exchange(
        self,
        path: Path,
        other: Path,
        *,
        other_if_match: str | None = None,
        **conditions: Unpack[WriteConditions],
    ) -> models.Entry:
        """Lets two entries change places in one step; the one that is now at `other`.

        It is sent once, because a second time would undo the first. The conditions are about the
        entry at `path`.
        """
        return self._run(
            operations.exchange(path, other, other_if_match=other_if_match, conditions=conditions)
        )

    def set_attributes(
        self,
        path: Path,
        *,
        mode: int | str | None = None,
        owner: str | None = None,
        group: str | None = None,
        mtime: datetime | None = None,
        **conditions: Unpack[WriteConditions],
    ) -> models.Entry:
        return self._run(
            operations.set_attributes(
                path, mode=mode, owner=owner, group=group, mtime=mtime, conditions=conditions
            )
        )

    def remove(
        self, path: Path, *, recursive: bool = False, **conditions: Unpack[WriteConditions]
    ) -> None:
        self._run(operations.remove(path, recursive=recursive, conditions=conditions))

    def list_page(
        self,
        path: Path = "/",
        *,
        limit: int | None = None,
        after: str | None = None,
        **choice: Unpack[Choice],
    ) -> models.Listing:
        """One page; `next` of it is `after` for the next one."""
        return self._run(operations.list_page(path, Selection.of(choice), limit, after))

    def list_directory(
        self, path: Path = "/", *, page_size: int | None = None, **choice: Unpack[Choice]
    ) -> Iterator[models.Entry]:
        """Entries, a page at a time. It may be read slowly: no connection is kept in between."""
        after = None
        while True:
            page = self.list_page(path, limit=page_size, after=after, **choice)
            yield from page.items
            after = page.next
            if after is None:
                return

    def stream_directory(
        self,
        path: Path = "/",
        *,
        limit: int | None = None,
        after: str | None = None,
        **choice: Unpack[Choice],
    ) -> Iterator[models.Entry]:
        """Entries as soon as the gateway finds them, in one answer; `Truncated` if it is cut.

        With a limit, the path of the last entry is `after` for those that follow.
        """
        selection = Selection.of(choice)
        while True:
            lines = EntryLines()
            operation = operations.stream_directory(path, selection, limit, after)
            with self._stream(operation) as response:
                for block in blocks_of(response):
                    yield from lines.entries(block)
            after = lines.end()
            if limit is not None or after is None:
                return

    def create_link(
        self,
        path: Path,
        *,
        expires_in: timedelta | float | None = None,
        max_downloads: int | None = None,
        filename: str | None = None,
        unlimited: bool = False,
        inline: bool = False,
    ) -> models.IssuedLink:
        """A URL that downloads a file without a key: once, or `max_downloads` times.

        An `unlimited` link works until it expires, which `expires_in` has to say. A link to a
        directory is one; its URL, which ends with a slash, lists the directory, and everything
        below it is downloaded from below that URL. Browsers show an `inline` file.
        """
        return self._run(
            operations.create_link(
                path,
                expires_in=expires_in,
                max_downloads=max_downloads,
                filename=filename,
                unlimited=unlimited,
                inline=inline,
            )
        )

    def list_links(self, *, of_all: bool = False) -> Iterator[models.Link]:
        """The links of the caller; `of_all` users for administrators."""
        after = None
        while True:
            page = self._run(operations.links_page(of_all=of_all, after=after))
            yield from page.items
            after = page.next
            if after is None:
                return

    def get_link(self, link_id: str) -> models.Link:
        return self._run(operations.link(link_id))

    def revoke_link(self, link_id: str) -> None:
        self._run(operations.revoke_link(link_id))

    def _run(self, operation: Operation[T]) -> T:
        return self._repeated(operation, lambda: self._attempt(operation))

    def _attempt(self, operation: Operation[T]) -> T:
        response = self._send(operation)
        try:
            with body_errors():
                response.read()
        finally:
            response.close()
        return operation.read(response)

    @contextmanager
    def _stream(self, operation: Operation[T]) -> Generator[httpx.Response]:
        response = self._repeated(operation, lambda: self._send(operation))
        try:
            yield response
        finally:
            response.close()

    def _send(self, operation: Operation[T]) -> httpx.Response:
        """A successful answer, whose body is still to be read."""
        request = self._http.build_request(
            operation.method,
            self._settings.url + operation.target,
            headers={**self._settings.headers, **operation.all_headers},
            content=None if operation.upload is None else operation.upload.blocks(),
            timeout=self._timeout,
        )
        with connection_errors():
            response = self._http.send(request, stream=True)
            if response.is_success:
                return response
            try:
                response.read()
            finally:
                response.close()
        raise failure_of(response)

    def _repeated(self, operation: Operation[T], attempt: Callable[[], R]) -> R:
        number = 1
        while True:
            try:
                return attempt()
            except CallFSError as failure:
                wait = self._retries.wait(operation, failure, number)
                if wait is None:
                    raise
            time.sleep(wait)
            number += 1
