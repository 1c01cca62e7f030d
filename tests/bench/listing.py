"""Listings of directories, read as they arrive."""

import sys
import time

from measurement import Load

PIECE = 1 << 18


def address(path):
    """Where a gateway lists a directory."""
    return f"/v1/directories{path}?limit=0"


def request(server, address):
    connection = server.connect()
    headers = server.headers | {"Accept": "application/x-ndjson"}
    connection.request("GET", address, headers=headers)
    return connection, connection.getresponse()


def all_entries(server, address, expected):
    """One listing, with its entries as units. Both formats have one entry on each line."""
    started = time.perf_counter()
    connection, response = request(server, address)
    entries = 0
    rest = b""
    while piece := response.read(PIECE):
        entries += piece.count(b'"name":')
        # This finds what begins in one piece and ends in the next.
        entries += (rest + piece[:6]).count(b'"name":')
        rest = (rest + piece)[-6:]
    taken = time.perf_counter() - started
    connection.close()
    if response.status != 200 or entries != expected:
        sys.exit(f"{server.name}: {response.status} with {entries} of {expected} entries")
    return Load(entries, entries / taken)


def first_line(server, address):
    """Milliseconds from the request to the first line."""
    started = time.perf_counter()
    connection, response = request(server, address)
    line = response.readline()
    taken = (time.perf_counter() - started) * 1000
    connection.close()
    if response.status != 200 or not line.startswith(b'{"name":'):
        sys.exit(f"{server.name} listed nothing: {response.status} {line!r}")
    return taken


def status(server, address):
    """The status of a listing that was read to its end."""
    connection, response = request(server, address)
    response.read()
    connection.close()
    return response.status
