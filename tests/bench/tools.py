"""The programs that a run needs, and their versions."""

import datetime
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

# A tool and its Debian package.
PACKAGES = {"nginx": "nginx-light", "wrk": "wrk", "curl": "curl"}
NEEDS_S3 = ("requests", "objects")


def which(tool):
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def require(options):
    """Ends the run with exit code 2 and a sentence for each thing that is missing."""
    missing = [tool for tool in PACKAGES if not which(tool)]
    said = []
    if missing:
        packages = " ".join(PACKAGES[tool] for tool in missing)
        said.append(
            f"not installed: {', '.join(missing)}; "
            f"install with: sudo apt-get install -y --no-install-recommends {packages}"
        )
    if not options.callfs.is_file():
        said.append(f"no binary {options.callfs}; `make bench` builds it")
    if not (options.s3_server or options.garage) and any(p in NEEDS_S3 for p in options.parts):
        said.append("no S3 server; pass --s3-server (`make bench` builds callfs-test-s3)")
    for server in (options.s3_server, options.garage):
        if server and not server.is_file():
            said.append(f"no S3 server {server}; `make bench` builds callfs-test-s3")
    if said:
        print("\n".join(f"bench: {sentence}" for sentence in said), file=sys.stderr)
        sys.exit(2)


def nginx_has_dav():
    """Whether nginx can answer PUT and DELETE."""
    return "http_dav_module" in said_by(which("nginx"), "-V")


def environment(options):
    """What the numbers depend on, for the head of the report."""
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "callfs": said_by(str(options.callfs), "--version"),
        "nginx": said_by(which("nginx"), "-v").rpartition(" ")[2],
        "kernel": platform.release(),
        "processor": model.group(1) if model else platform.machine(),
        "cores": os.cpu_count(),
        "rounds": options.rounds,
        "seconds per round": options.seconds,
    }


def said_by(*command):
    """What a program prints about itself; nginx does so on standard error."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    return (done.stdout + done.stderr).strip()
