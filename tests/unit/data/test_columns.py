"""Columns of every kind give the same ticks; an invalid value is reported by column and row, and nothing is applied."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from alphaforge_core.data import DataEngine
from alphaforge_core.errors import AlphaForgeError
from alphaforge_core.model import Price, Quantity, TradeTick, TradeTickBatch

GOOD: dict[str, Any] = {"instrument_id": "X", "prices": [1, 2], "quantities": [3, 4], "ts_event": [5, 6]}


def batch(**columns: Any) -> list[TradeTick]:
    made = TradeTickBatch.from_columns(**{**GOOD, **columns})
    return [made[row] for row in range(len(made))]


def prices(values: Any, **more: Any) -> list[str]:
    return [str(tick.price) for tick in batch(prices=values, **more)]


def quantities(values: Any, **more: Any) -> list[str]:
    return [str(tick.quantity) for tick in batch(quantities=values, **more)]


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i8", ">i4", "<u2"])
def test_integers_of_any_width_are_mantissas(dtype: str) -> None:
    assert prices(np.array([101, 7], dtype), price_scale=2) == ["1.01", "0.07"]
    assert quantities(np.array([101, 7], dtype), quantity_scale=9) == ["0.000000101", "0.000000007"]
    assert [tick.ts_event for tick in batch(ts_event=np.array([101, 7], dtype))] == [101, 7]


@pytest.mark.parametrize(
    "values",
    [
        np.array([0.1, 45000.01]),
        np.array(["0.1", "45000.01"]),
        np.array([b"0.1", b"45000.01"]),
        np.array(["0.1", Decimal("45000.01")], object),
        np.array([0.1, 45000.01], ">f8"),
        np.array([9, 0.1, 9, 45000.01])[1::2],
        pd.Series([0.1, 45000.01]),
        pd.Series(["0.1", "45000.01"]),
        [0.1, "45000.01"],
        (Decimal("0.1"), Price("45000.01")),
        [Quantity("0.1"), np.float64(45000.01)],
        iter([0.1, 45000.01]),
    ],
    ids=lambda values: type(values).__name__,
)
def test_every_form_of_a_price_is_exact(values: Any) -> None:
    assert prices(values) == ["0.10", "45000.01"]


def test_floats_mean_their_shortest_decimal() -> None:
    values = [
        0.1,
        1 / 3,
        123456.789,
        1e-9,
        9e9,
        5e-10,
        1.5e-9,
        2.5e-9,
        8388608.1,
        999999.999999999,
        0.30000000000000004,
    ]
    assert prices(np.array(values), **same_length(values)) == [str(Price(value)) for value in values]
    singles = np.array(values, np.float32)
    assert prices(singles, **same_length(values)) == [str(Price(value)) for value in singles]


def same_length(values: Sequence[object]) -> dict[str, Any]:
    return {"quantities": [1] * len(values), "ts_event": range(len(values))}


def test_large_quantities_need_more_than_64_bits() -> None:
    large = 2**63 // 10**9 + 1
    assert quantities(np.array([large, 1])) == [str(large), "1"]
    assert quantities(np.array([2**64 - 1, 0], "u8")) == [str(2**64 - 1), "0"]
    assert quantities(np.array([1e20, 0.5])) == ["100000000000000000000", "0.5"]
    assert quantities([10**20, 1]) == ["100000000000000000000", "1"]


def test_integers_of_a_list_are_scaled_like_those_of_an_array() -> None:
    assert prices([101, "7"], price_scale=2) == ["1.01", "7.00"]


def test_sides_may_be_one_for_all_names_codes_or_absent() -> None:
    def sides(value: Any) -> list[str]:
        return [tick.aggressor_side for tick in batch(sides=value)]

    assert sides(None) == ["NONE", "NONE"]
    assert sides("BUY") == ["BUY", "BUY"]
    for names in (["BUY", "SELL"], np.array(["BUY", "SELL"]), np.array([b"BUY", b"SELL"]), pd.Series(["BUY", "SELL"])):
        assert sides(names) == ["BUY", "SELL"]
    assert sides(np.array([1, 3], "u1")) == ["NONE", "SELL"]
    assert sides(np.array([2, 3])) == ["BUY", "SELL"]


def test_ids_may_be_texts_or_numbers() -> None:
    def ids(value: Any) -> list[str]:
        return [tick.trade_id for tick in batch(trade_ids=value)]

    assert ids(None) == ["", ""]
    for texts in (["é", ""], np.array(["é", ""]), np.array(["é", ""], object), pd.Series(["é", ""])):
        assert ids(texts) == ["é", ""]
    assert ids(np.array([b"7", b""])) == ["7", ""]
    assert ids(np.array([2**64 - 1, 0], "u8")) == [str(2**64 - 1), "0"]
    assert ids([12, 2**62]) == ["12", str(2**62)]
    assert ids(np.array(["漢字", "𝄞"])) == ["漢字", "𝄞"]


def test_instruments_may_be_one_one_per_tick_or_names_and_an_index() -> None:
    def instruments(value: Any, **more: Any) -> list[str]:
        return [tick.instrument_id for tick in batch(instrument_id=value, **more)]

    assert instruments(["B", "A"]) == ["B", "A"]
    assert instruments(np.array(["B", "A"])) == ["B", "A"]
    assert instruments(["A", "B", "C"], instrument_index=np.array([2, 0], "u4")) == ["C", "A"]
    assert TradeTickBatch.from_columns(**{**GOOD, "instrument_id": ["A", "A"]}).instrument_ids == ["A"]


def test_times_may_be_datetime64() -> None:
    times = np.array(["1970-01-01T00:00:01", "1970-01-02"], "datetime64[s]")
    assert [tick.ts_event for tick in batch(ts_event=times)] == [10**9, 86400 * 10**9]
    assert [tick.ts_init for tick in batch(ts_event=times)] == [10**9, 86400 * 10**9]
    assert [tick.ts_init for tick in batch(ts_init=pd.Series([1, 2]))] == [1, 2]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"prices": [1]}, "COLUMNS_UNEQUAL"),
        ({"quantities": np.array([1, 2, 3])}, "COLUMNS_UNEQUAL"),
        ({"ts_event": [1]}, "COLUMNS_UNEQUAL"),
        ({"ts_init": [1]}, "COLUMNS_UNEQUAL"),
        ({"sides": ["BUY"]}, "COLUMNS_UNEQUAL"),
        ({"trade_ids": ["1"]}, "COLUMNS_UNEQUAL"),
        ({"instrument_id": ["X"]}, "COLUMNS_UNEQUAL"),
        ({"prices": np.array([[1, 2]])}, "COLUMNS_UNEQUAL"),
        ({"prices": np.array([1.0, np.nan])}, "NUMBER_MALFORMED"),
        ({"prices": np.array([1.0, np.inf], "f4")}, "NUMBER_MALFORMED"),
        ({"prices": ["1", "1,5"]}, "NUMBER_MALFORMED"),
        ({"prices": np.array(["1", "0.1234567891"])}, "NUMBER_TOO_PRECISE"),
        ({"prices": np.array([1.0, 1e10])}, "NUMBER_OUT_OF_RANGE"),
        ({"prices": np.array([1, 2**62])}, "NUMBER_OUT_OF_RANGE"),
        ({"prices": [1, 10**40]}, "NUMBER_OUT_OF_RANGE"),
        ({"price_scale": 10}, "NUMBER_OUT_OF_RANGE"),
        ({"quantity_scale": -1}, "NUMBER_OUT_OF_RANGE"),
        ({"quantities": [1, -1]}, "NUMBER_OUT_OF_RANGE"),
        ({"quantities": np.array([1, -1e10])}, "NUMBER_OUT_OF_RANGE"),
        ({"ts_event": [1, 2**63]}, "TIME_OUT_OF_RANGE"),
        ({"ts_event": np.array([1, 2**63], "u8")}, "TIME_OUT_OF_RANGE"),
        ({"sides": "buy"}, "ENUM_UNKNOWN"),
        ({"sides": ["BUY", "?"]}, "ENUM_UNKNOWN"),
        ({"sides": np.array([1, 4])}, "ENUM_UNKNOWN"),
        ({"sides": np.array([1, 0], "u1")}, "ENUM_UNKNOWN"),
        ({"sides": np.array([1, 258])}, "ENUM_UNKNOWN"),
        ({"instrument_id": ""}, "NAME_INVALID"),
        ({"instrument_id": "a\nb"}, "NAME_INVALID"),
        ({"instrument_id": "x" * 65}, "NAME_INVALID"),
        ({"instrument_id": ["X", ""]}, "NAME_INVALID"),
        ({"trade_ids": ["1", "x" * 65]}, "NAME_INVALID"),
        ({"instrument_id": ["X"], "instrument_index": [0, 1]}, "NUMBER_OUT_OF_RANGE"),
        ({"instrument_id": ["X"], "instrument_index": [0, -1]}, "NUMBER_OUT_OF_RANGE"),
    ],
)
def test_what_is_no_tick_is_a_value_error(columns: dict[str, Any], reason: str) -> None:
    engine = DataEngine()
    with pytest.raises(ValueError) as caught:
        engine.process_trade_ticks(**{**GOOD, **columns})
    assert isinstance(caught.value, AlphaForgeError)
    assert caught.value.reason == reason
    assert engine.statistics().instruments == 0


@pytest.mark.parametrize(
    "columns",
    [
        {"prices": np.array([True, False])},
        {"prices": [1, True]},
        {"prices": [1, None]},
        {"prices": "12"},
        {"prices": 1},
        {"prices": np.array([1j, 2])},
        {"ts_event": np.array([1.0, 2.0])},
        {"ts_event": [1.0, 2.0]},
        {"sides": [1.5, 2]},
        {"instrument_id": 5},
        {"trade_ids": [b"1", b"2"]},
        {"trade_ids": np.array([1.0, 2.0])},
        {"instrument_index": [0, 0]},
        {"unknown": [1, 2]},
        {"prices": None},
    ],
)
def test_what_is_no_column_is_a_type_error(columns: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        TradeTickBatch.from_columns(**{**GOOD, **columns})


def test_errors_name_column_and_row() -> None:
    with pytest.raises(ValueError, match=r"prices\[1\]"):
        batch(prices=[1, "x"])
    with pytest.raises(ValueError, match=r"sides\[1\]"):
        batch(sides=np.array([1, 9]))


def test_ticks_and_columns_do_not_mix() -> None:
    with pytest.raises(TypeError, match="either"):
        DataEngine().process_trade_ticks([], prices=[1])
    with pytest.raises(TypeError, match=r"ticks\[0\]"):
        TradeTickBatch.from_ticks(["x"])


def test_a_batch_is_cut_into_batches() -> None:
    ticks = [TradeTick("AB"[n % 2], Price(n + 1), Quantity(10**n), "BUY", str(n), n, n + 1) for n in range(15)]
    whole = TradeTickBatch.from_ticks(ticks)
    assert len(whole) == 15
    for cut in (slice(0, 15), slice(3, 9), slice(10, None), slice(4, 4), slice(-3, 99)):
        piece = whole[cut]
        assert [piece[row] for row in range(len(piece))] == ticks[cut]
    assert whole[-1] == ticks[-1]
    with pytest.raises(IndexError):
        whole[15]


def test_an_empty_batch_does_nothing() -> None:
    engine = DataEngine()
    assert engine.process_trade_ticks([]) == []
    assert engine.process_trade_ticks(instrument_id="X", prices=[], quantities=[], ts_event=[]) == []
    assert engine.statistics().instruments == 0


@pytest.mark.parametrize(("unit", "factor"), [("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6)])
def test_a_table_with_times_in_another_unit_is_a_warning(unit: str, factor: int) -> None:
    times = [1_723_075_200 * factor, 1_723_075_201 * factor]
    table = pd.DataFrame({"instrument_id": "X", "price": [1, 2], "quantity": [1, 1], "ts_event": times})
    with pytest.warns(UserWarning, match=rf"{times[0]} looks like {unit}: multiply by"):
        TradeTickBatch.from_ticks(table)
    # Nanoseconds, and datetimes of any unit, are what they say.
    TradeTickBatch.from_ticks(table.assign(ts_event=table["ts_event"] * (10**9 // factor)))
    TradeTickBatch.from_ticks(
        table.assign(ts_event=pd.to_datetime(table["ts_event"], unit={1: "s", 1000: "ms"}.get(factor, "us")))
    )
