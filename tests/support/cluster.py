"""A cluster of real services over a PostgreSQL pair: candidates that may be killed, frozen and started again."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from services.cluster.database import Database
from services.cluster.shard import Name, Shard
from services.cluster.store_postgres import PostgresStore
from services.cluster.thread import ClusterThread
from tests.support.postgres import free_port
from tests.support.service import STOP_SECONDS_MAX, environment
from tests.support.waiting import let_pass_async, until

__all__ = ["Candidate", "Cluster", "Held", "cluster_command", "primary_store", "running_cluster"]


def cluster_command(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `alphaforge cluster ...`, as `python -m services.cluster`."""
    return subprocess.run(
        [sys.executable, "-m", "services.cluster", *arguments],
        env=environment(PYTHONPATH=os.pathsep.join(sys.path), ALPHAFORGE_JOURNAL=dsn),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Held:
    """A shard that this process is primary of, without a service."""

    def __init__(self, dsn: str, address: str = "test:1", *, noun: str = "data", shard: int = 0) -> None:
        self.thread = ClusterThread()
        self.shard = Shard(Name(noun, shard, address), Database(dsn, address), "alphaforge", "refuse")
        self.store = PostgresStore(self.shard, self.thread)
        self._beats: Future[None] | None = None

    def take(self) -> bool:
        """Takes over the shard in its current state."""
        taken = self.thread.call(self._take())
        if taken:
            self.store.settle_term()
            self.shard.start_answering()
        return taken

    async def _take(self) -> bool:
        await self.shard.connect()
        await self.shard.check_standbys()
        if not await self.shard.take(await self.shard.read()):
            return False
        await self.store.open()
        return True

    def beat_on(self) -> None:
        """Starts to beat."""

        async def beats() -> None:
            self.shard.tick()
            while await self.shard.beat():
                await let_pass_async(0.2)
                self.shard.tick()

        self._beats = self.thread.start(beats())

    def end(self) -> None:
        """Closes the sessions, as a crash of the process would."""
        if self._beats is not None:
            self._beats.cancel()

        async def lose() -> None:
            self.shard.lose_sessions()

        self.thread.call(lose())


@contextmanager
def primary_store(dsn: str) -> Iterator[PostgresStore]:
    """Yields the store of a shard's primary, which beats."""
    held = Held(dsn)
    try:
        assert held.take()
        held.beat_on()
        yield held.store
    finally:
        held.end()


@dataclass
class Candidate:
    """One process of a shard; its ports stay the same over restarts."""

    noun: str
    folder: Path
    dsn: str
    arguments: tuple[str, ...]
    module: str = ""
    """The module that runs instead of the service."""
    reached_at: str = ""
    """Where clients reach it, if not at its own address."""
    port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.port}.log"

    def start(self) -> None:
        """Starts it and waits until it answers, as a follower or as the primary."""
        command = [
            sys.executable,
            "-m",
            self.module or f"services.{self.noun}",
            "--port",
            str(self.port),
            "--metrics-port",
        ]
        command += [str(self.metrics_port), "--data-dir", str(self.folder / str(self.port)), *self.arguments]
        with self.log.open("a") as stderr:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=self.folder,
                env=environment(PYTHONPATH=os.pathsep.join(sys.path), ALPHAFORGE_JOURNAL=self.dsn),
            )
        assert self.process.stdout is not None
        with self.process.stdout:
            line = self.process.stdout.readline()
        assert line, self.log.read_text()[-3000:]
        assert json.loads(line)["address"] == self.address

    def end(self) -> None:
        """Kills the process if it runs, frozen or not."""
        if self.is_running:
            self.thaw()
            self.kill()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def is_primary(self) -> bool:
        """Whether /primary tells a proxy that this is the primary."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/primary", timeout=1.0) as reply:
                return int(reply.status) == 200
        except (urllib.error.URLError, OSError):
            return False

    def series(self) -> dict[str, float]:
        """Returns the series at /metrics, without the shard's label."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as reply:
            lines = [line for line in reply.read().decode().splitlines() if not line.startswith("#")]
        found = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
        number = next((b for a, b in itertools.pairwise(self.arguments) if a == "--shard"), "0")
        return {name.removesuffix(f'{{shard="{self.noun}-{number}"}}'): value for name, value in found.items()}

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kills the process with SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Stops the process with SIGTERM and returns its exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(STOP_SECONDS_MAX)


@dataclass
class Cluster:
    """The candidates of one shard of each noun."""

    dsn: str
    candidates: dict[str, list[Candidate]]

    def target(self, noun: str) -> str:
        """Returns the seed addresses for a client."""
        return ",".join(candidate.reached_at or candidate.address for candidate in self.candidates[noun])

    def primary(self, noun: str, *, but: Candidate | None = None) -> Candidate:
        """Waits for a primary and returns it."""

        def found() -> Candidate | None:
            return next((each for each in self.candidates[noun] if each is not but and each.is_primary), None)

        candidate = until(found, f"a primary of {noun}")
        assert candidate is not None
        return candidate

    def follower(self, noun: str) -> Candidate:
        """A candidate that is not the primary."""
        primary = self.primary(noun)
        return next(each for each in self.candidates[noun] if each is not primary)


@contextmanager
def running_cluster(
    folder: Path,
    dsn: str,
    *nouns: str,
    count: int = 2,
    is_made: bool = False,
    module: str = "",
    **arguments: tuple[str, ...],
) -> Iterator[Cluster]:
    """Makes a cluster in the database and starts `count` candidates of each noun; kills them at the end."""
    if not is_made:
        made = cluster_command(dsn, "init")
        assert made.returncode == 0, made.stderr
    cluster = Cluster(
        dsn,
        {noun: [Candidate(noun, folder, dsn, arguments.get(noun, ()), module) for _ in range(count)] for noun in nouns},
    )
    try:
        for candidates in cluster.candidates.values():
            for candidate in candidates:
                candidate.start()
        yield cluster
    finally:
        for candidates in cluster.candidates.values():
            for candidate in candidates:
                candidate.end()
