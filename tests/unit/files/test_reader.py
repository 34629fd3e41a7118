"""Files of trades give exact ticks, and report every bad row by its line."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from alphaforge_core.files import TradeFileError, TradeReader, read_trades
from alphaforge_core.model import TradeTick
from hypothesis import given, settings
from hypothesis import strategies as st

HEADER = "instrument_id,trade_id,ts_event,ts_init,price,quantity,aggressor_side"
GOOD = "BTCUSDT,7,1723075200000000000,1723075198800000000,55021.9,0.002,BUY"


def csv_file(folder: Path, *lines: str, header: str = HEADER, newline: str = "\n") -> Path:
    path = folder / "trades.csv"
    path.write_bytes(newline.join([header, *lines, ""]).encode(errors="surrogateescape"))
    return path


def ticks(reader: TradeReader) -> list[TradeTick]:
    found = []
    for batch, ts_event in reader:
        found += [batch[row] for row in range(len(batch))]
        assert [tick.ts_event for tick in found[-len(batch) :]] == ts_event.tolist()
    return found


def bad_lines(reader: TradeReader) -> list[int]:
    return [bad.line for bad in reader.report.bad_rows]


def test_a_row_becomes_the_tick_it_says(tmp_path: Path) -> None:
    [tick] = ticks(read_trades(csv_file(tmp_path, GOOD)))
    assert tick.instrument_id == "BTCUSDT"
    assert tick.price.as_decimal() == Decimal("55021.9")
    assert tick.quantity.as_decimal() == Decimal("0.002")
    assert (tick.aggressor_side, tick.trade_id) == ("BUY", "7")
    assert (tick.ts_event, tick.ts_init) == (1723075200000000000, 1723075198800000000)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("55021.9", "nan"), "nan"),
        (("55021.9", ""), "not a finite decimal"),
        (("55021.9", "1.0123456789"), "10 decimals; at most 9"),
        (("55021.9", "99999999999"), "out of range"),
        (("55021.9", "12 3"), "not a finite decimal"),
        (("55021.9", "0x10"), "not a finite decimal"),
        (("0.002", "-1"), "negative"),
        (("0.002", "inf"), "not a finite decimal"),
        (("BUY", "UP"), "BUY, SELL or NONE"),
        (("BTCUSDT", ""), "instrument_id is empty"),
        (("BTCUSDT", "B\udcffC"), "utf-8"),
        (("BTCUSDT,7", "BTCUSDT," + "x" * 65), "at most 64"),
        (("1723075200000000000", "soon"), "ts_event soon is not a time in range"),
        (("1723075200000000000", "17230752000000000000000"), "is not a time in range"),
        (("1723075198800000000", ""), "ts_init"),
        ((",BUY", ""), "6 columns where the file has 7"),
        (("BUY", "BUY,more"), "8 columns where the file has 7"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 4])
def test_a_bad_row_is_left_out_and_named_by_its_line(
    tmp_path: Path, change: tuple[str, str], problem: str, place: int
) -> None:
    rows = [GOOD] * 4
    rows.insert(place, GOOD.replace(*change))
    path = csv_file(tmp_path, *rows)
    file = read_trades(path)
    assert len(ticks(file)) == 4
    assert file.report.left_out_count == 1
    [bad] = file.report.bad_rows
    assert bad.line == place + 2
    assert problem in bad.problem
    with pytest.raises(TradeFileError, match=rf"trades\.csv:{place + 2}: "):
        ticks(read_trades(path, strict=True))


def test_lines_are_counted_through_blank_ragged_and_bad_rows(tmp_path: Path) -> None:
    bad = GOOD.replace("0.002", "?")
    file = read_trades(csv_file(tmp_path, GOOD, "", "short", bad, "", GOOD, "a,b,c", bad, newline="\r\n"))
    assert len(ticks(file)) == 2
    assert bad_lines(file) == [4, 5, 8, 9]


def test_lines_are_counted_across_blocks(tmp_path: Path) -> None:
    rows = [GOOD] * 40_000
    for line in (20_000, 39_990):
        rows[line - 2] = "ragged"
        rows[line - 1] = GOOD.replace("0.002", "?")
    path = csv_file(tmp_path, *rows)
    file = read_trades(path)
    assert len(ticks(file)) == 40_000 - 4
    assert bad_lines(file) == [20_000, 20_001, 39_990, 39_991]


def test_only_the_first_bad_rows_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    file = read_trades(csv_file(tmp_path, *["no,trade,at,all,is,in,here"] * 1000))
    assert ticks(file) == []
    assert file.report.left_out_count == 1000
    assert bad_lines(file) == list(range(2, 12))


def test_quotes_carriage_returns_and_a_missing_last_newline_change_nothing(tmp_path: Path) -> None:
    plain = ticks(read_trades(csv_file(tmp_path, GOOD, GOOD)))
    quoted = ",".join(f'"{cell}"' for cell in GOOD.split(","))
    path = csv_file(tmp_path, quoted, GOOD, newline="\r\n")
    path.write_bytes(path.read_bytes().removesuffix(b"\r\n"))
    assert ticks(read_trades(path)) == plain


def test_compressed_is_the_same_as_plain_and_damage_is_reported(tmp_path: Path) -> None:
    plain = csv_file(tmp_path, *[GOOD] * 1000)
    packed = tmp_path / "trades.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert ticks(read_trades(packed)) == ticks(read_trades(plain))
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(TradeFileError, match=r"trades\.csv\.gz: "):
        ticks(read_trades(packed))


@pytest.mark.parametrize("content", [b"", b"\n", b"\x1f\x8b\x00", b"a,b\n1,2\n", b"price,quantity\n1,2\n"])
def test_what_is_no_file_of_trades_is_one_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "trades.csv"
    path.write_bytes(content)
    with pytest.raises(TradeFileError, match=r"trades\.csv"):
        ticks(read_trades(path))
    parquet = tmp_path / "trades.parquet"
    parquet.write_bytes(content)
    with pytest.raises(TradeFileError, match=r"trades\.parquet"):
        ticks(read_trades(parquet))


def test_columns_may_be_few_and_bear_other_names(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "1723075200000,55021.9,2", header="T,p,q")
    columns = {"ts_event": "T", "price": "p", "quantity": "q"}
    [tick] = ticks(read_trades(path, columns=columns, instrument="X"))
    assert (tick.instrument_id, tick.aggressor_side, tick.trade_id) == ("X", "NONE", "")
    assert tick.ts_event == tick.ts_init == 1723075200000000000
    with pytest.raises(TradeFileError, match="--instrument"):
        ticks(read_trades(path, columns=columns))
    with pytest.raises(TradeFileError, match=r"'price'.*it has T, p, q.*--column"):
        ticks(read_trades(path))


def test_a_column_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "1,2,3,4", header="ts_event,price,price,quantity")
    with pytest.raises(TradeFileError, match="'price' more than once"):
        ticks(read_trades(path, instrument="X"))


def test_an_instrument_selects_its_rows_and_the_limit_counts_those(tmp_path: Path) -> None:
    other = GOOD.replace("BTCUSDT", "ETHUSDT")
    path = csv_file(tmp_path, other, GOOD, other, GOOD, other)
    assert [tick.instrument_id for tick in ticks(read_trades(path, instrument="ETHUSDT", limit=2))] == ["ETHUSDT"] * 2
    assert len(ticks(read_trades(path, limit=3))) == 3
    assert len(ticks(read_trades(path, limit=99))) == 5
    with pytest.raises(TradeFileError, match="no row has the instrument 'NONE'"):
        ticks(read_trades(path, instrument="NONE"))


def test_what_lies_beyond_the_limit_is_not_judged(tmp_path: Path) -> None:
    path = csv_file(tmp_path, GOOD, "ragged", GOOD, "ragged", GOOD.replace("BUY", "UP"))
    file = read_trades(path, limit=2)
    assert len(ticks(file)) == 2
    assert bad_lines(file) == [3]


def test_an_empty_side_is_no_side(tmp_path: Path) -> None:
    [tick] = ticks(read_trades(csv_file(tmp_path, GOOD.replace("BUY", ""))))
    assert tick.aggressor_side == "NONE"


NS = 1723075200123456789


@pytest.mark.parametrize(
    "columns",
    [
        {"price": ["45000.01", "0.1"], "quantity": ["1", "20000000000.5"], "ts_event": [NS, NS]},
        {"price": [Decimal("45000.01"), Decimal("0.1")], "quantity": [1, 2], "ts_event": [NS, NS]},
        {"price": np.array([45000.01, 0.1]), "quantity": np.array([1, 0.5], np.float32), "ts_event": [NS, NS]},
        {"price": pa.array(["45000.01", "0.1"]).dictionary_encode(), "quantity": [1, 2], "ts_event": [NS, NS]},
    ],
)
def test_parquet_may_hold_texts_decimals_floats_and_integers(tmp_path: Path, columns: dict[str, Any]) -> None:
    path = tmp_path / "trades.parquet"
    pyarrow.parquet.write_table(pa.table(columns), path)
    found = ticks(read_trades(path, instrument="X"))
    assert [tick.price.as_decimal() for tick in found] == [Decimal("45000.01"), Decimal("0.1")]
    assert [tick.ts_event for tick in found] == [NS, NS]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_times_may_be_timestamps_of_any_unit(tmp_path: Path, unit: str) -> None:
    moment = datetime(2024, 8, 8, tzinfo=UTC)
    path = tmp_path / "trades.parquet"
    times = pa.array([moment], pa.timestamp(unit, "UTC"))
    pyarrow.parquet.write_table(pa.table({"price": ["1"], "quantity": ["1"], "ts_event": times}), path)
    [tick] = ticks(read_trades(path, instrument="X"))
    assert tick.ts_event == int(moment.timestamp()) * 10**9


def test_missing_values_of_parquet_are_bad_rows_by_number(tmp_path: Path) -> None:
    path = tmp_path / "trades.parquet"
    table = pa.table(
        {
            "price": pa.array([1.0, None, float("nan"), 4.0]),
            "quantity": ["1", "1", "1", None],
            "ts_event": [1, 2, 3, 4],
            "aggressor_side": ["BUY", None, None, None],
        }
    )
    pyarrow.parquet.write_table(table, path)
    file = read_trades(path, instrument="X")
    assert len(ticks(file)) == 1
    assert bad_lines(file) == [2, 3, 4]


decimals = st.decimals(min_value=0, max_value=Decimal(9223372036), places=9, allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(decimals, decimals), min_size=1, max_size=20), style=st.sampled_from(["f", "e", "g"]))
def test_numbers_arrive_as_the_decimals_they_are_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Decimal, Decimal]], style: str
) -> None:
    path = csv_file(
        tmp_path_factory.mktemp("trades"),
        *(f"1,{price:{style}},{quantity:{style}}" for price, quantity in rows),
        header="ts_event,price,quantity",
    )
    found = ticks(read_trades(path, instrument="X", strict=True))
    assert [(tick.price.as_decimal(), tick.quantity.as_decimal()) for tick in found] == rows
