"""Recorded files: only complete ones have the final name, and they read back unchanged."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest
from alphaforge_cli._files.recorder import ROWS_BUFFERED, TradeRecorder
from alphaforge_core.files import TradeFileError, read_trades
from alphaforge_core.model import Price, Quantity, TradeTick

DAY = 86_400 * 10**9


def tick(ts_event: int, number: int = 0) -> TradeTick:
    return TradeTick(
        "BTCUSDT", Price("61000.123456789"), Quantity("20000000000.5"), "SELL", str(number), ts_event, ts_event - 7
    )


def read(folder: Path) -> list[TradeTick]:
    batches = (block.batch for block in read_trades(folder))
    return list(chain.from_iterable([batch[row] for row in range(len(batch))] for batch in batches))


def test_a_later_day_begins_a_file_and_a_late_trade_stays_in_order(tmp_path: Path) -> None:
    recorder = TradeRecorder(tmp_path, 10**9)
    ticks = [tick(time, number) for number, time in enumerate((DAY - 1, DAY, DAY - 5, DAY + 9, 3 * DAY))]
    for each in ticks:
        recorder.add(each)
    recorder.close()
    assert [path.name for path in recorder.files] == [
        "trades-000001-19700101.parquet", "trades-000002-19700102.parquet", "trades-000003-19700104.parquet",
    ]  # fmt: skip
    assert read(tmp_path) == ticks


def test_a_file_that_has_grown_large_is_completed(tmp_path: Path) -> None:
    recorder = TradeRecorder(tmp_path, 1)
    ticks = [tick(number, number) for number in range(ROWS_BUFFERED * 2 + 1)]
    for each in ticks:
        recorder.add(each)
    assert len(recorder.files) == 2
    assert read(tmp_path) == ticks[: 2 * ROWS_BUFFERED]
    recorder.close()
    assert read(tmp_path) == ticks


def test_a_second_recording_goes_on_after_the_first(tmp_path: Path) -> None:
    for number in (1, 2):
        recorder = TradeRecorder(tmp_path, 10**9)
        recorder.add(tick(number))
        recorder.close()
        assert [path.name[:13] for path in recorder.files] == [f"trades-{number:06}"]
    assert [each.ts_event for each in read(tmp_path)] == [1, 2]


def test_a_folder_that_can_not_be_made_is_an_error_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TradeFileError, match="file"):
        TradeRecorder(tmp_path / "file" / "folder", 1)
