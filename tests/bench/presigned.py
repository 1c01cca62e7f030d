"""AWS Signature Version 4 in the query of a request.

Any load generator can send such a request, and the server checks the signature each time.
"""

import datetime
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import quote, urlencode

SERVICE = "s3"
EXPIRES = 86_400


@dataclass(frozen=True)
class Target:
    host: str
    region: str
    access_key: str
    secret_key: str

    def path(self, method, path):
        """The path with a query that signs the method, the path and the host."""
        now = datetime.datetime.now(datetime.UTC)
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        scope = (now.strftime("%Y%m%d"), self.region, SERVICE, "aws4_request")
        fields = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": "/".join((self.access_key, *scope)),
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(EXPIRES),
            "X-Amz-SignedHeaders": "host",
        }
        query = urlencode(sorted(fields.items()), quote_via=quote, safe="")
        request = "\n".join(
            [method, path, query, f"host:{self.host}\n", "host", "UNSIGNED-PAYLOAD"]
        )
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, "/".join(scope), digest])
        return f"{path}?{query}&X-Amz-Signature={self.signature(scope, text)}"

    def signature(self, scope, text):
        key = f"AWS4{self.secret_key}".encode()
        for part in (*scope, text):
            key = hmac.digest(key, part.encode(), "sha256")
        return key.hex()
