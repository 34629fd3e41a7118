"""`alphaforge instruments`: the instruments that are registered with an engine."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from alphaforge_client.execution import ExecutionEngine, Instrument, read_instruments
from rich.table import Table

from alphaforge_cli.engines import existing
from alphaforge_cli.orders import EngineName, Timeout
from alphaforge_cli.tables import counted, exact, output, table

__all__ = ["instruments"]


def instruments(
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV or JSON file of instruments to register. Default: list the registered ones."),
    ] = None,
    engine: EngineName = "default",
    timeout: Timeout = 5.0,
) -> None:
    """Register the instruments of a file with an execution engine, or print the registered instruments."""
    given = [] if file is None else read_instruments(file)
    with existing(ExecutionEngine, engine, timeout) as venue:
        if file is None:
            output().print(_instruments_table(venue.get_instruments()))
            return
        venue.register_instruments(given)
    print(f"{counted(len(given), 'instrument')} registered")


def _instruments_table(shown: list[Instrument]) -> Table:
    words = ("instrument", "kind", "currency", "off grid", "session")
    made = table("instruments", words, ("tick", "lot", "multiplier", "commission"))
    for each in shown:
        kind = "inverse" if each.inverse else "linear, negative prices" if each.negative_prices else "linear"
        figures = (exact(each.tick_size), exact(each.lot_size), exact(each.multiplier), _commission(each))
        days = each.session or each.calendar.partition(" ")[0]
        made.add_row(each.instrument_id, kind, each.currency, each.off_grid, days, *figures)
    return made


def _commission(each: Instrument) -> str:
    """`maker 0.0002, taker 0.0005, 1.25 per contract, 1 per order, at least 1, at most 5`."""

    def worded(text: str, amount: Decimal | None) -> list[str]:
        return [] if amount is None else [text.format(exact(amount))]

    words = worded("maker {}", each.maker_commission_rate) + worded("taker {}", each.taker_commission_rate)
    words += worded("{} per contract", each.commission_per_contract or None)
    words += worded("{} per order", each.commission_per_order or None)
    words += worded("at least {}", each.min_commission) + worded("at most {}", each.max_commission)
    return ", ".join(words)
