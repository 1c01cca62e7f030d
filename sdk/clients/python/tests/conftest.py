"""The gateway that tests/sdk-clients/run started, and a folder of it for each test."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest

from callfs import AsyncClient, Client
from callfs.filesystem import CallFSFileSystem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


_numbers = itertools.count()


@pytest.fixture(scope="session", autouse=True)
def _gateway() -> None:
    for name in ("CALLFS_URL", "CALLFS_KEY"):
        if name not in os.environ:
            pytest.exit(f"{name} is not set; start the tests with tests/sdk-clients/run", 2)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


@pytest.fixture
def folder() -> str:
    return f"/python-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def client() -> Iterator[Client]:
    with Client() as client:
        yield client


@pytest.fixture
async def async_client() -> AsyncIterator[AsyncClient]:
    async with AsyncClient() as client:
        yield client


@pytest.fixture
def fs() -> CallFSFileSystem:
    return CallFSFileSystem(skip_instance_cache=True)
