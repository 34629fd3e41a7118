"""The figures that a reader asks for first: the speed, and the speed with a million items."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from benchmarks.report.chart import Curves, numbers
from benchmarks.results import Results, Run
from benchmarks.scale import ENTRIES, INSTRUMENTS, ORDERS

__all__ = ["cell", "figures", "number", "scale_curves", "with_a_million"]


def cell(found: Results, heading: str, *words: str) -> str:
    """Returns the text under a heading, in the row that begins with these words. Raises LookupError."""
    if heading not in found.headings:
        raise LookupError(f"{found.title!r} has no column {heading!r}")
    column = found.headings.index(heading)
    for row in found.rows:
        if row[: len(words)] == list(words):
            return row[column]
    raise LookupError(f"{found.title!r} has no row {words}")


def number(found: Results, heading: str, *words: str) -> float:
    """Like `cell`, as a number."""
    return float(cell(found, heading, *words).replace(",", ""))


def figures(run: Run) -> Iterator[tuple[str, str]]:
    """Yields five questions and this run's answers."""
    ticks = run.table("ticks to 1min")
    for question, where in (("trades to bars of three types, in process", "in process"), ("over gRPC", "remote")):
        rate = number(ticks, "ticks/s", f"{where}, columns of int64")
        yield question, f"{rate / 1e6:.1f} million per second"
    order = run.table("submit_order, one call")
    times = cell(order, "p50 ratio", "sync")
    yield "a single order over gRPC", f"{cell(order, 'p50 us', 'sync')} us, {times} times a bare gRPC echo"
    venue = run.table("a venue with")
    resting = venue.title.partition("a venue with ")[2].partition(" resting")[0]
    worst = cell(venue, "worst", "get_order", "checkpoints")
    yield f"slowest `get_order` with {resting} resting orders, during checkpoints", f"{worst} ms"
    queries = run.table("queries, ms p50")
    few, _, many = queries.title.partition(": ")[2].removesuffix(" orders").partition(" against ")
    ratio = cell(queries, "ratio", "get_active_orders of a strategy with ten")
    yield f"reading ten of {many} orders, compared with ten of {few}", f"{ratio} times as long"


def with_a_million(run: Run) -> Iterator[tuple[str, str, str, str, str]]:
    """Yields each operation with its smallest state and figure, then its largest; skips tables not in the run."""
    for found, columns, names in (
        (ORDERS, ("submit/s", "get/s", "cancel/s"), "orders in process: {} per second"),
        (ENTRIES, ("core get/s", "core put/s", "core get_many/s"), "cache in process, random keys: {} per second"),
        (ENTRIES, ("remote get p50 us",), "cache over gRPC, random keys: get, {}"),
        (INSTRUMENTS, ("core ticks/s", "remote ticks/s"), "trades in columns, by number of instruments: {} per second"),
    ):
        with suppress(LookupError):
            table = run.table(found)
            for heading in columns:
                yield (
                    names.format(heading.removesuffix("/s").removeprefix("remote get ")),
                    table.rows[0][0],
                    cell(table, heading, table.rows[0][0]),
                    table.rows[-1][0],
                    cell(table, heading, table.rows[-1][0]),
                )
    for title in ("queries, ms p50", "pages, ms p50"):
        with suppress(LookupError):
            table = run.table(title)
            few, _, many = table.title.partition(": ")[2].partition(" against ")
            for query, first, last, _ in table.rows:
                yield f"{query}, over gRPC, ms", few, first, many.partition(" ")[0], last
    with suppress(LookupError):
        table = run.table("recovery of an execution service")
        first_row, last_row = table.rows[0], table.rows[-1]
        yield (
            "start of a killed execution service, by its orders, s",
            first_row[0],
            first_row[2],
            last_row[0],
            last_row[2],
        )


def scale_curves(run: Run) -> Curves:
    """Returns rates by the size of the state, each relative to its first value."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for title, names in (
        (ORDERS, {"get/s": "order get, core", "submit/s": "order submit, core"}),
        (ENTRIES, {"core get/s": "cache get, core", "remote get_many/s": "cache get_many, gRPC"}),
        (INSTRUMENTS, {"core ticks/s": "ticks by instruments, core", "remote ticks/s": "ticks by instruments, gRPC"}),
    ):
        table = run.table(title)
        sizes = numbers(table, table.headings[0])
        for heading, name in names.items():
            rates = numbers(table, heading)
            curves[name] = [(size, rate / rates[0]) for size, rate in zip(sizes, rates, strict=True)]
    return curves
