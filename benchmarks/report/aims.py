"""The bounds that releases are held to, and what a run measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks.execution import BATCH
from benchmarks.report.figures import number
from benchmarks.results import Run
from benchmarks.scale import ENTRIES, INSTRUMENTS

__all__ = ["Aim", "Judged", "judged"]


class Aim(NamedTuple):
    """What is measured, how, its bound and, if the bound is not reached, the reason."""

    what: str
    measure: Callable[[Run], float]
    bound: float
    unit: str = "x"
    is_least: bool = False
    limit: str = ""


class Judged(NamedTuple):
    """An aim and its measured figure, which is None if the run did not measure it."""

    aim: Aim
    measured: float | None

    @property
    def is_reached(self) -> bool:
        """Whether the figure is within the bound."""
        assert self.measured is not None
        return self.measured >= self.aim.bound if self.aim.is_least else self.measured <= self.aim.bound


def _cell(table: str, heading: str, *words: str) -> Callable[[Run], float]:
    return lambda run: number(run.table(table), heading, *words)


def _last(table: str, heading: str) -> Callable[[Run], float]:
    """Returns the figure in the last row, which has the largest state."""
    return lambda run: float(run.table(table).rows[-1][run.table(table).headings.index(heading)].replace(",", ""))


def _greatest(table: str, heading: str) -> Callable[[Run], float]:
    def measure(run: Run) -> float:
        found = run.table(table)
        return max(float(row[found.headings.index(heading)]) for row in found.rows)

    return measure


def _times(table: str, heading: str, way: str, of: str) -> Callable[[Run], float]:
    """Returns the ratio of the figures of two ways, `way` to `of`."""
    return lambda run: number(run.table(table), heading, way) / number(run.table(table), heading, of)


def _fed_beside(subscribers: str) -> Callable[[Run], float]:
    return _times("bars of", "ticks/s fed", subscribers, "0")


def _more(table: str, heading: str, call: str) -> Callable[[Run], float]:
    """Returns how much longer a call takes during checkpoints than without, in ms."""

    def measure(run: Run) -> float:
        found = run.table(table)
        return number(found, heading, call, "checkpoints") - number(found, heading, call, "no checkpoints")

    return measure


def _health(run: Run) -> float:
    """The greatest excess of a health check's p99 over its bound, in ms; 0 if none exceeds it."""
    found = run.table("a health check while")
    aims = ((row[-1].removeprefix("<= "), row[-2]) for row in found.rows)
    return max(max(0.0, float(p99) - float(aim)) for aim, p99 in aims if aim)


_LONE = "Most of the time is gRPC's own, as the echo shows; the tables show the rest in microseconds."
_THREADS = (
    "Each call wakes a thread under the GIL of one Python process; this hand-over is the limit, not the service. "
    "Asyncio tasks and batches don't have it."
)
_SMALL = (
    "A batch of 100 keys takes one gRPC call. The bare echo of the same run shows its cost; Redis's own protocol takes "
    "a third of that. Concurrent batches share calls."
)
_WRITES = (
    "A response takes one `write` of gRPC for each stream. The bare streams in the same table, which do nothing else, "
    "are the lower bound on these processors, which readers and service share."
)
_STATE = "A random key or instrument is not in the processor's caches, so the limit is the latency of memory."
_COMMITS = (
    "A commit in PostgreSQL wakes four processes in turn, which share the processors with client and services. A bare "
    "INSERT shows how long that takes."
)

TICK, FOLLOWED, WRITTEN = (
    f"process_trade_tick, {kind}one call" for kind in ("", "an execution engine follows, ", "durability os, ")
)
VENUE, BARS = "a venue with", "a data engine with"
SUBMIT_NONE, SUBMIT = "submit_order, none, another engine", "submit_order, fsync"
GET_BARS = "get_bars, 10 of one instrument"
STORES = "batches, by where the journal is"

AIMS = (
    Aim(
        "time of a single `get`, compared with a bare gRPC echo",
        _cell("cache get, one call", "p50 ratio", "sync"),
        1.08,
        limit=_LONE,
    ),
    Aim(
        "time of a single `put`, compared with an echo",
        _cell("cache put, one call", "p50 ratio", "sync"),
        1.08,
        limit=_LONE,
    ),
    Aim(
        "time of a single order, compared with an echo",
        _cell("submit_order, one call", "p50 ratio", "sync"),
        1.08,
        limit=_LONE,
    ),
    Aim("time of a single tick, compared with an echo", _cell(TICK, "p50 ratio", "sync"), 1.10, limit=_LONE),
    Aim("the same, while an execution engine follows", _cell(FOLLOWED, "p50 ratio", "sync"), 1.25, limit=_LONE),
    Aim("the same, with durability os", _cell(WRITTEN, "p50 ratio", "sync"), 1.4, limit=_LONE),
    Aim(
        "single gets from 64 threads of one client",
        _cell("cache get, ", "keys/s", "remote, 64 threads, coalesced"),
        45_000,
        "/s",
        is_least=True,
        limit=_THREADS,
    ),
    Aim(
        "single orders from 64 threads of one client",
        _cell("orders, ", "orders/s", "remote, 64 threads"),
        45_000,
        "/s",
        is_least=True,
        limit=_THREADS,
    ),
    Aim(
        "`get_many` of 10,000 keys, one thread",
        _cell("cache get, ", "keys/s", "remote, get_many of 10,000, 1 thread"),
        4e6,
        "/s",
        is_least=True,
    ),
    Aim(
        "rate of `get_many` of 1,000 keys, one thread, compared with Redis",
        _cell("floats, compared with Redis", "x Redis", "get_many of 1,000, 1 thread"),
        2.0,
        is_least=True,
    ),
    Aim(
        "rate of `get_many` of 100 keys, one thread, compared with Redis",
        _cell("floats, compared with Redis", "x Redis", "get_many of 100, 1 thread"),
        0.4,
        is_least=True,
        limit=_SMALL,
    ),
    Aim(
        "the same, 4 threads",
        _cell("floats, compared with Redis", "x Redis", "get_many of 100, 4 threads"),
        0.7,
        is_least=True,
        limit=_SMALL,
    ),
    Aim(
        "the same, 16 threads",
        _cell("floats, compared with Redis", "x Redis", "get_many of 100, 16 threads"),
        1.0,
        is_least=True,
        limit=_SMALL,
    ),
    Aim(
        "the engine's time per tick with 100 subscribers, compared with none",
        _cell("bars of", "ratio to none", "100"),
        1.10,
    ),
    Aim(
        "the rate of ticks with 100 subscribers, compared with none",
        _fed_beside("100"),
        0.3,
        is_least=True,
        limit=_WRITES,
    ),
    Aim(
        "time from a trade to its bar at 100 subscribers, p50",
        _cell("a trade to its bar", "p50", "100"),
        3.5,
        "ms",
        limit=_WRITES,
    ),
    Aim("the same, p99", _cell("a trade to its bar", "p99", "100"), 12.0, "ms", limit=_WRITES),
    Aim(
        "time from a trade to its bar at 500 subscribers, p50",
        _cell("a trade to its bar", "p50", "500"),
        25.0,
        "ms",
        limit=_WRITES,
    ),
    Aim("the same, p99", _cell("a trade to its bar", "p99", "500"), 60.0, "ms", limit=_WRITES),
    Aim(
        "time of ticks of 100,000 instruments, compared with one, in process",
        _last(INSTRUMENTS, "core time, ratio to one"),
        2.0,
        limit=_STATE,
    ),
    Aim("the same, over gRPC", _last(INSTRUMENTS, "remote time, ratio to one"), 3.0, limit=_STATE),
    Aim(
        "time of ticks with ids, compared with ticks without, in process",
        _times("ticks to 1min", "ticks/s", "in process, columns of int64", "in process, columns with ids"),
        2.5,
        limit="Each id is read from a Python str, hashed and compared with recent ids, which takes three cache misses.",
    ),
    Aim(
        "`get` of random keys out of 5 million, in process",
        _last(ENTRIES, "core get/s"),
        1.6e6,
        "/s",
        is_least=True,
        limit=_STATE,
    ),
    Aim(
        "`get_many` of random keys out of 5 million, in process",
        _last(ENTRIES, "core get_many/s"),
        4e6,
        "/s",
        is_least=True,
        limit=_STATE,
    ),
    Aim("time of `replay` of a CSV file, compared with polars", _cell("replay of", "ratio", "CSV"), 4.0),
    Aim("time of `replay` of a Parquet file, compared with polars", _cell("replay of", "ratio", "PARQUET"), 8.0),
    Aim(
        "time of `alphaforge ping`, compared with `import grpc`",
        _cell("a command", "ratio to gRPC alone", "alphaforge ping"),
        2.5,
    ),
    Aim(
        "memory of an idle service",
        _greatest("memory of a service", "MB"),
        68.0,
        "MB",
        limit="Python with gRPC alone takes 34 MB, most of it shared between services; pydantic takes 19 MB.",
    ),
    Aim(
        "slowest `get_order` during checkpoints of a venue",
        _cell(VENUE, "worst", "get_order", "checkpoints"),
        50.0,
        "ms",
    ),
    Aim(
        "slowest order on another engine with durability none, during these checkpoints",
        _cell(VENUE, "worst", SUBMIT_NONE, "checkpoints"),
        50.0,
        "ms",
    ),
    Aim("an order with fsync, p99.9: extra time during checkpoints", _more(VENUE, "p99.9", SUBMIT), 10.0, "ms"),
    Aim("the same, slowest order", _more(VENUE, "worst", SUBMIT), 50.0, "ms"),
    Aim(
        "slowest `get_bars` during checkpoints of a data engine",
        _cell(BARS, "worst", GET_BARS, "checkpoints"),
        50.0,
        "ms",
    ),
    Aim(
        "memory of a venue during checkpoints, compared with none",
        _cell("memory of the venue", "ratio", "checkpoints"),
        1.25,
    ),
    Aim("the same for a data engine", _cell("memory of the data engine", "ratio", "checkpoints"), 1.25),
    Aim(
        "time to read ten of a million orders, compared with ten of a thousand",
        _greatest("queries, ms p50", "ratio"),
        1.3,
    ),
    Aim(
        "time to read ten of a million bars or keys, compared with ten of a thousand",
        _greatest("pages, ms p50", "ratio"),
        1.3,
    ),
    Aim("a health check during long calls: p99 above its bound", _health, 0.0, "ms"),
    Aim(
        "a single order with the journal in PostgreSQL, p50: extra time over a file",
        _cell("one order at a time, by where", "p50 us more than files", "PostgreSQL"),
        1_000,
        "us",
        limit=_COMMITS,
    ),
    Aim(
        "rate of orders, 500 at a time, with the journal in PostgreSQL, compared with a file",
        _cell(STORES, "ratio", f"orders, {BATCH} at a time"),
        0.5,
        is_least=True,
        limit=_COMMITS,
    ),
    Aim(
        "ticks in columns, with the journal in PostgreSQL",
        _cell(STORES, "PostgreSQL/s", "ticks in columns, three bar types"),
        1.5e6,
        "/s",
        is_least=True,
        limit=_COMMITS,
    ),
)


def judged(run: Run) -> Iterator[Judged]:
    """Yields every aim with the run's figure."""
    for aim in AIMS:
        try:
            yield Judged(aim, aim.measure(run))
        except LookupError:
            yield Judged(aim, None)
