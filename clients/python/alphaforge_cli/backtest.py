"""`alphaforge backtest`: a strategy class on recorded trades, in process."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Literal

import typer
from alphaforge_core.backtest import BacktestResult
from alphaforge_core.errors import AlphaForgeError
from alphaforge_core.execution import ExecutionEngineConfig, read_instruments
from alphaforge_core.files import TradeFileError

from alphaforge_cli._backtest.grid import Run, grid_table, run_grid, run_once
from alphaforge_cli._backtest.report import write_report
from alphaforge_cli._backtest.summary import summary_table
from alphaforge_cli._files.losses import ERRORS, print_losses, print_reading
from alphaforge_cli._files.options import FileInput, reads_files, span_ns
from alphaforge_cli.parameters import grid_of
from alphaforge_cli.replay import time_steps
from alphaforge_cli.strategies import strategy_class
from alphaforge_cli.tables import counted, output

__all__ = ["backtest"]


@reads_files
def backtest(
    files: FileInput,
    strategy: Annotated[Path, typer.Argument(help="A .py file with a class that takes the venue and has on_bar(bar).")],
    class_name: Annotated[
        str | None, typer.Option("--class", help="The class to run, if the file has several.")
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A parameter of the class, such as fast=10, or several values for a grid: fast=5,10,20. Repeatable.",
        ),
    ] = None,
    bars: Annotated[
        str | None, typer.Option(help="Bar types, comma-separated. Default: the class's bar_types.")
    ] = None,
    fill_on: Annotated[
        Literal["next", "arrival"],
        typer.Option(
            help="When an order can fill first. next: at the trade after the bar's last one. arrival: at the bar's "
            "last trade."
        ),
    ] = "next",
    liquidity: Annotated[
        Literal["tick", "unlimited"],
        typer.Option(
            help="How much of an order a trade fills. tick: at most the trade's quantity. unlimited: any quantity."
        ),
    ] = "tick",
    slippage_bps: Annotated[str, typer.Option(help="Slippage of taker fills, in basis points.")] = "0",
    maker: Annotated[str, typer.Option(help="Commission rate of maker fills, such as 0.0002.")] = "0",
    taker: Annotated[str, typer.Option(help="Commission rate of taker fills.")] = "0",
    instruments: Annotated[
        Path | None, typer.Option(help="CSV or JSON file of instruments: tick size, lot size, multiplier, commissions.")
    ] = None,
    max_time_jump: Annotated[
        str,
        typer.Option(
            help="How far ahead of the clock trades may be, such as 5min. 0: no limit, for files dated in the future."
        ),
    ] = "5min",
    capital: Annotated[str, typer.Option(help="Starting capital, from which returns are computed.")] = "100000",
    jobs: Annotated[int | None, typer.Option(help="Concurrent runs of a grid. Default: one per core.", min=1)] = None,
    picture: Annotated[
        Path | None, typer.Option("--output", help="Write a report (.html) or the equity curve (.svg).")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="Directory for tables of bars, orders, fills, round trips and equity.")
    ] = None,
    results_format: Annotated[
        Literal["parquet", "csv"], typer.Option("--format", help="Format of the tables in --results.")
    ] = "parquet",
) -> None:
    """Run a strategy on files of trades, with the engines in process, and print a summary.

    The venue sees each trade before the strategy sees the bar that the trade closes. The class gets an ExecutionEngine
    with the same methods as that of alphaforge_client, so it runs unchanged against the services. Several values of
    --set make a grid: one run per combination, and one table of results.
    """
    if picture is not None and picture.suffix.lower() not in (".html", ".svg"):
        raise typer.BadParameter(f"--output {picture}: expected a name that ends in .html or .svg")
    grid = grid_of(parameters or [])
    made = strategy_class(strategy, class_name, grid[0])
    names = tuple(text.strip() for text in bars.split(",")) if bars else tuple(getattr(made, "bar_types", ("1min",)))
    try:
        venue = ExecutionEngineConfig(
            fill_on=fill_on, liquidity=liquidity, slippage_bps=slippage_bps, maker_commission_rate=maker,
            taker_commission_rate=taker, max_time_jump_ns=span_ns("--max-time-jump", max_time_jump),
        )  # fmt: skip
    except AlphaForgeError as error:
        raise typer.BadParameter(str(error)) from None
    run = Run(
        files.paths, files.with_options(late_steps_ns=time_steps(list(names))), strategy, class_name, names, venue,
        () if instruments is None else tuple(read_instruments(instruments)), _capital(capital),
    )  # fmt: skip
    if len(grid) > 1:
        if picture is not None:
            raise typer.BadParameter("--output shows a single run; give each --set one value")
        _print_grid(run, grid, jobs, results)
        return
    result = run_once(run, grid[0])
    _print_losses(result)
    output().print(summary_table(result))
    if picture is not None:
        write_report(picture, result, strategy.stem)
        print(f"report in {picture}" if picture.suffix.lower() == ".html" else f"equity curve in {picture}")
    if results is not None:
        print(f"tables in {', '.join(str(path) for path in result.write(results, results_format))}")


def _print_losses(result: BacktestResult) -> None:
    report = result.report
    assert report is not None
    print_reading(report)
    if (problem := report.first_trade_problem) is not None:
        raise TradeFileError(f"nothing to test: {problem}")
    print_losses(result.losses)
    refused = Counter(result.losses)
    if refused.total() - refused["LATE"] - refused["DUPLICATE"] == report.trades:
        raise TradeFileError("the engines refused every trade; see the reasons above")


def _print_grid(run: Run, grid: list[dict[str, object]], jobs: int | None, results: Path | None) -> None:
    rows = run_grid(run, grid, jobs)
    ERRORS.print(counted(len(rows), "run"), style="dim")
    print_losses(rows[0].losses)
    output().print(grid_table(rows))
    if results is not None:
        results.mkdir(parents=True, exist_ok=True)
        path = results / "grid.csv"
        names = list(rows[0].figures)
        lines = [",".join(names), *(",".join(str(row.figures[name]) for name in names) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"table in {path}")


def _capital(text: str) -> Decimal:
    try:
        capital = Decimal(text)
    except InvalidOperation:
        capital = Decimal(0)
    if not capital.is_finite() or capital <= 0:
        raise typer.BadParameter(f"--capital {text!r}: expected an amount above 0, such as 100000")
    return capital
