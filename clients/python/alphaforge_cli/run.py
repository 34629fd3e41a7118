"""`alphaforge run`: run a strategy on the services, live or on recorded trades."""

from __future__ import annotations

import secrets
import signal
from pathlib import Path
from typing import Annotated, Any

import typer
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, ExecutionEngineConfig
from alphaforge_client.strategy import Live, LockStep

from alphaforge_cli._runs import DryRun, opened_log
from alphaforge_cli.engines import opened
from alphaforge_cli.orders import positions_table
from alphaforge_cli.parameters import grid_of
from alphaforge_cli.strategies import strategy_class, with_all_hooks
from alphaforge_cli.tables import output

__all__ = ["run"]

BAR_TYPES_DEFAULT = ("1min",)


def run(
    strategy: Annotated[
        Path, typer.Argument(help="A .py file with a Strategy, or a class that takes the venue and has on_bar(bar).")
    ],
    class_name: Annotated[
        str | None, typer.Option("--class", help="The class to run, if the file has several.")
    ] = None,
    engine: Annotated[str, typer.Option(help="Name of the data engine and the execution engine.")] = "default",
    partitions: Annotated[
        int | None,
        typer.Option(
            help="Number of partitions of both engines. Default: that of the existing engines, 1 for new ones.", min=1
        ),
    ] = None,
    tape: Annotated[
        Path | None, typer.Option(help="Run on this file of recorded trades instead of live trades.", exists=True)
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Save the run's progress to this file and resume from it.", dir_okay=False)
    ] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel the strategy's orders when it stops.")] = False,
    parameters: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter of the class, such as fast=10. Repeatable.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send no orders, cancels or changes; print them instead.")
    ] = False,
    log: Annotated[
        Path | None, typer.Option(help="Append every event to this file, one line of JSON each.", dir_okay=False)
    ] = None,
) -> None:
    """Run a strategy against the services until Ctrl-C or SIGTERM, and print its positions.

    With --tape, it uses temporary engines. Each trade is sent only after the strategy has handled the previous one, so
    the fills equal those of `alphaforge backtest`.
    """
    grid = grid_of(parameters or [])
    if len(grid) > 1:
        raise typer.BadParameter("--set takes one value per parameter; `alphaforge backtest` runs grids")
    if tape is not None and partitions is not None:
        raise typer.BadParameter("--tape uses temporary engines, one trade after another: they have no partitions")
    make = strategy_class(strategy, class_name, grid[0])
    bars = DataEngineConfig(
        bar_types=getattr(make, "bar_types", BAR_TYPES_DEFAULT), calendars=getattr(make, "calendars", ())
    )
    name = engine if tape is None else f"run-{secrets.token_hex(6)}"
    settings = None if tape is None else ExecutionEngineConfig(fill_on="next", subscribe_market_data=False)
    with (
        opened(DataEngine, bars, name=name, partitions=partitions) as data,
        opened(ExecutionEngine, settings, name=name, partitions=partitions) as venue,
        opened_log(log) as notes,
    ):
        used: Any = DryRun(venue, notes.show) if dry_run else venue
        running = with_all_hooks(make(used, **grid[0]), used)
        notes.note("start", strategy_id=running.strategy_id, engine=name, parameters=grid[0], dry_run=dry_run)
        try:
            if tape is None:
                _run_live(Live(running, data, venue, state_file=state, observe=notes.observe))
            else:
                _run_tape(LockStep(running, data, venue, observe=notes.observe), tape)
            if cancel:
                used.cancel_all_orders(running.strategy_id)
            notes.note("stop")
            output().print(positions_table(venue.get_positions(running.strategy_id)))
        except Exception as error:
            notes.note("error", problem=f"{type(error).__name__}: {error}")
            raise
        finally:
            if tape is not None:
                data.drop()
                venue.drop()


def _run_live(live: Live) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: live.stop())
    live.run(lambda: print(f"running {live.strategy.strategy_id}; Ctrl-C stops it", flush=True))


def _run_tape(steps: LockStep, tape: Path) -> None:
    # Imported here: a live run needs no pyarrow.
    from alphaforge_core.files import read_trades

    steps.start()
    for block in read_trades(tape, strict=True):
        for trade in block.batch:
            steps.feed(trade)
