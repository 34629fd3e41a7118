"""Timing: rates over repetitions, latencies by percentile, and the CPU per operation, servers included."""

from __future__ import annotations

import hashlib
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "Latency",
    "Rate",
    "cpu_seconds",
    "latencies",
    "latencies_async",
    "precise_cpu_seconds",
    "rate",
    "resident_bytes",
    "work_hash",
]

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Rate(NamedTuple):
    """Operations per second over all repetitions: median, least and greatest, and CPU microseconds per operation."""

    median: float
    least: float
    greatest: float
    cpu_us: float


class Latency(NamedTuple):
    """Microseconds per single call: the median, over the repetitions, of each repetition's percentile."""

    p50: float
    p99: float


def rate(
    operation: Callable[[], int],
    *,
    repetitions: int,
    processes: Sequence[int] = (),
    prepare: Callable[[], object] = lambda: None,
) -> Rate:
    """Calls `operation`, which returns how many operations it did, once to warm up and then `repetitions` times.

    Calls `prepare` before each repetition, untimed.
    """
    rates, done, cpu = [], 0, 0.0
    for repetition in range(repetitions + 1):
        prepare()
        cpu_before = cpu_seconds(processes)
        started = time.perf_counter()
        count = operation()
        seconds = time.perf_counter() - started
        if repetition:
            rates.append(count / seconds)
            done += count
            cpu += cpu_seconds(processes) - cpu_before
    return Rate(statistics.median(rates), min(rates), max(rates), cpu / done * 1e6)


def latencies(operations: Sequence[Callable[[], object]], *, calls: int, repetitions: int) -> list[Latency]:
    """Measures several operations in turn, so that other load on the machine affects all of them equally."""
    samples: list[list[list[int]]] = [[[] for _ in range(repetitions)] for _ in operations]
    for repetition in range(-1, repetitions):
        for _ in range(calls):
            for operation, found in zip(operations, samples, strict=True):
                started = time.perf_counter_ns()
                operation()
                elapsed = time.perf_counter_ns() - started
                if repetition >= 0:
                    found[repetition].append(elapsed)
    return [_latency(found) for found in samples]


async def latencies_async(
    operations: Sequence[Callable[[], Awaitable[object]]], *, calls: int, repetitions: int
) -> list[Latency]:
    """Like `latencies`, for coroutines."""
    samples: list[list[list[int]]] = [[[] for _ in range(repetitions)] for _ in operations]
    for repetition in range(-1, repetitions):
        for _ in range(calls):
            for operation, found in zip(operations, samples, strict=True):
                started = time.perf_counter_ns()
                await operation()
                elapsed = time.perf_counter_ns() - started
                if repetition >= 0:
                    found[repetition].append(elapsed)
    return [_latency(found) for found in samples]


def _latency(repetitions: Sequence[list[int]]) -> Latency:
    ordered = [sorted(samples) for samples in repetitions]
    p50, p99 = (statistics.median(found[len(found) * share // 100] for found in ordered) for share in (50, 99))
    return Latency(p50 / 1000, p99 / 1000)


def cpu_seconds(processes: Iterable[int]) -> float:
    """User and system time of this process and of `processes`."""
    total = time.process_time()
    for process in processes:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND
    return total


def precise_cpu_seconds(processes: Iterable[int]) -> float:
    """Returns the CPU time of the live threads of `processes`, with nanosecond precision."""
    files = (file for process in processes for file in Path(f"/proc/{process}/task").glob("*/schedstat"))
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def resident_bytes(process: int) -> int:
    """Returns the resident memory of a process."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE_BYTES


def work_hash(parts: Iterable[object]) -> str:
    """Returns an eight-digit hash of the computed results, equal for two runs that did the same work."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode())
    return digest.hexdigest()[:8]
