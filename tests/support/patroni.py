"""PostgreSQL under Patroni and etcd on loopback, as configured in docs/how-to/scale-out.md; machines may be lost.

Both come from Debian's packages `patroni` and `etcd-server`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.support.postgres import Server, as_its_user, free_port, programs
from tests.support.waiting import until

__all__ = ["Machine", "Patroni", "running_patroni"]

PAGE = Path(__file__).parents[2] / "docs/how-to/scale-out.md"
PASSWORD = "not-a-secret"


def documented() -> str:
    """The configuration that the page shows."""
    block = re.search(r"^```yaml\n(scope: .*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None
    return block[1]


class Machine(Server):
    """A machine with a PostgreSQL server and the Patroni that runs it."""

    def __init__(self, folder: Path, name: str, etcd: str, configuration: Path) -> None:
        super().__init__(folder / name, free_port())
        self.name = name
        self._log = folder / f"{name}.patroni.log"
        self._configuration = configuration
        self._patroni: subprocess.Popen[bytes] | None = None
        bin_folder = programs()
        assert bin_folder is not None
        own, rest = f"127.0.0.1:{self.port}", f"127.0.0.1:{free_port()}"
        self._status = f"http://{rest}/cluster"
        self._environment = {
            "PATH": os.defpath,
            "PATRONI_NAME": name,
            "PATRONI_ETCD3_HOSTS": f"'{etcd}'",
            "PATRONI_RESTAPI_LISTEN": rest,
            "PATRONI_RESTAPI_CONNECT_ADDRESS": rest,
            "PATRONI_POSTGRESQL_LISTEN": own,
            "PATRONI_POSTGRESQL_CONNECT_ADDRESS": own,
            "PATRONI_POSTGRESQL_DATA_DIR": str(self.folder),
            "PATRONI_POSTGRESQL_BIN_DIR": str(bin_folder),
            "PATRONI_POSTGRESQL_PGPASS": str(folder / f"{name}.pgpass"),
            "PATRONI_SUPERUSER_PASSWORD": PASSWORD,
            "PATRONI_REPLICATION_PASSWORD": PASSWORD,
        }

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    @property
    def is_lost(self) -> bool:
        return self._patroni is None

    def start(self) -> None:
        """Turns the machine on."""
        with self._log.open("ab") as log:
            self._patroni = subprocess.Popen(
                [*as_its_user(), "patroni", str(self._configuration)],
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def processes(self) -> list[int]:
        """The pids of the machine, Patroni's first, so that Patroni does not see what happens to PostgreSQL."""
        patroni = [] if self._patroni is None else [self._patroni.pid]
        with suppress(OSError, ValueError, IndexError):
            return [*patroni, *super().processes()]
        return patroni

    def lose(self) -> None:
        """Kills everything on the machine, like a power cut."""
        self.kill()
        assert self._patroni is not None
        self._patroni.wait()
        self._patroni = None

    def asks(self, query: str) -> str:
        """Returns the answer to a query, or an empty string if there is none."""
        with suppress(subprocess.SubprocessError):
            return self.sql(query)
        return ""

    def roles(self) -> dict[str, str]:
        """Returns the machine of each role, as this machine's Patroni reports it; empty if it does not answer."""
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(self._status, timeout=1.0) as reply:
            return {each["role"]: each["name"] for each in json.load(reply)["members"]}
        return {}

    def end(self) -> None:
        """Kills the machine's processes."""
        with suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        if self._patroni is not None:
            self._patroni.wait()


class Patroni:
    """Two machines with PostgreSQL, and the etcd of a third one."""

    def __init__(self, machines: list[Machine]) -> None:
        self.machines = machines

    def primary(self) -> Machine | None:
        """Returns the leading machine if a standby may be promoted; None if not, or if no machine answers.

        PostgreSQL waits a few seconds for its standby before Patroni would promote it.
        """
        for machine in self.machines:
            roles = {} if machine.is_lost else machine.roles()
            if "sync_standby" in roles and "leader" in roles:
                return next(each for each in self.machines if each.name == roles["leader"])
        return None

    def await_pair(self) -> Machine:
        """Waits for a standby that may be promoted, and returns the primary."""
        found = until(self.primary, "a primary with a synchronous standby", seconds=120, every=0.5)
        assert found is not None
        return found

    def database(self) -> str:
        """Creates a database and returns its DSN, which names both machines."""
        self.await_pair().sql("CREATE DATABASE alphaforge")
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.machines)
        return f"postgresql://postgres:{PASSWORD}@{hosts}/alphaforge"


@contextmanager
def running_patroni() -> Iterator[Patroni]:
    """Starts two machines over one etcd, and stops them. Skips the test if Patroni or etcd is not installed."""
    lacking = [name for name in ("patroni", "etcd") if shutil.which(name) is None]
    if lacking or programs() is None:
        pytest.skip("needs Debian's packages patroni, python3-etcd, etcd-server and postgresql")
    folder = Path(mkdtemp(prefix="alphaforge-patroni-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        clients, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        witness = ["--name", "w", "--data-dir", str(folder / "etcd"), "--initial-cluster", f"w={peers}"]
        witness += ["--listen-client-urls", clients, "--advertise-client-urls", clients]
        witness += ["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers]
        with (folder / "etcd.log").open("ab") as log:
            etcd = subprocess.Popen(["etcd", *witness], stdout=log, stderr=subprocess.STDOUT)
        stack.callback(etcd.wait)
        stack.callback(etcd.kill)
        configuration = folder / "patroni.yml"
        configuration.write_text(documented())
        address = clients.removeprefix("http://")
        patroni = Patroni([Machine(folder, name, address, configuration) for name in ("a", "b")])
        for machine in patroni.machines:
            stack.callback(machine.end)
            machine.start()
            # The first machine initializes the database that the second copies.
            until(lambda: machine.asks("SELECT 1") == "1", "PostgreSQL answers", seconds=90, every=0.5)  # noqa: B023
        patroni.await_pair()
        yield patroni
