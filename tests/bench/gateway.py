"""callfs, with a configuration of its own."""

from server import Server, free_port

KEY = "a-key-for-the-benchmark-only"

CONFIGURATION = """
[server]
listen = "127.0.0.1:{port}"
# wrk is one address with up to 1024 connections, and a round begins while those of the round
# before are still closing.
max_connections_per_address = 4096
[metrics]
listen = ""
[plugins]
cache_dir = "{cache}"
[metadata]
store = "sqlite"
url = "sqlite:{dir}/metadata.db"
[[authenticator]]
component = "api-keys"
config.keys = [ {{ user = "bench", groups = ["bench"], admin = {admin}, key = "{key}" }} ]
[authorizer]
component = "unix"
{mounts}
"""

FOLDER = """
[[mount]]
path = "{path}"
component = "localfs"
grants.directories = [ {{ host = "{folder}", guest = "/", access = "read-write" }} ]
"""

BUCKET = """
[[mount]]
path = "{path}"
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
access_key_id = "{access_key}"
secret_access_key = "{secret_key}"
"""


class Gateway(Server):
    def is_ready(self):
        # Before that line it answers 503, and logs a warning each time.
        if "callfs listens on" not in self.log.read_text(errors="replace"):
            return False
        connection = self.connect()
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200


def start(session, dir, mounts, admin=False):
    """A gateway with these mounts, as TOML; its paths are those of files."""
    port = free_port()
    configuration = dir / "callfs.toml"
    configuration.write_text(
        CONFIGURATION.format(
            port=port,
            cache=session.cache,
            dir=dir,
            key=KEY,
            admin=str(admin).lower(),
            mounts=mounts,
        )
    )
    command = [str(session.options.callfs), "serve", "--config", str(configuration)]
    headers = {"Authorization": f"Bearer {KEY}"}
    return session.started(Gateway("callfs", command, dir, port, "/v1/files", headers))
