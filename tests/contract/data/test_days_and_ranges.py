"""Days by time zone and range bars, in process and remote (rules 2.15 and 2.16)."""

from __future__ import annotations

from typing import Any

import pytest
from alphaforge_core.data import DataEngineConfig

from tests.support.api import Api
from tests.support.tape import HOUR, MINUTE, SECOND

NEW_YORK = "1day@America/New_York+17:00"
# The clocks go forward in the night to 10 March 2024: 17:00 is 22:00 UTC, then 21:00.
SATURDAY = 1_710_021_600 * SECOND


def tick(api: Api, ts_event: int, price: object = 100) -> Any:
    return api.model.TradeTick("X", price, 1, "BUY", "", ts_event, ts_event)


def test_a_day_begins_at_17_00_in_new_york(api: Api) -> None:
    engine = api.make_data_engine(bar_types=[NEW_YORK, "1week", "1month@America/New_York"])
    closed = []
    for at in (0, 12 * HOUR, 23 * HOUR - 1, 23 * HOUR, 47 * HOUR):
        closed += engine.process_trade_tick(tick(api, SATURDAY + at))
    days = [(bar.ts_open - SATURDAY, bar.ts_event - SATURDAY, bar.trade_count) for bar in closed if bar.trade_count < 4]
    assert days == [(0, 23 * HOUR, 3), (23 * HOUR, 47 * HOUR, 1)]
    assert [str(bar.bar_type) for bar in closed] == [NEW_YORK, "1week", NEW_YORK]
    assert [bar.sequence for bar in engine.get_bars("X", NEW_YORK)] == [1, 2]
    assert engine.open_bars("X")[0].ts_open - SATURDAY == 47 * HOUR
    assert [str(bar.bar_type) for bar in engine.open_bars("X")] == [NEW_YORK, "1week", "1month@America/New_York"]


def test_advancing_time_closes_a_day(api: Api) -> None:
    engine = api.make_data_engine(bar_types=[NEW_YORK])
    engine.process_trade_tick(tick(api, SATURDAY))
    assert engine.advance_time(SATURDAY + 23 * HOUR - 1) == []
    (bar,) = engine.advance_time(SATURDAY + 23 * HOUR)
    assert (bar.ts_event - SATURDAY, str(bar.bar_type), bar.is_partial) == (23 * HOUR, NEW_YORK, False)


def test_a_zone_that_there_is_not_is_refused(api: Api) -> None:
    def use() -> None:
        api.make_data_engine(bar_types=["1day@Mars/Base"]).process_trade_tick(tick(api, SATURDAY))

    with pytest.raises(ValueError, match="Mars/Base") as caught:
        use()
    assert getattr(caught.value, "reason", "") == "BAR_TYPE_INVALID"


def test_a_day_is_added_to_an_engine_with_other_bars(remote: Api) -> None:
    data = remote.data
    place = remote.place("data")
    first = data.DataEngine(DataEngineConfig(bar_types=["1min"]), **place)
    assert first.process_trade_tick(tick(remote, SATURDAY)) == []
    second = data.DataEngine(DataEngineConfig(bar_types=[NEW_YORK]), **place)
    second.process_trade_tick(tick(remote, SATURDAY + MINUTE))
    assert [bar.ts_open - SATURDAY for bar in second.open_bars("X")] == [MINUTE, 0]
    for engine in (first, second):
        engine.close()


def test_a_range_bar_closes_with_the_tick_that_spans_it(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["2range"])
    prices = [100, 101, "99.5", "101.5", 100, 107, 107, 105, "105.000000001", 103]
    bars = []
    for at, price in enumerate(prices):
        bars += engine.process_trade_tick(tick(api, SATURDAY + at, price))
    assert [(float(bar.open), float(bar.high), float(bar.low), float(bar.close), bar.trade_count) for bar in bars] == [
        (100, 101.5, 99.5, 101.5, 4),
        (100, 107, 100, 107, 2),
        (107, 107, 105, 105, 2),
        (105.000000001, 105.000000001, 103, 103, 2),
    ]
    assert [(bar.ts_open - SATURDAY, bar.ts_event - SATURDAY) for bar in bars] == [(0, 3), (4, 5), (6, 7), (8, 9)]
    assert not any(bar.is_partial or bar.is_oversize for bar in bars)
