"""Queries: pages of orders and fills, active orders, events, snapshots."""

from __future__ import annotations

import pytest
from alphaforge_core.errors import EngineError
from alphaforge_core.execution import ExecutionEngine, ExecutionEngineConfig, OrderEventType, OrderStatus
from alphaforge_core.model import TradeTick

from tests.support.snapshots import of_version, resealed, state_of
from tests.unit.execution.venue import Venue, line, order

HISTORY = (
    "a: limit BUY 1 @ 9 GTC s | b: limit BUY 1 @ 8 GTC t | c: limit SELL 1 @ 12 GTC s | tick 8.5 x 0.5"
    " | d: market BUY 5 GTC s | cancel c | tick 13 x 0.25 | tick 14 x 0.25"
)


def test_active_orders_come_in_order_of_submission() -> None:
    venue = Venue()
    venue.play(HISTORY)
    assert [each.order_id for each in venue.engine.get_active_orders("s")] == ["a", "d"]
    assert venue.engine.get_active_orders("nobody") == []


def test_orders_are_found_by_all_that_is_given() -> None:
    venue = Venue()
    venue.play(HISTORY)
    venue.submit("e: market BUY 1 GTC s", symbol="Y")
    engine = venue.engine

    def ids(*args: object, **kwargs: object) -> str:
        return "".join(each.order_id for each in engine.get_orders(*args, **kwargs))

    assert ids() == "abcde"
    assert ids("s") == "acde"
    assert ids("s", OrderStatus.PartiallyFilled) == "ad"
    assert ids(status=[OrderStatus.Cancelled, OrderStatus.Submitted]) == "bce"
    assert ids(symbol="Y") == "e"
    assert ids(limit=2) == "de"
    assert ids(limit=9) == "abcde"
    assert ids("s", limit=3) == "cde"
    assert ids("s", [OrderStatus.PartiallyFilled, OrderStatus.Submitted], limit=1) == "e"
    assert ids(status=[OrderStatus.Cancelled, OrderStatus.Submitted], limit=2) == "ce"
    assert ids(symbol="X", limit=1) == "d"
    assert ids(limit=2, after="") == "ab"
    assert ids(limit=2, after="b") == "cd"
    assert ids("s", after="d") == "e"
    assert ids(after="e") == ""
    with pytest.raises(ValueError, match="unknown or no longer remembered"):
        ids(after="z")


def test_fills_are_found_by_all_that_is_given() -> None:
    venue = Venue()
    venue.play(HISTORY)
    engine = venue.engine
    every = [each.fill_id for each in engine.get_fills()]
    assert every == ["a-1", "d-1", "d-2"]
    assert [each.fill_id for each in engine.get_fills("t")] == []
    assert [each.fill_id for each in engine.get_fills(order_id="d")] == ["d-1", "d-2"]
    assert [each.fill_id for each in engine.get_fills(order_id="d", after="d-1")] == ["d-2"]
    assert [each.fill_id for each in engine.get_fills(limit=1, after="a-1")] == ["d-1"]
    assert [each.fill_id for each in engine.get_fills(limit=1, after="")] == ["a-1"]
    assert [each.fill_id for each in engine.get_fills(limit=2)] == ["d-1", "d-2"]
    assert [each.fill_id for each in engine.get_fills(order_id="d", limit=1)] == ["d-2"]
    assert [each.sequence for each in engine.get_fills()] == sorted(each.sequence for each in engine.get_fills())
    with pytest.raises(ValueError, match="unknown or no longer remembered"):
        engine.get_fills(after="a-9")


def test_events_have_a_gapless_sequence_and_can_be_read_from_anywhere() -> None:
    venue = Venue()
    venue.play(HISTORY)
    events = venue.engine.events()
    assert [each.sequence for each in events] == list(range(1, len(events) + 1))
    assert venue.engine.last_event_sequence == len(events)
    assert venue.engine.events(3, 2) == events[2:4]
    assert {each.order_id for each in venue.engine.events(strategy_id="t")} == {"b"}
    assert venue.engine.events(len(events) + 1) == []


def test_the_newest_events_are_kept() -> None:
    venue = Venue(max_events=3)
    venue.engine.submit_orders([order(f"o{i}: limit BUY 1 @ 9 GTC") for i in range(5)])
    assert [each.sequence for each in venue.engine.events()] == [3, 4, 5]
    assert (venue.engine.first_event_sequence, venue.engine.last_event_sequence) == (3, 5)


def test_an_event_says_what_changed() -> None:
    venue = Venue()
    venue.play(
        "tick 10 x 1 at 5 | a: stop-limit BUY 3 stop 11 @ 12 GTC | modify a price=13 | tick 11.5 x 1 at 6 | cancel a"
    )
    submitted, modified, triggered, filled, cancelled = venue.engine.events()
    assert submitted.order == order("a: stop-limit BUY 3 stop 11 @ 12 GTC")
    assert (modified.quantity, modified.price, modified.stop_price) == (3, 13, 11)
    assert (triggered.type, triggered.ts_event) == (OrderEventType.Triggered, 6_000_000_000)
    assert filled.fill == venue.get("a").fills[0]
    assert (filled.status, filled.filled_quantity, filled.leaves_quantity) == (OrderStatus.PartiallyFilled, 1, 2)
    assert (cancelled.cancel_reason, cancelled.status) == ("REQUESTED", OrderStatus.Cancelled)
    assert [each.ts_event for each in (submitted, modified)] == [5_000_000_000] * 2
    assert submitted.fill is None
    assert submitted.quantity is None


def test_duplicates_and_refused_ticks_change_nothing() -> None:
    engine = ExecutionEngine(ExecutionEngineConfig(duplicate_window=2))
    engine.submit_order(order("a: limit BUY 9 @ 10 GTC"))
    ticks = [
        TradeTick("X", 9, 1, "NONE", "t1", 1),
        TradeTick("X", 9, 1, "NONE", "t1", 1),  # the same
        TradeTick("X", 9, 1, "NONE", "t1", 2),  # an id of another day
        TradeTick("X", 9, 1, "NONE", "", 2),  # without an id nothing is a duplicate
        TradeTick("X", 9, 1, "NONE", "", 2),
        TradeTick("X", 9, 0, "NONE", "", 2),
        TradeTick("X", 0, 1, "NONE", "", 2),
        TradeTick("X", 9, 1, "NONE", "", -1),
        TradeTick("X", 9, 1, "NONE", "t2", 2),
        TradeTick("X", 9, 1, "NONE", "t1", 1),  # beyond the window: not recognized as a duplicate
    ]
    result = engine.process_trade_ticks(ticks)
    assert result.rejected == [(5, "QUANTITY_NOT_POSITIVE"), (6, "PRICE_NOT_POSITIVE"), (7, "TIME_OUT_OF_RANGE")]
    assert result.duplicates == [1]
    statistics = engine.statistics()
    assert (statistics.ticks_processed, statistics.ticks_rejected, statistics.duplicate_ticks) == (6, 3, 1)
    assert engine.get_order("a").filled_quantity == 6


def test_one_by_one_or_in_batches_ticks_do_the_same() -> None:
    ticks = [TradeTick("XY"[i % 2], 10 + i % 3, 1, "NONE", str(i), i) for i in range(50)]
    engines = [ExecutionEngine(), ExecutionEngine()]
    for engine in engines:
        engine.submit_orders(
            [order(f"o{i}: limit {'BUY' if i % 2 else 'SELL'} 3 @ {9 + i % 4} GTC") for i in range(20)]
        )
    for tick in ticks:
        engines[0].process_trade_tick(tick)
    engines[1].process_trade_ticks(ticks)
    assert engines[0].events() == engines[1].events()
    assert engines[0].state_hash() == engines[1].state_hash()


@pytest.mark.parametrize("now_ns", [-1, 2**63 - 1])
def test_times_out_of_range_are_refused(now_ns: int) -> None:
    with pytest.raises(ValueError, match="now_ns"):
        ExecutionEngine().advance_time(now_ns)


def test_time_never_goes_back() -> None:
    assert Venue().play("time 86400 | time 5 | a: limit BUY 1 @ 9 DAY | time 86401 | tick 8 x 1 at 6") == [
        "a Submitted",
        "a Filled 1 @ 9.00 Maker",
    ]


def test_cancelling_all_goes_by_priority_and_says_how_many() -> None:
    venue = Venue()
    venue.play("a: limit BUY 1 @ 9 GTC s | b: limit BUY 1 @ 9 GTC t | c: limit BUY 1 @ 9 GTC s | modify a price=8")
    assert venue.engine.cancel_all_orders("s") == 2
    assert venue.log() == ["c Cancelled REQUESTED", "a Cancelled REQUESTED"]
    assert venue.engine.cancel_all_orders() == 1
    assert venue.engine.cancel_all_orders() == 0


@pytest.mark.parametrize("ended", [0, 9])
def test_a_symbol_is_cancelled_whether_it_or_the_strategies_have_fewer_orders(ended: int) -> None:
    venue = Venue()
    venue.play("a: limit BUY 1 @ 9 GTC s | b: limit SELL 1 @ 11 GTC t | c: limit BUY 1 @ 8 GTC s | modify a price=7")
    venue.submit("y: limit BUY 1 @ 9 GTC s", symbol="Y")
    for number in range(ended):
        venue.play(f"e{number}: limit BUY 1 @ 9 GTC s | cancel e{number}")
    venue.log()
    assert venue.engine.cancel_all_orders("s", symbol="X") == 2
    assert venue.engine.cancel_all_orders(symbol="X") == 1
    assert venue.engine.cancel_all_orders(symbol="Z") == 0
    assert venue.log() == [f"{each} Cancelled REQUESTED" for each in "cab"]
    assert [each.order_id for each in venue.engine.get_active_orders("s")] == ["y"]


def test_cancel_and_modify_answer_and_never_raise_for_a_state() -> None:
    venue = Venue()
    venue.play("a: limit BUY 2 @ 9 GTC | tick 8 x 1")
    engine = venue.engine
    assert not engine.cancel_order("unknown")
    assert not engine.modify_order("unknown", quantity=1)
    assert engine.modify_order("a", quantity=2)  # the quantity it already has
    assert not engine.modify_order("a", quantity=1)  # filled
    assert engine.cancel_order("a")
    assert not engine.cancel_order("a")
    assert not engine.modify_order("a", quantity=3)


@pytest.mark.parametrize("change", [{"quantity": 0}, {"price": -1}, {"stop_price": 5}, {"price": "x"}])
def test_malformed_changes_are_value_errors(change: dict[str, object]) -> None:
    venue = Venue()
    venue.play("a: limit BUY 2 @ 9 GTC")
    with pytest.raises(ValueError):
        venue.engine.modify_order("a", **change)


def test_a_restored_engine_goes_on_as_the_first_would() -> None:
    first = Venue(max_events=50)
    first.play(HISTORY + " | tick 10 x 1 at 50 | e: limit BUY 1 @ 9 DAY | f: stop SELL 2 stop 7 GTC | halt")
    second = Venue(max_events=50)
    second.engine.restore(first.engine.snapshot())
    assert second.engine.state_hash() == first.engine.state_hash()
    assert second.engine.snapshot() == first.engine.snapshot()
    assert second.engine.is_halted
    rest = "resume | tick 6 x 1 at 60 | g: market SELL 1 GTC | modify f quantity=3 | tick 9 x 9 at 86400 | cancel d"
    assert [line(each) for each in first.engine.events()] == [line(each) for each in second.engine.events()]
    first.play(rest)
    second.log()
    second.play(rest)
    assert second.engine.events() == first.engine.events()
    assert second.engine.state_hash() == first.engine.state_hash()


def test_a_damaged_snapshot_is_refused() -> None:
    venue = Venue()
    venue.play(HISTORY)
    snapshot = venue.engine.snapshot()
    for at in range(0, len(snapshot), 7):
        damaged = snapshot[:at] + bytes([snapshot[at] ^ 1]) + snapshot[at + 1 :]
        with pytest.raises(EngineError, match="damaged") as caught:
            ExecutionEngine().restore(damaged)
        assert caught.value.reason == "JOURNAL_DAMAGED"
    for size in (0, 5, len(snapshot) - 1):
        with pytest.raises(EngineError, match="damaged"):
            ExecutionEngine().restore(snapshot[:size])
    with pytest.raises(EngineError, match="only an empty engine"):
        venue.engine.restore(snapshot)


def test_the_version_of_a_later_release_is_no_damage() -> None:
    venue = Venue()
    with pytest.raises(EngineError, match="version 60; this release reads") as caught:
        ExecutionEngine().restore(of_version(venue.engine.snapshot(), 60))
    assert caught.value.reason == "JOURNAL_VERSION"


@pytest.mark.parametrize("text", [b"\x02a", b"\x02s", b"\x02X"])
def test_a_text_that_is_no_utf8_is_damage(text: bytes) -> None:
    venue = Venue()
    venue.play(HISTORY)
    snapshot = venue.engine.snapshot()
    damaged = state_of(snapshot).replace(text, text[:-1] + b"\xff")
    with pytest.raises(EngineError, match="UTF-8") as caught:
        ExecutionEngine().restore(resealed(snapshot, damaged))
    assert caught.value.reason == "JOURNAL_DAMAGED"
