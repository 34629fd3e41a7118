"""The engine apart from its rules: options, added types, rate and latency, threads."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import pytest
from alphaforge_core.data import COUNTERS, BarList, DataEngine, DataEngineConfig, DataEngineStatistics
from alphaforge_core.errors import AlphaForgeError
from alphaforge_core.model import Price, Quantity, TradeTick, TradeTickBatch

MINUTE = 60 * 10**9


def tick(time: int, name: str = "X", quantity: object = 1) -> TradeTick:
    return TradeTick(name, Price(10), Quantity(quantity), "BUY", "", time)


def test_a_configuration_remembers_what_was_given() -> None:
    config = DataEngineConfig(bar_types=["60min"], fill_gaps=False)
    assert config.given() == {"bar_types": ["60min"], "fill_gaps": False}
    assert config.max_bars_per_instrument == 1000
    assert config.as_dict()["zero_quantity"] == "reject"
    assert repr(config) == "DataEngineConfig(bar_types=['60min'], fill_gaps=False)"
    for again in (pickle.loads(pickle.dumps(config)), copy.deepcopy(config), eval(repr(config))):
        assert again == config
        assert again.given() == config.given()
    assert DataEngineConfig(False, ["1tick"], 5).given() == {
        "enable_statistics": False,
        "bar_types": ["1tick"],
        "max_bars_per_instrument": 5,
    }


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_bars_per_instrument", 0),
        ("max_memory_bytes", 1),
        ("max_instruments", 0),
        ("max_bars_per_tick", 0),
        ("max_gap_bars", -1),
        ("duplicate_window", -1),
        ("origin_offset_ns", -1),
        ("origin_offset_ns", 86_400_000_000_001),
        ("allowed_lateness_ns", -1),
        ("zero_quantity", "keep"),
        ("bar_types", []),
    ],
)
def test_a_setting_out_of_its_range_is_refused_when_the_configuration_is_built(option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=option) as caught:
        DataEngineConfig(**{option: value})
    assert isinstance(caught.value, AlphaForgeError)
    assert caught.value.reason == "SETTING_INVALID"


@pytest.mark.parametrize("options", [{"fill_gaps": 1}, {"bar_types": "1min"}, {"max_gap_bars": True}, {"typo": 1}])
def test_a_setting_of_a_wrong_type_is_a_type_error(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        DataEngineConfig(**options)


def test_bars_of_an_added_type_begin_with_the_next_tick() -> None:
    engine = DataEngine(DataEngineConfig(bar_types=["1min"]))
    engine.process_trade_tick(tick(10))
    engine.add_bar_types(["2tick", "60s", "2volume", "30s", "10dollar"])
    assert engine.bar_types == ["1min", "2tick", "2volume", "30s", "10dollar"]
    # Late in the minute, and earlier than the existing tick: bars of new types don't reach back before their addition.
    bars = engine.process_trade_tick(tick(5))
    assert [(str(bar.bar_type), bar.trade_count, bar.ts_open) for bar in bars] == [("10dollar", 1, 5)]
    bars = engine.process_trade_tick(tick(20))
    assert [(str(bar.bar_type), str(bar.volume)) for bar in bars] == [
        ("2tick", "2"),
        ("2volume", "2"),
        ("10dollar", "1"),
    ]
    engine.validate()
    closed = {str(bar.bar_type): bar for bar in engine.advance_time(MINUTE)}
    assert {name: str(bar.volume) for name, bar in closed.items()} == {"30s": "2", "1min": "3"}
    assert (closed["1min"].ts_init, closed["30s"].is_partial) == (20, True)


def test_too_many_added_types_change_nothing() -> None:
    engine = DataEngine()
    with pytest.raises(ValueError, match="bar_types"):
        engine.add_bar_types([f"{number}tick" for number in range(1, 33)])
    assert engine.bar_types == ["1min"]


def test_the_counters_are_the_statistics() -> None:
    statistics = DataEngine().statistics()
    assert isinstance(statistics, DataEngineStatistics)
    assert [name for name, *_ in COUNTERS] == list(statistics.as_dict())
    for name, kind, unit, help_ in COUNTERS:
        assert isinstance(getattr(statistics, name), int | float)
        assert kind in ("counter", "gauge")
        assert unit
        assert help_.endswith(".")


def test_rate_and_latency_are_measured_unless_switched_off() -> None:
    for enabled in (True, False):
        engine = DataEngine(DataEngineConfig(enable_statistics=enabled))
        for number in range(1000):
            engine.process_trade_tick(tick(number))
        statistics = engine.statistics()
        assert statistics.ticks_processed == 1000
        assert (statistics.processing_rate > 0) is enabled
        assert (statistics.avg_processing_latency_ns > 0) is enabled


def test_a_tick_starts_the_engine() -> None:
    engine = DataEngine()
    assert not engine.is_running
    engine.process_trade_tick(tick(1))
    assert engine.is_running
    engine.stop()
    engine.stop()
    assert not engine.is_running
    engine.start()
    engine.start()
    assert engine.is_running


def test_advancing_time_out_of_range_is_refused() -> None:
    engine = DataEngine(DataEngineConfig(max_time_jump_ns=0))
    for time in (-1, 2**63 - 86_400_000_000_000, 2**63):
        with pytest.raises(ValueError) as caught:
            engine.advance_time(time)
        assert isinstance(caught.value, AlphaForgeError)
        assert caught.value.reason == "TIME_OUT_OF_RANGE"
    engine.advance_time(2**63 - 86_400_000_000_001)


def test_sums_up_to_the_bound_fit_and_what_would_exceed_it_is_refused() -> None:
    # One unit is 1e-9; at a price of 1 the value of a bar holds 1.7e20.
    largest = (2**127 - 1) // 10**18
    engine = DataEngine(DataEngineConfig(bar_types=["1day", "2tick", "1000000dollar", "100000000000000000000volume"]))
    engine.process_trade_ticks(instrument_id="X", prices=[1], quantities=[largest // 2], ts_event=[1])
    result = engine.process_trade_ticks(
        instrument_id="X", prices=[1, 1, 1], quantities=[largest, largest // 2, 10**6], ts_event=[2, 3, 4]
    )
    assert result.rejected == [(0, "VALUE_OVERFLOW"), (2, "VALUE_OVERFLOW")]
    # A new bar begins the next day.
    assert (
        engine.process_trade_ticks(instrument_id="X", prices=[1], quantities=[largest], ts_event=[2 * 10**14]).rejected
        == []
    )
    engine.validate()
    assert str(engine.get_bars("X", "1day")[0].volume) == str(largest // 2 * 2)


def test_advancing_time_costs_what_is_due_not_what_is_there() -> None:
    engine = DataEngine(DataEngineConfig(bar_types=["1min", "1day"], max_instruments=5000))
    for number in range(5000):
        engine.process_trade_tick(tick(number, f"I{number}"))
    assert len(engine.advance_time(MINUTE)) == 5000
    for second in range(1000):
        assert engine.advance_time(MINUTE + second) == []
    assert [bar.instrument_id for bar in engine.advance_time(10**15)] == [f"I{number}" for number in range(5000)]
    engine.validate()


def test_threads_lose_and_double_nothing() -> None:
    engine = DataEngine(DataEngineConfig(bar_types=["100tick", "1min"], max_bars_per_instrument=10**6))
    batch = TradeTickBatch.from_ticks([tick(1, f"I{number % 7}") for number in range(500)])
    bars: list[list[Any]] = [[] for _ in range(4)]

    def work(mine: list[Any], singly: bool) -> None:
        for _ in range(20):
            if singly:
                for row in range(len(batch)):
                    mine += engine.process_trade_tick(batch[row])
            else:
                mine += engine.process_batch(batch)
            engine.statistics()
            engine.advance_time(1)

    threads = [threading.Thread(target=work, args=(mine, number % 2 == 0)) for number, mine in enumerate(bars)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert engine.statistics().ticks_processed == 4 * 20 * 500
    every = [(bar.instrument_id, bar.sequence) for mine in bars for bar in mine]
    assert len(every) == len(set(every)) == engine.statistics().bars_generated
    engine.validate()


def test_a_list_of_bars_is_a_list() -> None:
    bars = DataEngine(DataEngineConfig(bar_types=["1tick"])).process_trade_ticks([tick(1), tick(2, quantity=0)])
    assert isinstance(bars, BarList)
    assert isinstance(bars, list)
    assert bars.rejected == [(1, "QUANTITY_NOT_POSITIVE")]
    assert bars.duplicates == []
    assert pickle.loads(pickle.dumps(bars)).rejected == bars.rejected
