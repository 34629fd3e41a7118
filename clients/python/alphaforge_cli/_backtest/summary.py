"""The summary of one run, as a table and as rows for the report."""

from __future__ import annotations

from decimal import Decimal

from alphaforge_core.backtest import BacktestResult
from rich.table import Table

from alphaforge_cli.tables import table

__all__ = ["summary_rows", "summary_table"]


def summary_rows(result: BacktestResult) -> dict[str, str]:
    """Names and values, for people."""
    counted, figures = result.engine.statistics(), result.statistics
    per = f", per {figures.period}" if figures.period else ""
    return {
        "trades seen": f"{counted.ticks_processed:,}",
        "bars": f"{len(result.bar_list):,}",
        "orders fill on": f"{result.venue.fill_on}",
        "orders": f"{counted.orders_submitted:,}",
        "filled in full": f"{counted.fill_ratio:.1%}",
        "fills": f"{counted.fills:,}",
        "volume": f"{counted.total_volume:,}",
        "commission": _amount(figures.commission),
        "earned after commission": _amount(figures.profit),
        f"return on {_amount(figures.capital)}": f"{figures.total_return:.4%}",
        "greatest fall from a high": f"{_amount(figures.max_drawdown)} ({figures.max_drawdown_share:.4%})",
        f"Sharpe ratio{per}, annualised": _ratio(figures.sharpe),
        f"Sortino ratio{per}, annualised": _ratio(figures.sortino),
        "exposure": f"{figures.exposure:.1%}",
        "turnover of the capital": f"{figures.turnover:,.2f}",
        "round trips": f"{figures.round_trips:,}",
        "of them won": "-" if figures.win_rate is None else f"{figures.win_rate:.1%}",
        "average win, average loss": f"{_optional(figures.average_win)}, {_optional(figures.average_loss)}",
    }


def summary_table(result: BacktestResult) -> Table:
    """The summary for a terminal."""
    made = table("backtest", ("what",), ("value",))
    for name, value in summary_rows(result).items():
        made.add_row(name, value)
    return made


def _amount(number: Decimal) -> str:
    return f"{number.normalize():,f}" if number else "0"


def _optional(number: Decimal | None) -> str:
    return "-" if number is None else f"{number:,.4f}"


def _ratio(number: float | None) -> str:
    return "-" if number is None else f"{number:.2f}"
