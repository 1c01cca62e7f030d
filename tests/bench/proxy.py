"""A proxy that notes each request before it passes it on unchanged.

The signature of a request covers the address that the client meant, which is that of the proxy. The
server compares it with the `Host` field, so that field is passed on as well.
"""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 1 << 16
TIMEOUT = 30


class CountingProxy:
    """Listens on a port of its own until the end of the `with` block."""

    def __init__(self, port):
        self.requests = []
        handler = type("Handler", (Handler,), {"upstream": port, "requests": self.requests})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def during(self, operation):
        """What an operation returned, and the requests that it led to."""
        self.requests.clear()
        returned = operation()
        return returned, list(self.requests)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT
    # Small responses are sent at once.
    disable_nagle_algorithm = True

    def forward(self):
        self.requests.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=TIMEOUT)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        self.answer(connection.getresponse())
        connection.close()

    def answer(self, response):
        body = response.read()
        self.send_response_only(response.status, response.reason)
        framing = ("transfer-encoding", "content-length", "connection")
        for name, value in response.getheaders():
            if name.lower() not in framing:
                self.send_header(name, value)
        # The answer to HEAD has the length of a body that it does not have.
        length = response.getheader("Content-Length") if self.command == "HEAD" else len(body)
        if response.status != 204 and length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward
