"""Which gateway is asked, and with which key."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from callfs.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

URL_VARIABLE = "CALLFS_URL"
KEY_VARIABLE = "CALLFS_KEY"

#: A connection has to be made, and each wait for bytes has to end, within these times. A transfer
#: that keeps moving has no limit.
DEFAULT_TIMEOUT = httpx.Timeout(60.0, connect=10.0)


@dataclass(frozen=True)
class Settings:
    """The URL of the gateway without a slash at its end, and the key of the caller."""

    url: str
    key: str = field(repr=False)

    @classmethod
    def resolve(cls, url: str | None = None, key: str | None = None) -> Settings:
        """What is given, or else what the environment says."""
        url = url or os.environ.get(URL_VARIABLE)
        key = key or os.environ.get(KEY_VARIABLE)
        if not url:
            raise ValueError(f"there is no gateway; give url, or set {URL_VARIABLE}")
        if not key:
            raise ValueError(f"there is no key; give key, or set {KEY_VARIABLE}")
        return cls(url.rstrip("/"), key.strip())

    @property
    def headers(self) -> Mapping[str, str]:
        return {
            "Authorization": f"Bearer {self.key}",
            "User-Agent": f"callfs-python/{__version__}",
        }
