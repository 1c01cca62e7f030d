"""The numbers that callfs is expected to reach: by what is measured, and by the quantity."""

from row import Target

RATE = "rate, /s"
PROCESSOR = "processor, µs"
TRANSFER = "rate, MiB/s"
REQUESTS = "requests to S3"
MEMORY = "resident, MiB"
FIRST_LINE = "first line, ms"
ENTRIES = "rate, entries/s"


def at_most(bound, peer=None):
    return Target(bound, at_most=True, peer=peer)


def at_least(bound, peer=None):
    return Target(bound, at_most=False, peer=peer)


TARGETS = {
    ("GET 4 KiB", RATE): at_least(0.8, "nginx"),
    ("GET 4 KiB", PROCESSOR): at_most(1.27, "nginx"),
    ("GET 4 KiB, 4 deep, recorded", RATE): at_least(0.8, "nginx"),
    ("GET 4 KiB, 4 deep, recorded", PROCESSOR): at_most(1.27, "nginx"),
    ("GET 4 KiB, 4 deep, unrecorded", RATE): at_least(0.8, "nginx"),
    ("GET 4 KiB, 4 deep, unrecorded", PROCESSOR): at_most(1.27, "nginx"),
    ("GET 404", PROCESSOR): at_most(1.3, "callfs, GET 4 KiB"),
    ("GET 1 MiB", RATE): at_least(1.1, "nginx"),
    ("GET 1 GiB, 1 client", TRANSFER): at_least(1.0, "nginx"),
    ("PUT 4 KiB, new, 1 client", RATE): at_least(0.6, "loop"),
    ("PUT 4 KiB, new, 16 clients", RATE): at_least(0.9, "loop"),
    ("PUT 4 KiB, new, relaxed, 16 clients", RATE): at_least(1.0, "nginx"),
    ("DELETE, 16 clients", RATE): at_least(5_000),
    ("list 1,000,000 entries", ENTRIES): at_least(300_000),
    ("list 1,000,000 entries, warm", FIRST_LINE): at_most(10),
    ("idle after the start", MEMORY): at_most(40),
    ("PUT, new, 3 new directories", REQUESTS): at_most(6),
    ("PUT, new, beside another", REQUESTS): at_most(3),
    ("PUT, replacing", REQUESTS): at_most(2),
    ("GET", REQUESTS): at_most(1),
    ("GET, a range", REQUESTS): at_most(2),
    ("HEAD", REQUESTS): at_most(1),
    ("GET, unrecorded", REQUESTS): at_most(1),
    ("GET 404", REQUESTS): at_most(2),
    ("list, 1 page", REQUESTS): at_most(1),
    ("list, 2 pages", REQUESTS): at_most(2),
    ("DELETE", REQUESTS): at_most(2),
    ("copy in the bucket", REQUESTS): at_most(3),
}


def target(what, quantity, peer):
    found = TARGETS.get((what, quantity))
    return found if found and found.concerns(peer) else None
