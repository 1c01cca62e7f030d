"""One round of one server: its rate, and the processor time that it took."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """What a load generator did: units (requests, MiB, entries), and how many per second."""

    count: float
    rate: float


@dataclass(frozen=True)
class Measurement:
    # Units per second.
    rate: float
    # Microseconds of processor time of the server per unit.
    processor: float


def measure(server, load):
    """Runs a load, and reads the processor time of the server before and after."""
    before = server.processor_seconds()
    done = load()
    used = server.processor_seconds() - before
    return Measurement(done.rate, used / done.count * 1e6)


def in_turns(options, contenders, rounds=None):
    """Rounds that alternate between contenders, by name, so that other load meets all alike.

    A contender is a function that measures one round.
    """
    measured = {name: [] for name in contenders}
    for turn in range(options.warm_up + (rounds or options.rounds)):
        for name, contender in contenders.items():
            measurement = contender()
            if turn >= options.warm_up:
                measured[name].append(measurement)
    return measured


def medians(measurements):
    return Measurement(
        statistics.median(each.rate for each in measurements),
        statistics.median(each.processor for each in measurements),
    )
