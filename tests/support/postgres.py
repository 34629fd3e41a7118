"""PostgreSQL for tests: a primary and its synchronous standby from Debian's package, on loopback, in a folder.

PostgreSQL does not run as root, so a test run by root runs it as the package's own user.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.support.waiting import until

__all__ = ["Pair", "Server", "as_its_user", "free_port", "is_installed", "programs", "running_pair"]

_CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_wal_senders = 8
wal_keep_size = 256MB
wal_receiver_status_interval = 1s
wal_receiver_timeout = 60s
max_connections = 60
shared_buffers = 32MB
max_wal_size = 256MB
"""


def programs() -> Path | None:
    """Returns the folder of the newest PostgreSQL's programs; None if it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def is_installed() -> bool:
    """Whether PostgreSQL can be started here."""
    return programs() is not None


def as_its_user() -> list[str]:
    """Returns the prefix that makes a command run as PostgreSQL's user."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


class Server:
    """One PostgreSQL server."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def control(self, *arguments: str) -> None:
        """Runs pg_ctl."""
        bin_folder = programs()
        assert bin_folder is not None
        log = str(self.folder.with_suffix(".log"))
        command = [*as_its_user(), str(bin_folder / "pg_ctl"), "-D", str(self.folder), "-w", "-t", "60"]
        subprocess.run([*command, "-l", log, *arguments], check=True, stdout=subprocess.DEVNULL)

    def sql(self, statement: str) -> str:
        """Runs a statement with psql and returns its output without headers."""
        return self.sql_in("postgres", statement)

    def sql_in(self, database: str, statement: str) -> str:
        """Runs a statement in the given database."""
        bin_folder = programs()
        assert bin_folder is not None
        dsn = self.dsn.rpartition("/")[0] + f"/{database}"
        command = [str(bin_folder / "psql"), "-qAt", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-c", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()

    def processes(self) -> list[int]:
        """Returns the pids of the server, the postmaster's first."""
        postmaster = int((self.folder / "postmaster.pid").read_text().split()[0])
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(postmaster)], capture_output=True, text=True)
        return [postmaster, *map(int, children.stdout.split())]

    def signal(self, number: int) -> None:
        """Sends a signal to each of its processes."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kills the server: to its clients, this looks like a power cut of its machine."""
        pids = self.processes()
        self.signal(signal.SIGKILL)
        until(lambda: not any(Path(f"/proc/{pid}/stat").exists() and _lives(pid) for pid in pids), "PostgreSQL ends")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Pair:
    """A primary `a` and its synchronous standby `b`."""

    def __init__(self, a: Server, b: Server) -> None:
        self.a = a
        self.b = b

    @property
    def dsn(self) -> str:
        """Both servers."""
        return f"postgresql://postgres@127.0.0.1:{self.a.port},127.0.0.1:{self.b.port}/postgres"

    def database(self, template: str = "template1") -> str:
        """The DSN of a new database, a copy of another one that nobody uses."""
        name = f"test_{secrets.token_hex(6)}"
        self.a.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log")
        return self.dsn.rpartition("/")[0] + f"/{name}"

    def promote(self) -> None:
        """Promotes the standby. The new primary waits for no standby."""
        self.b.control("promote")

    def await_standby(self) -> None:
        """Waits until the standby is connected and synchronous."""
        query = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        until(lambda: self.a.sql(query) == "1", "the standby is synchronous")


@contextmanager
def running_pair() -> Iterator[Pair]:
    """Starts a pair, and stops it. Skips the test if PostgreSQL is not installed.

    The pair has its own folder, since only their owner can read pytest's folders.
    """
    if programs() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(mkdtemp(prefix="alphaforge-postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        with _running_pair(folder) as pair:
            yield pair
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running_pair(folder: Path) -> Iterator[Pair]:
    bin_folder = programs()
    assert bin_folder is not None
    a, b = Server(folder / "a", free_port()), Server(folder / "b", free_port())
    run = [*as_its_user(), str(bin_folder / "initdb"), "-D", str(a.folder), "-A", "trust", "-U", "postgres"]
    subprocess.run([*run, "-E", "UTF8", "--locale=C", "-N"], check=True, stdout=subprocess.DEVNULL)
    _configure(a, "")
    try:
        a.control("start")
        base = [*as_its_user(), str(bin_folder / "pg_basebackup"), "-d", a.dsn, "-D", str(b.folder)]
        subprocess.run([*base, "-X", "stream", "-c", "fast"], check=True, stdout=subprocess.DEVNULL)
        (b.folder / "standby.signal").touch()
        if os.geteuid() == 0:
            shutil.chown(b.folder / "standby.signal", "postgres", "postgres")
        _configure(b, f"primary_conninfo = 'host=127.0.0.1 port={a.port} user=postgres application_name=b'")
        b.control("start")
        a.sql("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (b)'")
        a.sql("SELECT pg_reload_conf()")
        pair = Pair(a, b)
        pair.await_standby()
        yield pair
    finally:
        for server in (b, a):
            if (server.folder / "postmaster.pid").exists():
                server.thaw()
                subprocess.run(
                    [*as_its_user(), str(bin_folder / "pg_ctl"), "-D", str(server.folder), "-m", "immediate", "stop"],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    check=False,
                )


def _configure(server: Server, more: str) -> None:
    with (server.folder / "postgresql.conf").open("a") as file:
        file.write(f"{_CONFIGURATION}port = {server.port}\n{more}\n")
