"""How many requests to the S3 server one operation takes, counted by a proxy in front of it.

Each request is a round trip, and is paid for. The bucket is mounted below the root of the gateway,
and its keys are nested.
"""

import sys
from urllib.parse import quote

import gateway
import listing
import s3_server
from proxy import CountingProxy
from targets import REQUESTS

MOUNT = "/s3"
# Objects that the gateway has no record of.
FOUND = "a/b/c/found"
SIBLING = "a/b/c/sibling"
# More objects than the largest page of S3, which is 1,000.
MANY = 1_200


def run(session):
    dir = session.folder("requests")
    s3 = s3_server.correct(session.options)(session, dir)
    for key in (FOUND, SIBLING, *(f"many/{number:04}" for number in range(MANY))):
        put(s3, key)
    session.results.begin(
        "Requests to S3",
        f"Requests that reach the S3 server ({s3.server.name}), for a bucket mounted at {MOUNT}. "
        "results.json has each of them.",
    )
    with CountingProxy(s3.server.port) as proxy:
        # Only an admin may create in the root of a mount that has no record.
        mount = s3_server.mount(MOUNT, proxy.origin)
        callfs = gateway.start(session, dir, mount, admin=True)
        for what, status, operation in operations(callfs):
            count(session, proxy, what, status, operation)
        # The gateway has to end before its proxy.
        session.stop_servers()


def put(s3, key):
    refusal = s3.put(key, b"content")
    if refusal:
        sys.exit(f"{s3.server.name} takes no object: {refusal}")


def operations(callfs):
    """In this order: what, the expected status, and a function that returns the status."""
    new = f"{MOUNT}/x/y/z/new"
    beside = f"{MOUNT}/x/y/z/beside"

    def request(method, path, body=None, headers=None):
        return lambda: callfs.request(method, path, body, headers)[0]

    def list_all(path):
        return lambda: listing.status(callfs, listing.address(path))

    copy = f"{MOUNT}/x/y/z/copy?from={quote(new, safe='')}"
    return [
        ("PUT, new, 3 new directories", 201, request("PUT", new, b"new")),
        ("PUT, new, beside another", 201, request("PUT", beside, b"beside")),
        ("PUT, replacing", 200, request("PUT", new, b"newer")),
        ("GET", 200, request("GET", new)),
        ("GET, a range", 206, request("GET", new, headers={"Range": "bytes=1-2"})),
        ("HEAD", 200, request("HEAD", new)),
        ("GET, unrecorded", 200, request("GET", f"{MOUNT}/{FOUND}")),
        ("GET 404", 404, request("GET", f"{MOUNT}/x/y/z/none")),
        ("list, 1 page", 200, list_all(f"{MOUNT}/a/b/c")),
        ("list, 2 pages", 200, list_all(f"{MOUNT}/many")),
        ("DELETE", 204, request("DELETE", beside)),
        ("copy in the bucket", 201, request("POST", copy)),
    ]


def count(session, proxy, what, status, operation):
    returned, requests = proxy.during(operation)
    if returned != status:
        sys.exit(f"callfs answered {what} with {returned}, not {status}")
    session.results.add(what, REQUESTS, len(requests), detail={"requests": requests})
