"""Starting: commands of the client compared with Python and gRPC alone, and the time until a service serves."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial

from alphaforge_cli.tables import table
from alphaforge_cli.targets import serving

from benchmarks.bench import Bench
from benchmarks.measure import latencies

__all__ = ["run"]

COMMANDS = {
    "python -c 'import grpc'": ("-c", "import grpc"),
    "python -c 'import alphaforge_client.data'": ("-c", "import alphaforge_client.data"),
    "alphaforge --version": ("-m", "alphaforge_cli", "--version"),
    "alphaforge ping": ("-m", "alphaforge_cli", "ping"),
}


def run(bench: Bench) -> None:
    """Commands in turn, each a process of its own, then each service over an empty data directory."""
    targets = {f"ALPHAFORGE_{noun.upper()}_TARGET": target for noun, target in bench.stack.targets.items()}
    commands = [partial(_run, (sys.executable, *words), targets) for words in COMMANDS.values()]
    found = latencies(commands, calls=2, repetitions=bench.sizes.repetitions)
    made = table("a command, from its start to its end", ("command",), ("p50 ms", "ratio to gRPC alone"))
    for name, taken in zip(COMMANDS, found, strict=True):
        made.add_row(name, f"{taken.p50 / 1e3:,.0f}", f"{taken.p50 / found[0].p50:.2f}")
    bench.show(made)
    made = table("a service, from its start until it serves, then stopped", ("service",), ("p50 ms",))
    for noun in bench.stack.targets:
        (taken,) = latencies([partial(_start, noun)], calls=1, repetitions=bench.sizes.repetitions)
        made.add_row(noun, f"{taken.p50 / 1e3:,.0f}")
    bench.show(made)


def _run(command: Sequence[str], variables: Mapping[str, str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **variables})


def _start(noun: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = f"unix:{folder}/socket"
        command = [sys.executable, "-m", f"services.{noun}", "--host", target, "--data-dir", folder]
        command += ["--metrics-port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            if problem := serving(noun, target, timeout=60):
                raise RuntimeError(f"the {noun} service did not start: {problem}")
        finally:
            process.terminate()
            process.wait()
