"""Load on a server, and the ratio of two that get the same in turns."""

import os
import re
import statistics
import subprocess
import sys

from server import KEY, which

THREADS, CONNECTIONS = 2, 16


def in_turns(name, peer, callfs, measure, rounds):
    """Measures both in rounds that alternate, and prints the medians and the ratio."""
    measured = []
    for turn in range(rounds + 1):
        pair = (measure(peer), measure(callfs))
        # The first turn warms caches up and counts for nothing.
        if turn > 0:
            measured.append(pair)
    ratios = [by_callfs / by_peer for by_peer, by_callfs in measured]
    medians = [statistics.median(column) for column in zip(*measured)]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    print(f"{name:<12} {medians[0]:>10.0f} {medians[1]:>10.0f}   {spread}", flush=True)


def heading(peer, unit="/s"):
    print(f"{'':<12} {peer + ' ' + unit:>10} {'callfs ' + unit:>10}   callfs/{peer}")


def how(rounds, seconds):
    load = f"wrk, {THREADS} threads, {CONNECTIONS} connections"
    return f"{load}, {rounds} rounds of {seconds} s each, {os.cpu_count()} cores"


def load(server, path, seconds, script=None):
    """Requests per second; an answer that is not a success is a failure of the whole comparison."""
    command = [
        which("wrk"),
        f"-t{THREADS}",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "-H",
        f"Authorization: Bearer {KEY}",
    ]
    if script:
        command += ["-s", str(script), re.match(r"http://[^/]+", server.base).group(0)]
    else:
        command.append(server.base + path)
    said = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 30, check=True
    ).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        sys.exit(f"{server.name} did not answer every request:\n{said}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1))
