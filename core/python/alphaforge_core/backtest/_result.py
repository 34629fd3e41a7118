"""The result of a backtest, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from alphaforge_core._notebook import fields_html
from alphaforge_core.backtest._picture import equity_svg
from alphaforge_core.backtest._round_trips import RoundTrip, round_trips_of
from alphaforge_core.backtest._statistics import Statistics, statistics_of
from alphaforge_core.data import bars_to_arrow
from alphaforge_core.execution import (
    ExecutionEngine,
    ExecutionEngineConfig,
    Fill,
    Order,
    fills_to_arrow,
    orders_to_arrow,
)
from alphaforge_core.files import ReadReport
from alphaforge_core.model import Bar

__all__ = ["BacktestResult", "Point"]

_EXACT = pa.decimal128(38, 9)
_VALUE = pa.decimal128(38, 18)
_TIME = pa.timestamp("ns", "UTC")
FORMATS = ("parquet", "csv")


class Point(NamedTuple):
    """The equity at the close of a bar: market time in nanoseconds, and profit after commission."""

    ts_event: int
    equity: Decimal


@dataclass
class BacktestResult:
    """Tables are Arrow tables; `.to_pandas()` converts them to data frames.

    engine: the venue, with all orders, fills and positions.
    capital: the capital that returns are measured against.
    losses: trades in no bar or refused, by reason, including LATE and DUPLICATE.
    report: the report of the files' rows; None if the trades came from elsewhere.
    """

    engine: ExecutionEngine
    bar_list: list[Bar]
    curve: list[Point]
    capital: Decimal
    parameters: dict[str, Any] = field(default_factory=dict)
    losses: dict[str, int] = field(default_factory=dict)
    report: ReadReport | None = None

    @property
    def venue(self) -> ExecutionEngineConfig:
        """The settings of the venue."""
        return self.engine.config

    @cached_property
    def fill_list(self) -> list[Fill]:
        """The fills, in order."""
        return self.engine.get_fills()

    @cached_property
    def order_list(self) -> list[Order]:
        """The orders, in order."""
        return self.engine.get_orders()

    @cached_property
    def round_trip_list(self) -> list[RoundTrip]:
        """Positions from flat to flat."""
        inverse = {each.instrument_id for each in self.engine.get_instruments() if each.inverse}
        return round_trips_of(self.fill_list, inverse)

    @cached_property
    def statistics(self) -> Statistics:
        """Return, drawdown, ratios and costs, as defined by CONVENTIONS."""
        return statistics_of(self.curve, self.capital, self.fill_list, self.round_trip_list)

    @cached_property
    def bars(self) -> pa.Table:
        """The bars that the strategy saw."""
        return bars_to_arrow(self.bar_list, exact=True)

    @cached_property
    def equity(self) -> pa.Table:
        """Profit after commission: 0 at the first trade, then at each bar, and at the end."""
        return _table(
            ("ts_event", _TIME, [point.ts_event for point in self.curve]),
            ("equity", _VALUE, [point.equity for point in self.curve]),
        )

    @cached_property
    def fills(self) -> pa.Table:
        """One row per fill."""
        return fills_to_arrow(self.fill_list, exact=True)

    @cached_property
    def orders(self) -> pa.Table:
        """One row per order, in its last state."""
        return orders_to_arrow(self.order_list, exact=True)

    @cached_property
    def round_trips(self) -> pa.Table:
        """One row per position from flat to flat."""
        trips = self.round_trip_list
        return _table(
            ("strategy_id", pa.string(), [trip.strategy_id for trip in trips]),
            ("symbol", pa.string(), [trip.symbol for trip in trips]),
            ("side", pa.string(), [trip.side for trip in trips]),
            ("ts_open", _TIME, [trip.ts_open for trip in trips]),
            ("ts_close", _TIME, [trip.ts_close for trip in trips]),
            ("quantity", _EXACT, [trip.quantity for trip in trips]),
            ("pnl", _VALUE, [trip.pnl for trip in trips]),
            ("commission", _VALUE, [trip.commission for trip in trips]),
        )

    def _repr_html_(self) -> str:
        """For notebooks: the equity curve and the statistics."""
        given = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        return equity_svg(self.curve) + fields_html(self.statistics) + (f"<p>{escape(given)}</p>" if given else "")

    def write(self, folder: str | Path, file_format: str = "parquet") -> list[Path]:
        """Writes bars, orders, fills, round_trips and equity to a directory, as Parquet or CSV; returns the files."""
        if file_format not in FORMATS:
            raise ValueError(f"format {file_format!r}: expected {' or '.join(FORMATS)}")
        Path(folder).mkdir(parents=True, exist_ok=True)
        written = []
        for name in ("bars", "orders", "fills", "round_trips", "equity"):
            path = Path(folder) / f"{name}.{file_format}"
            table = getattr(self, name)
            if file_format == "csv":
                pyarrow.csv.write_csv(_plain(table), path)
            else:
                pyarrow.parquet.write_table(table, path)
            written.append(path)
        return written


def _table(*columns: tuple[str, pa.DataType, Sequence[Any]]) -> pa.Table:
    arrays = [
        pa.array(values, pa.int64()).cast(kind) if kind == _TIME else pa.array(values, kind)
        for _, kind, values in columns
    ]
    return pa.table(arrays, names=[name for name, _, _ in columns])


def _plain(table: pa.Table) -> pa.Table:
    """Without dictionaries, which CSV lacks."""
    columns = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)
