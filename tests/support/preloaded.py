"""Services that start in a tenth of the time, for tests that kill hundreds of them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["ForkedProcess", "Preloaded", "preloaded_services"]


class ForkedProcess:
    """Another process's child, with the methods of `subprocess.Popen` that tests use. Its exit status is unknown."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._file = os.pidfd_open(pid)

    def poll(self) -> int | None:
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        if (status := self._ended(timeout)) is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        os.close(self._file)
        return status

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        return 0 if select.select((self._file,), (), (), timeout)[0] else None

    def _send(self, number: int) -> None:
        if self.poll() is None:
            signal.pidfd_send_signal(self._file, number)


class Preloaded:
    """The process from which services are forked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, module: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> ForkedProcess:
        order = {"module": module, "arguments": arguments, "environment": dict(environment), "log": str(log)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return ForkedProcess(int(self._process.stdout.readline()))


@contextmanager
def preloaded_services() -> Iterator[Preloaded]:
    """Yields a process that starts services; it exits before they do."""
    command = [sys.executable, "-m", "tests.programs.preloaded_services"]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Preloaded(process)
        assert process.stdin is not None
        process.stdin.close()
