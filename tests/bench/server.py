"""A server process: its address, its processor time, its memory, and its end."""

import http.client
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

START_WITHIN = 60


class Server:
    def __init__(self, name, command, dir, port=None, prefix="", headers=None):
        """`prefix` goes before each path, and `headers` are sent with each request."""
        self.name = name
        self.port = port
        self.prefix = prefix
        self.headers = headers or {}
        self.log = dir / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"

    def url(self, path):
        return self.origin + self.prefix + path

    def is_ready(self):
        """Whether it accepts connections."""
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def wait(self):
        deadline = time.monotonic() + START_WITHIN
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{self.name} does not start:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.02)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def request(self, method, path, body=None, headers=None):
        """Status and body of one response."""
        connection = self.connect()
        connection.request(method, self.prefix + path, body, self.headers | (headers or {}))
        response = connection.getresponse()
        answered = response.status, response.read()
        connection.close()
        return answered

    def pids(self):
        """The process and its children: nginx works in those."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [pid, *map(int, children.split())]

    def processor_seconds(self):
        return sum(processor_seconds(pid) for pid in self.pids())

    def resident_mib(self):
        return sum(resident_mib(pid) for pid in self.pids())

    def stop(self):
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def processor_seconds(pid):
    """User and system time of all threads of a process, those that ended included.

    This is utime + stime of /proc/PID/stat, which counts in steps of 10 ms, too coarse for a short
    round. The processor clock of the process (clock_getcpuclockid in C) counts in nanoseconds.
    """
    return time.clock_gettime((~pid << 3) | 2)


def resident_mib(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
