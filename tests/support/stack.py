"""The three services in separate processes, with free ports and a temporary data directory, stopped by pid."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

# Read by grpc when it is first imported; the services and the client set the same.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.journals import journals_in
from tests.support.preloaded import ForkedProcess, Preloaded
from tests.support.waiting import until

NOUNS = ("cache", "data", "execution")
READY_TIMEOUT_SECONDS = 120.0
STOP_TIMEOUT_SECONDS = 120.0


def free_ports(count: int) -> list[int]:
    """Returns ports that were free a moment ago. All are held until the last is chosen, so they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def consecutive_ports(count: int) -> int:
    """Returns the first of `count` consecutive free ports, below the system's ephemeral ports."""
    chance = random.SystemRandom()
    for _ in range(1_000):
        port = chance.randrange(10_000, 32_000)
        with ExitStack() as probes, suppress(OSError):
            for each in range(port + 1, port + count + 1):
                probes.enter_context(socket.socket()).bind(("127.0.0.1", each))
            return port
    raise AssertionError(f"no {count} free ports in a row")


def serves(target: str, service: str = "") -> bool:
    """Whether a service at `target` answers its health check. Uses a new channel, since a failed channel backs off."""
    with grpc.insecure_channel(target) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=2.0
            )
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@dataclass
class Stack:
    """Where the services listen, and their processes."""

    data_dir: Path
    journal: str | None = None
    """DSN of the PostgreSQL that has the journals; None for files."""
    ports: dict[str, int] = field(default_factory=dict)
    metrics_ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes] | ForkedProcess] = field(default_factory=dict)
    preloaded: Preloaded | None = None
    """What starts the services, where many are killed; else an interpreter each."""
    data_targets: str = ""
    """The data services of all stacks, where there are several."""

    def __post_init__(self) -> None:
        ports = free_ports(2 * len(NOUNS))
        self.ports = dict(zip(NOUNS, ports[:3], strict=True))
        self.metrics_ports = dict(zip(NOUNS, ports[3:], strict=True))

    def target(self, noun: str) -> str:
        return f"127.0.0.1:{self.ports[noun]}"

    def environment(self) -> dict[str, str]:
        """What a client process needs to find this stack."""
        return {f"ALPHAFORGE_{noun.upper()}_TARGET": self.target(noun) for noun in NOUNS}

    def serve(self, *nouns: str) -> None:
        """Start the services that don't run yet; execution also starts data, whose trades it follows."""
        wanted = {*nouns, "data"} if "execution" in nouns else {*nouns}
        missing = [noun for noun in NOUNS if noun in wanted and noun not in self.processes]
        for noun in missing:
            self.launch(noun)
        for noun in missing:
            self.wait_ready(noun)

    def log(self, noun: str) -> Path:
        return self.data_dir / f"{noun}.log"

    def start(self, noun: str) -> None:
        """Start one service and wait until it answers its health check."""
        self.launch(noun)
        self.wait_ready(noun)

    def launch(self, noun: str) -> None:
        command = ["--port", str(self.ports[noun])]
        command += ["--metrics-port", str(self.metrics_ports[noun]), "--data-dir", str(self.data_dir / noun)]
        if noun == "execution" and self.data_targets:
            command += ["--data-targets", self.data_targets]
        elif noun == "execution":
            command += ["--data-target", self.target("data")]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ALPHAFORGE_")}
        if self.journal is not None:
            environment["ALPHAFORGE_JOURNAL"] = self.journal
            environment["ALPHAFORGE_CACHE_DURABILITY"] = "replicated"
        module = f"services.{noun}"
        if self.preloaded is not None:
            self.processes[noun] = self.preloaded.start(module, command, environment, self.log(noun))
            return
        with self.log(noun).open("ab") as log:
            self.processes[noun] = subprocess.Popen(
                [sys.executable, "-m", module, *command], stdout=log, stderr=log, env=environment
            )

    def wait_ready(self, noun: str) -> None:
        def has_come() -> bool:
            return self.processes[noun].poll() is not None or serves(
                self.target(noun), f"alphaforge.{noun}.v1.{noun.capitalize()}Service"
            )

        try:
            until(has_come, f"the {noun} service", READY_TIMEOUT_SECONDS, every=0.05)
            assert self.processes[noun].poll() is None, f"the {noun} service ended"
        except AssertionError as error:
            self.stop(noun)
            raise RuntimeError(f"{error}:\n{self.log(noun).read_text()[-4000:]}") from None

    def stop(self, noun: str) -> int:
        """Stop one service with SIGTERM, as an operator would; returns its exit status."""
        process = self.processes.pop(noun)
        process.terminate()
        try:
            return process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RuntimeError(f"{noun} service did not stop:\n{self.log(noun).read_text()[-4000:]}") from None

    def kill(self, noun: str) -> None:
        """Kill one service with SIGKILL, whatever it is doing."""
        process = self.processes.pop(noun)
        process.kill()
        process.wait()


@contextmanager
def running_stack(data_dir: Path, journal: str | None = None) -> Iterator[Stack]:
    """Yields a stack whose services start when a test first needs them; stops the running ones at the end."""
    stack = Stack(data_dir, journal or journals_in(data_dir))
    try:
        yield stack
    finally:
        with ExitStack() as every_one:
            for noun in stack.processes:
                every_one.callback(stack.stop, noun)
