"""Real trades give exactly the bars that direct sums give, whatever the batch size."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from tests.support.api import Api
from tests.support.cumulative_bars import Ruler, Trades, dollar_bars, tick_bars, time_bars, trades_of, volume_bars
from tests.support.native import plain_bar
from tests.support.tape import BTCUSDT, MINUTE, SECOND, SPY, real_trades

UNITS = {
    "open": 10**9, "high": 10**9, "low": 10**9, "close": 10**9,
    "volume": 10**9, "buy_volume": 10**9, "sell_volume": 10**9, "value": 10**18,
}  # fmt: skip
BTCUSDT_TYPES = ["1min", "100tick", "5volume", "1000000dollar"]


@pytest.fixture(scope="module")
def btcusdt() -> Trades:
    return trades_of(real_trades(BTCUSDT))


@pytest.fixture(scope="module")
def btcusdt_bars(btcusdt: Trades) -> dict[str, list[dict[str, Any]]]:
    return {
        "1min": time_bars(btcusdt, "1min", MINUTE),
        "100tick": tick_bars(btcusdt, 100),
        "5volume": volume_bars(btcusdt, "5"),
        "1000000dollar": dollar_bars(btcusdt, "1000000"),
    }


def columns(trades: Trades, start: int, stop: int) -> dict[str, Any]:
    """Part of the trades as integer columns."""
    return {
        "instrument_id": trades.instrument_id,
        "prices": np.array(trades.price[start:stop]),
        "price_scale": 9,
        "quantities": np.array(trades.quantity[start:stop]),
        "quantity_scale": 9,
        "ts_event": np.array(trades.ts_event[start:stop]),
        "ts_init": np.array(trades.ts_init[start:stop]),
        "sides": trades.side[start:stop],
    }


def by_type(bars: list[Any]) -> dict[str, list[dict[str, Any]]]:
    """Each bar as integers in the units of the direct sums."""
    found = defaultdict(list)
    for bar in bars:
        numbers = {name: value * UNITS.get(name, 1) for name, value in plain_bar(bar).items() if name in COMPARED}
        found[numbers["bar_type"]].append(numbers)
    return found


COMPARED = {*UNITS, "instrument_id", "bar_type", "sequence", "trade_count", "ts_open", "ts_event", "ts_init"}


@pytest.mark.parametrize("size", [1, 7, 1000, None], ids=lambda size: f"batches of {size or 'all'}")
def test_btcusdt_bars_are_the_direct_sums(
    api: Api, btcusdt: Trades, btcusdt_bars: dict[str, list[dict[str, Any]]], size: int | None
) -> None:
    engine = api.make_data_engine(bar_types=BTCUSDT_TYPES)
    count = len(btcusdt.price)
    if size == 1 and api.remote:
        count = 2000  # a call for each tick
    size = size or count
    bars = []
    for start in range(0, count, size):
        bars += engine.process_trade_ticks(**columns(btcusdt, start, min(start + size, count)))
    actual = by_type(bars)
    for name, expected in btcusdt_bars.items():
        complete = count == len(btcusdt.price)
        assert actual[name] == (expected if complete else expected[: len(actual[name])])


def test_btcusdt_closed_and_open_bars_hold_all_that_was_traded(api: Api, btcusdt: Trades) -> None:
    engine = api.make_data_engine(bar_types=BTCUSDT_TYPES)
    bars = list(engine.process_trade_ticks(**columns(btcusdt, 0, len(btcusdt.price))))
    bars += engine.open_bars(btcusdt.instrument_id)
    value = sum(p * q for p, q in zip(btcusdt.price, btcusdt.quantity, strict=True))
    for name, ours in by_type(bars).items():
        assert sum(bar["volume"] for bar in ours) == sum(btcusdt.quantity), name
        assert sum(bar["value"] for bar in ours) == value, name
        assert sum(bar["trade_count"] for bar in ours) == len(btcusdt.price), name


@pytest.fixture(scope="module")
def spy() -> Trades:
    return trades_of(real_trades(SPY))


@pytest.fixture(scope="module")
def spy_bars(spy: Trades) -> dict[str, list[dict[str, Any]]]:
    return {
        "1min": time_bars(spy, "1min", MINUTE),
        "1000tick": tick_bars(spy, 1000),
        "100000volume": volume_bars(spy, "100000"),
        "10000000dollar": dollar_bars(spy, "10000000"),
    }


def test_a_day_of_spy_gives_the_direct_sums_and_keeps_every_share(
    api: Api, spy: Trades, spy_bars: dict[str, list[dict[str, Any]]]
) -> None:
    engine = api.make_data_engine(bar_types=list(spy_bars))
    bars = []
    for start in range(0, len(spy.price), 50_000):
        bars += engine.process_trade_ticks(**columns(spy, start, start + 50_000))
    actual = by_type(bars)
    assert actual == spy_bars
    for bar in by_type(engine.open_bars(spy.instrument_id)).values():
        name = bar[0]["bar_type"]
        assert sum(each["volume"] for each in actual[name] + bar) == sum(spy.quantity)


def test_bars_of_the_session_of_spy_have_its_regular_hours_alone(api: Api, spy: Trades) -> None:
    calendars = ["XNYS 2013-10-08 13:30-20:00"]
    opens, closes = 1_381_239_000 * SECOND, 1_381_262_400 * SECOND
    first, last = bisect_left(spy.ts_event, opens), bisect_left(spy.ts_event, closes)
    assert 0 < first < last < len(spy.price)
    regular = Trades(spy.instrument_id, *(column[first:last] for column in spy[1:]))
    engine = api.make_data_engine(bar_types=["1day@XNYS", "45min@XNYS"], calendars=calendars)
    bars = []
    for start in range(0, len(spy.price), 50_000):
        bars += engine.process_trade_ticks(**columns(spy, start, start + 50_000))
    actual = by_type(bars)
    ruler = Ruler(regular)
    day = ruler.bar("1day@XNYS", 1, 0, ruler.volume[-1])
    assert actual["1day@XNYS"] == [{**day, "ts_open": opens, "ts_event": closes}]
    # As if the clocks had begun at the open; the last one is shorter.
    since = regular._replace(ts_event=[time - opens for time in regular.ts_event])
    shorter = time_bars(since, "45min@XNYS", 45 * MINUTE)
    moved = [{**bar, "ts_open": bar["ts_open"] + opens, "ts_event": bar["ts_event"] + opens} for bar in shorter]
    assert actual["45min@XNYS"][:-1] == moved
    assert actual["45min@XNYS"][-1]["ts_event"] == closes
    assert sum(bar["volume"] for bar in actual["45min@XNYS"]) == day["volume"]
    shorter_bars = [bar for bar in bars if str(bar.bar_type) == "45min@XNYS"]
    assert by_type(api.data.combine_bars(shorter_bars, "1day@XNYS", calendars=calendars)) == {
        "1day@XNYS": actual["1day@XNYS"]
    }
