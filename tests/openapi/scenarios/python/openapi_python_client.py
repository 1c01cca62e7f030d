"""openapi-python-client: functions over httpx, with a class for each schema."""

import json
from datetime import datetime
from http import HTTPStatus
from io import BytesIO

from callfs_client import AuthenticatedClient, Client
from callfs_client.api.directories import list_directory
from callfs_client.api.files import (
    copy_entry,
    create_directory,
    delete_entry,
    read_file,
    update_entry,
    write_file,
)
from callfs_client.api.links import (
    create_link,
    download_below,
    download_file,
    list_shared_directory,
)
from callfs_client.models import (
    Continuation,
    ContinuationType,
    Entry,
    EntryField,
    ExchangeEntry,
    IssuedLink,
    IssuedLinkType,
    LinkDisposition,
    LinkRequest,
    ListDirectoryType,
    Listing,
    MoveEntry,
    Problem,
    SetAttributes,
)
from callfs_client.types import UNSET, File

from steps import BASE, KEY, equal, run


class Generated:
    def __init__(self) -> None:
        self.client = AuthenticatedClient(base_url=BASE, token=KEY)

    def put(self, path: str, data: bytes, **conditions: str) -> str:
        body = File(payload=BytesIO(data))
        answer = write_file.sync_detailed(path, client=self.client, body=body, **conditions)
        if isinstance(answer.parsed, Problem):
            return answer.parsed.code.value
        return answer.headers["etag"]

    def create(self, path: str, data: bytes) -> str:
        return self.put(path, data, if_none_match="*")

    def replace(self, path: str, data: bytes, etag: str) -> str:
        return self.put(path, data, if_match=etag)

    def read_range(self, path: str, wanted: str) -> bytes:
        answer = read_file.sync_detailed(path, client=self.client, range_=wanted)
        equal(answer.status_code, HTTPStatus.PARTIAL_CONTENT)
        assert isinstance(answer.parsed, File)
        return answer.parsed.payload.read()

    def create_directory(self, path: str) -> None:
        answer = create_directory.sync_detailed(path, client=self.client)
        equal(answer.status_code, HTTPStatus.CREATED)

    def page(self, path: str, limit: int, after: str | None) -> tuple[list[str], str | None]:
        listing = list_directory.sync(
            path, client=self.client, limit=limit, after=UNSET if after is None else after
        )
        assert isinstance(listing, Listing)
        return [entry.name for entry in listing.items], listing.next_

    def stream(self, path: str, limit: int | None) -> tuple[list[str], str | None]:
        # The generator has no streams; the httpx client below it has.
        with self.client.get_httpx_client().stream(
            "GET",
            f"/v1/directories/{path}",
            params={"recursive": True, "type": ListDirectoryType.FILE.value}
            | ({} if limit is None else {"limit": limit}),
            headers={"Accept": "application/x-ndjson"},
        ) as response:
            lines = [json.loads(line) for line in response.iter_lines()]
        cursor = None
        if lines[-1]["type"] == ContinuationType.NEXT:
            cursor = Continuation.from_dict(lines.pop()).next_
        return [Entry.from_dict(line).name for line in lines], cursor

    def move(self, path: str, destination: str) -> str:
        moved = update_entry.sync(
            path, client=self.client, body=MoveEntry(destination=destination, overwrite=False)
        )
        assert isinstance(moved, Entry)
        return moved.path

    def change_mode(self, path: str, mode: str) -> str:
        changed = update_entry.sync(path, client=self.client, body=SetAttributes(mode=mode))
        assert isinstance(changed, Entry)
        return changed.mode

    def copy(self, source: str, path: str) -> None:
        answer = copy_entry.sync_detailed(path, client=self.client, from_=source)
        equal(answer.status_code, HTTPStatus.CREATED)

    def delete(self, path: str) -> None:
        answer = delete_entry.sync_detailed(path, client=self.client)
        equal(answer.status_code, HTTPStatus.NO_CONTENT)

    def share(self, path: str) -> bytes:
        link = create_link.sync(
            client=self.client, body=LinkRequest(path=f"/{path}", max_downloads=1)
        )
        assert isinstance(link, IssuedLink)
        shared = download_file.sync(link.token, client=Client(base_url=BASE))
        assert isinstance(shared, File)
        return shared.payload.read()

    def create_at(self, path: str, data: bytes, mtime: str) -> None:
        body = File(payload=BytesIO(data))
        answer = write_file.sync_detailed(
            path, client=self.client, body=body, x_call_fs_m_time=mtime
        )
        equal(answer.status_code, HTTPStatus.CREATED)

    def digests(self, path: str) -> list[tuple[str, datetime | None, str | None]]:
        fields = [EntryField.SHA256, EntryField.CONTENT_TYPE]
        listing = list_directory.sync(path, client=self.client, fields=fields)
        assert isinstance(listing, Listing)
        return [(entry.name, entry.mtime, entry.sha256 or None) for entry in listing.items]

    def exchange(self, path: str, destination: str) -> str:
        exchanged = update_entry.sync(
            path, client=self.client, body=ExchangeEntry(destination=destination, exchange=True)
        )
        assert isinstance(exchanged, Entry)
        return exchanged.path

    def share_directory(self, path: str, file: str) -> tuple[list[str], bytes]:
        request = LinkRequest(
            path=f"/{path}", unlimited=True, expiry_seconds=60, disposition=LinkDisposition.INLINE
        )
        link = create_link.sync(client=self.client, body=request)
        assert isinstance(link, IssuedLink)
        equal(link.type_, IssuedLinkType.DIRECTORY)
        stranger = Client(base_url=BASE)
        entries = list_shared_directory.sync(link.token, client=stranger)
        assert isinstance(entries, list)
        shared = download_below.sync(link.token, file, client=stranger)
        assert isinstance(shared, File)
        return [entry.name for entry in entries], shared.payload.read()

    def problem(self, path: str) -> str:
        problem = read_file.sync(path, client=self.client)
        assert isinstance(problem, Problem)
        return problem.code.value


run("openapi-python-client", Generated())
