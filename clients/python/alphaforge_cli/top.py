"""`alphaforge top`: live statistics of the three engines and their services' journals."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

import typer
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine
from alphaforge_client.execution import ExecutionEngine
from alphaforge_core.errors import AlphaForgeError
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from alphaforge_cli.engines import existing
from alphaforge_cli.journals import journal, metrics_url
from alphaforge_cli.targets import services

__all__ = ["top"]

Values = Mapping[str, float]

HISTORY = 60
BARS = "▁▂▃▄▅▆▇█"
TIMEOUT_SECONDS = 2.0
WIDTH_SIDE_BY_SIDE = 84
_LINES_MAX = 8
_EVERYTHING = 100


class Line(NamedTuple):
    """One line of a panel: the field of the statistics, and how to show it.

    kind: rate (per second, from two readings), share, count, bytes, ns, ms or amount.
    """

    label: str
    name: str
    kind: str


LINES: Mapping[str, tuple[Line, ...]] = {
    "cache": (
        Line("operations", "total_operations", "rate"),
        Line("hits", "hits", "rate"),
        Line("misses", "misses", "rate"),
        Line("hit ratio", "hit_ratio", "share"),
        Line("entries", "entries", "count"),
        Line("evictions", "evictions", "rate"),
        Line("expirations", "expirations", "rate"),
        Line("memory", "estimated_memory_bytes", "bytes"),
    ),
    "data": (
        Line("ticks", "ticks_processed", "rate"),
        Line("bars", "bars_generated", "rate"),
        Line("late", "late_ticks", "rate"),
        Line("duplicate", "duplicate_ticks", "rate"),
        Line("refused", "ticks_rejected", "rate"),
        Line("time per tick", "avg_processing_latency_ns", "ns"),
        Line("instruments", "instruments", "count"),
        Line("memory", "memory_usage_bytes", "bytes"),
    ),
    "execution": (
        Line("orders", "orders_submitted", "rate"),
        Line("fills", "fills", "rate"),
        Line("rejected", "orders_rejected", "rate"),
        Line("open", "orders_open", "count"),
        Line("fill ratio", "fill_ratio", "share"),
        Line("acknowledged in", "avg_execution_latency_ms", "ms"),
        Line("filled value", "total_notional", "amount"),
    ),
}

# Figures of the whole service, not of one engine. An alarming figure above 0 is red.
JOURNAL_LINES = (
    Line("journal", "alphaforge_journal_held_bytes", "bytes"),
    Line("commits", "alphaforge_journal_commits_total", "rate"),
    Line("waiting", "alphaforge_journal_waiting_records", "count"),
    Line("failed commits", "alphaforge_journal_failures_total", "count"),
    Line("damaged engines", "alphaforge_recovery_damaged_engines", "count"),
)
ALARMING = {"alphaforge_journal_failures_total", "alphaforge_recovery_damaged_engines"}


class Reading(NamedTuple):
    """One sample of an engine's counters, and how long it took to read."""

    seconds: float
    round_trip_ms: float
    values: Values


def rate(before: Reading | None, now: Reading | None, name: str) -> float | None:
    """Rate per second between two samples; None without two samples of the same process."""
    if before is None or now is None:
        return None
    change = now.values.get(name, 0) - before.values.get(name, 0)
    return None if change < 0 else change / max(now.seconds - before.seconds, 1e-9)


@dataclass
class Journal:
    """Figures of a service's journal, from its /metrics at `url`."""

    url: str
    before: Reading | None = None
    now: Reading | None = None

    def read(self, timeout: float) -> None:
        """Reads the metrics; without an answer, the journal is not shown."""
        started = time.monotonic()
        try:
            values = journal(self.url, timeout)
        except OSError:
            self.before = self.now = None
            return
        ended = time.monotonic()
        self.before, self.now = self.now, Reading(ended, (ended - started) * 1e3, values)

    def rows(self) -> list[tuple[str, Text]]:
        """A label and a value per line; empty while the service does not answer."""
        if self.now is None:
            return []
        rows = []
        for line in JOURNAL_LINES:
            value = rate(self.before, self.now, line.name) if line.kind == "rate" else self.now.values.get(line.name)
            style = "bold red" if line.name in ALARMING and value else ""
            rows.append((line.label, Text("-" if value is None else formatted(value, line.kind), style=style)))
        return rows


@dataclass
class Engine:
    """One engine: its last two samples, the rates of the last minute, and the last error."""

    noun: str
    kind: type[GenericCache | DataEngine | ExecutionEngine]
    name: str
    journal: Journal | None = None
    before: Reading | None = None
    now: Reading | None = None
    problem: str | None = None
    client: GenericCache | DataEngine | ExecutionEngine | None = None
    rates: list[float] = field(default_factory=list)

    def read(self, timeout: float) -> None:
        """Reads the statistics. A failure is shown, and rates start over with the next sample."""
        if self.journal is not None:
            self.journal.read(timeout)
        started = time.monotonic()
        try:
            if self.client is None:
                self.client = existing(self.kind, self.name, timeout)
            values = self.client.statistics(timeout=timeout).as_dict()
        except AlphaForgeError as error:
            self.before = self.now = None
            self.problem = str(error)
            self.close()
            self._remember(0.0)
            return
        ended = time.monotonic()
        self.before, self.now, self.problem = self.now, Reading(ended, (ended - started) * 1e3, values), None
        self._remember(self.rate(LINES[self.noun][0].name) or 0.0)

    def rate(self, name: str) -> float | None:
        """Rate per second between the last two samples; None without two samples of the same engine."""
        return rate(self.before, self.now, name)

    def close(self) -> None:
        """Closes the connection; the next sample looks for the engine again."""
        if self.client is not None:
            self.client.close()
        self.client = None

    def _remember(self, rate: float) -> None:
        self.rates = [*self.rates, rate][-HISTORY:]


def top(
    engine: Annotated[str, typer.Option(help="Name of the engine on each service.")] = "default",
    interval: Annotated[float, typer.Option(help="Seconds between updates.", min=0.1)] = 1.0,
    count: Annotated[int | None, typer.Option(help="Stop after this many updates.", min=1)] = None,
) -> None:
    """Show rates, latencies, hit ratio and open orders of the three engines, until Ctrl-C.

    Journal figures come from the services' /metrics, on the same hosts at ALPHAFORGE_CACHE_METRICS_PORT (9151),
    ALPHAFORGE_DATA_METRICS_PORT (9152) and ALPHAFORGE_EXECUTION_METRICS_PORT (9153). They are not shown with a list of
    targets.
    """
    found = services()
    nouns = [noun for noun, _ in found]
    journals = {
        noun: Journal(url) for noun, target in found if nouns.count(noun) == 1 and (url := metrics_url(noun, target))
    }
    engines = [
        Engine("cache", GenericCache, engine, journals.get("cache")),
        Engine("data", DataEngine, engine, journals.get("data")),
        Engine("execution", ExecutionEngine, engine, journals.get("execution")),
    ]
    console = Console()
    readings = 0
    try:
        with (
            ThreadPoolExecutor(len(engines)) as pool,
            Live(console=console, screen=console.is_terminal, auto_refresh=False) as live,
        ):
            while True:
                # Read concurrently, so that the figures of two services can be compared.
                list(pool.map(lambda each: each.read(TIMEOUT_SECONDS), engines))
                height = console.height if console.is_terminal else None
                live.update(screen(engine, engines, console.width, height), refresh=True)
                readings += 1
                if readings == count:
                    return
                time.sleep(interval)
    except KeyboardInterrupt:
        return
    finally:
        for each in engines:
            each.close()


def screen(name: str, engines: list[Engine], width: int, height: int | None = None) -> RenderableType:
    """The whole screen: one panel per engine, side by side if the terminal is wide enough.

    Fits `height` lines: first the journals are left out, then lines of the panels.
    """
    title = Text.assemble((f"alphaforge top  engine {name}", "bold"), f"  {time.strftime('%H:%M:%S')}")
    made: RenderableType = title
    for lines_max in (_EVERYTHING, *range(_LINES_MAX, 1, -1)):
        made = _arranged(title, [_panel(each, lines_max) for each in engines], width)
        if height is None or len(Console(width=width, file=io.StringIO()).render_lines(made)) <= height:
            break
    return made


def _arranged(title: Text, panels: list[Panel], width: int) -> RenderableType:
    side_by_side = Table.grid(expand=True)
    for _ in panels:
        side_by_side.add_column(ratio=1)
    side_by_side.add_row(*panels)
    return Group(title, side_by_side if width >= WIDTH_SIDE_BY_SIDE else Group(*panels))


def _panel(engine: Engine, lines_max: int) -> Panel:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(justify="right", no_wrap=True)
    notes = []
    if engine.now is not None:
        values = engine.now.values
        for line in LINES[engine.noun][:lines_max]:
            value = engine.rate(line.name) if line.kind == "rate" else values.get(line.name)
            table.add_row(line.label, "-" if value is None else formatted(value, line.kind))
        table.add_row("round trip", formatted(engine.now.round_trip_ms, "ms"))
        status = "[green]up[/]"
    else:
        # Below the table, whose lines are cut at the panel's width; this line wraps.
        notes.append(Text(engine.problem or "", style="red", overflow="fold"))
        status = "[red]no answer[/]"
    if engine.journal is not None and lines_max >= _EVERYTHING:
        for row in engine.journal.rows():
            table.add_row(*row)
        if engine.journal.now is None:
            notes.append(Text(f"journal: no answer at {engine.journal.url}", style="dim", overflow="fold"))
    body = Group(table, *notes, Text(sparkline(engine.rates), style="cyan", no_wrap=True, overflow="crop"))
    return Panel(body, title=f"{engine.noun} {status}", border_style="green" if engine.now is not None else "red")


def formatted(value: float, kind: str) -> str:
    """A human-readable value: at most three significant digits, with its unit."""
    match kind:
        case "rate":
            return f"{scaled(value)}/s"
        case "share":
            return f"{value:.1%}"
        case "bytes":
            return _in_bytes(value)
        case "ns":
            return f"{value:,.0f} ns"
        case "ms":
            return f"{value:.2f} ms"
        case "amount":
            return scaled(value)
        case _:
            return f"{value:,.0f}"


def scaled(value: float) -> str:
    """1234567 as 1.23 M."""
    for limit, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{letter}" if abs(value) < 1000 * limit else f"{value / limit:,.0f}{letter}"
    return f"{value:.3g}"


def _in_bytes(value: float) -> str:
    for limit, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value >= limit:
            return f"{value / limit:.1f} {unit}"
    return f"{value:.0f} B"


def sparkline(values: list[float]) -> str:
    """The rates of the last minute as a sparkline, the newest at the right, scaled to the highest."""
    highest = max(values, default=0.0)
    return "".join(BARS[0] if highest == 0 else BARS[round(value / highest * (len(BARS) - 1))] for value in values)
