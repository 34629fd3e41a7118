"""The three services on free ports with a temporary data directory, for the length of a benchmark."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from alphaforge_cli.targets import NOUNS, serving

__all__ = ["Stack", "free_ports", "running_relay", "running_services", "running_stack"]


class Stack(NamedTuple):
    """Where the services are, and their process ids."""

    targets: dict[str, str]
    processes: dict[str, int]


@contextmanager
def running_stack(options: dict[str, Sequence[str]] | None = None) -> Iterator[Stack]:
    """Starts the services, each with the further `options` of its noun, and stops them."""
    with ExitStack() as exits:
        folder = exits.enter_context(tempfile.TemporaryDirectory())
        ports = free_ports(6)
        stack = Stack({noun: f"127.0.0.1:{ports[index]}" for index, noun in enumerate(NOUNS)}, {})
        for index, noun in enumerate(NOUNS):
            command = [sys.executable, "-m", f"services.{noun}", "--port", str(ports[index])]
            command += ["--metrics-port", str(ports[index + 3]), "--data-dir", f"{folder}/{noun}"]
            if noun == "execution":
                command += ["--data-target", stack.targets["data"]]
            command += (options or {}).get(noun, ())
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            exits.callback(process.wait)
            exits.callback(process.terminate)
            stack.processes[noun] = process.pid
        for noun, target in stack.targets.items():
            if problem := serving(noun, target, timeout=30):
                raise RuntimeError(f"the service on {target} did not start: {problem}")
        yield stack


@contextmanager
def running_services(noun: str, count: int, *options: str) -> Iterator[tuple[list[str], list[int]]]:
    """Starts services of one noun, each with the further options; yields their targets and process ids."""
    with ExitStack() as exits:
        folder = exits.enter_context(tempfile.TemporaryDirectory())
        ports = free_ports(2 * count)
        targets, processes = [], []
        for index in range(count):
            command = [sys.executable, "-m", f"services.{noun}", "--port", str(ports[index])]
            command += ["--metrics-port", str(ports[count + index]), "--data-dir", f"{folder}/{index}", *options]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            exits.callback(process.wait)
            exits.callback(process.terminate)
            processes.append(process.pid)
            targets.append(f"{noun}-{index}=127.0.0.1:{ports[index]}")
        for port in ports[:count]:
            if problem := serving(noun, f"127.0.0.1:{port}", timeout=30):
                raise RuntimeError(f"the service on port {port} did not start: {problem}")
        yield targets, processes


@contextmanager
def running_relay(of: str, *options: str) -> Iterator[tuple[str, int]]:
    """Starts a relay of the data service at that address; yields the relay's address and process id."""
    port, metrics_port = free_ports(2)
    command = [sys.executable, "-m", "services.relay", "--of", of, "--port", str(port)]
    command += ["--metrics-port", str(metrics_port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if problem := serving("data", f"127.0.0.1:{port}", timeout=30):
            raise RuntimeError(f"the relay on port {port} did not start: {problem}")
        yield f"127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Free ports of loopback."""
    with ExitStack() as exits:
        probes = [exits.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
