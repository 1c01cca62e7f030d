"""The python generator of openapi-generator: classes of operations over urllib3 and pydantic."""

from collections.abc import Callable
from datetime import datetime

from callfs_generated import ApiClient, Configuration, DirectoriesApi, FilesApi, LinksApi
from callfs_generated.exceptions import ApiException
from callfs_generated.models import (
    Change,
    Continuation,
    Entry,
    EntryField,
    ExchangeEntry,
    LinkDisposition,
    LinkRequest,
    ListingLine,
    MoveEntry,
    Problem,
    SetAttributes,
)

from steps import BASE, KEY, equal, run


def code(call: Callable[[], object]) -> str:
    """The code of the problem that a call ends with."""
    try:
        call()
    except ApiException as error:
        assert isinstance(error.data, Problem), error
        return error.data.code.value
    raise AssertionError("the call succeeded")


class Generated:
    def __init__(self) -> None:
        client = ApiClient(Configuration(host=BASE, access_token=KEY))
        self.files = FilesApi(client)
        self.directories = DirectoriesApi(client)
        self.links = LinksApi(client)

    def put(self, path: str, data: bytes, **conditions: str) -> str:
        try:
            answer = self.files.write_file_with_http_info(path, body=data, **conditions)
        except ApiException as error:
            assert isinstance(error.data, Problem), error
            return error.data.code.value
        return answer.headers["etag"]

    def create(self, path: str, data: bytes) -> str:
        return self.put(path, data, if_none_match="*")

    def replace(self, path: str, data: bytes, etag: str) -> str:
        return self.put(path, data, if_match=etag)

    def read_range(self, path: str, wanted: str) -> bytes:
        return bytes(self.files.read_file(path, range=wanted))

    def create_directory(self, path: str) -> None:
        self.files.create_directory(path)

    def page(self, path: str, limit: int, after: str | None) -> tuple[list[str], str | None]:
        listing = self.directories.list_directory(path, limit=limit, after=after)
        return [entry.name for entry in listing.items], listing.next

    def stream(self, path: str, limit: int | None) -> tuple[list[str], str | None]:
        lines = self.directories.list_directory_without_preload_content(
            path,
            limit=limit,
            recursive=True,
            type="file",
            _headers={"Accept": "application/x-ndjson"},
        )
        names = []
        for line in lines.read().splitlines():
            match ListingLine.from_json(line.decode()).actual_instance:
                case Entry(name=name):
                    names.append(name)
                case Continuation(next=cursor):
                    return names, cursor
        return names, None

    def move(self, path: str, destination: str) -> str:
        change = Change(MoveEntry(destination=destination, overwrite=False))
        return self.files.update_entry(path, change).path

    def change_mode(self, path: str, mode: str) -> str:
        return self.files.update_entry(path, Change(SetAttributes(mode=mode))).mode

    def copy(self, source: str, path: str) -> None:
        self.files.copy_entry(path, source)

    def delete(self, path: str) -> None:
        self.files.delete_entry(path)

    def share(self, path: str) -> bytes:
        link = self.links.create_link(LinkRequest(path=f"/{path}", max_downloads=1))
        stranger = LinksApi(ApiClient(Configuration(host=BASE)))
        return bytes(stranger.download_file(link.token))

    def create_at(self, path: str, data: bytes, mtime: str) -> None:
        self.files.write_file(path, body=data, x_call_fs_m_time=mtime)

    def digests(self, path: str) -> list[tuple[str, datetime | None, str | None]]:
        fields = [EntryField.SHA256, EntryField.CONTENT_TYPE]
        listing = self.directories.list_directory(path, fields=fields)
        return [(entry.name, entry.mtime, entry.sha256) for entry in listing.items]

    def exchange(self, path: str, destination: str) -> str:
        change = Change(ExchangeEntry(destination=destination, exchange=True))
        return self.files.update_entry(path, change).path

    def share_directory(self, path: str, file: str) -> tuple[list[str], bytes]:
        request = LinkRequest(
            path=f"/{path}", unlimited=True, expiry_seconds=60, disposition=LinkDisposition.INLINE
        )
        link = self.links.create_link(request)
        equal(link.type, "directory")
        stranger = LinksApi(ApiClient(Configuration(host=BASE)))
        names = [entry.name for entry in stranger.list_shared_directory(link.token)]
        return names, bytes(stranger.download_below(link.token, file))

    def problem(self, path: str) -> str:
        return code(lambda: self.files.read_file(path))


run("openapi-generator-python", Generated())
