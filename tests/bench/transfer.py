"""One large body by one client, curl, with MiB as units."""

import os
import subprocess
import sys

from measurement import Load

MIB = 1 << 20
WITHIN = 300


def write(file, mib):
    """A file on disk to transfer."""
    piece = os.urandom(MIB)
    with open(file, "wb") as out:
        out.writelines(piece for _ in range(mib))
        # Otherwise the system writes it back during the first rounds.
        os.fsync(out.fileno())
    file.chmod(0o644)


def get(server, url, mib):
    size, load = curl(server, url, mib)
    if size != mib * MIB:
        sys.exit(f"{server.name} sent {size} bytes instead of {mib} MiB")
    return load


def put(server, url, mib, file):
    return curl(server, url, mib, "-T", str(file))[1]


def curl(server, url, mib, *arguments):
    """The bytes that were received, and the load."""
    command = ["curl", "-sS", "-m", str(WITHIN), "-o", os.devnull, *arguments]
    command += ["-w", "%{http_code} %{time_total} %{size_download}"]
    for name, value in server.headers.items():
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run(
        [*command, url], check=False, capture_output=True, text=True, timeout=WITHIN + 30
    )
    if done.returncode != 0:
        sys.exit(f"{server.name}: {done.stderr}")
    status, seconds, size = done.stdout.split()
    if status not in ("200", "201", "204"):
        sys.exit(f"{server.name} answered a transfer with {status}")
    return int(size), Load(mib, mib / float(seconds))
