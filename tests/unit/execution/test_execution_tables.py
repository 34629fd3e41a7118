"""Orders, fills, positions and events as dicts and tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import alphaforge_core.execution
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from alphaforge_core.execution import ExecutionEngine, ExecutionEngineConfig, Order, OrderSide, TimeInForce
from alphaforge_core.model import TradeTick

KINDS = ("orders", "fills", "positions", "events")


def traded() -> dict[str, list[Any]]:
    """What an engine has after a fill, a rejection and a cancellation."""
    engine = ExecutionEngine(ExecutionEngineConfig(taker_commission_rate="0.001", max_order_quantity=100))
    engine.process_trade_tick(TradeTick("BTCUSD", "45000.5", 1, "BUY", "t-1", ts_event=1_700_000_000_000_000_001))
    engine.submit_order(Order.market("BTCUSD", OrderSide.BUY, "0.3", "s", order_id="filled", created_at=5))
    engine.submit_order(Order.market("BTCUSD", OrderSide.SELL, 101, "s", order_id="rejected", created_at=6))
    engine.submit_order(Order.limit("BTCUSD", OrderSide.BUY, 1, 100, TimeInForce.GTC, "s", order_id="resting"))
    engine.cancel_order("resting")
    return {
        "orders": engine.get_orders(),
        "fills": engine.get_fills(),
        "positions": engine.get_positions(),
        "events": engine.events(),
    }


def convert(kind: str, library: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(alphaforge_core.execution, f"{kind}_to_{library}")
    return function


def test_other_names_of_sides_and_times_in_force() -> None:
    assert OrderSide.BUY is OrderSide.Buy
    assert OrderSide["SELL"] is OrderSide.Sell
    assert list(TimeInForce) == [TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD]
    assert repr(TimeInForce.GTC) == repr(TimeInForce.GoodTillCancel)


def test_a_dict_has_every_attribute_as_an_exact_plain_value() -> None:
    have = traded()
    for kind in KINDS:
        for item in have[kind]:
            values = item.as_dict()
            attributes = {
                name for name in dir(type(item)) if not name.startswith("_") and not callable(getattr(type(item), name))
            }
            # Second names: of the symbol, and of numbers, which are exact in the dict.
            exact = {name for name in attributes if name.startswith("exact_")}
            assert set(values) == attributes - exact - {"instrument_id"}
            json.dumps(values, default=str)
            assert not any(isinstance(value, float) for value in values.values())


def test_a_dict_is_exact() -> None:
    order, rejected, cancelled = (one.as_dict() for one in traded()["orders"])
    assert order["quantity"] == Decimal("0.3")
    assert order["avg_fill_price"] == Decimal("45000.5")
    assert order["commission"] == Decimal("13.50015")
    assert (order["side"], order["order_type"], order["time_in_force"]) == ("Buy", "Market", "Day")
    assert order["fills"] == [traded()["fills"][0].as_dict()]
    assert (rejected["status"], rejected["price"]) == ("Rejected", None)
    assert (cancelled["status"], cancelled["price"]) == ("Cancelled", Decimal(100))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("exact", [False, True])
def test_tables_have_the_values_of_the_dicts(kind: str, exact: bool) -> None:
    items = traded()[kind]
    table = convert(kind, "arrow")(items, exact=exact)
    assert table.num_rows == len(items) > 0
    for row, item in zip(table.to_pylist(), items, strict=True):
        values = item.as_dict()
        for name in row.keys() & values.keys():
            expected = values[name]
            if isinstance(expected, Decimal):
                assert row[name] == (expected if exact else float(expected))
            elif isinstance(table.schema.field(name).type, pa.TimestampType):
                assert (row[name] is None) == (expected is None)
            else:
                assert row[name] == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", ["some", "none"])
def test_the_tables_of_the_libraries_agree_also_without_rows(kind: str, rows: str) -> None:
    items = traded()[kind] if rows == "some" else []
    arrow, frame, other = (convert(kind, library)(items) for library in ("arrow", "pandas", "polars"))
    assert isinstance(frame, pd.DataFrame)
    assert isinstance(other, pl.DataFrame)
    assert list(frame.columns) == other.columns == arrow.column_names
    assert len(frame) == other.height == arrow.num_rows == len(items)
    for name in arrow.column_names:
        kind_of_column = arrow.schema.field(name).type
        if isinstance(kind_of_column, pa.TimestampType):
            assert str(frame[name].dtype) == "datetime64[ns, UTC]"
        elif pa.types.is_dictionary(kind_of_column):
            assert isinstance(frame[name].dtype, pd.CategoricalDtype)
        given = [None if pd.isna(value) else value for value in frame[name]]
        if not isinstance(kind_of_column, pa.TimestampType):
            assert given == arrow[name].to_pylist() == other[name].to_list()


def test_times_keep_their_nanoseconds() -> None:
    fills = traded()["fills"]
    assert fills_to(fills, "pandas")["ts_event"][0].value == 1_700_000_000_000_000_001
    assert fills_to(fills, "arrow")["ts_event"].cast(pa.int64()).to_pylist() == [1_700_000_000_000_000_001]
    assert pd.isna(convert("orders", "pandas")(traded()["orders"])["triggered_at"][0])


def fills_to(fills: list[Any], library: str) -> Any:
    return convert("fills", library)(fills)
