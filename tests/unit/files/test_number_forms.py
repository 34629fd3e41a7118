"""The accepted forms of numbers: one table for the API, columns, the wire and files."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from alphaforge.type.v1.market_pb2 import AGGRESSOR_SIDE_NONE, InstrumentColumn, SparseDecimal, TradeTickColumns
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.files import TradeFileError, read_trades
from alphaforge_core.model import Price, TradeTickBatch

FORMS = ["1E-7", "1e-7", "1.5E+3", ".5", "5.", "+1", "-.5", "007.50", "0.000000001", "1E3", "0E+10", "-0", "25.E-1"]
BAD = ["", ".", "+", "1e", "e5", "1_000", "1,5", "nan", "inf", "0x1p3", "1.5.5", "--1", "1E-10", "1e10"]


def by_api(text: str, _: Path) -> Decimal:
    return Price(text).as_decimal()


def by_column(text: str, _: Path) -> Decimal:
    columns = {"instrument_id": "X", "quantities": [1], "ts_event": [1]}
    return TradeTickBatch.from_columns(prices=np.array([text]), **columns)[0].price.as_decimal()


def by_wire(text: str, _: Path) -> Decimal:
    message = TradeTickColumns(
        instruments=[InstrumentColumn(instrument_id="X")],
        price_mantissas=[0],
        quantity_mantissas=[1],
        ts_event_ns=[1],
        aggressor_sides=[AGGRESSOR_SIDE_NONE],
        price_overflows=[SparseDecimal(index=0, value=text)],
    )
    return TradeTickBatch.from_wire(message.SerializeToString())[0].price.as_decimal()


def by_csv(text: str, folder: Path) -> Decimal:
    path = folder / "trades.csv"
    path.write_text(f'ts_event;price;quantity\n1723075200;"{text}";1\n')
    return of_file(path)


def by_parquet(text: str, folder: Path) -> Decimal:
    path = folder / "trades.parquet"
    pyarrow.parquet.write_table(pa.table({"ts_event": [1723075200], "price": [text], "quantity": [1]}), path)
    return of_file(path)


def of_file(path: Path) -> Decimal:
    [block] = read_trades(path, instrument="X", strict=True)
    return block.batch[0].price.as_decimal()


WAYS = [by_api, by_column, by_wire, by_csv, by_parquet]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", FORMS)
def test_a_number_is_the_same_by_every_way(way: Callable[[str, Path], Decimal], text: str, tmp_path: Path) -> None:
    assert way(text, tmp_path) == Decimal(text)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", BAD)
def test_what_is_no_price_is_refused_by_every_way(
    way: Callable[[str, Path], Decimal], text: str, tmp_path: Path
) -> None:
    with pytest.raises((InvalidArgument, TradeFileError)):
        way(text, tmp_path)


@pytest.mark.parametrize("values", [np.array(["1", "x7"]), np.array([b"1", b"x7"]), ["1", "x7"], np.array([1, np.nan])])
def test_an_error_in_a_column_names_its_row_and_its_value(values: object) -> None:
    columns = {"instrument_id": "X", "quantities": [1, 1], "ts_event": [1, 2]}
    with pytest.raises(InvalidArgument, match=r"prices\[1\]: prices '?(x7|nan)"):
        TradeTickBatch.from_columns(prices=values, **columns)
