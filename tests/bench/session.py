"""What the parts of a run share: options, results, a temporary folder, and the servers."""

import tempfile
from pathlib import Path


class Session:
    """Ends its servers and removes its folder, however the run ends."""

    def __init__(self, options, results):
        self.options = options
        self.results = results
        self.servers = []

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory(
            prefix="callfs-bench-", dir=self.options.dir, ignore_cleanup_errors=True
        )
        self.dir = Path(self.temporary.name)
        return self

    def __exit__(self, *_):
        try:
            self.stop_servers()
        finally:
            self.temporary.cleanup()

    def folder(self, name):
        folder = self.dir / name
        folder.mkdir(parents=True)
        return folder

    @property
    def cache(self):
        """Where gateways keep compiled components: the first start compiles for all."""
        cache = self.dir / "cache"
        cache.mkdir(mode=0o700, exist_ok=True)
        return cache

    def started(self, server):
        """Waits for a server, which ends with the session."""
        self.servers.append(server)
        server.wait()
        return server

    def stop_servers(self):
        while self.servers:
            self.servers.pop().stop()
