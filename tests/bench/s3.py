"""PUT and GET of objects, against the same S3 server addressed directly.

The direct requests carry a signature in their query (presigned once, checked by the server each
time), so that a plain load generator can send them; those through callfs are signed by callfs, each
anew.
"""

import datetime
import hashlib
import hmac
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote, urlencode

import load
from server import KEY, Server, free_port, listens, start_callfs, which

ACCESS_KEY = "GK0123456789abcdef01234567"
SECRET_KEY = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
REGION, BUCKET = "garage", "bench"
SMALL, LARGE = 4 << 10, 64 << 20
# Objects of 4 KiB that are replaced over and over.
KEYS = 200

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

MOUNTS = """
[[mount]]
path = "/"
component = "s3"
config.bucket = "{bucket}"
config.region = "{region}"
config.endpoint = "{endpoint}"
config.path_style = true
config.credential = "bench"
grants.http = ["{endpoint}"]
grants.credentials = ["bench"]
[credentials.bench]
kind = "aws-sigv4"
region = "{region}"
access_key_id = "{access}"
secret_access_key = "{secret}"
"""

PUT = """
local addresses = {{ {addresses} }}
local written = 0
local body = string.rep("0123456789abcdef", 256)
local headers = {{ {headers} }}
function request()
    written = written + 1
    return wrk.format("PUT", addresses[written % #addresses + 1], headers, body)
end
"""


def run(dir, binary, arguments, servers):
    """One comparison for each S3 server that is there."""
    found = {
        "s3s-fs": (arguments.s3_server, start_s3s),
        "garage": (arguments.garage or which("garage"), start_garage),
    }
    found = {name: (Path(path).resolve(), start) for name, (path, start) in found.items() if path}
    if not found:
        sys.exit("no S3 server: give --s3-server or --garage")
    for name, (path, start) in found.items():
        folder = dir / name
        folder.mkdir()
        compare(folder, binary, start(folder, path, servers), arguments, servers)
        while servers:
            servers.pop().stop()


def start_s3s(dir, path, servers):
    port = free_port()
    (dir / "objects").mkdir()
    command = [str(path), "--s3s-fs", "--bucket", BUCKET, "--listen", f"127.0.0.1:{port}"]
    command += ["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY, str(dir / "objects")]
    return started("s3s-fs", command, dir, port, servers)


def start_garage(dir, path, servers):
    port = free_port()
    text = GARAGE.format(
        dir=dir, port=port, rpc=free_port(), region=REGION, secret=os.urandom(32).hex()
    )
    (dir / "garage.toml").write_text(text)
    secrets = {"ACCESS_KEY": ACCESS_KEY, "SECRET_KEY": SECRET_KEY, "BUCKET": BUCKET}
    for name, value in secrets.items():
        os.environ[f"GARAGE_DEFAULT_{name}"] = value
    command = [
        str(path),
        "-c",
        str(dir / "garage.toml"),
        "server",
        "--single-node",
        "--default-bucket",
    ]
    return started("garage", command, dir, port, servers)


def started(name, command, dir, port, servers):
    server = Server(name, command, dir, f"http://127.0.0.1:{port}")
    servers.append(server)
    server.wait_until(lambda _: listens(port))
    return server


def compare(dir, binary, peer, arguments, servers):
    mounts = MOUNTS.format(
        bucket=BUCKET, region=REGION, endpoint=peer.base, access=ACCESS_KEY, secret=SECRET_KEY
    )
    callfs = start_callfs(dir, binary, mounts)
    servers.append(callfs)
    prepare(dir, peer)
    print(
        f"\nS3 ({peer.name}), asked directly and through callfs; "
        f"{load.how(arguments.rounds, arguments.seconds)}\n"
    )
    load.heading(peer.name)

    def get(server):
        path = "/small-0" if server is callfs else presigned(peer, "GET", "/small-0")
        return load.load(server, path, arguments.seconds)

    def put(server):
        return load.load(server, None, arguments.seconds, dir / f"put-{server.name}.lua")

    load.in_turns("GET 4 KiB", peer, callfs, get, arguments.rounds)
    load.in_turns("PUT 4 KiB", peer, callfs, put, arguments.rounds)
    load.heading(peer.name, "MiB/s")
    load.in_turns(
        "PUT 64 MiB",
        peer,
        callfs,
        lambda server: transfer(server, peer, dir, "PUT"),
        arguments.rounds,
    )
    load.in_turns(
        "GET 64 MiB",
        peer,
        callfs,
        lambda server: transfer(server, peer, dir, "GET"),
        arguments.rounds,
    )
    print(f"{'peak MiB':<12} {peer.peak_memory():>10.1f} {callfs.peak_memory():>10.1f}")


def prepare(dir, peer):
    (dir / "large").write_bytes(os.urandom(LARGE))
    (dir / "small").write_bytes(os.urandom(SMALL))
    deadline = time.monotonic() + 30
    # A server that listens may not have its bucket yet.
    while (said := curl("-T", str(dir / "small"), peer.base + presigned(peer, "PUT", "/small-0")))[
        0
    ] != "200":
        if time.monotonic() > deadline:
            sys.exit(f"{peer.name} takes no object: {said}\n{peer.log.read_text(errors='replace')}")
        time.sleep(0.1)
    direct = [presigned(peer, "PUT", f"/small-{number}") for number in range(KEYS)]
    # Objects of its own: those that others made belong to root, and are not for everybody to
    # replace.
    through = [f"/v1/files/through-{number}" for number in range(KEYS)]
    authorization = f'["Authorization"] = "Bearer {KEY}"'
    for name, addresses, headers in ((peer.name, direct, ""), ("callfs", through, authorization)):
        quoted = ", ".join(f'"{address}"' for address in addresses)
        (dir / f"put-{name}.lua").write_text(PUT.format(addresses=quoted, headers=headers))


def transfer(server, peer, dir, method):
    """MiB/s of one large body, by one client."""
    direct = server is peer
    address = server.base + (presigned(peer, method, "/large") if direct else "/large-through")
    arguments = ["-T", str(dir / "large")] if method == "PUT" else []
    if not direct:
        arguments += ["-H", f"Authorization: Bearer {KEY}"]
    status, seconds = curl(*arguments, address)
    if status not in ("200", "201"):
        sys.exit(f"{server.name} answered {method} of a large object with {status}")
    return LARGE / (1 << 20) / float(seconds)


def curl(*arguments):
    """Status and seconds."""
    form = ["-o", os.devnull, "-w", "%{http_code} %{time_total}"]
    done = subprocess.run(
        ["curl", "-sS", "-m", "120", *form, *arguments], capture_output=True, text=True
    )
    return tuple(done.stdout.split()) if done.returncode == 0 else ("000", done.stderr)


def presigned(peer, method, path):
    """Path and query of a request with AWS Signature Version 4 in its query."""
    now = datetime.datetime.now(datetime.timezone.utc)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    scope = f"{day}/{REGION}/s3/aws4_request"
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{ACCESS_KEY}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": "86400",
        "X-Amz-SignedHeaders": "host",
    }
    query = urlencode(sorted(query.items()), quote_via=quote, safe="")
    path = f"/{BUCKET}{path}"
    host = re.sub("^http://", "", peer.base)
    request = "\n".join([method, path, query, f"host:{host}\n", "host", "UNSIGNED-PAYLOAD"])
    text = "\n".join(
        ["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()]
    )
    key = f"AWS4{SECRET_KEY}".encode()
    for part in (day, REGION, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return f"{path}?{query}&X-Amz-Signature={hmac.digest(key, text.encode(), 'sha256').hex()}"
