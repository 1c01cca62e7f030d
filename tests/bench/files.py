"""GET and PUT of files, against nginx on the same folder."""

import os
import pwd

import listing
import load
from server import KEY, Server, free_port, listens, start_callfs, which

MOUNTS = """
[[mount]]
path = "/"
component = "localfs"
grants.directories = [ {{ host = "{dir}/files", guest = "/", access = "read-write" }} ]
"""

NGINX = """
daemon off;
{user}
worker_processes auto;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    default_type application/octet-stream;
    client_body_temp_path {dir}/files/.nginx-body;
    proxy_temp_path {dir}/nginx-proxy;
    fastcgi_temp_path {dir}/nginx-fastcgi;
    uwsgi_temp_path {dir}/nginx-uwsgi;
    scgi_temp_path {dir}/nginx-scgi;
    server {{
        listen 127.0.0.1:{port};
        root {dir}/files;
        location / {{ dav_methods PUT; }}
    }}
}}
"""

PUT = """
local thread_number = 0
function setup(thread)
    thread:set("id", thread_number)
    thread_number = thread_number + 1
end
local written = 0
local body = string.rep("0123456789abcdef", 256)
local headers = {{ ["Authorization"] = "Bearer {key}" }}
function request()
    written = written + 1
    return wrk.format("PUT", "{prefix}/put-" .. id .. "-" .. (written % 1000), headers, body)
end
"""


def run(dir, binary, arguments, servers):
    """Starts both and compares them; then lists a large directory of the gateway."""
    prepare(dir)
    nginx = start_nginx(dir)
    servers.append(nginx)
    callfs = start_callfs(dir, binary, MOUNTS.format(dir=dir))
    servers.append(callfs)
    compare(dir, nginx, callfs, arguments.rounds, arguments.seconds)
    listing.run(dir, callfs, arguments.rounds)


def prepare(dir):
    files = dir / "files"
    files.mkdir()
    (files / "4k").write_bytes(os.urandom(4 << 10))
    (files / "1m").write_bytes(os.urandom(1 << 20))
    for name in ("4k", "1m"):
        (files / name).chmod(0o644)
    for server, prefix in (("nginx", "/by-nginx"), ("callfs", "/v1/files/by-callfs")):
        (files / f"by-{server}").mkdir()
        (files / f"by-{server}").chmod(0o777)
        (dir / f"put-{server}.lua").write_text(PUT.format(prefix=prefix, key=KEY))


def start_nginx(dir):
    port = free_port()
    user = f"user {pwd.getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else ""
    (dir / "nginx.conf").write_text(NGINX.format(dir=dir, port=port, user=user))
    command = [
        which("nginx"),
        "-c",
        str(dir / "nginx.conf"),
        "-p",
        str(dir),
        "-e",
        str(dir / "nginx-error.log"),
    ]
    server = Server("nginx", command, dir, f"http://127.0.0.1:{port}")
    server.wait_until(lambda _: listens(port))
    return server


def compare(dir, nginx, callfs, rounds, seconds):
    print(load.how(rounds, seconds))
    print(
        "callfs: key checked by api-keys, permission by unix, file opened by localfs, "
        "all of them sandboxed components"
    )
    print(
        "nginx: the same key is sent and not looked at; its PUT is not synced to the disk, "
        "that of callfs is\n"
    )
    load.heading("nginx")
    cases = [
        ("GET 4 KiB", lambda server: load.load(server, "/4k", seconds)),
        ("GET 1 MiB", lambda server: load.load(server, "/1m", seconds)),
        (
            "PUT 4 KiB",
            lambda server: load.load(server, None, seconds, dir / f"put-{server.name}.lua"),
        ),
    ]
    for name, measure in cases:
        load.in_turns(name, nginx, callfs, measure, rounds)
    peaks = (nginx.peak_memory(), callfs.peak_memory())
    print(f"{'peak MiB':<12} {peaks[0]:>10.1f} {peaks[1]:>10.1f}   {peaks[1] / peaks[0]:.2f}")
