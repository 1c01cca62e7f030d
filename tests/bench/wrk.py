"""Load from wrk: requests for a time, or until a list of paths is used up."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import tools
from measurement import Load

SCRIPT = Path(__file__).parent / "wrk.lua"
CLIENTS = 16
# Seconds between two looks at whether wrk is done.
POLL = 0.002


def get(server, url, seconds, connections=CLIENTS, missing=False):
    """GET of one URL; `missing` expects every response to be an error."""
    return run(server, url, seconds, connections, missing=missing)


def send(server, method, paths, seconds, connections=CLIENTS, size=0, repeat=False):
    """Requests with the paths in a file, each of them once, or in turns with `repeat`."""
    turns = "repeat" if repeat else "once"
    arguments = [method, str(paths), str(threads(connections)), str(size), turns, server.prefix]
    return run(server, server.origin, seconds, connections, arguments)


def threads(connections):
    return min(2, connections)


def run(server, url, seconds, connections, script=None, missing=False):
    command = [tools.which("wrk"), f"-t{threads(connections)}", f"-c{connections}"]
    # The end of the round comes from a signal: wrk takes whole seconds alone. This bounds a wrk
    # that gets none.
    command += [f"-d{int(seconds) + 60}s", "--timeout", "30s"]
    for name, value in server.headers.items():
        command += ["-H", f"{name}: {value}"]
    command += ["-s", str(SCRIPT), url, *script] if script else [url]
    return read(server, finish(command, seconds), missing)


def finish(command, seconds):
    """What wrk printed after the time was over, or after its threads had nothing left to send."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        deadline = time.monotonic() + seconds
        most = 1
        while process.poll() is None and time.monotonic() < deadline:
            # The threads of wrk end when they have sent all, and its main thread sleeps on.
            running = len(list(Path(f"/proc/{process.pid}/task").iterdir()))
            if running == 1 and most > 1:
                break
            most = max(most, running)
            time.sleep(POLL)
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=60)[0]
    finally:
        process.kill()
        process.wait()


def read(server, said, missing):
    requests = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if not requests or not rate or int(requests.group(1)) == 0:
        sys.exit(f"{server.name}: no response within the round:\n{said}")
    count = int(requests.group(1))
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    refused = int(errors.group(1)) if errors else 0
    if "Socket errors" in said or refused != (count if missing else 0):
        sys.exit(f"{server.name} gave unexpected responses:\n{said}")
    return Load(count, float(rate.group(1)))
