"""A directory that grows: GET of one of its files, and listing all of them."""

import os
import statistics
import time

import listing
import pair
import wrk
from measurement import in_turns, measure
from targets import ENTRIES, FIRST_LINE, PROCESSOR

# The gateway caches the names of a directory once its last change is this old.
SETTLED = 2.5
# Listing a million entries takes seconds.
ROUNDS_OF_MANY = 3
MANY = 1_000_000


def run(session):
    servers = pair.start(session, "growth")
    session.results.begin(
        "Growth",
        "Directories with more and more files, which have no records.",
        "callfs lists as NDJSON, nginx as JSON (autoindex_format json). "
        "The first line of a warm listing comes from cached names; the first line after a change "
        "does not.",
    )
    for size in session.options.sizes:
        fill(servers.files / str(size), size)
        get(session, servers, size)
        entries(session, servers, size)
        first_line(session, servers, size)


def fill(folder, size):
    pair.open_folder(folder)
    pair.write(folder / "4k", pair.SMALL)
    directory = os.open(folder, os.O_RDONLY)
    for number in range(size - 1):
        name = f"{number:07} of many.txt"
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=directory))
    os.close(directory)


def get(session, servers, size):
    def round_of(server):
        def load():
            return wrk.get(server, server.url(f"/{size}/4k"), session.options.seconds)

        return lambda: measure(server, load)

    measured = in_turns(session.options, {each.name: round_of(each) for each in servers.each()})
    session.results.compare(f"GET 4 KiB, 1 of {size:,} files", measured)


def rounds(session, size):
    return min(session.options.rounds, ROUNDS_OF_MANY) if size >= MANY else session.options.rounds


def entries(session, servers, size):
    addresses = {"nginx": f"/{size}/", "callfs": listing.address(f"/{size}")}

    def round_of(server):
        def load():
            return listing.all_entries(server, addresses[server.name], size)

        return lambda: measure(server, load)

    contenders = {each.name: round_of(each) for each in servers.each()}
    measured = in_turns(session.options, contenders, rounds(session, size))
    session.results.compare(f"list {size:,} entries", measured, (ENTRIES, f"{PROCESSOR} per entry"))


def first_line(session, servers, size):
    address = listing.address(f"/{size}")
    turns = range(rounds(session, size))
    changed = []
    for turn in turns:
        (servers.files / str(size) / f"{turn} is new").touch()
        changed.append(listing.first_line(servers.callfs, address))
    add(session, f"list {size:,} entries, changed", changed)
    time.sleep(SETTLED)
    listing.all_entries(servers.callfs, address, size + len(changed))
    warm = [listing.first_line(servers.callfs, address) for _ in turns]
    add(session, f"list {size:,} entries, warm", warm)


def add(session, what, milliseconds):
    median = statistics.median(milliseconds)
    session.results.add(what, FIRST_LINE, median, detail={"rounds": {"callfs": milliseconds}})
