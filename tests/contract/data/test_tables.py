"""A table of ticks gives the same bars as its rows one by one; tables of bars have the bars' values."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tests.support.api import Api
from tests.support.tape import DAY, SECOND

START = 19_000 * DAY
COUNT = 500
TYPES = ["1min", "7tick", "3.5volume", "500dollar"]


def rows() -> dict[str, list[Any]]:
    """Trades of two instruments as plain values."""
    random = np.random.default_rng(5)
    return {
        "instrument_id": [("BTC", "ETH-ä")[number % 3 == 1] for number in range(COUNT)],
        "price": [round(float(price), 2) for price in 100 + np.cumsum(random.normal(0, 0.3, COUNT))],
        "quantity": [round(float(quantity), 3) for quantity in random.uniform(0.001, 4, COUNT)],
        "ts_event": [START + int(at) for at in np.cumsum(random.integers(0, SECOND, COUNT))],
        "aggressor_side": [("BUY", "SELL", "NONE")[number % 3] for number in range(COUNT)],
        "trade_id": [str(number // 2) if number % 5 else "" for number in range(COUNT)],
        "note": ["left alone"] * COUNT,
    }


def pandas_table(given: dict[str, list[Any]]) -> Any:
    return pd.DataFrame(given)


def pandas_with_times_and_categories(given: dict[str, list[Any]]) -> Any:
    frame = pd.DataFrame(given)
    frame["ts_event"] = pd.to_datetime(frame["ts_event"], utc=True).dt.tz_convert("Asia/Tokyo")
    frame["instrument_id"] = frame["instrument_id"].astype("category")
    frame["price"] = frame["price"].map(lambda price: Decimal(str(price)))
    return frame[frame["quantity"] > 0]


def polars_table(given: dict[str, list[Any]]) -> Any:
    return pl.DataFrame(given)


def polars_with_times_and_categories(given: dict[str, list[Any]]) -> Any:
    return pl.DataFrame(given).with_columns(
        pl.col("ts_event").cast(pl.Datetime("ns", "UTC")),
        pl.col("instrument_id").cast(pl.Categorical),
        pl.col("aggressor_side").cast(pl.Enum(["BUY", "SELL", "NONE"])),
    )


def arrow_table(given: dict[str, list[Any]]) -> Any:
    return pa.table(given)


def arrow_with_times_decimals_and_chunks(given: dict[str, list[Any]]) -> Any:
    columns = {name: pa.array(column) for name, column in given.items()}
    for name in ("price", "quantity"):
        columns[name] = pa.array([Decimal(str(number)) for number in given[name]], pa.decimal128(38, 9))
    columns["ts_event"] = columns["ts_event"].cast(pa.timestamp("ns", "UTC"))
    columns["instrument_id"] = columns["instrument_id"].dictionary_encode()
    table = pa.table(columns)
    return pa.concat_tables([table.slice(0, 100), table.slice(100)])


def arrow_record_batch(given: dict[str, list[Any]]) -> Any:
    return pa.RecordBatch.from_pydict(given)


def structured_array(given: dict[str, list[Any]]) -> Any:
    kinds = {"instrument_id": "U16", "aggressor_side": "U4", "trade_id": "U8", "ts_event": "i8", "note": "U10"}
    table = np.empty(COUNT, dtype=[(name, kinds.get(name, "f8")) for name in given])
    for name, column in given.items():
        table[name] = column
    return table


@pytest.mark.parametrize(
    "make",
    [
        pandas_table,
        pandas_with_times_and_categories,
        polars_table,
        polars_with_times_and_categories,
        arrow_table,
        arrow_with_times_decimals_and_chunks,
        arrow_record_batch,
        structured_array,
    ],
)
def test_a_table_of_ticks_equals_its_rows_one_by_one(api: Api, make: Callable[[dict[str, list[Any]]], Any]) -> None:
    model, given = api.model, rows()
    one_by_one = api.make_data_engine(bar_types=TYPES)
    expected: list[Any] = []
    names = ("instrument_id", "price", "quantity", "aggressor_side", "trade_id", "ts_event")
    for name, price, quantity, side, trade_id, ts in zip(*(given[column] for column in names), strict=True):
        tick = model.TradeTick(name, model.Price(price), model.Quantity(quantity), side, trade_id, ts, ts)
        expected += one_by_one.process_trade_tick(tick)
    assert len(expected) > 300
    assert api.make_data_engine(bar_types=TYPES).process_trade_ticks(make(given)) == expected


def test_a_table_without_the_columns_of_a_tick_is_refused(api: Api) -> None:
    engine = api.make_data_engine()
    table = pd.DataFrame({"instrument_id": ["X"], "quantity": [1.0], "time": [1]})
    with pytest.raises(ValueError, match="no column price, ts_event; it has instrument_id, quantity, time"):
        engine.process_trade_ticks(table)
    with pytest.raises(ValueError, match="prices"):
        engine.process_trade_ticks(table.assign(price=[np.nan], ts_event=1))
    assert engine.statistics().ticks_processed == 0


def bars(api: Api) -> list[Any]:
    """Bars of all kinds, one without volume among them."""
    engine = api.make_data_engine(bar_types=TYPES, fill_gaps=True, max_gap_bars=2, zero_quantity="price_only")
    ticks = rows() | {"instrument_id": ["X"] * COUNT}
    return [*engine.process_trade_ticks(pa.table(ticks)), *engine.advance_time(START + DAY)]


FIELDS = (
    "instrument_id", "bar_type", "ts_open", "ts_event", "open", "high", "low", "close", "volume", "value",
    "trade_count", "buy_volume", "sell_volume", "vwap", "ts_init", "sequence", "revision", "is_partial",
    "is_gap_fill", "is_oversize",
)  # fmt: skip
NUMBERS = ("open", "high", "low", "close", "volume", "value", "buy_volume", "sell_volume", "vwap")
TIMES = ("ts_open", "ts_event", "ts_init")


def values_of(bar: Any, number: Callable[[Any], Any]) -> dict[str, Any]:
    """Returns the expected row of a table of bars."""
    row = {name: getattr(bar, name) for name in FIELDS}
    row["bar_type"] = str(row["bar_type"])
    return row | {name: None if row[name] is None else number(row[name]) for name in NUMBERS}


def exact(number: Any) -> Decimal:
    return number if isinstance(number, Decimal) else number.as_decimal()


@pytest.mark.parametrize(("is_exact", "number"), [(False, float), (True, exact)])
def test_bars_become_arrow_tables_and_frames_of_polars(api: Api, is_exact: bool, number: Callable[[Any], Any]) -> None:
    given = bars(api)
    expected = [values_of(bar, number) for bar in given]
    assert any(row["vwap"] is None for row in expected)
    table = api.data.bars_to_arrow(given, exact=is_exact)
    for name in TIMES:
        assert table.schema.field(name).type == pa.timestamp("ns", "UTC")
        table = table.set_column(FIELDS.index(name), name, table[name].cast(pa.int64()))
    assert table.to_pylist() == expected
    frame = api.data.bars_to_polars(given, exact=is_exact)
    assert frame.with_columns(pl.col(*TIMES).cast(pl.Int64)).to_dicts() == expected


@pytest.mark.parametrize(("is_exact", "number"), [(False, float), (True, exact)])
def test_bars_become_frames_of_pandas(api: Api, is_exact: bool, number: Callable[[Any], Any]) -> None:
    given = bars(api)
    frame = api.data.bars_to_pandas(given, exact=is_exact)
    assert list(frame.columns) == list(FIELDS)
    for name in TIMES:
        assert str(frame[name].dtype) == "datetime64[ns, UTC]"
        frame[name] = frame[name].astype("int64")
    found = frame.astype(object).where(frame.notna(), None).to_dict("records")
    assert found == [values_of(bar, number) for bar in given]


def test_no_bars_are_a_table_without_rows(api: Api) -> None:
    assert api.data.bars_to_arrow([], exact=True).num_rows == len(api.data.bars_to_pandas([])) == 0
    assert api.data.bars_to_arrow([]).schema == api.data.bars_to_arrow(bars(api)).schema
    assert api.data.bars_to_polars([]).columns == list(FIELDS)


def test_an_object_that_is_not_a_bar_is_a_type_error(api: Api) -> None:
    with pytest.raises(TypeError, match=r"bars\[0\] must be a Bar"):
        api.data.bars_to_arrow([1])
