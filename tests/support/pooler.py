"""PgBouncer before a PostgreSQL server, on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.postgres import Server, as_its_user, free_port
from tests.support.waiting import until

__all__ = ["running_pooler"]

_TOOLS = Path(__file__).resolve().parents[2] / ".tools/bin"

_CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
ignore_startup_parameters = {ignored}
"""


@contextmanager
def running_pooler(server: Server, mode: str, *, ignored: str = "") -> Iterator[int]:
    """Yields the port of a PgBouncer that ignores these parameters; skips the test if PgBouncer is not installed."""
    program = shutil.which("pgbouncer", path=f"{_TOOLS}:/usr/sbin:{os.environ['PATH']}")
    if program is None:
        pytest.skip("PgBouncer is not installed (Debian's package pgbouncer has it; .ci/run fetches it)")
    port = free_port()
    # Its user, PostgreSQL's, can't read pytest's folders.
    folder = server.folder.parent / f"pooler-{port}"
    folder.mkdir()
    file = folder / "pgbouncer.ini"
    file.write_text(_CONFIGURATION.format(server=server.port, port=port, mode=mode, ignored=ignored))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*as_its_user(), program, str(file)], stdout=log, stderr=log)
    try:
        until(lambda: process.poll() is not None or _listens(port), "PgBouncer listens")
        assert process.poll() is None, (folder / "log").read_text()
        yield port
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False
