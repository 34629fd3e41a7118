"""Days, weeks and months by the clocks of a zone (rule 2.15), against zoneinfo, and against pandas."""

from __future__ import annotations

import zoneinfo
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from alphaforge_core.data import DataEngine, DataEngineConfig
from alphaforge_core.data_wire import ServiceEngine, time_zones
from alphaforge_core.model import BarType, TradeTick
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tape import DAY, HOUR, SECOND
from tests.support.twins.data import Calendar, parse_bar_type

NEW_YORK = zoneinfo.ZoneInfo("America/New_York")


def at(text: str, zone: str = "UTC") -> int:
    """Returns a zone's wall time in nanoseconds; the first one if the clocks show it twice."""
    return round(datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo(zone)).timestamp()) * SECOND


def interval_of(bar_type: str, ts_event: int) -> tuple[int, int]:
    """Returns the engine's interval that holds a time."""
    engine = DataEngine(DataEngineConfig(bar_types=[bar_type], max_time_jump_ns=0))
    engine.process_trade_tick(TradeTick("X", 1, 1, "NONE", "", ts_event))
    (bar,) = engine.open_bars("X")
    return bar.ts_open, bar.ts_event


# Bar type, a time, and its interval, in wall times of a zone.
INTERVALS = [
    ("1week", "2024-03-06T12:00", "2024-03-04T00:00", "2024-03-11T00:00", "UTC"),
    ("1month", "2024-02-29T23:59", "2024-02-01T00:00", "2024-03-01T00:00", "UTC"),
    ("3month", "2024-02-29T23:59", "2024-01-01T00:00", "2024-04-01T00:00", "UTC"),
    ("12month", "2024-02-29T23:59", "2024-01-01T00:00", "2025-01-01T00:00", "UTC"),
    ("2day", "1970-01-04T00:00", "1970-01-03T00:00", "1970-01-05T00:00", "UTC"),
    ("1week", "1970-01-01T00:00", "1969-12-29T00:00", "1970-01-05T00:00", "UTC"),
    # The clocks go forward at 02:00 and back at 02:00: days of 23 and 25 hours.
    ("1day@America/New_York", "2024-03-10T12:00", "2024-03-10T00:00", "2024-03-11T00:00", "America/New_York"),
    ("1day@America/New_York", "2024-11-03T12:00", "2024-11-03T00:00", "2024-11-04T00:00", "America/New_York"),
    ("1day@America/New_York+17:00", "2024-03-11T12:00", "2024-03-10T17:00", "2024-03-11T17:00", "America/New_York"),
    ("1day@America/New_York+17:00", "2024-03-11T17:00", "2024-03-11T17:00", "2024-03-12T17:00", "America/New_York"),
    # An afternoon belongs to the next date: weeks begin on Sunday, months in the evening before.
    ("1week@America/New_York+17:00", "2024-03-10T18:00", "2024-03-10T17:00", "2024-03-17T17:00", "America/New_York"),
    ("1week@America/New_York+17:00", "2024-03-10T16:59", "2024-03-03T17:00", "2024-03-10T17:00", "America/New_York"),
    ("1month@America/New_York+17:00", "2024-03-31T20:00", "2024-03-31T17:00", "2024-04-30T17:00", "America/New_York"),
    ("1month@Asia/Kolkata+09:15", "2024-03-01T09:00", "2024-02-01T09:15", "2024-03-01T09:15", "Asia/Kolkata"),
    # A start that the clocks skip is when they skip it; one that they show twice is the first.
    ("1day@America/New_York+02:30", "2024-03-10T12:00", "2024-03-10T03:00", "2024-03-11T02:30", "America/New_York"),
    ("1day@America/New_York+01:30", "2024-11-03T12:00", "2024-11-03T01:30", "2024-11-04T01:30", "America/New_York"),
    # Samoa had no 30 December 2011; midnight in Beirut was skipped in 2022.
    ("1day@Pacific/Apia", "2011-12-29T12:00", "2011-12-29T00:00", "2011-12-31T00:00", "Pacific/Apia"),
    ("1day@Asia/Beirut", "2022-03-27T12:00", "2022-03-27T01:00", "2022-03-28T00:00", "Asia/Beirut"),
]


@pytest.mark.parametrize(("bar_type", "time", "start", "end", "zone"), INTERVALS)
def test_an_interval_begins_by_the_clocks(bar_type: str, time: str, start: str, end: str, zone: str) -> None:
    assert interval_of(bar_type, at(time, zone)) == (at(start, zone), at(end, zone))


def test_a_day_has_as_many_hours_as_the_clocks_say() -> None:
    lengths = []
    for day in ("2024-03-10", "2024-06-10", "2024-11-03"):
        start, end = interval_of("1day@America/New_York", at(f"{day}T15:00", "America/New_York"))
        lengths.append((end - start) // HOUR)
    assert lengths == [23, 24, 25]


ZONES = (
    "UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Tokyo",
    "Africa/Casablanca", "America/Sao_Paulo", "Asia/Beirut", "America/St_Johns", "Antarctica/Troll", "Asia/Gaza",
)  # fmt: skip


@given(
    st.sampled_from(["1day", "2day", "366day", "1week", "5week", "1month", "5month", "12month"]),
    st.sampled_from(ZONES),
    st.sampled_from(["", "+00:30", "+01:30", "+02:30", "+09:30", "+11:59", "+12:00", "+17:00", "+23:59"]),
    st.datetimes(datetime(1970, 1, 2), datetime(2099, 12, 30)),
)
def test_it_is_the_interval_of_the_twin(unit: str, zone: str, start: str, time: datetime) -> None:
    text = f"{unit}@{zone}{start}"
    if str(BarType(text)) == "1day":
        return
    seconds = round(time.replace(tzinfo=UTC).timestamp())
    expected = tuple(each * SECOND for each in Calendar(parse_bar_type(text)).interval(seconds))
    assert interval_of(text, seconds * SECOND) == expected


@pytest.mark.parametrize("zone", ZONES[1:])
def test_the_rules_of_a_zone_are_those_of_the_database(zone: str) -> None:
    """Checks the moment of each clock change, a second before and after it, and a time in each month."""
    (rules,) = time_zones([f"1day@{zone}"])
    _, first, *changes = rules.split(" ")
    times, offset = {at("1970-01-01"): int(first)}, int(first)
    for change in changes:
        time, after = map(int, change.split(":"))
        times |= {(time - 1) * SECOND: offset, time * SECOND: after}
        offset = after
    found = zoneinfo.ZoneInfo(zone)
    for time, expected in times.items():
        local = datetime.fromtimestamp(time // SECOND, found)
        assert local.utcoffset() == timedelta(seconds=expected)
    known = sorted(times)
    for month in range(12 * 129):
        time = at(f"{1970 + month // 12}-{month % 12 + 1:02}-15")
        last = known[bisect_right(known, time) - 1]
        assert datetime.fromtimestamp(time // SECOND, found).utcoffset() == timedelta(seconds=times[last])


def hourly(first: str, days: int, zone: str) -> list[int]:
    start = at(first, zone)
    return [start + hour * HOUR + hour % 7 * 60 * SECOND for hour in range(24 * days)]


# Bar type, the zone, and what pandas groups wall times by after moving them by an offset.
GROUPED = [
    ("1day@America/New_York", "America/New_York", "0h", "D"),
    ("1day@America/New_York+17:00", "America/New_York", "7h", "D"),
    ("1day@Europe/Berlin+09:00", "Europe/Berlin", "-9h", "D"),
    ("1week@America/New_York+17:00", "America/New_York", "7h", "W-SUN"),
    ("1week@Asia/Tokyo", "Asia/Tokyo", "0h", "W-SUN"),
    ("1week", "UTC", "0h", "W-SUN"),
    ("1month", "UTC", "0h", "M"),
    ("1month@America/New_York+17:00", "America/New_York", "7h", "M"),
    ("3month@Europe/Berlin", "Europe/Berlin", "0h", "Q"),
    ("12month@Australia/Sydney", "Australia/Sydney", "0h", "Y"),
]


@pytest.mark.parametrize(("bar_type", "zone", "move", "period"), GROUPED)
def test_bars_over_two_changes_of_the_clocks_are_those_of_pandas(
    bar_type: str, zone: str, move: str, period: str
) -> None:
    times = hourly("2023-12-31T20:00", 400, zone)
    prices = [100 + (place * 37) % 91 for place in range(len(times))]
    engine = DataEngine(DataEngineConfig(bar_types=[bar_type]))
    bars: list[Any] = list(
        engine.process_trade_ticks(instrument_id="X", prices=prices, quantities=[1] * len(prices), ts_event=times)
    )
    bars += engine.open_bars("X")
    local = pd.DatetimeIndex(pd.to_datetime(times, utc=True)).tz_convert(zone).tz_localize(None) + pd.Timedelta(move)
    grouped = pd.Series(prices).groupby(local.to_period(period)).agg(["first", "max", "min", "last", "size"])
    assert [
        [float(bar.open), float(bar.high), float(bar.low), float(bar.close), bar.trade_count] for bar in bars
    ] == grouped.to_numpy().tolist()
    starts = grouped.index.start_time - pd.Timedelta(move)
    assert [bar.ts_open for bar in bars] == starts.tz_localize(zone).as_unit("ns").asi8.tolist()


def test_the_origin_offset_moves_types_without_a_zone() -> None:
    config = DataEngineConfig(bar_types=["1week", "1month@UTC+01:00", "1day@UTC+00:30"], origin_offset_ns=HOUR)
    engine = DataEngine(config)
    engine.process_trade_tick(TradeTick("X", 1, 1, "NONE", "", at("2024-03-04T00:59")))
    assert [bar.ts_open for bar in engine.open_bars("X")] == [
        at("2024-02-26T01:00"),
        at("2024-03-01T01:00"),
        at("2024-03-04T00:30"),
    ]


def test_quiet_days_are_filled_over_a_change_of_the_clocks() -> None:
    config = DataEngineConfig(bar_types=["1day@America/New_York"], fill_gaps=True)
    engine = DataEngine(config)
    engine.process_trade_tick(TradeTick("X", 1, 1, "NONE", "", at("2024-03-08T12:00", "America/New_York")))
    bars = engine.advance_time(at("2024-03-12T00:00", "America/New_York"))
    assert [(bar.ts_event - bar.ts_open) // HOUR for bar in bars] == [24, 24, 23, 24]
    assert [bar.is_gap_fill for bar in bars] == [False, True, True, True]


def test_an_unknown_zone_is_refused_before_the_engine_exists() -> None:
    with pytest.raises(ValueError, match=r"1day@Mars/Base.*not in this machine's database") as caught:
        DataEngine(DataEngineConfig(bar_types=["1day@Mars/Base"]))
    assert getattr(caught.value, "reason", "") == "BAR_TYPE_INVALID"
    engine = DataEngine(DataEngineConfig(bar_types=["1min"]))
    with pytest.raises(ValueError, match="Mars/Base"):
        engine.add_bar_types(["1hour", "1day@Mars/Base"])
    assert engine.bar_types == ["1min"]


def test_given_zone_rules_override_the_machines() -> None:
    """A zone of the journal that has no such change, on an engine restored from a snapshot."""
    rules = ["America/New_York -18000"]
    config = DataEngineConfig(bar_types=["1day@America/New_York"], time_zones=rules)
    engine = ServiceEngine(config)
    engine.process_trade_tick(TradeTick("X", 1, 1, "NONE", "", at("2024-06-10T12:00")))
    (bar,) = engine.open_bars("X")
    assert bar.ts_open == at("2024-06-10T05:00")
    other = ServiceEngine(config)
    other.restore(engine.snapshot())
    assert other.state_hash() == engine.state_hash()
    # A later setting moves neither existing bars nor types of the same zone.
    other.reconfigure(DataEngineConfig(bar_types=["1week@America/New_York"], time_zones=["America/New_York 0"]))
    assert [each.ts_open for each in other.open_bars("X")] == [bar.ts_open]
    other.process_trade_tick(TradeTick("X", 1, 1, "NONE", "", at("2024-06-10T13:00")))
    assert [each.ts_open for each in other.open_bars("X")] == [bar.ts_open, at("2024-06-10T05:00")]


def test_the_last_interval_of_all_never_ends() -> None:
    config = DataEngineConfig(bar_types=["12month", "1week"], max_time_jump_ns=0, flush_on_stop=True, fill_gaps=True)
    engine = ServiceEngine(config)
    engine.process_trade_tick(TradeTick("X", 1, 1, "NONE", "", 2**63 - DAY - 1))
    assert [bar.ts_event for bar in engine.open_bars("X")] == [2**63 - 1, 2**63 - 1]
    engine.stop()
    other = ServiceEngine(config)
    other.restore(engine.snapshot())
    assert other.state_hash() == engine.state_hash()
    assert other.advance_time(2**63 - DAY - 1) == []
