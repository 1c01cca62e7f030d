"""nginx and a gateway on the same folder."""

import os
from dataclasses import dataclass
from pathlib import Path

import gateway
import nginx
from server import Server

SMALL = 4 << 10
# A second mount of the gateway, and a second folder of nginx.
MOUNTED = "/mounted"


@dataclass(frozen=True)
class Pair:
    dir: Path
    # What both serve at "/".
    files: Path
    nginx: Server
    callfs: gateway.Gateway

    @property
    def mounted(self):
        """What both serve at MOUNTED."""
        return self.dir / "mounted"

    def each(self):
        return (self.nginx, self.callfs)


def start(session, name):
    dir = session.folder(name)
    files = open_folder(dir / "files")
    mounted = open_folder(dir / "mounted")
    mounts = gateway.FOLDER.format(path="/", folder=files)
    mounts += gateway.FOLDER.format(path=MOUNTED, folder=mounted)
    return Pair(dir, files, nginx.start(session, dir), gateway.start(session, dir, mounts))


def open_folder(folder):
    """A new folder in which every user may create files, as the gateway checks modes."""
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    return folder


def write(path, size):
    """A file that every user may read, and that the gateway has no record of."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))
    path.chmod(0o644)
