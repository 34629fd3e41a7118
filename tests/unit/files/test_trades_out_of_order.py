"""Trades out of order, wrong clocks and units are reported, never dropped silently."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alphaforge_core.files import TradeFileError, TradeReader, read_trades
from alphaforge_core.model import TradeTickBatch
from hypothesis import given, settings
from hypothesis import strategies as st

SECOND = 1_723_075_200
HOUR_NS = 3600 * 10**9


def csv_file(path: Path, times: list[int], name: str = "X", price: int = 1) -> Path:
    rows = (f"{name},{time},{price + row},1,{row}" for row, time in enumerate(times))
    path.write_text("\n".join(["instrument_id,ts_event,price,quantity,trade_id", *rows]) + "\n")
    return path


def seconds(reader: TradeReader) -> list[int]:
    return [int(time) // 10**9 - SECOND for block in reader for time in block.ts_event]


def test_a_file_that_is_newest_first_is_read_backwards_and_that_is_said(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "falling.csv", [SECOND + each for each in (9, 7, 7, 3, 1)])
    reader = read_trades(path)
    rows = [
        (block.batch[row].trade_id, int(block.ts_event[row])) for block in reader for row in range(len(block.batch))
    ]
    assert [trade_id for trade_id, _ in rows] == ["4", "3", "2", "1", "0"]
    assert any("newest first, read backwards" in note for note in reader.report.notes)
    assert seconds(read_trades(path, limit=2)) == [1, 3]
    # Sorted on disk if memory is not enough.
    assert seconds(read_trades(path, memory_bytes=0)) == [1, 3, 7, 7, 9]


def test_a_file_that_falls_and_rises_is_read_as_it_is_and_counted(tmp_path: Path) -> None:
    reader = read_trades(csv_file(tmp_path / "mixed.csv", [SECOND + each for each in (9, 1, 2, 12)]))
    assert seconds(reader) == [9, 1, 2, 12]
    assert reader.report.out_of_order == 2
    assert not any("backwards" in note for note in reader.report.notes)


def test_strict_stops_at_the_first_trade_that_is_too_late_for_its_bar(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "late.csv", [SECOND + each for each in (30, 10, 70, 59, 75)])
    with pytest.raises(TradeFileError, match=r"late\.csv:5: the trade of .*after its bar has closed; use --sort"):
        seconds(read_trades(path, strict=True, late_steps_ns=(60 * 10**9,)))
    # Ten seconds back within the minute are not late for it.
    assert seconds(read_trades(path, strict=True, late_steps_ns=(HOUR_NS,))) == [30, 10, 70, 59, 75]


def test_files_are_read_in_the_order_of_their_times_whatever_their_names(tmp_path: Path) -> None:
    second = csv_file(tmp_path / "a.csv", [SECOND + 10, SECOND + 11])
    first = csv_file(tmp_path / "b.csv", [SECOND + 1, SECOND + 2])
    for paths in ([second, first], [tmp_path], [str(tmp_path / "*.csv")]):
        assert seconds(read_trades(*paths)) == [1, 2, 10, 11]


@settings(max_examples=30, deadline=None)
@given(
    times=st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=30), min_size=1, max_size=4),
    rows=st.sampled_from([1, 3, 10**6]),
)
def test_sorting_is_by_time_then_path_then_row_in_any_number_of_runs(
    tmp_path_factory: pytest.TempPathFactory, times: list[list[int]], rows: int
) -> None:
    folder = tmp_path_factory.mktemp("sorted")
    paths = [
        csv_file(folder / f"{len(times) - number}.csv", [SECOND + each for each in file], price=100 * (number + 1))
        for number, file in enumerate(times)
    ]
    expected = sorted(
        ((time, number, row) for number, file in enumerate(times) for row, time in enumerate(file)),
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("alphaforge_core.files._order.PIECE_ROWS", rows)
        reader = read_trades(*paths, sort=True, memory_bytes=0, max_jump_ns=0)
        ticks = [block.batch[row] for block in reader for row in range(len(block.batch))]
    falling = {number for number, file in enumerate(times) if is_falling(file)}
    found = [(tick.ts_event // 10**9 - SECOND, int(float(tick.price)) // 100 - 1, int(tick.trade_id)) for tick in ticks]
    # A file that is newest first is read backwards: its last row comes first.
    key = {(time, number, row): (time, number, -row if number in falling else row) for time, number, row in expected}
    assert found == sorted(expected, key=key.__getitem__)


def is_falling(times: list[int]) -> bool:
    return len(times) > 1 and times[0] > times[-1] and all(a >= b for a, b in pairwise(times))


@pytest.mark.parametrize(
    ("hours", "kept"),
    [
        ([0, 1, 2, 50, 3], [0, 1, 2, 3]),  # one print with a wrong clock
        ([0, 1, 50, 51], [0, 1, 50, 51]),  # a weekend: the next row agrees
        ([50, 0, 1], [0, 1]),  # the very first print
        ([0, 1, 50], [0, 1, 50]),  # no trade follows it
        ([0, 50, 1, 60, 2], [0, 1, 2]),
        ([50], [50]),
    ],
)
@pytest.mark.parametrize("block_rows", [1, 2, 10**6])
def test_a_row_far_ahead_of_both_its_neighbours_has_a_wrong_clock(
    hours: list[int], kept: list[int], block_rows: int
) -> None:
    from alphaforge_core.files._clock import ClockGuard
    from alphaforge_core.files._report import ReadReport
    from alphaforge_core.files._rows import Block

    # Two instruments, each with the same clock, in turn.
    times = np.repeat(np.array(hours) * HOUR_NS + SECOND * 10**9, 2)
    names = ["A", "B"] * len(hours)
    report = ReadReport()
    guard = ClockGuard(HOUR_NS * 3 // 2, report, strict=False)
    found: dict[str, list[int]] = {"A": [], "B": []}

    def keep(blocks: Any) -> None:
        for block in blocks:
            for row in range(len(block.batch)):
                tick = block.batch[row]
                found[tick.instrument_id].append((tick.ts_event // 10**9 - SECOND) // 3600)

    for first in range(0, len(times), block_rows):
        part = slice(first, first + block_rows)
        batch = TradeTickBatch.from_columns(
            instrument_id=names[part], prices=np.ones(len(times[part])), quantities=np.ones(len(times[part])),
            ts_event=times[part],
        )  # fmt: skip
        keep(guard.judge(Block(batch, times[part], np.arange(len(times))[part], "file")))
    keep(guard.finish())
    assert found == {"A": kept, "B": kept}
    assert report.left_out["WRONG_CLOCK"] == 2 * (len(hours) - len(kept))


def test_a_wrong_clock_ends_a_strict_reading(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "clock.csv", [SECOND, SECOND + 10**8, SECOND + 1, SECOND + 2])
    reader = read_trades(path)
    assert seconds(reader) == [0, 1, 2]
    assert [row.line for row in reader.report.bad_rows] == [3]
    assert seconds(read_trades(path, max_jump_ns=0)) == [0, 10**8, 1, 2]
    with pytest.raises(TradeFileError, match=r"clock\.csv:3: wrong clock"):
        seconds(read_trades(path, strict=True))


UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@pytest.mark.parametrize("unit", UNITS)
def test_the_unit_of_integer_times_is_seen_and_said(tmp_path: Path, unit: str) -> None:
    path = csv_file(tmp_path / "units.csv", [SECOND * UNITS[unit], (SECOND + 5) * UNITS[unit]])
    reader = read_trades(path)
    assert seconds(reader) == [0, 5]
    assert any(note.startswith(f"times in {unit}, by their magnitude") for note in reader.report.notes)
    assert not reader.report.warnings


def test_a_time_before_2000_or_in_the_future_is_a_warning_that_names_the_option(tmp_path: Path) -> None:
    for times in ([5], [7_258_118_400]):
        reader = read_trades(csv_file(tmp_path / "odd.csv", times))
        list(reader)
        assert "--time-unit" in reader.report.warnings[0]


def test_numbers_that_lose_digits_are_bad_rows_or_rounded_and_told(tmp_path: Path) -> None:
    path = tmp_path / "places.csv"
    path.write_text(f"ts_event,price,quantity\n{SECOND},1.00000000049,1\n{SECOND},2,1\n")
    reader = read_trades(path, instrument="X")
    assert len(seconds(reader)) == 1
    assert reader.report.left_out == {"NUMBER_TOO_PRECISE": 1}
    rounded = read_trades(path, instrument="X", round_numbers=True)
    assert [str(block.batch[0].price) for block in rounded] == ["1.00"]
    assert rounded.report.rounded == 1
    assert "rounded to nine places" in rounded.report.warnings[0]


def test_reading_can_be_given_up_at_any_block(tmp_path: Path) -> None:
    times = [SECOND + random.Random(row).randrange(10**6) for row in range(100_000)]
    blocks = read_trades(csv_file(tmp_path / "long.csv", times), max_jump_ns=0).blocks()
    next(blocks)
    blocks.close()
