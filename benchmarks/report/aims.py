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
    """What is measured, how, its bound and, if the bound is not reached, why."""

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
    """The greatest excess of a health check's p99 over its bound, in ms; 0 where none exceeds it."""
    found = run.table("a health check beside")
    aims = ((row[-1].removeprefix("<= "), row[-2]) for row in found.rows)
    return max(max(0.0, float(p99) - float(aim)) for aim, p99 in aims if aim)


_LONE = "grpc's own part of a lone call is all of the echo's time; what is added is given in the tables, in us."
_THREADS = (
    "Each call wakes a thread under the GIL of one Python process: the hand-over, not the service, is the limit. "
    "Tasks of asyncio, and batches, have no such limit."
)
_SMALL = (
    "A lone batch of 100 keys takes one gRPC call, and the bare echo of the same run shows what that is; Redis's own "
    "protocol takes a third of it. Several at once share requests."
)
_WRITES = (
    "A response is one `write` of gRPC for each stream. The bare streams of the same table, which do nothing else, "
    "are the floor on these processors, which readers and service share."
)
_STATE = "A random key or instrument is a miss in the processor's caches: memory's latency is the limit, not the work."
_COMMITS = (
    "A commit in PostgreSQL wakes four processes in turn, which share the processors with client and services. A "
    "bare INSERT shows their part."
)

TICK, FOLLOWED, WRITTEN = (
    f"process_trade_tick, {kind}one call" for kind in ("", "an execution engine follows, ", "durability os, ")
)
VENUE, BARS = "a venue with", "a data engine with"
SUBMIT_NONE, SUBMIT = "submit_order, none, another engine", "submit_order, fsync"
GET_BARS = "get_bars, 10 of one instrument"
STORES = "batches, by where the journal is"

AIMS = (
    Aim("a lone `get`, of a bare gRPC echo", _cell("cache get, one call", "p50 ratio", "sync"), 1.08, limit=_LONE),
    Aim("a lone `put`", _cell("cache put, one call", "p50 ratio", "sync"), 1.08, limit=_LONE),
    Aim("a lone order", _cell("submit_order, one call", "p50 ratio", "sync"), 1.08, limit=_LONE),
    Aim("a lone tick", _cell(TICK, "p50 ratio", "sync"), 1.10, limit=_LONE),
    Aim("the same, an execution engine follows", _cell(FOLLOWED, "p50 ratio", "sync"), 1.25, limit=_LONE),
    Aim("the same, durability os", _cell(WRITTEN, "p50 ratio", "sync"), 1.4, limit=_LONE),
    Aim(
        "single gets of 64 threads on one client",
        _cell("cache get, ", "keys/s", "remote, 64 threads, coalesced"),
        45_000,
        "/s",
        is_least=True,
        limit=_THREADS,
    ),
    Aim(
        "single orders of 64 threads on one client",
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
        "`get_many` of 1,000 keys, one thread, of Redis",
        _cell("floats, beside Redis", "x Redis", "get_many of 1,000, 1 thread"),
        2.0,
        is_least=True,
    ),
    Aim(
        "batches of 100 keys, a lone caller, of Redis",
        _cell("floats, beside Redis", "x Redis", "get_many of 100, 1 thread"),
        0.4,
        is_least=True,
        limit=_SMALL,
    ),
    Aim(
        "the same, 4 threads",
        _cell("floats, beside Redis", "x Redis", "get_many of 100, 4 threads"),
        0.7,
        is_least=True,
        limit=_SMALL,
    ),
    Aim(
        "the same, 16 threads",
        _cell("floats, beside Redis", "x Redis", "get_many of 100, 16 threads"),
        1.0,
        is_least=True,
        limit=_SMALL,
    ),
    Aim("engine's time per tick with 100 subscribers, of none", _cell("bars of", "x of none", "100"), 1.10),
    Aim("ticks fed with 100 subscribers, of none", _fed_beside("100"), 0.3, is_least=True, limit=_WRITES),
    Aim(
        "a trade to its bar at 100 subscribers, p50",
        _cell("a trade to its bar", "p50", "100"),
        3.5,
        "ms",
        limit=_WRITES,
    ),
    Aim("the same, p99", _cell("a trade to its bar", "p99", "100"), 12.0, "ms", limit=_WRITES),
    Aim(
        "a trade to its bar at 500 subscribers, p50",
        _cell("a trade to its bar", "p50", "500"),
        25.0,
        "ms",
        limit=_WRITES,
    ),
    Aim("the same, p99", _cell("a trade to its bar", "p99", "500"), 60.0, "ms", limit=_WRITES),
    Aim("ticks over 100,000 instruments, of one, in process", _last(INSTRUMENTS, "core, x of one"), 2.0, limit=_STATE),
    Aim("the same, over gRPC", _last(INSTRUMENTS, "remote, x of one"), 3.0, limit=_STATE),
    Aim(
        "ticks with text ids in process, of without",
        _times("ticks to 1min", "ticks/s", "in process, columns of int64", "in process, columns with ids"),
        2.5,
        limit="An id is read from a Python str, hashed and compared with the ids of the window: three cache misses.",
    ),
    Aim(
        "`get` of 5 million random keys in process",
        _last(ENTRIES, "core get/s"),
        1.6e6,
        "/s",
        is_least=True,
        limit=_STATE,
    ),
    Aim(
        "`get_many` of 5 million random keys in process",
        _last(ENTRIES, "core get_many/s"),
        4e6,
        "/s",
        is_least=True,
        limit=_STATE,
    ),
    Aim("`replay` of a CSV file, of polars", _cell("replay of", "ratio", "CSV"), 4.0),
    Aim("`replay` of a Parquet file, of polars", _cell("replay of", "ratio", "PARQUET"), 8.0),
    Aim("`alphaforge ping`, of `import grpc`", _cell("a command", "x of gRPC alone", "alphaforge ping"), 2.5),
    Aim(
        "an idle service",
        _greatest("memory of a service", "MB"),
        68.0,
        "MB",
        limit="Python with gRPC alone is 34 MB, most of it shared between services; pydantic, for settings, is 19 MB.",
    ),
    Aim(
        "slowest `get_order` beside checkpoints of a venue",
        _cell(VENUE, "worst", "get_order", "checkpoints"),
        50.0,
        "ms",
    ),
    Aim(
        "slowest order of another engine, durability none",
        _cell(VENUE, "worst", SUBMIT_NONE, "checkpoints"),
        50.0,
        "ms",
    ),
    Aim("an order with fsync, p99.9, more than without checkpoints", _more(VENUE, "p99.9", SUBMIT), 10.0, "ms"),
    Aim("the same, slowest", _more(VENUE, "worst", SUBMIT), 50.0, "ms"),
    Aim(
        "slowest `get_bars` beside checkpoints of a data engine",
        _cell(BARS, "worst", GET_BARS, "checkpoints"),
        50.0,
        "ms",
    ),
    Aim(
        "memory of a venue while it is checkpointed, of without", _cell("memory of the venue", "x", "checkpoints"), 1.25
    ),
    Aim("the same of a data engine", _cell("memory of the data engine", "x", "checkpoints"), 1.25),
    Aim("ten orders of a million, of ten of a thousand", _greatest("queries, ms p50", "ratio"), 1.3),
    Aim("ten bars or keys of a million, of ten of a thousand", _greatest("pages, ms p50", "ratio"), 1.3),
    Aim("a health check's p99 beside long calls, beyond its bound", _health, 0.0, "ms"),
    Aim(
        "a lone order, journal in PostgreSQL, p50, more than in a file",
        _cell("one order at a time, by where", "p50 us more", "PostgreSQL"),
        1_000,
        "us",
        limit=_COMMITS,
    ),
    Aim(
        "orders, 500 at a time, journal in PostgreSQL, of the rate in a file",
        _cell(STORES, "ratio", f"orders, {BATCH} at a time"),
        0.5,
        is_least=True,
        limit=_COMMITS,
    ),
    Aim(
        "ticks in columns, journal in PostgreSQL",
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
