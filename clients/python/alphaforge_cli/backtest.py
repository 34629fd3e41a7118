"""`alphaforge backtest`: a strategy class on recorded trades, in process."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, NamedTuple, Protocol, cast

import typer
from alphaforge_core.data import DataEngine, DataEngineConfig
from alphaforge_core.execution import ExecutionEngine, ExecutionEngineConfig
from alphaforge_core.model import Bar
from rich.table import Table

from alphaforge_cli.tables import output, table
from alphaforge_cli.trades import TradeFile

__all__ = ["backtest"]

BAR_TYPES_DEFAULT = ("1min",)
_WIDTH, _HEIGHT, _MARGIN = 960, 320, 48


class Strategy(Protocol):
    """What a strategy has; a list `bar_types` says which bars it wants, "1min" where it has none."""

    def on_bar(self, bar: Bar) -> None: ...


class Point(NamedTuple):
    """What everything was worth at the close of a bar: market time in nanoseconds, and PnL after commission."""

    ts_event: int
    equity: Decimal


def backtest(
    file: Annotated[Path, typer.Argument(help="Trades: .csv, .csv.gz or .parquet.", exists=True, dir_okay=False)],
    strategy: Annotated[
        Path, typer.Argument(help="A .py file with a class that is made with the venue and has on_bar(bar).")
    ],
    class_name: Annotated[str | None, typer.Option("--class", help="Which one, where the file has several.")] = None,
    instrument: Annotated[str | None, typer.Option(help="As for replay.")] = None,
    limit: Annotated[int | None, typer.Option(help="So many trades at most.", min=1)] = None,
    maker: Annotated[str, typer.Option(help="Commission per value of makers, such as 0.0002.")] = "0",
    taker: Annotated[str, typer.Option(help="Commission per value of takers.")] = "0",
    picture: Annotated[Path | None, typer.Option("--output", help="An .svg file for the equity curve.")] = None,
) -> None:
    """Run a strategy over a file of trades on the engines in process, and print what became of it.

    Its orders meet each trade before it learns of the bar that the trade closes. The class gets an ExecutionEngine, as
    it does from alphaforge_client when it trades against the services, where it runs unchanged.
    """
    make = _strategy_class(strategy, class_name)
    data = DataEngine(DataEngineConfig(bar_types=list(getattr(make, "bar_types", BAR_TYPES_DEFAULT))))
    venue = ExecutionEngine(ExecutionEngineConfig(maker_commission_rate=maker, taker_commission_rate=taker))
    running = make(venue)
    curve: list[Point] = []
    trades = TradeFile(file, instrument=instrument, limit=limit, strict=True)
    for block in trades.blocks():
        for row in range(len(block.batch)):
            tick = block.batch[row]
            venue.process_trade_tick(tick)
            for bar in data.process_trade_tick(tick):
                running.on_bar(bar)
                curve.append(Point(tick.ts_event, _equity(venue)))
        curve.append(Point(int(block.ts_event[-1]), _equity(venue)))
    output().print(_summary(venue, curve))
    if picture is not None:
        picture.write_text(_svg(curve))
        print(f"equity curve in {picture}")


def _strategy_class(path: Path, name: str | None) -> Callable[[ExecutionEngine], Strategy]:
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None or not path.is_file():
        raise typer.BadParameter(f"{path} is no Python file")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    found = {
        each.__name__: cast("Callable[[ExecutionEngine], Strategy]", each)
        for _, each in inspect.getmembers(module, inspect.isclass)
        if each.__module__ == module.__name__ and callable(getattr(each, "on_bar", None))
    }
    if name is not None and name not in found:
        raise typer.BadParameter(f"{path} has no class {name} with on_bar(bar); it has {', '.join(found) or 'none'}")
    if name is None and len(found) != 1:
        raise typer.BadParameter(f"{path} has {len(found)} classes with on_bar(bar); name one by --class")
    chosen = name or next(iter(found))
    try:
        inspect.signature(found[chosen]).bind("venue")
    except TypeError as error:
        raise typer.BadParameter(f"{chosen} of {path} can't be made with the venue alone: {error}") from None
    return found[chosen]


def _equity(venue: ExecutionEngine) -> Decimal:
    positions = venue.get_positions()
    return sum((each.realized_pnl + each.unrealized_pnl - each.commission for each in positions), Decimal(0))


def _summary(venue: ExecutionEngine, curve: list[Point]) -> Table:
    statistics = venue.statistics()
    highest = fall = Decimal(0)
    for point in curve:
        highest = max(highest, point.equity)
        fall = max(fall, highest - point.equity)
    rows = {
        "trades seen": f"{statistics.ticks_processed:,}",
        "orders": f"{statistics.orders_submitted:,}",
        "filled in full": f"{statistics.fill_ratio:.1%}",
        "fills": f"{statistics.fills:,}",
        "volume": f"{statistics.total_volume:,}",
        "commission": f"{sum((each.commission for each in venue.get_positions()), Decimal(0)):,f}",
        "earned after commission": f"{curve[-1].equity if curve else Decimal(0):,f}",
        "greatest fall from a high": f"{fall:,f}",
    }
    made = table("backtest", ("what",), ("value",))
    for name, value in rows.items():
        made.add_row(name, value)
    return made


def _svg(curve: list[Point]) -> str:
    """The equity curve over market time, with its extremes on the axes."""
    points = curve or [Point(0, Decimal(0))]
    first, last = points[0].ts_event, points[-1].ts_event
    least, greatest = min(point.equity for point in points), max(point.equity for point in points)

    def place(point: Point) -> str:
        x = _MARGIN + (point.ts_event - first) / max(1, last - first) * (_WIDTH - 2 * _MARGIN)
        share = float((point.equity - least) / (greatest - least)) if greatest > least else 0.5
        return f"{x:.1f},{_HEIGHT - _MARGIN - share * (_HEIGHT - 2 * _MARGIN):.1f}"

    def label(x: int, y: int, anchor: str, text: str) -> str:
        return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'

    times = [f"{datetime.fromtimestamp(time // 10**9, UTC):%Y-%m-%d %H:%M:%S}" for time in (first, last)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
            'font-size="12" fill="#444">',
            "<title>Equity: realized and unrealized profit after commission</title>",
            '<rect width="100%" height="100%" fill="white"/>',
            label(_MARGIN, _MARGIN - 8, "start", f"{greatest:,.4f}"),
            label(_MARGIN, _HEIGHT - _MARGIN + 16, "start", f"{least:,.4f} at the least; from {times[0]}"),
            label(_WIDTH - _MARGIN, _HEIGHT - _MARGIN + 16, "end", f"to {times[1]} UTC"),
            f'<polyline fill="none" stroke="#1f6feb" stroke-width="1.5" points="{" ".join(map(place, points))}"/>',
            "</svg>",
            "",
        ]
    )
