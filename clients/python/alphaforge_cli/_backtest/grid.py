"""Runs of a strategy: one, or one for each combination of parameters, spread over the cores."""

from __future__ import annotations

import inspect
import itertools
import multiprocessing
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import typer
from alphaforge_client.strategy import LockStep, Strategy
from alphaforge_core.backtest import BacktestResult
from alphaforge_core.backtest import run as run_backtest
from alphaforge_core.execution import ExecutionEngineConfig, Instrument
from alphaforge_core.files import STDIN, ReadOptions, TradeReader
from rich.table import Table

from alphaforge_cli.strategies import explained, strategy_class
from alphaforge_cli.tables import table

__all__ = ["GridRow", "Run", "grid_table", "run_grid", "run_once"]

_FIGURES = ("profit", "total_return", "max_drawdown", "sharpe", "sortino", "round_trips", "win_rate", "commission")


class Run(NamedTuple):
    """The settings that all runs of a grid share."""

    paths: list[str]
    options: ReadOptions
    strategy: Path
    class_name: str | None
    bar_types: tuple[str, ...]
    venue: ExecutionEngineConfig
    instruments: tuple[Instrument, ...]
    capital: Decimal


class GridRow(NamedTuple):
    """One run's parameters and figures, and the trades that it lost."""

    figures: dict[str, Any]
    losses: dict[str, int]


def run_once(run: Run, parameters: Mapping[str, Any], progress: bool | None = None) -> BacktestResult:
    """Runs the strategy once; its exceptions are reported with file and line."""
    strategy = strategy_class(run.strategy, run.class_name, parameters)
    with explained(run.strategy):
        return run_backtest(
            TradeReader(run.paths, run.options),
            strategy,
            parameters=parameters,
            bar_types=run.bar_types,
            venue=run.venue,
            instruments=run.instruments,
            capital=run.capital,
            steps=LockStep if inspect.isclass(strategy) and issubclass(strategy, Strategy) else None,
            progress=progress,
        )


def _row(run: Run, parameters: dict[str, Any]) -> GridRow:
    # Concurrent runs would overwrite each other's progress lines.
    result = run_once(run, parameters, progress=False)
    statistics = result.statistics.as_dict()
    return GridRow({**parameters, **{name: statistics[name] for name in _FIGURES}}, result.losses)


def run_grid(run: Run, grid: Sequence[dict[str, Any]], jobs: int | None) -> list[GridRow]:
    """A row for each combination, in the grid's order."""
    if STDIN in run.paths:
        raise typer.BadParameter("standard input can be read only once, but a grid reads its files for each run")
    workers = min(jobs or os.cpu_count() or 1, len(grid))
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(_row, itertools.repeat(run), grid))


def grid_table(rows: Sequence[GridRow]) -> Table:
    """The runs, best profit first."""
    names = list(rows[0].figures)
    made = table("backtests, best profit first", (), names)
    for row in sorted(rows, key=lambda each: each.figures["profit"], reverse=True):
        made.add_row(*(_shown(row.figures[name]) for name in names))
    return made


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Decimal):
        return f"{value.normalize():,f}"
    return f"{value:,.4f}" if isinstance(value, float) else str(value)
