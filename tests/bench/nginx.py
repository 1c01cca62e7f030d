"""nginx, which serves the same folder as a gateway."""

import os
import pwd

import tools
from gateway import KEY
from server import Server, free_port

CONFIGURATION = """
daemon off;
{user}
worker_processes auto;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log warn;
worker_rlimit_nofile 16384;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 10000000;
    default_type application/octet-stream;
    client_body_temp_path {dir}/nginx-body;
    proxy_temp_path {dir}/nginx-proxy;
    fastcgi_temp_path {dir}/nginx-fastcgi;
    uwsgi_temp_path {dir}/nginx-uwsgi;
    scgi_temp_path {dir}/nginx-scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {dir}/files;
        autoindex on;
        autoindex_format json;
        {dav}
        location /mounted/ {{ root {dir}; }}
    }}
}}
"""


def start(session, dir):
    """nginx for the folders `files` and `mounted` in `dir`; it takes PUT and DELETE if it was built with its WebDAV module."""
    port = free_port()
    configuration = dir / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            dir=dir,
            port=port,
            user=f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else "",
            dav="dav_methods PUT DELETE;" if tools.nginx_has_dav() else "",
        )
    )
    log = str(dir / "nginx-error.log")
    command = [tools.which("nginx"), "-c", str(configuration), "-p", str(dir), "-e", log]
    # nginx does not look at the key. It reads the same requests as the gateway.
    headers = {"Authorization": f"Bearer {KEY}"}
    return session.started(Server("nginx", command, dir, port, headers=headers))
