"""GET and PUT of objects through callfs, beside the same S3 server asked directly.

Direct requests are signed once, by their queries. Those of callfs are signed each time.
"""

import gateway
import s3_server
import transfer
import wrk
from measurement import in_turns, measure
from pair import SMALL
from targets import PROCESSOR, TRANSFER

# Small objects that are replaced in turns.
KEYS = 200


def run(session):
    for name, start in s3_server.each(session.options):
        dir = session.folder(f"objects-{name}")
        s3 = start(session, dir)
        callfs = gateway.start(session, dir, s3_server.mount("/", s3.server.origin))
        session.results.begin(
            f"Objects, {name}",
            "The same server, asked directly and through callfs, with "
            f"{wrk.CLIENTS} connections for small objects.",
            "The processor time of callfs does not include that of the S3 server.",
        )
        small(session, dir, s3, callfs)
        large(session, dir, s3, callfs)
        session.stop_servers()


def small(session, dir, s3, callfs):
    seconds = session.options.seconds
    direct = dir / "direct.paths"
    through = dir / "through.paths"
    write_lines(direct, (s3.path("PUT", f"small-{number}") for number in range(KEYS)))
    # New names: an object without a record belongs to root, who alone may replace it.
    write_lines(through, (f"/through-{number}" for number in range(KEYS)))

    # The first path that wrk builds is not always sent.
    s3.put("small-0", bytes(SMALL))
    callfs.request("PUT", "/through-0", bytes(SMALL))

    def put_round(server, paths):
        def load():
            return wrk.send(server, "PUT", paths, seconds, size=SMALL, repeat=True)

        return lambda: measure(server, load)

    def get_round(server, url):
        return lambda: measure(server, lambda: wrk.get(server, url, seconds))

    compare(
        session,
        "PUT 4 KiB",
        s3.server.name,
        put_round(s3.server, direct),
        put_round(callfs, through),
    )
    compare(
        session,
        "GET 4 KiB",
        s3.server.name,
        get_round(s3.server, s3.server.url(s3.path("GET", "small-0"))),
        get_round(callfs, callfs.url("/through-0")),
    )


def large(session, dir, s3, callfs):
    mib = session.options.object_mib
    file = dir / "large"
    transfer.write(file, mib)
    direct = {method: s3.server.url(s3.path(method, "large")) for method in ("PUT", "GET")}
    through = callfs.url("/large-through")

    def put_round(server, url):
        return lambda: measure(server, lambda: transfer.put(server, url, mib, file))

    def get_round(server, url):
        return lambda: measure(server, lambda: transfer.get(server, url, mib))

    for method, round_of in (("PUT", put_round), ("GET", get_round)):
        compare(
            session,
            f"{method} {mib} MiB, 1 client",
            s3.server.name,
            round_of(s3.server, direct[method]),
            round_of(callfs, through),
            (TRANSFER, f"{PROCESSOR} per MiB"),
        )


def compare(session, what, peer, direct, through, *quantities):
    measured = in_turns(session.options, {peer: direct, "callfs": through})
    session.results.compare(what, measured, *quantities)


def write_lines(file, lines):
    file.write_text("".join(f"{line}\n" for line in lines))
