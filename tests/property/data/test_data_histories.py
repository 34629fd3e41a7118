"""Random histories give the same bars on the data engine and on its twin, field by field."""

from __future__ import annotations

from itertools import cycle
from typing import Any

from alphaforge_core.data import DataEngine, DataEngineConfig
from alphaforge_core.data_wire import ServiceEngine
from hypothesis import given
from hypothesis import strategies as st

from tests.property.conftest import fewer
from tests.support import strategies
from tests.support.data_pair import DataPair, bars_of_batch
from tests.support.native import plain_bar
from tests.support.strategies import Operation
from tests.support.tape import Tick
from tests.support.twins import data as twins


@given(strategies.data_settings(), strategies.data_histories(), st.booleans())
def test_every_call_answers_as_the_twin_does(settings: dict[str, Any], history: list[Operation], columns: bool) -> None:
    pair = DataPair(DataEngine(DataEngineConfig(**settings)), settings)
    for operation in history:
        pair.do(operation, columns=columns)
    pair.compare_state()


@given(
    strategies.data_settings(),
    strategies.time_jumps(),
    strategies.data_histories(),
    strategies.receipts(),
    st.booleans(),
)
def test_a_time_too_far_ahead_of_its_receipt_changes_nothing(
    settings: dict[str, Any], jump: int, history: list[Operation], receipts: list[int], columns: bool
) -> None:
    settings["max_time_jump_ns"] = jump
    pair = DataPair(ServiceEngine(DataEngineConfig(**settings)), settings)
    for operation, received in zip(history, cycle(receipts), strict=False):
        pair.receive_at(received)
        pair.do(operation, columns=columns)
    pair.compare_state()


@fewer
@given(strategies.tick_histories(max_size=30, refused=False), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_volume_and_value_are_conserved_by_every_type_however_the_ticks_are_cut(
    ticks: list[Tick], sizes: list[int]
) -> None:
    types = ["1tick", "3tick", "0.5volume", "3volume", "50dollar", "1000dollar"]
    settings = {"bar_types": types, "max_bars_per_tick": 50, "max_bars_per_instrument": 10**6}
    whole, cut = DataEngine(DataEngineConfig(**settings)), DataEngine(DataEngineConfig(**settings))
    expected = bars_of_batch(whole, ticks, columns=True)
    actual, start = [], 0
    while start < len(ticks):
        size = sizes[len(actual) % len(sizes)]
        actual += bars_of_batch(cut, ticks[start : start + size], columns=False)
        start += size
    assert actual == expected

    twin = twins.DataEngine(twins.Config(bar_types=["1tick"]))
    accepted = [tick for tick in ticks if twin.process_trade_tick(tick)]
    bars = expected + [plain_bar(bar) for name in strategies.INSTRUMENTS for bar in whole.open_bars(name)]
    for bar_type in types:
        ours = [bar for bar in bars if bar["bar_type"] == bar_type]
        assert sum(bar["volume"] for bar in ours) == sum(tick.quantity for tick in accepted)
        assert sum(bar["value"] for bar in ours) == sum(tick.price * tick.quantity for tick in accepted)
        assert sum(bar["trade_count"] for bar in ours) == len(accepted)
        assert all(bar["volume"] > 0 for bar in ours)


@fewer
@given(strategies.tick_histories(max_size=30), strategies.tick_histories(max_size=30))
def test_interleaved_instruments_give_what_each_gives_alone(a: list[Tick], b: list[Tick]) -> None:
    settings = {"bar_types": ["1s", "2tick", "1volume", "100dollar"], "max_bars_per_tick": 8}
    ours = [tick._replace(instrument_id="A") for tick in a]
    theirs = [tick._replace(instrument_id="B") for tick in b]
    mixed = [tick for pair in zip(ours, theirs, strict=False) for tick in pair]
    mixed += ours[len(theirs) :] + theirs[len(ours) :]
    together = bars_of_batch(DataEngine(DataEngineConfig(**settings)), mixed, columns=True)
    for name, ticks in (("A", ours), ("B", theirs)):
        alone = bars_of_batch(DataEngine(DataEngineConfig(**settings)), ticks, columns=True)
        assert [bar for bar in together if bar["instrument_id"] == name] == alone


@given(st.sampled_from(strategies.BAR_TYPES) | st.text("0123456789.msinhourdaytickvle", max_size=12))
def test_bar_types_have_one_canonical_name(text: str) -> None:
    try:
        expected = twins.parse_bar_type(text).name
    except ValueError:
        expected = None
    try:
        actual = DataEngine(DataEngineConfig(bar_types=[text], calendars=strategies.CALENDARS)).bar_types[0]
    except ValueError:
        actual = None
    assert actual == expected
