"""A snapshot is the whole state: an engine restored from it continues as if nothing had happened."""

from __future__ import annotations

from typing import Any

import pytest
from alphaforge_core.data import DataEngineConfig
from alphaforge_core.data_wire import ServiceEngine
from alphaforge_core.errors import EngineError
from alphaforge_core.model import Price, Quantity, TradeTick, TradeTickBatch
from hypothesis import given
from hypothesis import strategies as st

from tests.property.conftest import fewer
from tests.support import strategies
from tests.support.native import native_tick
from tests.support.snapshots import of_version, resealed, state_of
from tests.support.strategies import Operation


def do(engine: ServiceEngine, operation: Operation) -> list[Any]:
    name, given = operation
    if name == "tick":
        return engine.process_trade_tick(native_tick(given))
    if name == "batch":
        return engine.process_trade_ticks([native_tick(tick) for tick in given])
    if name == "advance":
        return engine.advance_time(given)
    if name == "stop":
        return engine.stop_and_flush()
    if name == "reset":
        engine.reset(given)
    return []


def restored(engine: ServiceEngine, config: DataEngineConfig) -> ServiceEngine:
    other = ServiceEngine(config)
    other.restore(engine.snapshot())
    return other


def counts(engine: ServiceEngine) -> dict[str, int | float]:
    measured = {"processing_rate", "avg_processing_latency_ns"}
    return {name: value for name, value in engine.statistics().as_dict().items() if name not in measured}


@given(strategies.data_settings(), strategies.data_histories(), st.integers(0, 40))
def test_a_restart_changes_nothing(settings: dict[str, Any], history: list[Operation], cut: int) -> None:
    config = DataEngineConfig(**{**settings, "max_duplicate_entries": 8})
    engine = ServiceEngine(config)
    for operation in history[:cut]:
        do(engine, operation)
    other = restored(engine, config)
    assert other.state_hash() == engine.state_hash()
    assert other.snapshot() == engine.snapshot()
    for operation in history[cut:]:
        assert do(other, operation) == do(engine, operation)
        other.validate()
    assert other.state_hash() == engine.state_hash()
    assert counts(other) == counts(engine)
    assert (other.epoch, other.is_running, other.bar_types) == (engine.epoch, engine.is_running, engine.bar_types)


@given(strategies.data_settings(), strategies.tick_histories(), st.integers(1, 9), st.booleans())
def test_how_a_stream_is_cut_into_calls_changes_nothing(
    settings: dict[str, Any], ticks: list[Any], size: int, with_ids: bool
) -> None:
    whole, cut, single = (ServiceEngine(DataEngineConfig(**settings)) for _ in range(3))
    # Without ids, ticks that close no bar are applied in groups.
    batch = TradeTickBatch.from_ticks([native_tick(t if with_ids else t._replace(trade_id="")) for t in ticks])
    bars = whole.process_batch(batch)
    assert bars == [
        bar for start in range(0, len(batch), size) for bar in cut.process_batch(batch[start : start + size])
    ]
    assert bars == [bar for row in range(len(batch)) for bar in single.process_trade_tick(batch[row])]
    assert whole.state_hash() == cut.state_hash() == single.state_hash()


@given(strategies.data_settings(), strategies.data_settings(), strategies.data_histories(), st.integers(0, 40))
def test_other_settings_do_what_a_restart_with_them_does(
    before: dict[str, Any], after: dict[str, Any], history: list[Operation], cut: int
) -> None:
    after["origin_offset_ns"] = before.get("origin_offset_ns", 0)
    config = DataEngineConfig(**{**after, "max_duplicate_entries": 8, "duplicate_window": 5})
    engine = ServiceEngine(DataEngineConfig(**before))
    for operation in history[:cut]:
        do(engine, operation)
    other = restored(engine, config)
    engine.reconfigure(config)
    assert other.state_hash() == engine.state_hash()
    for operation in history[cut:]:
        assert do(other, operation) == do(engine, operation)
        engine.validate()
    assert other.state_hash() == engine.state_hash()


@fewer
@given(strategies.data_settings(), strategies.data_histories(), st.integers(1, 3))
def test_closing_bars_in_parts_does_what_closing_them_at_once_does(
    settings: dict[str, Any], history: list[Operation], bars_max: int
) -> None:
    config = DataEngineConfig(**settings)
    whole, parts = ServiceEngine(config), ServiceEngine(config)
    for operation in history:
        bars, is_done = [], operation.name != "advance"
        while not is_done:
            part, is_done = parts.advance_time_part(operation.arguments, bars_max)
            assert len(part) <= bars_max
            bars += part
            parts = restored(parts, config)
        assert do(whole, operation) == (bars if operation.name == "advance" else do(parts, operation))
    assert parts.state_hash() == whole.state_hash()


def test_bars_that_are_left_close_with_the_next_tick_of_their_instrument() -> None:
    engine = ServiceEngine(DataEngineConfig(bar_types=["1s"]))
    for name in "AB":
        engine.process_trade_tick(TradeTick(name, Price(1), Quantity(1), "NONE", "", 0))
    first, is_done = engine.advance_time_part(10**10, 1)
    assert ([bar.instrument_id for bar in first], is_done) == (["A"], False)
    assert engine.market_time("B") == 10**10
    (second,) = engine.process_trade_tick(TradeTick("B", Price(1), Quantity(1), "NONE", "", 10**10))
    assert (second.instrument_id, second.ts_event) == ("B", 10**9)
    assert engine.advance_time_part(10**10, 1) == ([], True)


LAST_TIME = 2**63 - 1 - 86_400_000_000_000


@fewer
@given(
    strategies.data_settings(),
    st.lists(strategies.data_settings(), max_size=4),
    strategies.data_histories(max_size=12),
    st.lists(st.sampled_from((0, 1, LAST_TIME - 1, LAST_TIME)), max_size=4),
)
def test_what_can_be_reached_can_be_restored(
    first: dict[str, Any], others: list[dict[str, Any]], history: list[Operation], odd_times: list[int]
) -> None:
    engine, config = ServiceEngine(DataEngineConfig(**first)), DataEngineConfig(**first)
    steps: list[Any] = [*history, *odd_times, Operation("stop"), *others, Operation("stop"), *odd_times]
    for step in steps:
        if isinstance(step, dict):
            config = DataEngineConfig(**{**step, "origin_offset_ns": first.get("origin_offset_ns", 0)})
            engine.reconfigure(config)
        elif isinstance(step, int):
            engine.process_trade_tick(TradeTick("A", Price(1), Quantity(1), "NONE", "", step))
        else:
            do(engine, step)
        other = restored(engine, config)
        assert other.state_hash() == engine.state_hash()
        assert other.snapshot() == engine.snapshot()


@pytest.mark.parametrize("fill_gaps", [False, True])
def test_a_bar_that_stop_closed_in_the_last_interval_of_all_is_restored(fill_gaps: bool) -> None:
    config = DataEngineConfig(bar_types=["8hour"], flush_on_stop=True, fill_gaps=fill_gaps, max_time_jump_ns=0)
    engine = ServiceEngine(config)
    engine.process_trade_tick(TradeTick("A", Price(1), Quantity(1), "NONE", "", LAST_TIME))
    assert len(engine.stop_and_flush()) == 1
    engine.reconfigure(config)
    other = restored(engine, config)
    assert other.state_hash() == engine.state_hash()
    assert other.advance_time(LAST_TIME) == engine.advance_time(LAST_TIME) == []
    tick = TradeTick("A", Price(2), Quantity(1), "NONE", "", LAST_TIME)
    assert other.process_trade_tick(tick) == engine.process_trade_tick(tick) == []
    other.validate()


def busy_engine(**options: Any) -> ServiceEngine:
    engine = ServiceEngine(DataEngineConfig(bar_types=["1min", "3tick", "5volume", "100dollar"], **options))
    for number in range(50):
        side = ("BUY", "SELL", "NONE")[number % 3]
        name = "AB"[number % 2]
        time = 10**18 + number * 7 * 10**9
        engine.process_trade_tick(TradeTick(name, Price(10 + number % 3), Quantity(1), side, str(number), time))
    return engine


def test_types_that_were_added_come_back_and_missing_ones_are_added() -> None:
    engine = busy_engine()
    engine.add_bar_types(["7tick"])
    other = ServiceEngine(DataEngineConfig(bar_types=["1min", "1hour"]))
    other.restore(engine.snapshot())
    assert other.bar_types == ["1min", "3tick", "5volume", "100dollar", "7tick", "1hour"]
    assert other.get_bars("A", "3tick") == engine.get_bars("A", "3tick")
    other.process_trade_tick(TradeTick("A", Price(1), Quantity(1), "BUY", "x", 11 * 10**17))
    other.validate()


def test_smaller_limits_keep_the_newest() -> None:
    engine = busy_engine()
    config = DataEngineConfig(
        bar_types=["1min"], max_bars_per_instrument=2, duplicate_window=3, max_duplicate_entries=4
    )
    other = restored(engine, config)
    other.validate()
    assert other.get_bars("A", "3tick") == engine.get_bars("A", "3tick", limit=2)


def test_only_an_empty_engine_is_restored() -> None:
    engine = busy_engine()
    with pytest.raises(EngineError):
        engine.restore(engine.snapshot())


def test_damage_anywhere_is_noticed() -> None:
    snapshot = busy_engine().snapshot()
    for at in range(0, len(snapshot), 7):
        damaged = bytearray(snapshot)
        damaged[at] ^= 1
        with pytest.raises(EngineError) as caught:
            ServiceEngine().restore(bytes(damaged))
        assert caught.value.reason == "JOURNAL_DAMAGED"
    for length in range(0, len(snapshot), 11):
        with pytest.raises(EngineError):
            ServiceEngine().restore(snapshot[:length])


def test_the_seal_of_this_test_is_that_of_the_engine() -> None:
    snapshot = busy_engine().snapshot()
    assert resealed(snapshot, state_of(snapshot)) == snapshot


def test_the_version_of_a_later_release_is_no_damage() -> None:
    with pytest.raises(EngineError, match="version 60; this release reads") as caught:
        ServiceEngine().restore(of_version(busy_engine().snapshot(), 60))
    assert caught.value.reason == "JOURNAL_VERSION"


@pytest.mark.parametrize("text", [b"\x02A", b"\x02B", b"\x081min", b"\x0a3tick", b"\x12100dollar"])
def test_a_text_that_is_no_utf8_is_damage(text: bytes) -> None:
    snapshot = busy_engine().snapshot()
    damaged = state_of(snapshot).replace(text, text[:-1] + b"\xff")
    with pytest.raises(EngineError) as caught:
        ServiceEngine().restore(resealed(snapshot, damaged))
    assert caught.value.reason == "JOURNAL_DAMAGED"


@given(st.data())
def test_any_state_with_a_good_checksum_is_restored_or_refused(data: st.DataObject) -> None:
    snapshot = busy_engine(allowed_lateness_ns=10**12).snapshot()
    state = bytearray(state_of(snapshot))
    for _ in range(data.draw(st.integers(1, 3))):
        state[data.draw(st.integers(0, len(state) - 1))] = data.draw(st.integers(0, 255))
    engine = ServiceEngine(
        DataEngineConfig(
            bar_types=["1min"], allowed_lateness_ns=10**12, fill_gaps=True, max_gap_bars=5, max_time_jump_ns=0
        )
    )
    try:
        engine.restore(resealed(snapshot, bytes(state)))
    except EngineError:
        return
    # Whatever the restored state is, the engine works.
    for number in range(20):
        time = 10**18 + (number * 40 - 100) * 10**9
        engine.process_trade_tick(TradeTick("ABC"[number % 3], Price(10), Quantity("3.5"), "BUY", str(number), time))
    engine.advance_time(2 * 10**18)
    engine.open_bars("A")
    engine.snapshot()
