"""The demo's market follows from its seed, and has the documented flaws."""

from __future__ import annotations

from alphaforge_cli._demo.market import INSTRUMENTS, LATE_NS, SyntheticMarket
from alphaforge_core.data import DataEngine, DataEngineConfig
from alphaforge_core.model import TradeTick

START = 1_700_000_000_000_000_000
STEP = 50_000_000


def trades(seed: int, batches: int, rate: float = 2_000) -> list[TradeTick]:
    market = SyntheticMarket(seed, rate)
    steps = range(START, START + batches * STEP, STEP)
    return [tick for start in steps for tick in market.trades(start, start + STEP)]


def test_one_seed_gives_one_market_and_another_one_another() -> None:
    assert trades(7, 20) == trades(7, 20)
    assert trades(7, 20) != trades(8, 20)


def test_trades_lie_in_their_interval_but_for_late_ones_and_resent_ones() -> None:
    market = SyntheticMarket(7, 2_000)
    times = [tick.ts_event for tick in market.trades(START, START + STEP)]
    assert all(START <= time < START + STEP or START - LATE_NS <= time < START + STEP - LATE_NS for time in times)


def test_prices_stay_near_where_they_began_for_an_hour() -> None:
    market = SyntheticMarket(7, 10)
    second = 1_000_000_000
    last = {}
    for start in range(START, START + 3600 * second, second):
        last.update({tick.instrument_id: float(tick.price) for tick in market.trades(start, start + second)})
    for each in INSTRUMENTS:
        assert 0.5 < last[each.name] / (each.price / 100) < 2


def test_engines_find_every_flaw() -> None:
    engine = DataEngine(DataEngineConfig(bar_types=["1s", "1min", "100tick", "500volume", "1000000dollar"]))
    market = SyntheticMarket(7, 2_000)
    for start in range(START, START + 200 * STEP, STEP):
        engine.process_batch(market.trades(start, start + STEP))
    counted = engine.statistics()
    assert counted.instruments == len(INSTRUMENTS)
    assert counted.bars_generated > 100
    for name in ("late_ticks", "duplicate_ticks", "ticks_rejected"):
        assert 0 < getattr(counted, name) < counted.ticks_processed / 100, name
