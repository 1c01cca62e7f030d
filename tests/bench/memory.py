"""How much memory the servers hold when nothing has been asked of them."""

import time

import pair
from targets import MEMORY

# A start is over, and what it freed is returned to the system.
SETTLED = 2


def run(session):
    # A first start compiles components. What is measured is every later one.
    pair.start(session, "memory-first")
    session.stop_servers()
    servers = pair.start(session, "memory")
    time.sleep(SETTLED)
    session.results.begin(
        "Memory",
        "Resident set of the processes of each server, with its mapped files, "
        "after a start with compiled components.",
    )
    nginx, callfs = (server.resident_mib() for server in servers.each())
    session.results.add("idle after the start", MEMORY, callfs, "nginx", nginx)
