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

__all__ = ["Stack", "running_stack"]


class Stack(NamedTuple):
    """Where the services are, and their process ids."""

    targets: dict[str, str]
    processes: dict[str, int]


@contextmanager
def running_stack(options: dict[str, Sequence[str]] | None = None) -> Iterator[Stack]:
    """Starts the services, each with the further `options` of its noun, and stops them."""
    with ExitStack() as exits:
        folder = exits.enter_context(tempfile.TemporaryDirectory())
        ports = _free_ports(6)
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
        for target in stack.targets.values():
            if problem := serving(target, timeout=30):
                raise RuntimeError(f"the service on {target} did not start: {problem}")
        yield stack


def _free_ports(count: int) -> list[int]:
    with ExitStack() as exits:
        probes = [exits.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
