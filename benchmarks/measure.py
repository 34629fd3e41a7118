"""Timing: rates over repetitions, latencies by percentile, and an operation's CPU, client and servers together."""

from __future__ import annotations

import hashlib
import os
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Latency", "Rate", "cpu_seconds", "latency", "rate", "work_hash"]

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Rate(NamedTuple):
    """Operations a second over repetitions: the median, the spread, and the CPU microseconds of one operation."""

    median: float
    least: float
    greatest: float
    cpu_us: float


class Latency(NamedTuple):
    """Microseconds of one operation at a time."""

    p50: float
    p99: float


def rate(operation: Callable[[], int], *, repetitions: int = 5, processes: Sequence[int] = ()) -> Rate:
    """Calls `operation`, which returns how many operations it did, once to warm up and then `repetitions` times."""
    operation()
    rates, done = [], 0
    cpu_before = cpu_seconds(processes)
    for _ in range(repetitions):
        started = time.perf_counter()
        count = operation()
        rates.append(count / (time.perf_counter() - started))
        done += count
    cpu = cpu_seconds(processes) - cpu_before
    return Rate(statistics.median(rates), min(rates), max(rates), cpu / done * 1e6)


def latency(operation: Callable[[], object], *, calls: int) -> Latency:
    """Percentiles of `calls` calls one after the other, after a tenth as many to warm up."""
    for _ in range(max(1, calls // 10)):
        operation()
    samples = []
    for _ in range(calls):
        started = time.perf_counter_ns()
        operation()
        samples.append(time.perf_counter_ns() - started)
    samples.sort()
    return Latency(samples[len(samples) // 2] / 1000, samples[len(samples) * 99 // 100] / 1000)


def cpu_seconds(processes: Iterable[int]) -> float:
    """User and system time of this process and of `processes`."""
    total = time.process_time()
    for process in processes:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND
    return total


def work_hash(parts: Iterable[object]) -> str:
    """Eight digits of what was computed: two runs that did the same work print the same."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode())
    return digest.hexdigest()[:8]
