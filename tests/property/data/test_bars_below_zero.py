"""Prices at 0 and below: the engine and its twin agree, restarts change nothing, sums are conserved."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from alphaforge_core.data import DataEngine, DataEngineConfig
from alphaforge_core.data_wire import ServiceEngine
from hypothesis import given
from hypothesis import strategies as st

from tests.property.conftest import fewer
from tests.support import negative_tapes, strategies
from tests.support.checkpoints import written_beside
from tests.support.data_pair import DataPair, bars_of_batch
from tests.support.native import plain_bar
from tests.support.strategies import Operation
from tests.support.tape import Tick


@given(negative_tapes.data_settings(), negative_tapes.data_histories(), st.booleans())
def test_every_call_answers_as_the_twin_does(settings: dict[str, Any], history: list[Operation], columns: bool) -> None:
    pair = DataPair(DataEngine(DataEngineConfig(**settings)), settings)
    for operation in history:
        pair.do(operation, columns=columns)
    pair.compare_state()


@fewer
@given(negative_tapes.data_settings(), negative_tapes.data_histories(), st.integers(0, 40), st.integers(1, 400))
def test_a_restart_at_any_call_changes_nothing(
    settings: dict[str, Any], history: list[Operation], cut: int, piece: int
) -> None:
    config = DataEngineConfig(**settings)
    pair = DataPair(ServiceEngine(config), settings)
    for operation in history[:cut]:
        pair.do(operation, columns=False)
    restored, other = ServiceEngine(config), ServiceEngine(config)
    restored.restore(pair.engine.snapshot())
    other.restore(written_beside(pair.engine, [], piece, piece_bytes=1).checkpoint)
    for each in (restored, other):
        each.validate()
        assert each.state_hash() == pair.engine.state_hash()
        again = DataPair(each, settings)
        again.twin = pair.twin
        again.compare_state()
    pair.engine = other
    for operation in history[cut:]:
        pair.do(operation, columns=True)


@fewer
@given(negative_tapes.tick_histories())
def test_volume_and_value_are_conserved_by_every_type(ticks: list[Tick]) -> None:
    types = ["1tick", "3tick", "0.5volume", "3volume", "50dollar", "1000dollar", "1range", "1s", "1day"]
    config = DataEngineConfig(bar_types=types, max_bars_per_tick=50, negative_price_instruments=strategies.INSTRUMENTS)
    engine = DataEngine(config)
    # Without ids, none is a duplicate.
    small = [tick._replace(trade_id="") for tick in ticks if tick.quantity < 100 and abs(tick.price) < 1000]
    closed = bars_of_batch(engine, small, columns=True)
    assert engine.statistics().ticks_rejected == 0
    bars = closed + [plain_bar(bar) for name in strategies.INSTRUMENTS for bar in engine.open_bars(name)]
    for bar_type in types[:-2]:
        ours = [bar for bar in bars if bar["bar_type"] == bar_type]
        assert sum((bar["volume"] for bar in ours), Fraction(0)) == sum(tick.quantity for tick in small)
        assert sum((bar["value"] for bar in ours), Fraction(0)) == sum(tick.price * tick.quantity for tick in small)
    for bar in bars:
        assert bar["low"] <= bar["open"] <= bar["high"]
        assert bar["vwap"] is None or bar["low"] <= bar["vwap"] <= bar["high"]
