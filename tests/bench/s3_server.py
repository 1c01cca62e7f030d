"""S3 servers to put a gateway in front of: that of the tests, and garage."""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import gateway
import presigned
from server import Server, free_port

ACCESS_KEY = "GK0123456789abcdef01234567"
SECRET_KEY = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
REGION = "garage"
BUCKET = "bench"
# A server that listens may not have its bucket yet.
BUCKET_WITHIN = 30

GARAGE = """
metadata_dir = "{dir}/meta"
data_dir = "{dir}/data"
db_engine = "sqlite"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:{rpc}"
rpc_secret = "{secret}"
[s3_api]
s3_region = "{region}"
api_bind_addr = "127.0.0.1:{port}"
"""


@dataclass(frozen=True)
class S3:
    server: Server

    def path(self, method, key):
        """Path and query of a request that needs no other signature."""
        target = presigned.Target(f"127.0.0.1:{self.server.port}", REGION, ACCESS_KEY, SECRET_KEY)
        return target.path(method, f"/{BUCKET}/{key}")

    def put(self, key, body):
        status, said = self.server.request("PUT", self.path("PUT", key), body)
        return None if status == 200 else f"{status} {said!r}"


def each(options):
    """Servers to measure, of those that were given: a name, and a function that starts it."""
    if options.s3_server:
        yield "s3s-fs", start_s3s_fs
    if options.garage:
        yield "garage", start_garage


def correct(options):
    """A server that implements what the gateway relies on.

    s3s-fs does not: it answers HEAD of a key that is a prefix of others with 500.
    """
    return start_test_server if options.s3_server else start_garage


def start_s3s_fs(session, dir):
    """The test server with the storage of the crate s3s-fs, which is not written for callfs."""
    return start_test_server(session, dir, "s3s-fs", "--s3s-fs")


def start_test_server(session, dir, name="test-s3", *flags):
    port = free_port()
    objects = dir / "objects"
    objects.mkdir()
    command = [str(session.options.s3_server), *flags, "--bucket", BUCKET]
    command += ["--listen", f"127.0.0.1:{port}"]
    command += ["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY, str(objects)]
    return with_bucket(S3(session.started(Server(name, command, dir, port))))


def start_garage(session, dir):
    port = free_port()
    configuration = dir / "garage.toml"
    configuration.write_text(
        GARAGE.format(
            dir=dir, port=port, rpc=free_port(), region=REGION, secret=os.urandom(32).hex()
        )
    )
    command = ["env", f"GARAGE_DEFAULT_ACCESS_KEY={ACCESS_KEY}"]
    command += [f"GARAGE_DEFAULT_SECRET_KEY={SECRET_KEY}", f"GARAGE_DEFAULT_BUCKET={BUCKET}"]
    command += [str(session.options.garage), "-c", str(configuration), "server"]
    command += ["--single-node", "--default-bucket"]
    return with_bucket(S3(session.started(Server("garage", command, dir, port))))


def with_bucket(s3):
    deadline = time.monotonic() + BUCKET_WITHIN
    while refusal := s3.put("first", b"first"):
        if time.monotonic() > deadline:
            log = Path(s3.server.log).read_text(errors="replace")
            sys.exit(f"{s3.server.name} takes no object: {refusal}\n{log}")
        time.sleep(0.1)
    return s3


def mount(path, endpoint):
    """A mount of the bucket, as TOML for a gateway."""
    return gateway.BUCKET.format(
        path=path,
        bucket=BUCKET,
        region=REGION,
        endpoint=endpoint,
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
    )
