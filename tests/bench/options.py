"""What to measure, and how long: the command line."""

import argparse
from dataclasses import dataclass
from pathlib import Path

OUT = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Options:
    callfs: Path
    parts: list[str]
    out: Path
    dir: str | None
    s3_server: Path | None
    garage: Path | None
    rounds: int = 7
    # Rounds that warm caches up and are not counted.
    warm_up: int = 1
    seconds: float = 1.0
    # Of the largest file of the file part, and of the large object of the object part.
    large_mib: int = 1024
    object_mib: int = 64
    # Files that are replaced in turns, and files that are deleted in one round.
    replaced: int = 1_000
    deletes: int = 6_000
    # Files in the directories of the growth part.
    sizes: tuple[int, ...] = (100, 10_000, 100_000)
    smoke: bool = False


# Sizes of a run that shows that the harness works. Its times mean nothing.
SMOKE = {
    "rounds": 1,
    "warm_up": 0,
    "seconds": 0.3,
    "large_mib": 8,
    "object_mib": 2,
    "replaced": 64,
    "deletes": 300,
    "sizes": (10, 1000),
    "smoke": True,
}


def parse(parts):
    parser = argparse.ArgumentParser(
        prog="tests/bench/run", description="Measures callfs beside its peers."
    )
    parser.add_argument("callfs", type=Path, help="the binary")
    parser.add_argument("--only", choices=parts, help="one part instead of all")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the report")
    parser.add_argument("--dir", help="folder on the filesystem to measure; default: $TMPDIR")
    parser.add_argument("--rounds", type=int, default=Options.rounds)
    parser.add_argument(
        "--seconds", type=float, default=Options.seconds, help="length of one round of one server"
    )
    parser.add_argument(
        "--large", type=int, default=Options.large_mib, metavar="MIB", help="size of the large file"
    )
    parser.add_argument(
        "--million", action="store_true", help="grow a directory to 1,000,000 files as well"
    )
    parser.add_argument("--s3-server", type=Path, help="callfs-test-s3, the S3 server of the tests")
    parser.add_argument("--garage", type=Path, help="garage, a full S3 server; measured if given")
    parser.add_argument(
        "--smoke", action="store_true", help="tiny sizes; fail if a row has no number"
    )
    return chosen(parser.parse_args(), parts)


def chosen(arguments, parts):
    sizes = Options.sizes + ((1_000_000,) if arguments.million else ())
    lengths = {
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "large_mib": arguments.large,
        "sizes": sizes,
    }
    return Options(
        callfs=arguments.callfs.resolve(),
        parts=[arguments.only] if arguments.only else list(parts),
        out=arguments.out,
        dir=arguments.dir,
        s3_server=arguments.s3_server and arguments.s3_server.resolve(),
        garage=arguments.garage and arguments.garage.resolve(),
        **(SMOKE if arguments.smoke else lengths),
    )
