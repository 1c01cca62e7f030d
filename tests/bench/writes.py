"""PUT and DELETE of files, beside a loop of durable writes and the WebDAV module of nginx."""

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gateway
import pair
import tools
import wrk
from measurement import Measurement, in_turns, measure

LOOP = Path(__file__).parent / "loop.py"
# Per second, and more than any server takes, so that a round ends by its time.
PUTS = 40_000
# Seconds for the files that a round replaces or deletes.
WRITTEN_WITHIN = 60
# Names of folders, of which each round has a new one.
TURNS = itertools.count()


def run(session, servers):
    session.results.begin(
        "PUT and DELETE",
        "loop: threads that create, write, fsync and rename a file, and fsync its directory, "
        "without HTTP and records; its processor time includes the Python interpreter.",
        "PUT of callfs is durable when it is answered, that of nginx is not; a relaxed mount of "
        "callfs is flushed in the background.",
    )
    rivals = servers.each()
    if not tools.nginx_has_dav():
        session.results.skip("PUT and DELETE of nginx", "nginx is built without http_dav_module")
        rivals = [servers.callfs]
    for clients in (1, wrk.CLIENTS):
        new(session, servers, rivals, clients)
    replacing(session, servers, rivals)
    relaxed(session, servers, rivals)
    delete(session, servers, rivals)


def new(session, servers, rivals, clients):
    seconds = session.options.seconds

    def round_of(server):
        def turn():
            folder = fresh(servers)
            paths = names(servers, folder, range(int(PUTS * seconds)))
            return synced(lambda: put(server, paths, seconds, clients))

        return turn

    contenders = {"loop": lambda: synced(lambda: loop(fresh(servers), seconds, clients))}
    contenders |= {server.name: round_of(server) for server in rivals}
    measured = in_turns(session.options, contenders)
    plural = "s" if clients > 1 else ""
    session.results.compare(f"PUT 4 KiB, new, {clients} client{plural}", measured)


def replacing(session, servers, rivals):
    seconds = session.options.seconds
    clients = wrk.CLIENTS

    def round_of(server):
        paths = names(servers, fresh(servers), range(session.options.replaced))
        put(server, paths, WRITTEN_WITHIN, clients)
        return lambda: synced(lambda: put(server, paths, seconds, clients, repeat=True))

    folder = fresh(servers)
    each = session.options.replaced // clients
    contenders = {"loop": lambda: synced(lambda: loop(folder, seconds, clients, each))}
    contenders |= {server.name: round_of(server) for server in rivals}
    measured = in_turns(session.options, contenders)
    session.results.compare(f"PUT 4 KiB, replacing, {clients} clients", measured)


def relaxed(session, servers, rivals):
    """New files in a mount that is flushed in the background, as the files of nginx are."""
    seconds = session.options.seconds
    dir = session.folder("relaxed")
    files = pair.open_folder(dir / "files")
    mounts = gateway.FOLDER.format(path="/", folder=files) + 'durability = "relaxed"\n'
    callfs = gateway.start(session, dir, mounts)
    pairs = {
        server.name: (servers, server) for server in rivals if server is not servers.callfs
    }
    pairs[callfs.name] = (replace(servers, dir=dir, files=files, callfs=callfs), callfs)

    def round_of(own, server):
        def turn():
            paths = names(own, fresh(own), range(int(PUTS * seconds)))
            return synced(lambda: put(server, paths, seconds, wrk.CLIENTS))

        return turn

    contenders = {name: round_of(own, server) for name, (own, server) in pairs.items()}
    measured = in_turns(session.options, contenders)
    session.results.compare(f"PUT 4 KiB, new, relaxed, {wrk.CLIENTS} clients", measured)


def delete(session, servers, rivals):
    """Files that the same server has just written; a round ends early if all of them are gone."""
    seconds = session.options.seconds

    def round_of(server):
        def turn():
            paths = names(servers, fresh(servers), range(session.options.deletes))
            put(server, paths, WRITTEN_WITHIN, wrk.CLIENTS)
            keep_existing(servers, paths)
            os.sync()
            return synced(lambda: measure(server, lambda: remove(server, paths, seconds)))

        return turn

    measured = in_turns(session.options, {server.name: round_of(server) for server in rivals})
    session.results.compare(f"DELETE, {wrk.CLIENTS} clients", measured)


def fresh(servers):
    return pair.open_folder(servers.files / f"round-{next(TURNS)}")


def names(servers, folder, numbers):
    """A file of paths for wrk, without the prefix of a server."""
    paths = servers.dir / f"{folder.name}.paths"
    paths.write_text("".join(f"/{folder.name}/{number}\n" for number in numbers))
    return paths


def keep_existing(servers, paths):
    """Drops paths of files that are not there, which would be answered with 404."""
    there = [path for path in paths.read_text().split() if Path(f"{servers.files}{path}").exists()]
    paths.write_text("".join(f"{path}\n" for path in there))


def put(server, paths, seconds, clients, repeat=False):
    def load():
        return wrk.send(server, "PUT", paths, seconds, clients, size=pair.SMALL, repeat=repeat)

    return measure(server, load)


def remove(server, paths, seconds):
    return wrk.send(server, "DELETE", paths, seconds)


def synced(turn):
    """A round, after which nothing of it waits for the disk while the next one is measured."""
    measured = turn()
    os.sync()
    return measured


def loop(folder, seconds, clients, names=0):
    command = [sys.executable, str(LOOP), str(folder), str(seconds), str(clients), str(names)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=seconds + 60
    )
    if done.returncode != 0:
        sys.exit(f"loop: {done.stderr}")
    files, taken, processor = map(float, done.stdout.split())
    return Measurement(files / taken, processor / files * 1e6)
