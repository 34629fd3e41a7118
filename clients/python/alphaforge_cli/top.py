"""`alphaforge top`: the three engines, live."""

from __future__ import annotations

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

__all__ = ["top"]

Values = Mapping[str, float]

HISTORY = 60
BARS = "▁▂▃▄▅▆▇█"
TIMEOUT_SECONDS = 2.0
WIDTH_SIDE_BY_SIDE = 84


class Line(NamedTuple):
    """One line of a panel: what the statistics call it, and how it is shown.

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
        Line("lag", "lag", "count"),
    ),
}


class Reading(NamedTuple):
    """An engine's statistics and what asking for them took, at a moment of the monotonic clock."""

    seconds: float
    round_trip_ms: float
    values: Values


@dataclass
class Engine:
    """What is known of one engine: its last two readings, the rates of the last minute, and what is wrong."""

    noun: str
    client: GenericCache | DataEngine | ExecutionEngine
    before: Reading | None = None
    now: Reading | None = None
    problem: str | None = None
    rates: list[float] = field(default_factory=list)

    def read(self, timeout: float) -> None:
        """Asks the service; a failure is kept to be shown, and the next reading starts afresh."""
        started = time.monotonic()
        try:
            values = self.client.statistics(timeout=timeout).as_dict()
        except AlphaForgeError as error:
            self.before = self.now = None
            self.problem = str(error)
            self._remember(0.0)
            return
        ended = time.monotonic()
        self.before, self.now, self.problem = self.now, Reading(ended, (ended - started) * 1e3, values), None
        self._remember(self.rate(LINES[self.noun][0].name) or 0.0)

    def rate(self, name: str) -> float | None:
        """Per second between the last two readings; None while there are not two of one engine's life."""
        if self.before is None or self.now is None:
            return None
        change = self.now.values.get(name, 0) - self.before.values.get(name, 0)
        return None if change < 0 else change / max(self.now.seconds - self.before.seconds, 1e-9)

    def _remember(self, rate: float) -> None:
        self.rates = [*self.rates, rate][-HISTORY:]


def top(
    engine: Annotated[str, typer.Option(help="The engines' name on each service.")] = "default",
    interval: Annotated[float, typer.Option(help="Seconds between readings.", min=0.1)] = 1.0,
    count: Annotated[int | None, typer.Option(help="Stop after so many readings.", min=1)] = None,
) -> None:
    """Show rates, latencies, hit ratio, open orders and lag of the three engines as they change, until Ctrl-C."""
    engines = [
        Engine("cache", GenericCache(name=engine)),
        Engine("data", DataEngine(name=engine)),
        Engine("execution", ExecutionEngine(name=engine)),
    ]
    console = Console()
    readings = 0
    try:
        with (
            ThreadPoolExecutor(len(engines)) as pool,
            Live(console=console, screen=console.is_terminal, auto_refresh=False) as live,
        ):
            while True:
                # At once, so that what two services say can be compared.
                list(pool.map(lambda each: each.read(TIMEOUT_SECONDS), engines))
                live.update(screen(engine, engines, console.width), refresh=True)
                readings += 1
                if readings == count:
                    return
                time.sleep(interval)
    except KeyboardInterrupt:
        return
    finally:
        for each in engines:
            each.client.close()


def screen(name: str, engines: list[Engine], width: int) -> RenderableType:
    """The whole picture: one panel an engine, side by side where the terminal is wide enough."""
    lag = _lag({each.noun: each.now.values for each in engines if each.now is not None})
    title = Text.assemble((f"alphaforge top  engine {name}", "bold"), f"  {time.strftime('%H:%M:%S')}")
    panels = [_panel(each, lag) for each in engines]
    side_by_side = Table.grid(expand=True)
    for _ in panels:
        side_by_side.add_column(ratio=1)
    side_by_side.add_row(*panels)
    return Group(title, side_by_side if width >= WIDTH_SIDE_BY_SIDE else Group(*panels))


def _lag(values: Mapping[str, Values]) -> float | None:
    """Trades that the data engine has taken and the execution engine of the same name has not.

    Both count from their own beginning: it is the change that tells.
    """
    if not {"data", "execution"} <= values.keys():
        return None
    return max(0, values["data"].get("ticks_processed", 0) - values["execution"].get("ticks_processed", 0))


def _panel(engine: Engine, lag: float | None) -> Panel:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(justify="right", no_wrap=True)
    if engine.now is not None:
        values = {**engine.now.values, **({} if lag is None else {"lag": lag})}
        for line in LINES[engine.noun]:
            value = engine.rate(line.name) if line.kind == "rate" else values.get(line.name)
            table.add_row(line.label, "-" if value is None else formatted(value, line.kind))
        table.add_row("round trip", formatted(engine.now.round_trip_ms, "ms"))
        status = "[green]up[/]"
    else:
        table.add_row(Text(engine.problem or "", style="red", overflow="fold"), "")
        status = "[red]no answer[/]"
    body = Group(table, Text(sparkline(engine.rates), style="cyan", no_wrap=True, overflow="crop"))
    return Panel(body, title=f"{engine.noun} {status}", border_style="green" if engine.now is not None else "red")


def formatted(value: float, kind: str) -> str:
    """A value for people; at most three digits that matter, with its unit."""
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
    """The rates of the last minute, the newest at the right, as high as the highest of them."""
    highest = max(values, default=0.0)
    return "".join(BARS[0] if highest == 0 else BARS[round(value / highest * (len(BARS) - 1))] for value in values)
