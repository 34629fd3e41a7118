"""The rules of bars, one test each, in process and remote."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.support.api import Api
from tests.support.tape import DAY, HOUR, MINUTE, SECOND

START = 19_000 * DAY


def tick(
    api: Api,
    at: int,
    price: object = 100,
    quantity: object = 1,
    side: str = "NONE",
    trade_id: str = "",
    name: str = "X",
) -> Any:
    """A trade `at` nanoseconds after midnight."""
    model = api.model
    time = START + at
    return model.TradeTick(name, model.Price(price), model.Quantity(quantity), side, trade_id, time, time)


def feed(engine: Any, *ticks: Any) -> list[Any]:
    return [bar for each in ticks for bar in engine.process_trade_tick(each)]


def span(bar: Any) -> tuple[int, int]:
    return bar.ts_open - START, bar.ts_event - START


def test_a_tick_on_the_boundary_opens_the_new_bar(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1min"])
    bars = feed(engine, tick(api, 0, 10), tick(api, MINUTE - 1, 11), tick(api, MINUTE, 12))
    assert [span(bar) for bar in bars] == [(0, MINUTE)]
    (bar,) = bars
    prices = (bar.open, bar.high, bar.low, bar.close)
    assert [float(price) for price in prices] == [10, 11, 10, 11]
    assert (bar.instrument_id, str(bar.bar_type), bar.sequence, bar.trade_count) == ("X", "1min", 1, 2)
    assert not bar.is_partial


def test_sides_vwap_and_sums_are_exact(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["3tick"])
    (bar,) = feed(engine, tick(api, 1, "0.1", "0.2", "BUY"), tick(api, 2, "0.2", "0.1", "SELL"), tick(api, 3, 3, 1))
    assert bar.volume.as_decimal() == Decimal("1.3")
    assert bar.buy_volume.as_decimal() == Decimal("0.2")
    assert bar.sell_volume.as_decimal() == Decimal("0.1")
    assert Decimal(str(bar.value)) == Decimal("3.04")
    assert bar.vwap.as_decimal() == Decimal("2.338461538")
    assert (bar.ts_open - START, bar.ts_event - START, bar.ts_init - START) == (1, 3, 3)


def test_order_inside_a_time_bar_is_by_time_then_arrival(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1min", "4tick"])
    ticks = [tick(api, 5, 10), tick(api, 1, 11), tick(api, 5, 12), tick(api, 1, 13)]
    (by_count,) = feed(engine, *ticks)
    assert (float(by_count.open), float(by_count.close)) == (10, 13)
    (by_time,) = engine.advance_time(START + MINUTE)
    assert (float(by_time.open), float(by_time.close)) == (11, 12)


def test_a_tick_closes_by_time_then_by_count_in_configured_order(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["2tick", "1min", "30s", "1volume"])
    bars = feed(engine, tick(api, 0, quantity="0.5"), tick(api, MINUTE, quantity="0.5"))
    assert [str(bar.bar_type) for bar in bars] == ["30s", "1min", "2tick", "1volume"]


def test_advancing_time_closes_for_all_instruments_by_end_then_first_seen(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1min", "30s"])
    feed(engine, tick(api, 0, name="B"), tick(api, 0, name="A"))
    bars = engine.advance_time(START + HOUR)
    assert [(bar.instrument_id, str(bar.bar_type)) for bar in bars] == [
        ("B", "30s"), ("A", "30s"), ("B", "1min"), ("A", "1min"),
    ]  # fmt: skip
    assert engine.advance_time(START + HOUR) == []


def test_no_trade_no_bar(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1min"])
    bars = feed(engine, tick(api, 0), tick(api, 3 * MINUTE), tick(api, 9 * MINUTE))
    assert [(span(bar)[0] // MINUTE, bar.sequence) for bar in bars] == [(0, 1), (3, 2)]


def test_gaps_are_filled_flat_up_to_the_bound(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1min"], fill_gaps=True, max_gap_bars=2)
    bars = feed(engine, tick(api, 0, 7), tick(api, 9 * MINUTE, 8))
    assert [(span(bar)[0] // MINUTE, bar.is_gap_fill, float(bar.close)) for bar in bars] == [
        (0, False, 7), (1, True, 7), (2, True, 7),
    ]  # fmt: skip
    assert bars[1].vwap is None
    assert float(bars[1].volume) == 0


@pytest.mark.parametrize(
    ("advanced", "first", "partial"),
    [(None, 1, True), (None, 0, False), (0, 1, False), (1, 2, True), (-MINUTE, 1, False)],
)
def test_a_first_bar_is_partial_unless_its_beginning_was_seen(
    api: Api, advanced: int | None, first: int, partial: bool
) -> None:
    engine = api.make_data_engine(bar_types=["1min"])
    if advanced is not None:
        engine.advance_time(START + advanced)
    first_bar, second_bar = feed(engine, tick(api, first), tick(api, MINUTE + 5), tick(api, 2 * MINUTE))
    assert (first_bar.is_partial, second_bar.is_partial) == (partial, False)


def test_a_skipped_first_bar_takes_no_sequence(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1min"], skip_first_partial=True)
    bars = feed(engine, tick(api, 1), tick(api, MINUTE + 5), tick(api, 2 * MINUTE))
    assert [(span(bar)[0] // MINUTE, bar.sequence) for bar in bars] == [(1, 1)]


def test_a_late_tick_misses_its_bar_and_still_counts_in_open_ones(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1min", "1hour", "2tick"])
    feed(engine, tick(api, 0, 10), tick(api, MINUTE, 11))
    feed(engine, tick(api, 1, 99))
    assert engine.statistics().late_ticks == 1
    assert [float(bar.high) for bar in engine.get_bars("X", "1min")] == [10]
    assert {str(bar.bar_type): float(bar.high) for bar in engine.open_bars("X")} == {
        "1min": 11, "1hour": 99, "2tick": 99,
    }  # fmt: skip


def test_lateness_that_is_allowed_revises_the_closed_bar(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1min"], allowed_lateness_ns=10 * SECOND)
    feed(engine, tick(api, 5, 10), tick(api, MINUTE + 10 * SECOND, 11))
    (bar,) = feed(engine, tick(api, 0, 9))
    assert (bar.sequence, bar.revision, float(bar.open), float(bar.close), bar.trade_count) == (1, 1, 9, 10, 2)
    feed(engine, tick(api, MINUTE + 10 * SECOND + 1, 11))
    assert feed(engine, tick(api, 1, 8)) == []
    assert engine.get_bars("X", "1min") == [bar]
    assert engine.statistics().late_ticks == 2


def test_a_duplicate_changes_nothing(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["2tick"])
    assert feed(engine, tick(api, 0, trade_id="1"), tick(api, 0, trade_id="1")) == []
    assert engine.statistics().duplicate_ticks == 1
    # Neither an equal id alone nor equal fields without an id make a duplicate.
    assert len(feed(engine, tick(api, 1, trade_id="1"))) == 1
    assert len(feed(engine, tick(api, 5), tick(api, 5))) == 1


def test_a_volume_bar_closes_at_exactly_its_size_and_one_tick_may_end_several(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1.5volume"])
    bars = feed(engine, tick(api, 0, 10, 1), tick(api, 1, 20, "4.25"))
    assert [float(bar.volume) for bar in bars] == [1.5, 1.5, 1.5]
    assert [bar.trade_count for bar in bars] == [2, 0, 0]
    assert [Decimal(str(bar.value)) for bar in bars] == [20, 30, 30]
    (left,) = engine.open_bars("X")
    assert float(left.volume) == 0.75


def test_a_dollar_bar_carries_what_went_beyond_its_size(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["100dollar"])
    bars = feed(engine, tick(api, 0, 30, 10))
    # 3.333333334 x 30 = 100.00000002, so that the next two need a little less.
    assert [bar.volume.as_decimal() for bar in bars] == [
        Decimal("3.333333334"), Decimal("3.333333333"), Decimal("3.333333333"),
    ]  # fmt: skip
    assert engine.open_bars("X") == []


def test_a_tick_that_would_end_too_many_bars_makes_one_oversize_bar(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1volume", "2volume"], max_bars_per_tick=3)
    bars = feed(engine, tick(api, 0, 10, "0.5"), tick(api, 1, 10, 4))
    assert [(str(bar.bar_type), float(bar.volume), bar.is_oversize) for bar in bars] == [
        ("1volume", 4.5, True), ("2volume", 2, False), ("2volume", 2, False),
    ]  # fmt: skip


@pytest.mark.one_engine("max_instruments is each partition's")
def test_ticks_that_cannot_be_used_are_refused_and_counted(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1tick"], max_instruments=1)
    feed(engine, tick(api, 0))
    before = engine.open_bars("X"), engine.get_bars("X", "1tick")
    refused = [
        tick(api, 1, quantity=0),
        tick(api, 1, price=0),
        tick(api, 1, price=-1),
        tick(api, -START - 1),
        tick(api, 2**63 - DAY - START),
        tick(api, 1, price=9_000_000_000, quantity=Decimal(10**11)),
        tick(api, 1, name="Y"),
    ]
    assert [engine.process_trade_tick(each) for each in refused] == [[]] * len(refused)
    result = engine.process_trade_ticks([*refused[:3], tick(api, 2), *refused[3:]])
    assert [index for index, _ in result.rejected] == [0, 1, 2, 4, 5, 6, 7]
    assert len(result) == 1
    statistics = engine.statistics()
    assert (statistics.ticks_processed, statistics.ticks_rejected) == (2, 14)
    assert before[0] == engine.open_bars("X")
    assert engine.get_bars("X", "1tick")[:-1] == before[1]


def test_a_batch_with_what_is_no_tick_at_all_applies_nothing(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1tick"])
    good = {"instrument_id": "X", "prices": [1.0, 2.0], "quantities": [1.0, 1.0], "ts_event": [START, START]}
    for bad in (
        {"prices": [1.0, math.nan]},
        {"prices": [1.0]},
        {"quantities": [1.0, -1.0]},
        {"sides": ["BUY", "buy"]},
        {"instrument_id": ""},
        {"trade_ids": ["1", "x" * 65]},
    ):
        with pytest.raises(ValueError):
            engine.process_trade_ticks(**{**good, **bad})
    assert engine.statistics().ticks_processed == 0
    assert len(engine.process_trade_ticks(**good)) == 2


def test_zero_quantity_may_move_prices_only(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1min", "1tick"], zero_quantity="price_only")
    assert feed(engine, tick(api, 0, 10), tick(api, 1, 12, 0), tick(api, MINUTE + 1, 9, 0))[1:] == engine.get_bars(
        "X", "1min"
    )
    (bar,) = engine.get_bars("X", "1min")
    assert (float(bar.high), float(bar.close), float(bar.volume), bar.trade_count) == (12, 12, 1, 1)
    (opened,) = engine.open_bars("X")
    assert (float(opened.open), float(opened.volume), opened.trade_count, opened.vwap) == (9, 0, 0, None)
    assert engine.statistics().ticks_processed == 3


def test_columns_of_any_kind_equal_ticks_one_by_one(api: Api) -> None:
    prices, quantities = [100.1, 100.2, 99.9, 33.333333333], [0.1, 2.0, 0.3, 7.7]
    times = [START, START + 1, START + MINUTE, START + HOUR]
    sides = ["BUY", "SELL", "NONE", "BUY"]
    model = api.model
    engine = api.make_data_engine(bar_types=["1min", "2tick", "1volume"])
    expected = feed(
        engine,
        *(
            model.TradeTick("X", model.Price(p), model.Quantity(q), side, "", ts, ts)
            for p, q, side, ts in zip(prices, quantities, sides, times, strict=True)
        ),
    )
    forms: list[dict[str, Any]] = [
        {"prices": prices, "quantities": quantities, "ts_event": times, "sides": sides},
        {"prices": np.array(prices), "quantities": np.array(quantities), "ts_event": np.array(times), "sides": sides},
        {
            "prices": [Decimal(str(price)) for price in prices],
            "quantities": [str(quantity) for quantity in quantities],
            "ts_event": times,
            "sides": np.array([2, 3, 1, 2], dtype=np.uint8),
        },
        {
            "prices": np.array([round(price * 10**9) for price in prices]),
            "price_scale": 9,
            "quantities": np.array([round(quantity * 10) for quantity in quantities]),
            "quantity_scale": 1,
            "ts_event": np.array(times),
            "sides": sides,
        },
    ]
    for form in forms:
        engine = api.make_data_engine(bar_types=["1min", "2tick", "1volume"])
        assert list(engine.process_trade_ticks(instrument_id="X", **form)) == expected


def test_kept_bars_are_asked_for_by_time_and_number(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1min"], max_bars_per_instrument=4)
    feed(engine, *(tick(api, n * MINUTE) for n in range(7)))

    def minutes(**asked: int) -> list[int]:
        return [span(bar)[0] // MINUTE for bar in engine.get_bars("X", "1min", **asked)]

    assert minutes() == [2, 3, 4, 5]
    assert minutes(limit=2) == [4, 5]
    assert minutes(start=START + 3 * MINUTE, end=START + 5 * MINUTE) == [3, 4]
    assert minutes(start=START + 3 * MINUTE, limit=1) == [5]
    assert engine.get_bars("never traded", "1min") == []


def test_equal_bar_types_count_once_under_their_canonical_name(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["60min", "1hour", "1.50volume", "24hour"])
    feed(engine, tick(api, 0))
    assert [str(bar.bar_type) for bar in engine.open_bars("X")] == ["1hour", "1.5volume", "1day"]


@pytest.mark.parametrize(
    "name",
    ["", "1", "0min", "01min", "1 min", "1Min", "7min", "25hour", "367day", "1.5min", "1e3tick", "0tick", "1.5tick",
     "0volume", ".5volume", "1_000tick", "0.0000000001volume", "-1tick", "53week", "1000000ns"],
)  # fmt: skip
def test_an_invalid_bar_type_is_refused_when_the_configuration_is_built(api: Api, name: str) -> None:
    with pytest.raises(ValueError):
        api.data.DataEngineConfig(bar_types=[name])


def test_between_one_and_32_bar_types(api: Api) -> None:
    with pytest.raises(ValueError):
        api.data.DataEngineConfig(bar_types=[])
    api.data.DataEngineConfig(bar_types=[f"{n}tick" for n in range(1, 33)])
    with pytest.raises(ValueError):
        api.data.DataEngineConfig(bar_types=[f"{n}tick" for n in range(1, 34)])


def test_stop_leaves_bars_open_unless_told_to_flush(api: Api) -> None:
    for flush, closed in ((False, []), (True, [True])):
        engine = api.make_data_engine(bar_types=["1min"], flush_on_stop=flush)
        engine.start()
        feed(engine, tick(api, 0))
        engine.stop()
        engine.stop()
        assert [bar.is_partial for bar in engine.get_bars("X", "1min")] == closed
        assert len(engine.open_bars("X")) == 1 - len(closed)
        feed(engine, tick(api, 1))  # starts it again
        assert engine.statistics().ticks_processed == 2


def test_reset_empties_one_instrument_or_all(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1tick"])
    feed(engine, tick(api, 0, name="A"), tick(api, 0, name="B"))
    engine.reset("A")
    assert (engine.get_bars("A", "1tick"), len(engine.get_bars("B", "1tick"))) == ([], 1)
    assert engine.instruments() == ["B"]
    engine.reset()
    assert engine.instruments() == []
    (bar,) = feed(engine, tick(api, 0, name="B"))
    assert bar.sequence == 1


def test_received_is_processed_plus_duplicate_plus_rejected(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1tick"], enable_statistics=False)
    feed(engine, tick(api, 0, trade_id="1"), tick(api, 0, trade_id="1"), tick(api, 0, quantity=0))
    statistics = engine.statistics()
    assert (statistics.ticks_processed, statistics.duplicate_ticks, statistics.ticks_rejected) == (1, 1, 1)
    assert statistics.bars_generated == 1
    assert statistics.processing_rate == 0
    assert statistics.avg_processing_latency_ns == 0
    assert statistics.memory_usage_bytes > 0


def test_a_context_manager_starts_and_stops(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1min"], flush_on_stop=True)
    with engine as entered:
        feed(entered, tick(api, 0))
        assert entered is engine
    if not api.remote:  # a remote client is closed by then
        assert len(engine.get_bars("X", "1min")) == 1
