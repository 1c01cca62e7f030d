"""GET of files: at several places in the tree, of several sizes, and of a file that is missing."""

import os
import shutil
import sys

import pair
import transfer
import wrk
from measurement import in_turns, measure
from targets import PROCESSOR, TRANSFER
from transfer import MIB

DEEP = "a/b/c/d"
GET = "GET 4 KiB"


def run(session, servers):
    prepare(servers)
    session.results.begin(
        "GET",
        f"wrk with {wrk.CLIENTS} connections, {wrk.threads(wrk.CLIENTS)} threads.",
        "callfs checks the key, the permission of each directory and the record of the file; "
        "nginx does not look at the key.",
    )
    root = small(session, servers, GET, "/4k")
    small(session, servers, f"{GET}, 4 deep, recorded", f"/recorded/{DEEP}/4k")
    small(session, servers, f"{GET}, 4 deep, unrecorded", f"/unrecorded/{DEEP}/4k")
    small(session, servers, f"{GET}, another mount", f"{pair.MOUNTED}/4k")
    missing = small(session, servers, "GET 404", "/missing", missing=True)
    against_itself(session, root, missing)
    small(session, servers, "GET 1 MiB", "/1m")
    health(session, servers)
    large(session, servers)


def prepare(servers):
    pair.write(servers.files / "4k", pair.SMALL)
    pair.write(servers.files / "1m", MIB)
    pair.write(servers.mounted / "4k", pair.SMALL)
    pair.write(servers.files / "unrecorded" / DEEP / "4k", pair.SMALL)
    path = f"/recorded/{DEEP}/4k"
    status, body = servers.callfs.request("PUT", path, os.urandom(pair.SMALL))
    if status != 201:
        sys.exit(f"callfs answered PUT {path} with {status}: {body!r}")


def small(session, servers, what, path, missing=False):
    def round_of(server):
        def load():
            return wrk.get(server, server.url(path), session.options.seconds, missing=missing)

        return lambda: measure(server, load)

    measured = in_turns(session.options, {each.name: round_of(each) for each in servers.each()})
    session.results.compare(what, measured)
    return measured


def against_itself(session, root, missing):
    """What a miss costs callfs, beside its own GET."""
    peer = f"callfs, {GET}"
    session.results.compare("GET 404", {peer: root["callfs"], "callfs": missing["callfs"]})


def health(session, servers):
    """What a response costs without authentication, permission and file."""
    callfs = servers.callfs

    def load():
        return wrk.get(callfs, f"{callfs.origin}/health/live", session.options.seconds)

    measured = in_turns(session.options, {"callfs": lambda: measure(callfs, load)})
    session.results.compare("GET /health/live", measured)


def large(session, servers):
    mib = session.options.large_mib
    size = f"{mib // 1024} GiB" if mib % 1024 == 0 else f"{mib} MiB"
    what = f"GET {size}, 1 client"
    # Leave as much again, so that the run does not fill the disk of others.
    free = shutil.disk_usage(servers.dir).free // MIB
    if free < 2 * mib:
        session.results.skip(what, f"{free} MiB free, {2 * mib} MiB needed; see --large and --dir")
        return
    file = servers.files / "large"
    transfer.write(file, mib)

    def round_of(server):
        return lambda: measure(server, lambda: transfer.get(server, server.url("/large"), mib))

    measured = in_turns(session.options, {each.name: round_of(each) for each in servers.each()})
    session.results.compare(what, measured, (TRANSFER, f"{PROCESSOR} per MiB"))
    file.unlink()
