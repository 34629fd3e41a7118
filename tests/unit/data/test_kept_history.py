"""The engine's memory is bounded: bars by number and bytes, duplicates by windows; the oldest go first."""

from __future__ import annotations

import random

import pytest
from alphaforge_core.data import DataEngine, DataEngineConfig
from alphaforge_core.model import Price, Quantity, TradeTick

MIB = 1024 * 1024


def tick(name: str, number: int, trade_id: str = "") -> TradeTick:
    return TradeTick(name, Price(1), Quantity(1), "BUY", trade_id, number)


def test_beyond_max_memory_bytes_the_oldest_bar_of_all_goes_first() -> None:
    engine = DataEngine(DataEngineConfig(bar_types=["1tick"], max_bars_per_instrument=10**6, max_memory_bytes=MIB))
    for number in range(20_000):
        engine.process_trade_tick(tick("ABC"[number % 3], number))
    kept = sorted(bar.ts_event for name in "ABC" for bar in engine.get_bars(name, "1tick"))
    assert kept == list(range(20_000 - len(kept), 20_000))
    assert MIB - 1000 < engine.statistics().memory_usage_bytes < MIB + 10_000
    engine.validate()


def test_an_idle_instrument_loses_its_bars_before_a_busy_one_does() -> None:
    engine = DataEngine(DataEngineConfig(bar_types=["1tick"], max_bars_per_instrument=10**6, max_memory_bytes=MIB))
    for number in range(100):
        engine.process_trade_tick(tick("IDLE", number))
    while engine.get_bars("IDLE", "1tick"):
        number += 1
        engine.process_trade_tick(tick("BUSY", number))
    assert len(engine.get_bars("BUSY", "1tick")) == number - 99
    engine.validate()


def test_each_type_keeps_max_bars_per_instrument() -> None:
    engine = DataEngine(DataEngineConfig(bar_types=["1tick", "2tick"], max_bars_per_instrument=3))
    for number in range(20):
        engine.process_trade_tick(tick("A", number))
    assert [bar.sequence for bar in engine.get_bars("A", "1tick")] == [18, 19, 20]
    assert [bar.sequence for bar in engine.get_bars("A", "2tick")] == [8, 9, 10]


def test_bars_stay_in_order_when_the_ring_grows_at_any_offset() -> None:
    number = 0
    for turned in (0, 1, 7, 8, 63, 64, 65, 100):
        engine = DataEngine(DataEngineConfig(bar_types=["1tick"], max_bars_per_instrument=64))
        first = number + 1
        for kept in (64, 65, 200, 1_000):
            engine.reconfigure(DataEngineConfig(bar_types=["1tick"], max_bars_per_instrument=kept))
            for _ in range(kept + turned):
                number += 1
                engine.process_trade_tick(tick("A", number))
            times = [bar.ts_event for bar in engine.get_bars("A", "1tick")]
            assert times == list(range(number - kept + 1, number + 1))
            restored = DataEngine(DataEngineConfig(bar_types=["1tick"], max_bars_per_instrument=kept))
            restored.restore(engine.snapshot())
            assert restored.get_bars("A", "1tick") == engine.get_bars("A", "1tick")
        assert engine.get_bars("A", "1tick")[-1].sequence == number - first + 1
        engine.validate()


@pytest.mark.parametrize("jitter", [0, 30])
def test_bars_in_a_time_range_match_a_filter_over_all_bars(jitter: int) -> None:
    # With jitter, some tick bars open earlier than the bar before them.
    chance = random.Random(jitter)
    engine = DataEngine(DataEngineConfig(bar_types=["2tick", "10ms"], max_bars_per_instrument=150))
    for number in range(1, 1_000):
        engine.process_trade_tick(tick("A", 10**6 * (10 * number + chance.randint(0, jitter))))
    restored = DataEngine(DataEngineConfig(bar_types=["2tick", "10ms"], max_bars_per_instrument=150))
    restored.restore(engine.snapshot())
    for bar_type in ("2tick", "10ms"):
        bars = engine.get_bars("A", bar_type)
        times = [bar.ts_open for bar in bars]
        assert (times == sorted(times)) == (jitter == 0 or bar_type == "10ms")
        for _ in range(200):
            start, end = (chance.choice((None, chance.choice(times) + chance.randint(-1, 1))) for _ in "ab")
            wanted = [
                bar for bar in bars if (start is None or bar.ts_open >= start) and (end is None or bar.ts_open < end)
            ]
            for each in (engine, restored):
                assert each.get_bars("A", bar_type, start=start, end=end) == wanted
                assert each.get_bars("A", bar_type, limit=3, start=start, end=end) == wanted[-3:]


def test_the_window_holds_the_last_ticks_with_an_id() -> None:
    engine = DataEngine(DataEngineConfig(duplicate_window=3))
    for number in (1, 2, 3):
        engine.process_trade_tick(tick("A", number, f"{number}"))
    engine.process_trade_tick(tick("A", 4))  # without an id, so not in the window
    assert engine.process_trade_ticks([tick("A", 1, "1"), tick("A", 3, "3")]).duplicates == [0, 1]
    engine.process_trade_tick(tick("A", 5, "5"))  # and 1 is forgotten
    assert engine.process_trade_ticks([tick("A", 1, "1"), tick("A", 3, "3")]).duplicates == [1]
    engine.validate()


def test_all_windows_together_are_bounded_and_the_longest_idle_instrument_forgets_first() -> None:
    engine = DataEngine(DataEngineConfig(max_duplicate_entries=6))
    for name in "ABC":
        engine.process_trade_ticks([tick(name, 1, "1"), tick(name, 2, "2")])
    engine.process_trade_tick(tick("A", 3, "3"))  # B is the longest idle, so its oldest entry is forgotten
    engine.validate()
    check = [tick(name, number, str(number)) for name in "CA" for number in (1, 2)]
    assert engine.process_trade_ticks(check).duplicates == [0, 1, 2, 3]
    assert engine.process_trade_ticks([tick("B", 2, "2")]).duplicates == [0]
    assert engine.process_trade_ticks([tick("B", 1, "1")]).duplicates == []


def test_a_window_of_zero_disables_duplicate_detection() -> None:
    engine = DataEngine(DataEngineConfig(duplicate_window=0))
    assert engine.process_trade_ticks([tick("A", 1, "1")] * 2).duplicates == []
    assert engine.statistics().ticks_processed == 2


def test_windows_survive_many_rounds() -> None:
    engine = DataEngine(DataEngineConfig(duplicate_window=50, max_duplicate_entries=300))
    for number in range(3000):
        engine.process_trade_tick(tick(f"I{number * 7 % 11}", number, str(number)))
        if number % 500 == 0:
            engine.validate()
    assert engine.statistics().duplicate_ticks == 0
    recent = [tick(f"I{number * 7 % 11}", number, str(number)) for number in range(2990, 3000)]
    assert engine.process_trade_ticks(recent).duplicates == list(range(10))


def test_instruments_beyond_the_limit_are_refused_and_a_forgotten_one_makes_room() -> None:
    engine = DataEngine(DataEngineConfig(max_instruments=2))
    refused = engine.process_trade_ticks([tick(name, 1) for name in "ABCA"])
    assert refused.rejected == [(2, "INSTRUMENT_LIMIT")]
    engine.reset("A")
    assert engine.process_trade_ticks([tick("C", 1)]).rejected == []
    assert engine.instruments() == ["B", "C"]
