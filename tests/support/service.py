"""One service in a separate process, with free ports and a temporary folder, stopped by pid."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Read by grpc when it is first imported; the services set the same.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

import grpc

STOP_SECONDS_MAX = 15.0


@dataclass
class Service:
    """A service that serves."""

    noun: str
    address: str
    metrics: str
    process: subprocess.Popen[str]
    log: Path
    channel: grpc.Channel

    def log_lines(self) -> list[dict[str, object]]:
        """Returns the lines logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def series(self) -> dict[str, float]:
        """What it shows at /metrics now: each series with its labels, as "name{label=\"value\"}", and its value."""
        with urllib.request.urlopen(self.metrics, timeout=10) as reply:
            lines = [line for line in reply.read().decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def stop(self) -> int:
        """Stops the service with SIGTERM and returns its exit status."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS_MAX)

    def kill(self) -> None:
        """Kills the service with SIGKILL."""
        self.process.kill()
        self.process.wait()


def command(noun: str, *arguments: str, module: str = "") -> list[str]:
    """Returns the command of a service on free ports; `module` runs it in a different way."""
    return [sys.executable, "-m", module or f"services.{noun}", "--port", "0", "--metrics-port", "0", *arguments]


def environment(**variables: str) -> dict[str, str]:
    """Returns this process's environment with only the given AlphaForge settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("ALPHAFORGE_")}
    return own | variables


@contextmanager
def running_service(
    noun: str,
    folder: Path,
    *arguments: str,
    credentials: grpc.ChannelCredentials | None = None,
    module: str = "",
) -> Iterator[Service]:
    """Starts a service and reads the line that says where it serves; ends it if the test did not.

    `credentials` are those of its `channel`, where it serves over TLS.
    """
    log = folder / f"{noun}.log"
    # A relay has no state.
    place = () if noun == "relay" else ("--data-dir", str(folder))
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command(noun, *place, *arguments, module=module),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=folder,
            env=environment(PYTHONPATH=os.pathsep.join(sys.path)),
        )
    assert process.stdout is not None
    with process.stdout:
        line = process.stdout.readline()
        try:
            assert line, log.read_text()
            ready = json.loads(line)
            address = ready["address"]
            made = grpc.secure_channel(address, credentials) if credentials else grpc.insecure_channel(address)
            with made as channel:
                yield Service(noun, address, ready["metrics"], process, log, channel)
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP_SECONDS_MAX)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
