"""Bars by the calendars of exchanges are those of pandas over the intervals that exchange_calendars gives."""

from __future__ import annotations

import random
from typing import Any

import exchange_calendars
import pandas as pd
import pytest
from alphaforge_core.calendars import exchange_calendar
from alphaforge_core.data import DataEngine, DataEngineConfig, combine_bars
from alphaforge_core.data_wire import ServiceEngine

# exchange_calendars uses what pandas will change.
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")

FIRST, LAST = "2024-01-25", "2024-12-31"
MINUTE = 60 * 10**9


def bars_of(bar_types: list[str], code: str, times: list[int], prices: list[int], cuts: int = 1) -> list[Any]:
    config = DataEngineConfig(bar_types=bar_types, calendars=[exchange_calendar(code, FIRST, LAST)])
    engine, bars = ServiceEngine(config), []
    size = len(times) // cuts + 1
    for start in range(0, len(times), size):
        batch = {"instrument_id": "X", "quantities": [1] * len(times[start : start + size])}
        bars += engine.process_trade_ticks(
            prices=prices[start : start + size], ts_event=times[start : start + size], **batch
        )
        if cuts > 1:
            other = ServiceEngine(config)
            other.restore(engine.snapshot())
            assert other.state_hash() == engine.state_hash()
            engine = other
    return bars + engine.open_bars("X")


def tape(step: int) -> tuple[list[int], list[int]]:
    """Trades at all hours of the days and nights of a year."""
    rng = random.Random(step)
    first, last = (pd.Timestamp(day, tz="UTC").value for day in (FIRST, LAST))
    times = sorted(rng.randrange(first, last) // MINUTE * MINUTE + rng.choice((0, 0, 1)) for _ in range(40_000))
    return times, [rng.randint(90, 110) for _ in times]


def grouped(intervals: pd.IntervalIndex[Any], times: list[int], prices: list[int]) -> list[list[Any]]:
    """Of each interval with trades: its ends, first, greatest, least and last price, and their number."""
    starts, ends = (edge.as_unit("ns").asi8 for edge in (intervals.left, intervals.right))
    stamps = pd.Series(times)
    place = starts.searchsorted(stamps, side="right") - 1
    inside = (place >= 0) & (stamps < ends[place])
    frame = pd.DataFrame({"place": place[inside], "price": pd.Series(prices)[inside]})
    table = frame.groupby("place")["price"].agg(["first", "max", "min", "last", "size"])
    return [[starts[row.Index], ends[row.Index], *row[1:]] for row in table.itertuples()]


def shown(bars: list[Any]) -> list[list[Any]]:
    fields = ("open", "high", "low", "close")
    return [
        [bar.ts_open, bar.ts_event, *(float(getattr(bar, name)) for name in fields), bar.trade_count] for bar in bars
    ]


@pytest.mark.parametrize("code", ["XNYS", "XHKG", "XTKS", "CMES"])
def test_a_day_is_a_session_of_the_exchange(code: str) -> None:
    times, prices = tape(1)
    schedule: Any = exchange_calendars.get_calendar(code, start=FIRST, end=LAST).schedule
    intervals = pd.IntervalIndex.from_arrays(schedule["open"], schedule["close"], closed="left")
    assert shown(bars_of([f"1day@{code}"], code, times, prices)) == grouped(intervals, times, prices)


@pytest.mark.parametrize("code", ["XNYS", "XHKG", "XTKS", "CMES"])
@pytest.mark.parametrize(("name", "period"), [("1hour", "60min"), ("5min", "5min"), ("90min", "90min")])
def test_a_shorter_time_is_an_interval_of_its_trading_index(code: str, name: str, period: str) -> None:
    times, prices = tape(2)
    calendar: Any = exchange_calendars.get_calendar(code, start=FIRST, end=LAST)
    intervals = calendar.trading_index(
        calendar.first_session, calendar.last_session, period, intervals=True, closed="left",
        force_close=True, force_break_close=True,
    )  # fmt: skip
    expected = grouped(intervals, times, prices)
    assert shown(bars_of([f"{name}@{code}"], code, times, prices)) == expected
    # The same from batches, with a restart after each.
    assert shown(bars_of([f"{name}@{code}"], code, times, prices, cuts=7)) == expected


@pytest.mark.parametrize("code", ["XNYS", "XHKG", "CMES"])
def test_bars_of_sessions_are_combined_from_shorter_ones(code: str) -> None:
    times, prices = tape(3)
    calendar: Any = exchange_calendar(code, FIRST, LAST)
    engine = DataEngine(DataEngineConfig(bar_types=["1min"], max_bars_per_instrument=100_000))
    minutes = list(
        engine.process_trade_ticks(instrument_id="X", prices=prices, quantities=[1] * len(prices), ts_event=times)
    )
    minutes += engine.open_bars("X")
    for name in ("30min", "1day"):
        expected = shown(bars_of([f"{name}@{code}"], code, times, prices))
        combined = combine_bars(minutes, f"{name}@{code}", with_open=True, calendars=[calendar])
        assert shown(combined) == expected
