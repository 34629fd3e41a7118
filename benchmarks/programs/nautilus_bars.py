"""NautilusTrader's aggregators in a separate environment: build three bar types from the benchmark's ticks.

Argument: the number of ticks. Answers each line of its input with the seconds and the number of ticks.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from nautilus_trader.common.component import TestClock
from nautilus_trader.data.aggregation import TickBarAggregator, TimeBarAggregator, VolumeBarAggregator
from nautilus_trader.model.data import Bar, BarType, TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

COUNT = int(sys.argv[1])
INSTRUMENT = TestInstrumentProvider.btcusdt_binance()


def ticks() -> list[TradeTick]:
    """Returns the ticks of `benchmarks.data.columns`."""
    random = np.random.default_rng(7)
    prices = 6_000_000 + np.cumsum(random.integers(-10, 11, COUNT))
    quantities = random.integers(1, 200, COUNT)
    times = 1_723_075_200_000_000_000 + np.cumsum(random.integers(0, 100_000_000, COUNT))
    sides = random.integers(2, 4, COUNT)
    rows = zip(prices.tolist(), quantities.tolist(), times.tolist(), sides.tolist(), strict=True)
    return [
        TradeTick(
            INSTRUMENT.id,
            Price(price / 100, 2),
            Quantity(quantity / 1000, 3),
            AggressorSide.BUYER if side == 2 else AggressorSide.SELLER,
            TradeId(str(number)),
            ts,
            ts,
        )
        for number, (price, quantity, ts, side) in enumerate(rows)
    ]


def run(trades: list[TradeTick]) -> float:
    """Processes all ticks; returns the seconds."""
    bars: list[Bar] = []
    one_minute, hundred_ticks, five_volume = (
        BarType.from_str(f"{INSTRUMENT.id}-{step}-LAST-INTERNAL") for step in ("1-MINUTE", "100-TICK", "5-VOLUME")
    )
    clock = TestClock()
    clock.set_time(trades[0].ts_event)
    aggregators = (
        TimeBarAggregator(INSTRUMENT, one_minute, bars.append, clock, build_with_no_updates=False),
        TickBarAggregator(INSTRUMENT, hundred_ticks, bars.append),
        VolumeBarAggregator(INSTRUMENT, five_volume, bars.append),
    )
    started = time.perf_counter()
    for trade in trades:
        for event in clock.advance_time(trade.ts_event):
            event.handle()
        for each in aggregators:
            each.handle_trade_tick(trade)
    return time.perf_counter() - started


trades = ticks()
print("ready", flush=True)
for _line in sys.stdin:
    print(json.dumps([run(trades), COUNT]), flush=True)
