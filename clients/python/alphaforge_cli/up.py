"""`alphaforge up`: run the three services as child processes."""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NamedTuple

import typer

from alphaforge_cli.targets import NOUNS, serving

__all__ = ["up"]

LOG_BYTES_MAX = 16 * 2**20
LOG_BYTES_SHOWN = 4_000
LOG_LINES_SHOWN = 5
METRICS_BASE = 9150
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 15.0
_PR_SET_PDEATHSIG = 1


class _Child(NamedTuple):
    noun: str
    shard: int
    target: str
    metrics: int
    process: subprocess.Popen[bytes]
    log: Path | None


class LeftBehind:
    """The services of a previous `alphaforge up` on the same data directory, recorded in a file.

    If that command was killed, they stop by themselves after a while; until then they hold ports and files.
    """

    def __init__(self, note: Path) -> None:
        self._note = note

    def wait_gone(self, seconds: float) -> None:
        """If the command that started the services is gone, waits for a limited time until they have stopped."""
        try:
            note = json.loads(self._note.read_text())
            starter, services = int(note["up"]), [int(pid) for pid in note["services"]]
        except (OSError, ValueError, KeyError, TypeError):
            return
        deadline = time.monotonic() + seconds
        announced = False
        while not _runs(starter, "alphaforge") and any(_runs(pid, "services.") for pid in services):
            if not announced:
                print("waiting for the services of the previous run to stop", file=sys.stderr, flush=True)
                announced = True
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)

    def note(self, services: list[int]) -> None:
        """Records this process and the ids of its children."""
        self._note.parent.mkdir(parents=True, exist_ok=True)
        self._note.write_text(json.dumps({"up": os.getpid(), "services": services}))

    def forget(self) -> None:
        """Removes the record; the services have ended."""
        self._note.unlink(missing_ok=True)


def _runs(pid: int, word: str) -> bool:
    """Whether the process runs and its command line has the given word. False without /proc."""
    try:
        return word in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def up(
    data_dir: Annotated[Path, typer.Option(help="Directory of the services' state.")] = Path("var"),
    port_base: Annotated[
        int,
        typer.Option(
            help="Base N of the ports: cache N+1, data N+2, execution N+3; each further shard takes the next three.",
            min=1,
            max=65532,
        ),
    ] = 50050,
    metrics_base: Annotated[
        int, typer.Option(help="Base M of the metrics ports, in the same order.", min=1, max=65532)
    ] = METRICS_BASE,
    bars: Annotated[str | None, typer.Option(help="Default bar types of data engines, such as 1min,100tick.")] = None,
    shards: Annotated[
        int,
        typer.Option(help="Number of services of each kind, over which engines are spread.", min=1, max=64),
    ] = 1,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log to this terminal instead of files.")] = False,
) -> None:
    """Start the cache, data and execution services and run them until Ctrl-C or SIGTERM.

    Prints their addresses, and `alphaforge ready` once all pass their health check. With --shards, also prints the
    variables that clients need. Logs go to files in the data directory. Exits with 0 when stopped, and with 1 if a
    service ends unexpectedly.
    """
    try:
        distribution("alphaforge-services")
    except PackageNotFoundError:
        raise typer.BadParameter(
            "the package alphaforge-services is not installed; install alphaforge-client[cli,services]"
        ) from None
    left_behind = LeftBehind(data_dir / "up.json")
    left_behind.wait_gone(READY_SECONDS_MAX)
    _require_same_shards(data_dir, shards)
    ports = range(1, len(NOUNS) * shards + 1)
    _require_free_ports(*(base + index for base in (port_base, metrics_base) for index in ports))
    stop = threading.Event()

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, request_stop)
    with ExitStack() as stack:
        children: list[_Child] = []
        stack.callback(left_behind.forget)
        stack.callback(_stop_all, children)
        layout = _Layout(data_dir, port_base, metrics_base, shards)
        for shard in range(shards):
            for noun in NOUNS:
                children.append(_start(layout, noun, shard, bars, verbose))  # noqa: PERF401 - the last may fail
        left_behind.note([child.process.pid for child in children])
        failure = _wait_ready(children, stop)
        if failure is None and not stop.is_set():
            print(_summary(children, layout, verbose), flush=True)
            failure = _watch(children, stop)
    if failure is not None:
        print(f"alphaforge: {failure}", file=sys.stderr, flush=True)
        raise typer.Exit(1)


class _Layout(NamedTuple):
    """Where the services are."""

    data_dir: Path
    port_base: int
    metrics_base: int
    shards: int

    def port(self, noun: str, shard: int) -> int:
        return self.port_base + self._place(noun, shard)

    def metrics_port(self, noun: str, shard: int) -> int:
        return self.metrics_base + self._place(noun, shard)

    def name(self, noun: str, shard: int) -> str:
        """The name of a service in a list of targets, of its directory and of its log."""
        return noun if self.shards == 1 else f"{noun}-{shard}"

    def targets(self, noun: str) -> str:
        """The list of targets."""
        found = (f"{self.name(noun, one)}=127.0.0.1:{self.port(noun, one)}" for one in range(self.shards))
        return ",".join(found)

    def _place(self, noun: str, shard: int) -> int:
        return NOUNS.index(noun) + 1 + len(NOUNS) * shard


def _require_same_shards(data_dir: Path, shards: int) -> None:
    """Checks that the directory was made with as many shards: with another number, engines would seem missing."""
    had = 1 if any((data_dir / noun).exists() for noun in NOUNS) else 0
    # Cache services create their directories at the first start, the others with their first engine.
    had = had or len([path for path in data_dir.glob("cache-*") if path.is_dir()])
    if had not in (0, shards):
        raise typer.BadParameter(
            f"{data_dir} has the state of {had} shard{'s' if had > 1 else ''}: start it with --shards {had}, "
            "or give another --data-dir"
        )


def _require_free_ports(*ports: int) -> None:
    """Checks that the ports are free: health checks would otherwise reach another stack."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise typer.BadParameter(f"port {port}: {error.strerror}; see --port-base and --metrics-base") from None


def _summary(children: Sequence[_Child], layout: _Layout, verbose: bool) -> str:
    """Prints the addresses, what to type next, and `alphaforge ready`."""
    width = 9 if layout.shards == 1 else 12
    lines = [
        f"{layout.name(child.noun, child.shard):{width}} {child.target}   "
        f"metrics http://127.0.0.1:{child.metrics}/metrics"
        for child in children
    ]
    logs = "" if verbose else f", logs in {layout.data_dir / '*.log'}"
    lines.append(f"{'state':{width}} {layout.data_dir}{logs}")
    targets = {f"ALPHAFORGE_{child.noun.upper()}_TARGET": child.target for child in children}
    ports = {f"ALPHAFORGE_{child.noun.upper()}_METRICS_PORT": child.metrics for child in children}
    next_steps = []
    if sys.prefix != sys.base_prefix:
        next_steps.append(f"source {shlex.quote(_shorter(Path(sys.prefix)))}/bin/activate")
    if layout.shards > 1:
        next_steps += [f"export ALPHAFORGE_{noun.upper()}_TARGETS={layout.targets(noun)}" for noun in NOUNS]
    elif [child.target.rpartition(":")[2] for child in children] != ["50051", "50052", "50053"]:
        next_steps.append("export " + " ".join(f"{name}={value}" for name, value in targets.items()))
    if layout.shards == 1 and layout.metrics_base != METRICS_BASE:
        next_steps.append("export " + " ".join(f"{name}={value}" for name, value in ports.items()))
    next_steps.append("alphaforge demo")
    lines += ["", "Next, in another terminal:", *(f"  {step}" for step in next_steps), "", "alphaforge ready"]
    return "\n".join(lines)


def _shorter(path: Path) -> str:
    """The path relative to the working directory if it is below it, else unchanged."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _start(layout: _Layout, noun: str, shard: int, bars: str | None, verbose: bool) -> _Child:
    name, port, metrics = layout.name(noun, shard), layout.port(noun, shard), layout.metrics_port(noun, shard)
    # -P ignores an unrelated folder `services` in the current folder.
    command = [sys.executable, "-P", "-m", f"services.{noun}"]
    command += ["--port", str(port), "--metrics-port", str(metrics)]
    command += ["--data-dir", str(layout.data_dir / name)]
    if noun == "data" and bars is not None:
        command += ["--bar-types", bars]
    if noun == "execution" and layout.shards == 1:
        command += ["--data-target", f"127.0.0.1:{layout.port('data', 0)}"]
    elif noun == "execution":
        command += ["--data-targets", layout.targets("data")]
    # A separate session, so that Ctrl-C reaches only this command, which then stops the services one after another.
    options: dict[str, Any] = {"start_new_session": True, "preexec_fn": _end_with_parent}
    target = f"127.0.0.1:{port}"
    if verbose:
        return _Child(noun, shard, target, metrics, subprocess.Popen(command, **options), None)
    log = layout.data_dir / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, **options)
    return _Child(noun, shard, target, metrics, process, log)


def _end_with_parent() -> None:
    """Where the kernel supports it, makes the service stop when this command is killed."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _wait_ready(children: Sequence[_Child], stop: threading.Event) -> str | None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    for child in children:
        while not stop.is_set():
            if failure := _ended(children):
                return failure
            if serving(child.noun, child.target, timeout=0.5) is None:
                break
            if time.monotonic() > deadline:
                return f"{child.noun} on {child.target} was not serving after {READY_SECONDS_MAX:.0f} s"
    return None


def _watch(children: Sequence[_Child], stop: threading.Event) -> str | None:
    while not stop.wait(0.2):
        if failure := _ended(children):
            return failure
    return None


def _ended(children: Sequence[_Child]) -> str | None:
    for noun, _, target, _, process, log in children:
        if (status := process.poll()) is not None:
            how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
            return f"{noun} on {target} ended unexpectedly with {how}; {_why(log)}"
    return None


def _why(log: Path | None) -> str:
    if log is None:
        return "its last lines above show why"
    last = log.read_bytes()[-LOG_BYTES_SHOWN:].decode(errors="replace").rstrip().splitlines()[-LOG_LINES_SHOWN:]
    return "\n".join([f"the end of {log}:", *last])


def _stop_all(children: Sequence[_Child]) -> None:
    """Stops the services, execution first, since it reads from data."""
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
