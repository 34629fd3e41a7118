"""`alphaforge up`: the three services as children of one command, which ends as they do."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, NamedTuple

import typer

from alphaforge_cli.targets import NOUNS, serving

__all__ = ["up"]

READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 15.0
_PR_SET_PDEATHSIG = 1


class _Child(NamedTuple):
    noun: str
    target: str
    process: subprocess.Popen[bytes]


def up(
    data_dir: Annotated[Path, typer.Option(help="Where the services keep their state.")] = Path("var"),
    port_base: Annotated[
        int, typer.Option(help="N: cache on N+1, data on N+2, execution on N+3.", min=1, max=65532)
    ] = 50050,
    metrics_base: Annotated[int, typer.Option(help="M: Prometheus metrics on M+1 to M+3.", min=1, max=65532)] = 9150,
    bars: Annotated[
        str | None, typer.Option(help="Bar types of a data engine that is opened without any, such as 1min,100tick.")
    ] = None,
) -> None:
    """Start the cache, data and execution services and stay until Ctrl-C or SIGTERM.

    Prints `alphaforge ready` when all three answer their health check. Ends with status 0 when told to stop, and with 1
    when a service ended by itself.
    """
    if importlib.util.find_spec("services") is None:
        raise typer.BadParameter("the package alphaforge-services is not installed here; install it beside the client")
    _require_free_ports(*(base + index for base in (port_base, metrics_base) for index in (1, 2, 3)))
    stop = threading.Event()

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, request_stop)
    with ExitStack() as stack:
        children: list[_Child] = []
        stack.callback(_stop_all, children)
        for index, noun in enumerate(NOUNS, start=1):
            children.append(_start(noun, data_dir, port_base, metrics_base, index, bars))
        failure = _wait_ready(children, stop)
        if failure is None and not stop.is_set():
            print("alphaforge ready", flush=True)
            failure = _watch(children, stop)
    if failure is not None:
        print(f"alphaforge: {failure}", file=sys.stderr, flush=True)
        raise typer.Exit(1)


def _require_free_ports(*ports: int) -> None:
    """A second stack on the same ports would answer the first one's health checks."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise typer.BadParameter(f"port {port}: {error.strerror}; see --port-base and --metrics-base") from None


def _start(noun: str, data_dir: Path, port_base: int, metrics_base: int, index: int, bars: str | None) -> _Child:
    command = [sys.executable, "-m", f"services.{noun}"]
    command += ["--port", str(port_base + index), "--metrics-port", str(metrics_base + index)]
    command += ["--data-dir", str(data_dir / noun)]
    if noun == "data" and bars is not None:
        command += ["--bar-types", bars]
    if noun == "execution":
        command += ["--data-target", f"127.0.0.1:{port_base + NOUNS.index('data') + 1}"]
    # A session of its own, so that a Ctrl-C in the terminal reaches this command alone, which then stops them in order.
    process = subprocess.Popen(command, start_new_session=True, preexec_fn=_end_with_parent)
    return _Child(noun, f"127.0.0.1:{port_base + index}", process)


def _end_with_parent() -> None:
    """Where the kernel can do it, a service is told to stop when this command dies without a chance to say so."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _wait_ready(children: Sequence[_Child], stop: threading.Event) -> str | None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    for child in children:
        while not stop.is_set():
            if failure := _ended(children):
                return failure
            if serving(child.target, timeout=0.5) is None:
                break
            if time.monotonic() > deadline:
                return f"{child.noun} on {child.target} did not serve within {READY_SECONDS_MAX:.0f} s"
    return None


def _watch(children: Sequence[_Child], stop: threading.Event) -> str | None:
    while not stop.wait(0.2):
        if failure := _ended(children):
            return failure
    return None


def _ended(children: Sequence[_Child]) -> str | None:
    for noun, target, process in children:
        if (status := process.poll()) is not None:
            how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
            return f"{noun} on {target} ended by itself with {how}; its last lines above say why"
    return None


def _stop_all(children: Sequence[_Child]) -> None:
    """Execution first: it takes its ticks from data."""
    deadline = time.monotonic() + STOP_SECONDS_MAX
    for child in reversed(children):
        if child.process.poll() is None:
            os.kill(child.process.pid, signal.SIGTERM)
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                print(f"alphaforge: {child.noun} did not stop in time and was killed", file=sys.stderr, flush=True)
                child.process.kill()
                child.process.wait()
