"""A gateway that is not there: answers that a test gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from callfs import Client

if TYPE_CHECKING:
    from callfs import Retries

ENTRY = (
    b'{"name":"a","path":"/a","type":"file","size":1,"mode":"0644","owner":"alice",'
    b'"group":"staff","mtime":"2026-11-28T16:19:37.882115541Z","etag":"x"}\n'
)
NEXT = b'{"type":"next","next":"/a"}\n'
WRITTEN = httpx.Response(201, headers={"ETag": '"x"'})


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    document = {"code": code, "message": "why", "request_id": "r", "status": status}
    return httpx.Response(
        status,
        json=document,
        headers={"Content-Type": "application/problem+json", **headers},
    )


def lines(*lines: bytes) -> httpx.Response:
    return httpx.Response(200, content=b"".join(lines))


class Script:
    """Answers one request after another, and keeps what was sent."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.bodies: list[bytes] = []
        self.queries: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(request.read())
        self.queries.append(request.url.query.decode())
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, retries: Retries | None = None) -> Client:
        http = httpx.Client(transport=httpx.MockTransport(self))
        return Client("http://gateway", "key", http=http, retries=retries)
