"""Bars from bars are the bars that the ticks give (rule 2.17)."""

from __future__ import annotations

from typing import Any

import pytest
from alphaforge_core.data import DataEngine, DataEngineConfig, combine_bars
from alphaforge_core.model import Bar, TradeTick
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies
from tests.support.data_pair import bars_of_batch
from tests.support.native import plain_bar
from tests.support.tape import DAY, HOUR, MINUTE, SECOND, Tick

START = 19_000 * DAY

# Shorter bars, and what they are combined to.
PAIRS = [
    ("1s", "5s"),
    ("1s", "1min"),
    ("1min", "5min"),
    ("1min", "1hour"),
    ("1hour", "1day"),
    ("1min", "1day@America/New_York+17:00"),
    ("30min", "1week@Asia/Kolkata+09:00"),
    ("1day@America/New_York+17:00", "1week@America/New_York+17:00"),
    ("1day", "1month"),
    ("1month", "3month"),
    ("1s@B", "1min@B"),
    ("1min@B", "1hour@B"),
    ("1min", "2hour@B"),
    ("1min", "1day@B"),
    ("1hour", "1day@D"),
    ("5min@E", "1day@E"),
]


def bars_of(bar_types: list[str], ticks: list[Tick], **settings: Any) -> tuple[list[Bar], list[Bar]]:
    """The closed bars of two types, in order of closing."""
    config = DataEngineConfig(
        bar_types=bar_types, max_bars_per_instrument=10**6, calendars=strategies.CALENDARS, **settings
    )
    engine = DataEngine(config)
    bars_of_batch(engine, ticks, columns=True)
    closed: tuple[list[Bar], list[Bar]] = ([], [])
    for instrument in engine.instruments():
        for kept, name in zip(closed, engine.bar_types, strict=True):
            kept += engine.get_bars(instrument, name)
    return closed


def in_order(ticks: list[Tick]) -> list[Tick]:
    times = sorted(tick.ts_event for tick in ticks)
    return [tick._replace(ts_event=time) for tick, time in zip(ticks, times, strict=True)]


def by_instrument(bars: list[Bar]) -> list[dict[str, Any]]:
    return sorted(map(plain_bar, bars), key=lambda bar: bar["instrument_id"])


@given(
    st.sampled_from(PAIRS),
    strategies.tick_histories(max_size=60, refused=False),
    st.sampled_from([1, 7, 3600]),
    st.booleans(),
)
def test_they_are_the_bars_of_the_ticks(pair: tuple[str, str], ticks: list[Tick], slower: int, fill_gaps: bool) -> None:
    # A gap has at most as many flat bars of either type as max_gap_bars allows.
    fill_gaps = fill_gaps and slower == 1 and not pair[0].startswith("1s")
    ticks = in_order([tick._replace(ts_event=START + (tick.ts_event - START) * slower) for tick in ticks])
    # A longer bar closes late if no shorter bar ends with it, so only bars that have closed on both sides are compared.
    shorter, longer = bars_of([pair[0], pair[1]], ticks, fill_gaps=fill_gaps, max_gap_bars=10_000)
    combined = by_instrument(combine_bars(shorter, pair[1], calendars=strategies.CALENDARS))
    expected = by_instrument(longer)
    skips = pair[1][-2:] in ("@B", "@D", "@E") and "@" not in pair[0]
    for instrument in strategies.INSTRUMENTS:
        ours = [bar for bar in combined if bar["instrument_id"] == instrument]
        theirs = [bar for bar in expected if bar["instrument_id"] == instrument]
        for first in (ours[:1] + theirs[:1]) if skips else ():
            # Bars outside of the sessions don't tell whether its first trade was exactly at the open.
            first["is_partial"] = True
        assert ours == theirs[: len(ours)]
        assert len(theirs) - len(ours) <= 1
    opened = by_instrument(combine_bars(shorter, pair[1], with_open=True, calendars=strategies.CALENDARS))
    assert len(opened) - len(combined) <= len(strategies.INSTRUMENTS)


def test_a_day_in_new_york_from_hours_has_23_hours_when_the_clocks_go_forward() -> None:
    march = 1_710_000_000 * SECOND // HOUR * HOUR  # 9 March 2024
    engine = DataEngine(DataEngineConfig(bar_types=["1hour", "1day@America/New_York"]))
    times = [march + hour * HOUR for hour in range(24 * 4)]
    bars = engine.process_trade_ticks(instrument_id="X", prices=[1] * 96, quantities=[1] * 96, ts_event=times)
    hours = [bar for bar in bars if str(bar.bar_type) == "1hour"]
    days = [bar for bar in bars if str(bar.bar_type) != "1hour"]
    assert combine_bars(hours, "1day@America/New_York") == days
    assert [bar.trade_count for bar in days] == [13, 23, 24, 24]


def minutes(*at: int) -> list[Bar]:
    """Returns one-minute bars with one trade each; a trade an hour later closes the last."""
    engine = DataEngine(DataEngineConfig(bar_types=["1min"]))
    bars = []
    for minute in (*at, at[-1] + 60):
        bars += engine.process_trade_tick(TradeTick("X", 100 + minute, 1, "BUY", "", START + minute * MINUTE))
    return bars


def test_the_last_bar_is_returned_when_its_last_part_ends_it_or_as_partial() -> None:
    assert [bar.trade_count for bar in combine_bars(minutes(0, 1, 2), "3min")] == [3]
    assert combine_bars(minutes(0, 1), "3min") == []
    (bar,) = combine_bars(minutes(0, 1), "3min", with_open=True)
    assert (bar.is_partial, bar.trade_count, bar.ts_open, bar.ts_event) == (True, 2, START, START + 3 * MINUTE)
    assert (float(bar.open), float(bar.high), float(bar.low), float(bar.close)) == (100, 101, 100, 101)


def test_the_first_bar_is_partial_unless_its_first_part_begins_it() -> None:
    assert [bar.is_partial for bar in combine_bars(minutes(0, 2, 3, 5), "3min")] == [False, False]
    assert [bar.is_partial for bar in combine_bars(minutes(1, 2, 3, 5), "3min")] == [True, False]


def test_what_can_not_be_combined_is_refused() -> None:
    one, two = minutes(0, 1)
    ticks = DataEngine(DataEngineConfig(bar_types=["1tick"])).process_trade_tick(TradeTick("X", 1, 1, "BUY", "", START))
    hour = combine_bars([one], "1hour", with_open=True)
    for bars, bar_type, reason in [
        ([two, one], "5min", "TIME_OUT_OF_RANGE"),
        ([one, one], "5min", "TIME_OUT_OF_RANGE"),
        (hour, "90s", "BAR_TYPE_INVALID"),
        (ticks, "5min", "BAR_TYPE_INVALID"),
        ([one], "5tick", "BAR_TYPE_INVALID"),
        ([one], "1day@Mars/Base", "BAR_TYPE_INVALID"),
    ]:
        with pytest.raises(ValueError) as caught:
            combine_bars(bars, bar_type)
        assert getattr(caught.value, "reason", "") == reason
    with pytest.raises(TypeError, match=r"bars\[0\] must be a Bar"):
        combine_bars(["1min"], "5min")
