"""Databento's own files: without its library one line says what to do; with it (`make peers`) they are read."""

from __future__ import annotations

import datetime
import gc
import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from alphaforge_core.files import TradeFileError, read_trades

START_NS = 1_609_160_400 * 10**9


# The library closes files when they are collected.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


@pytest.fixture
def dbn() -> Iterator[Any]:
    pytest.importorskip("databento", reason="databento is not installed; `make peers` does it")
    yield pytest.importorskip("databento_dbn")
    gc.collect()


def encoded(dbn: Any, *, mapped: bool = True) -> bytes:
    """A file of three records: a trade, a cancel, and a trade without an aggressor."""
    interval = SimpleNamespace(
        start_date=datetime.date(2020, 12, 28), end_date=datetime.date(2020, 12, 29), symbol="5482"
    )
    metadata = dbn.Metadata(
        dataset="GLBX.MDP3", start=START_NS, end=START_NS + 3600 * 10**9, schema=dbn.Schema.TRADES,
        stype_in=dbn.SType.RAW_SYMBOL, stype_out=dbn.SType.INSTRUMENT_ID, symbols=["ESH1"], partial=[], not_found=[],
        mappings=[SimpleNamespace(raw_symbol="ESH1", intervals=[interval])] if mapped else [],
    )  # fmt: skip

    def record(number: int, action: Any, side: Any) -> bytes:
        price = 3_720_250_000_000 + number * 250_000_000
        at = START_NS + number
        return bytes(dbn.TradeMsg(1, 5482, at, price, 1 + number, action, side, 0, at + 100, sequence=70_362 + number))

    return bytes(metadata.encode()) + b"".join(
        (
            record(0, dbn.Action.TRADE, dbn.Side.ASK),
            record(1, dbn.Action.CANCEL, dbn.Side.ASK),
            record(2, dbn.Action.TRADE, dbn.Side.NONE),
        )
    )


def shown(path: Path, **options: Any) -> list[tuple[Any, ...]]:
    return [
        (
            tick.instrument_id, str(tick.price), str(tick.quantity), tick.aggressor_side, tick.trade_id,
            tick.ts_event - START_NS, tick.ts_init - START_NS,
        )
        for block in read_trades(path, **options)
        for tick in block.batch
    ]  # fmt: skip


TRADES = [("ESH1", "3720.25", "1", "SELL", "70362", 0, 100), ("ESH1", "3720.75", "3", "NONE", "70364", 2, 102)]


@pytest.mark.parametrize("name", ["trades.dbn", "trades.dbn.zst", "trades.dbn.gz"])
def test_a_dbn_file_is_read_by_its_library(dbn: Any, tmp_path: Path, name: str) -> None:
    path, content = tmp_path / name, encoded(dbn)
    if name.endswith(".zst"):
        content = pa.compress(content, codec="zstd", asbytes=True)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    reader = read_trades(path)
    assert sum(len(block.batch) for block in reader) == 2
    assert "databento" in " ".join(reader.report.notes)
    assert shown(path) == TRADES


def test_a_dbn_file_without_symbols_needs_an_instrument(dbn: Any, tmp_path: Path) -> None:
    path = tmp_path / "trades.dbn"
    path.write_bytes(encoded(dbn, mapped=False))
    with pytest.raises(TradeFileError, match="instrument"):
        shown(path)
    assert shown(path, instrument="ESH1") == TRADES


def test_a_damaged_dbn_file_is_an_error_that_names_it(dbn: Any, tmp_path: Path) -> None:
    # Compressed, since the library does not close a plain file whose beginning it can't read.
    path = tmp_path / "trades.dbn.gz"
    for content in (b"DBN\x03", b"DBN\x03" + b"\xff" * 200, encoded(dbn)[:60]):
        path.write_bytes(gzip.compress(content))
        with pytest.raises(TradeFileError, match=r"trades\.dbn\.gz: "):
            shown(path)


def test_without_the_library_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "databento", None)
    path = tmp_path / "trades.dbn"
    path.write_bytes(b"DBN\x03" + bytes(100))
    with pytest.raises(TradeFileError, match=r"trades\.dbn: a Databento DBN file; `pip install databento`"):
        shown(path)
