"""Servers that a benchmark starts, and that end with it."""

import re
import shutil
import signal
import socket
import os
import subprocess
import sys
import time
from pathlib import Path

KEY = "a-key-for-the-benchmark-only"
START_WITHIN = 60

CALLFS = """
[server]
listen = "127.0.0.1:0"
[metrics]
listen = "127.0.0.1:0"
[metadata]
store = "sqlite"
url = "sqlite:{dir}/metadata.db"
[[authenticator]]
component = "api-keys"
config.keys = [ {{ user = "bench", groups = ["bench"], key = "{key}" }} ]
[authorizer]
component = "unix"
{mounts}
"""


class Server:
    """A process that is ended with the script, and where it listens."""

    def __init__(self, name, command, dir, base=None):
        self.name = name
        self.log = dir / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.base = base

    def wait_until(self, ready):
        deadline = time.monotonic() + START_WITHIN
        while not ready(self):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{self.name} does not start:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.05)

    def peak_memory(self):
        """The sum of the peaks of the process and its children, in MiB."""
        pids = [self.process.pid]
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        pids += [int(pid) for pid in children.split()]
        peaks = (
            re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in pids
        )
        return sum(int(peak.group(1)) for peak in peaks) / 1024

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def which(tool):
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def listens(port):
    """Whether something accepts connections there."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def start_callfs(dir, binary, mounts, address=None):
    """A gateway with these mounts (TOML); its base is that of files, below `/v1/files`."""
    (dir / "callfs.toml").write_text(CALLFS.format(dir=dir, key=KEY, mounts=mounts))
    server = Server("callfs", [str(binary), "serve", "--config", str(dir / "callfs.toml")], dir)

    def announced(server):
        found = re.search(
            r"callfs (?:listens|serves .*) on (http://[0-9.:]+)",
            server.log.read_text(errors="replace"),
        )
        server.base = found and found.group(1)
        return server.base is not None

    server.wait_until(announced)
    server.base += "/v1/files" + (address or "")
    return server
