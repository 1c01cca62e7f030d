"""GET of a small file with few and with many connections."""

import pair
import wrk
from measurement import in_turns, measure

CONNECTIONS = (1, 16, 64, 256, 1024)


def run(session):
    servers = pair.start(session, "connections")
    pair.write(servers.files / "4k", pair.SMALL)
    session.results.begin("Connections", "GET 4 KiB with a growing number of connections.")
    for connections in CONNECTIONS:
        measured = in_turns(
            session.options,
            {server.name: round_of(session, server, connections) for server in servers.each()},
        )
        plural = "s" if connections > 1 else ""
        session.results.compare(f"GET 4 KiB, {connections} connection{plural}", measured)


def round_of(session, server, connections):
    def load():
        return wrk.get(server, server.url("/4k"), session.options.seconds, connections)

    return lambda: measure(server, load)
