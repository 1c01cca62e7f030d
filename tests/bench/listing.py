"""How long the first line of a large directory takes."""

import http.client
import statistics
import sys
import time

from server import KEY

# Entries of the directory that is listed.
MANY = 200_000


def run(dir, callfs, rounds):
    """Times it just after a change, and when the names are remembered."""
    many = dir / "files" / "many"
    many.mkdir()
    for number in range(MANY):
        (many / f"{number:06} of many.txt").touch()
    changed = []
    for turn in range(rounds):
        (many / f"{turn} is new").touch()
        changed.append(first_line(callfs))
    # Names are remembered once the last change of the directory is two seconds old.
    time.sleep(3)
    first_line(callfs, all_of_them=True)
    remembered = [first_line(callfs) for _ in range(rounds)]
    print(f"\nfirst line of {MANY} entries as NDJSON, median milliseconds")
    for name, measured in (("changed", changed), ("remembered", remembered)):
        print(
            f"{name:<10} {statistics.median(measured):>10.1f} "
            f"({min(measured):.1f} to {max(measured):.1f})",
            flush=True,
        )


def first_line(server, all_of_them=False):
    """Milliseconds from the request to the first line of a listing."""
    address = server.base.removeprefix("http://").split("/")[0]
    connection = http.client.HTTPConnection(address, timeout=60)
    headers = {"Authorization": f"Bearer {KEY}", "Accept": "application/x-ndjson"}
    started = time.perf_counter()
    connection.request("GET", "/v1/directories/many?limit=0", headers=headers)
    answer = connection.getresponse()
    line = answer.readline()
    taken = (time.perf_counter() - started) * 1000
    if answer.status != 200 or not line.startswith(b'{"name":'):
        sys.exit(f"no listing: {answer.status} {line!r}")
    if all_of_them:
        answer.read()
    connection.close()
    return taken
