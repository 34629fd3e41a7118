"""Orders, fills, positions and events as Arrow, pandas or polars tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from alphaforge_core.execution import Fill, Order, OrderEvent, Position

__all__ = [
    "events_to_arrow",
    "events_to_pandas",
    "events_to_polars",
    "fills_to_arrow",
    "fills_to_pandas",
    "fills_to_polars",
    "orders_to_arrow",
    "orders_to_pandas",
    "orders_to_polars",
    "positions_to_arrow",
    "positions_to_pandas",
    "positions_to_polars",
]

# Column kinds: text, one of a few texts, time in nanoseconds, count, boolean; a number is a decimal's places.
# All but counts and booleans may be null.
_ID, _NAME, _TIME, _COUNT, _TRUTH = "id", "name", "time", "count", "truth"
_Columns = Mapping[str, str | int]

_ORDER: _Columns = {
    "order_id": _ID, "symbol": _NAME, "strategy_id": _NAME, "side": _NAME, "order_type": _NAME, "time_in_force": _NAME,
    "post_only": _TRUTH, "reduce_only": _TRUTH, "expire_time_ns": _TIME, "quantity": 9, "price": 9, "stop_price": 9,
    "trailing_offset": 9, "trailing_offset_type": _NAME, "activation_price": 9, "limit_offset": 9, "status": _NAME,
    "filled_quantity": 9, "leaves_quantity": 9, "avg_fill_price": 9, "commission": 18, "fill_count": _COUNT,
    "created_at": _TIME, "submitted_at": _TIME, "updated_at": _TIME, "triggered_at": _TIME, "reject_reason": _NAME,
    "cancel_reason": _NAME,
    "group_type": _NAME, "group_id": _ID, "parent_id": _ID,
}  # fmt: skip
_FILL: _Columns = {
    "ts_event": _TIME, "fill_id": _ID, "order_id": _ID, "symbol": _NAME, "strategy_id": _NAME, "side": _NAME,
    "price": 9, "quantity": 9, "value": 18, "commission": 18, "commission_rule": _NAME, "liquidity_side": _NAME,
    "trade_id": _ID, "sequence": _COUNT,
}  # fmt: skip
_POSITION: _Columns = {
    "strategy_id": _NAME, "symbol": _NAME, "net_quantity": 9, "average_price": 9, "cost": 18, "realized_pnl": 18,
    "unrealized_pnl": 18, "commission": 18, "last_price": 9, "exposure": 18,
}  # fmt: skip
_EVENT: _Columns = {
    "sequence": _COUNT, "ts_event": _TIME, "type": _NAME, "order_id": _ID, "symbol": _NAME, "strategy_id": _NAME,
    "status": _NAME, "filled_quantity": 9, "leaves_quantity": 9, "quantity": 9, "price": 9, "stop_price": 9,
    "fill_price": 9, "fill_quantity": 9, "fill_commission": 18, "liquidity_side": _NAME, "trade_id": _ID,
    "reject_reason": _NAME, "cancel_reason": _NAME,
}  # fmt: skip


def orders_to_arrow(orders: Iterable[Order], *, exact: bool = False) -> pyarrow.Table:
    """A table with one row per order, without its fills. See fills_to_arrow() for types and `exact`."""
    return _arrow(_ORDER, _rows(orders), exact)


def orders_to_pandas(orders: Iterable[Order], *, exact: bool = False) -> pandas.DataFrame:
    """A DataFrame with one row per order, without its fills. See fills_to_pandas() for types and `exact`."""
    return _pandas(_ORDER, _rows(orders), exact)


def orders_to_polars(orders: Iterable[Order], *, exact: bool = False) -> polars.DataFrame:
    """A polars DataFrame with the columns of orders_to_arrow(). Needs polars and pyarrow."""
    return _polars(orders_to_arrow(orders, exact=exact))


def fills_to_arrow(fills: Iterable[Fill], *, exact: bool = False) -> pyarrow.Table:
    """A table with one row per fill: names as dictionaries, times as nanoseconds in UTC, missing values as null.

    exact: numbers are decimals of 9 places (prices, quantities) or 18 (values) instead of float64. Needs pyarrow.
    Raises ValueError for a number of 1e20 or more, or 1e29 for 9 places, which Arrow's decimals don't hold.
    """
    return _arrow(_FILL, _rows(fills), exact)


def fills_to_pandas(fills: Iterable[Fill], *, exact: bool = False) -> pandas.DataFrame:
    """A DataFrame with one row per fill: names as categories, times as datetime64[ns, UTC], missing values as NaN.

    exact: numbers are Decimals instead of float64, and None if missing. Needs pandas.
    """
    return _pandas(_FILL, _rows(fills), exact)


def fills_to_polars(fills: Iterable[Fill], *, exact: bool = False) -> polars.DataFrame:
    """A polars DataFrame with the columns of fills_to_arrow(). Needs polars and pyarrow."""
    return _polars(fills_to_arrow(fills, exact=exact))


def positions_to_arrow(positions: Iterable[Position], *, exact: bool = False) -> pyarrow.Table:
    """A table with one row per position. See fills_to_arrow() for types and `exact`."""
    return _arrow(_POSITION, _rows(positions), exact)


def positions_to_pandas(positions: Iterable[Position], *, exact: bool = False) -> pandas.DataFrame:
    """A DataFrame with one row per position. See fills_to_pandas() for types and `exact`."""
    return _pandas(_POSITION, _rows(positions), exact)


def positions_to_polars(positions: Iterable[Position], *, exact: bool = False) -> polars.DataFrame:
    """A polars DataFrame with the columns of positions_to_arrow(). Needs polars and pyarrow."""
    return _polars(positions_to_arrow(positions, exact=exact))


def events_to_arrow(events: Iterable[OrderEvent], *, exact: bool = False) -> pyarrow.Table:
    """A table with one row per event, with the numbers of its fill. See fills_to_arrow() for types and `exact`."""
    return _arrow(_EVENT, _event_rows(events), exact)


def events_to_pandas(events: Iterable[OrderEvent], *, exact: bool = False) -> pandas.DataFrame:
    """A DataFrame with one row per event, with the numbers of its fill. See fills_to_pandas() for types and `exact`."""
    return _pandas(_EVENT, _event_rows(events), exact)


def events_to_polars(events: Iterable[OrderEvent], *, exact: bool = False) -> polars.DataFrame:
    """A polars DataFrame with the columns of events_to_arrow(). Needs polars and pyarrow."""
    return _polars(events_to_arrow(events, exact=exact))


def _rows(items: Iterable[Order] | Iterable[Fill] | Iterable[Position]) -> list[dict[str, Any]]:
    return [item.as_dict() for item in items]


def _event_rows(events: Iterable[OrderEvent]) -> list[dict[str, Any]]:
    rows = []
    for event in events:
        row = event.as_dict()
        fill = row.pop("fill") or {}
        row |= {f"fill_{name}": fill.get(name) for name in ("price", "quantity", "commission")}
        row |= {name: fill.get(name) for name in ("liquidity_side", "trade_id")}
        rows.append(row)
    return rows


def _arrow(columns: _Columns, rows: list[dict[str, Any]], exact: bool) -> pyarrow.Table:
    import pyarrow as pa

    def column(name: str, kind: str | int) -> Any:
        values = [row[name] for row in rows]
        if kind == _NAME:
            return pa.array(values, pa.string()).dictionary_encode()
        if isinstance(kind, int):
            if exact:
                return pa.array(values, pa.decimal128(38, kind))
            return pa.array([None if value is None else float(value) for value in values], pa.float64())
        types = {_ID: pa.string(), _COUNT: pa.int64(), _TRUTH: pa.bool_(), _TIME: pa.int64()}
        array = pa.array(values, types[kind])
        return array.cast(pa.timestamp("ns", "UTC")) if kind == _TIME else array

    return pa.table({name: column(name, kind) for name, kind in columns.items()})


def _pandas(columns: _Columns, rows: list[dict[str, Any]], exact: bool) -> pandas.DataFrame:
    import numpy as np
    import pandas as pd

    def column(name: str, kind: str | int) -> Any:
        values = [row[name] for row in rows]
        if kind == _NAME:
            return pd.Categorical(values, categories=sorted({value for value in values if value is not None}))
        if kind == _TIME:
            nanos = [np.iinfo(np.int64).min if value is None else value for value in values]
            return pd.to_datetime(np.array(nanos, np.int64).view("datetime64[ns]"), utc=True)
        if isinstance(kind, int) and not exact:
            return np.array([np.nan if value is None else float(value) for value in values], np.float64)
        if kind in (_COUNT, _TRUTH):
            return np.array(values, np.int64 if kind == _COUNT else np.bool_)
        return pd.Series(values, dtype=object)

    return pd.DataFrame({name: column(name, kind) for name, kind in columns.items()})


def _polars(table: pyarrow.Table) -> polars.DataFrame:
    import polars as pl

    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame
