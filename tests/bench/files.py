"""GET, PUT and DELETE of files, beside nginx on the same folder."""

import pair
import reads
import writes


def run(session):
    servers = pair.start(session, "files")
    reads.run(session, servers)
    writes.run(session, servers)
