"""Orders as values, their ids and queries, in process and remote."""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.scenarios import Player


def limit(api: Api, quantity: Any = 1, price: Any = 100, symbol: str = "X", strategy: str = "s", **more: Any) -> Any:
    execution = api.execution
    return execution.Order.limit(
        symbol, execution.OrderSide.Buy, quantity, price, execution.TimeInForce.GoodTillCancel, strategy, **more
    )


def test_factories_make_orders_with_the_documented_properties(api: Api) -> None:
    x = api.execution
    before = time.time_ns()
    market = x.Order.market("BTC", x.OrderSide.Buy, 0.1, "s")
    stop_limit = x.Order.stop_limit("BTC", x.OrderSide.Sell, 0.5, 99.5, 99, x.TimeInForce.FillOrKill, "t")
    assert (market.symbol, market.side, market.quantity, market.strategy_id) == ("BTC", x.OrderSide.Buy, 0.1, "s")
    assert (market.price, market.stop_price) == (None, None)
    assert (market.order_type, market.time_in_force) == (x.OrderType.Market, x.TimeInForce.Day)
    assert (market.status, market.filled_quantity, market.avg_fill_price) == (x.OrderStatus.Initialized, 0, None)
    assert (stop_limit.price, stop_limit.stop_price) == (99.0, 99.5)
    assert stop_limit.order_type is x.OrderType.StopLimit
    assert before <= market.created_at <= time.time_ns()
    assert all(type(number) is float for number in (market.quantity, stop_limit.price, stop_limit.stop_price))
    assert 1 <= len(market.order_id) <= 64
    assert market.order_id != stop_limit.order_id


def test_an_order_is_a_value(api: Api) -> None:
    engine = api.make_execution_engine()
    order = limit(api)
    assert engine.submit_order(order) == order.order_id
    assert order.status is api.execution.OrderStatus.Initialized
    snapshot = engine.get_order(order.order_id)
    assert snapshot.status is api.execution.OrderStatus.Submitted
    engine.cancel_order(order.order_id)
    assert snapshot.status is api.execution.OrderStatus.Submitted
    for copied in (copy.copy(order), copy.deepcopy(order), pickle.loads(pickle.dumps(order))):
        assert copied.order_id == order.order_id
        assert engine.submit_order(copied) == order.order_id


@pytest.mark.one_engine("ids are unique per symbol")
def test_the_id_is_the_idempotency_key(api: Api) -> None:
    engine = api.make_execution_engine()
    order = limit(api, order_id="mine")
    for _ in range(3):
        assert engine.submit_order(order) == "mine"
    assert engine.cancel_order("mine")
    assert engine.submit_order(limit(api, order_id="mine")) == "mine"
    assert engine.get_order("mine").status is api.execution.OrderStatus.Cancelled
    assert engine.statistics().orders_submitted == 1
    for other in (limit(api, 2, order_id="mine"), limit(api, price=101, order_id="mine"),
                  limit(api, strategy="t", order_id="mine"), limit(api, symbol="Y", order_id="mine")):  # fmt: skip
        with pytest.raises(ValueError):
            engine.submit_order(other)


def test_fields_are_compared_as_first_submitted_not_as_modified(api: Api) -> None:
    engine = api.make_execution_engine()
    order = limit(api, 3)
    engine.submit_order(order)
    assert engine.modify_order(order.order_id, quantity=2)
    assert engine.submit_order(order) == order.order_id
    assert engine.get_order(order.order_id).quantity == 2


MALFORMED: list[tuple[str, Callable[[Any], Any]]] = [
    ("an empty symbol", lambda x: x.Order.market("", x.OrderSide.Buy, 1, "s")),
    ("no quantity", lambda x: x.Order.market("X", x.OrderSide.Buy, 0, "s")),
    ("a negative quantity", lambda x: x.Order.market("X", x.OrderSide.Buy, -1, "s")),
    ("a quantity that is no number", lambda x: x.Order.market("X", x.OrderSide.Buy, float("nan"), "s")),
    ("a price of 0", lambda x: x.Order.limit("X", x.OrderSide.Buy, 1, 0, x.TimeInForce.Day, "s")),
    ("a negative stop", lambda x: x.Order.stop("X", x.OrderSide.Buy, 1, -2, x.TimeInForce.Day, "s")),
    ("an infinite price", lambda x: x.Order.limit("X", x.OrderSide.Buy, 1, float("inf"), x.TimeInForce.Day, "s")),
    ("ten places", lambda x: x.Order.limit("X", x.OrderSide.Buy, 1, "0.0000000001", x.TimeInForce.Day, "s")),
    ("a symbol of 65 bytes", lambda x: x.Order.market("X" * 65, x.OrderSide.Buy, 1, "s")),
    ("an id of 65 characters", lambda x: x.Order.market("X", x.OrderSide.Buy, 1, "s", order_id="o" * 65)),
    ("an empty id", lambda x: x.Order.market("X", x.OrderSide.Buy, 1, "s", order_id="")),
]


@pytest.mark.parametrize("make", [make for _, make in MALFORMED], ids=[name for name, _ in MALFORMED])
def test_a_malformed_order_is_a_value_error_in_the_factory(api: Api, make: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError):
        make(api.execution)


def test_batches_place_what_is_good_and_name_what_is_not(api: Api) -> None:
    engine = api.make_execution_engine(max_order_quantity=10)
    good, too_large, again = limit(api), limit(api, 11), limit(api, order_id="again")
    assert engine.submit_orders([good, too_large, again, again]) == [
        good.order_id, too_large.order_id, "again", "again",
    ]  # fmt: skip
    assert engine.get_order(too_large.order_id).status is api.execution.OrderStatus.Rejected
    assert engine.submit_orders([]) == []
    conflict, fresh = limit(api, 2, order_id="again"), limit(api)
    with pytest.raises(api.errors.BatchError) as caught:
        engine.submit_orders([conflict, fresh])
    assert isinstance(caught.value, ValueError)
    failed, placed = caught.value.results
    assert isinstance(failed, ValueError)
    assert placed == fresh.order_id
    assert engine.get_order(fresh.order_id).status is api.execution.OrderStatus.Submitted


def test_orders_are_found_by_strategy_and_by_state(api: Api) -> None:
    engine = api.make_execution_engine()
    ours = [limit(api, strategy="s"), limit(api, strategy="s", price=99)]
    theirs = limit(api, strategy="t")
    engine.submit_orders([*ours, theirs])
    assert [order.order_id for order in engine.get_active_orders("s")] == [order.order_id for order in ours]
    engine.cancel_order(ours[0].order_id)
    assert [order.order_id for order in engine.get_active_orders("s")] == [ours[1].order_id]
    assert engine.get_active_orders("nobody") == []
    assert len(engine.get_orders()) == 3
    assert engine.get_order("unknown") is None
    assert engine.cancel_all_orders("s") == 1
    assert engine.cancel_all_orders() == 1
    assert engine.cancel_all_orders() == 0


def test_averages_leaves_and_statistics(api: Api) -> None:
    engine = api.make_execution_engine(taker_commission_rate="0.001")
    Player(api, engine).play("""
        tick 100 x 1
        a: market BUY 3
        tick 101 x 9 NONE
        b: limit BUY 1 @ 90
        c: limit BUY 5 @ 90
        cancel c -> True
        halt
        r: market BUY 1
        """)
    order = engine.get_order("a")
    assert order.avg_fill_price == 100.666666667
    assert (order.filled_quantity, order.leaves_quantity) == (3.0, 0.0)
    statistics = engine.statistics()
    assert (
        statistics.orders_submitted, statistics.orders_filled, statistics.orders_cancelled,
        statistics.orders_rejected, statistics.fill_ratio,
    ) == (4, 1, 1, 1, 0.25)  # fmt: skip
    assert statistics.total_volume == 3
    assert statistics.total_commission == pytest.approx(0.302)
    assert statistics.avg_execution_latency_ms >= 0
    assert all(isinstance(value, int | float) for value in statistics.as_dict().values())


def test_an_engine_without_orders_has_a_fill_ratio_of_zero(api: Api) -> None:
    assert api.make_execution_engine().statistics().fill_ratio == 0


@pytest.mark.one_engine("each partition has its own sequence")
def test_events_are_gapless_and_the_same_for_the_same_inputs(api: Api) -> None:
    scenario = """
        tick 100 x 2
        a: limit BUY 3 @ 100
        s: stop SELL 1 @ 99
        b: limit SELL 1 @ 120
        modify b price=110 -> True
        tick 98.5 x 5
        cancel b -> True
        """
    histories = []
    for _ in range(2):
        engine = api.make_execution_engine()
        Player(api, engine).play(scenario)
        events = list(engine.events())
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert next(iter(engine.events(from_sequence=3))).sequence == 3
        histories.append([(event.order_id, event.status.name) for event in events])
    assert histories[0] == histories[1]
    assert histories[0] == [
        ("a", "Submitted"), ("a", "PartiallyFilled"), ("s", "Submitted"), ("b", "Submitted"), ("b", "Submitted"),
        ("a", "Filled"), ("s", "Submitted"), ("s", "Filled"), ("b", "Cancelled"),
    ]  # fmt: skip


def test_a_change_that_the_type_lacks_or_that_is_malformed_is_a_value_error(api: Api) -> None:
    engine = api.make_execution_engine()
    order = limit(api)
    engine.submit_order(order)
    for change in ({"stop_price": 99}, {"quantity": 0}, {"price": -1}, {"price": "0.0000000001"}):
        with pytest.raises(ValueError):
            engine.modify_order(order.order_id, **change)
    assert engine.get_order(order.order_id).quantity == 1


def test_refused_and_repeated_ticks_reach_no_order(api: Api) -> None:
    engine = api.make_execution_engine()
    engine.submit_order(limit(api, order_id="a"))
    model = api.model

    def tick(price: Any, quantity: Any, trade_id: str = "") -> Any:
        return model.TradeTick("X", model.Price(price), model.Quantity(quantity), "NONE", trade_id, 10**18, 10**18)

    result = engine.process_trade_ticks([tick(99, 0), tick(-1, 5), tick(99, "0.5", "1"), tick(99, "0.5", "1")])
    assert [index for index, _ in result.rejected] == [0, 1]
    fills = engine.get_order("a").fills
    assert [fill.quantity.as_decimal() for fill in fills] == [Decimal("0.5")]
    assert [fill.price.as_decimal() for fill in fills] == [100]
    assert [fill.ts_event for fill in fills] == [10**18]


def test_enumerations_have_the_documented_members(api: Api) -> None:
    x = api.execution
    members = {enum.__name__: [member.name for member in enum] for enum in (x.OrderSide, x.OrderType, x.TimeInForce)}
    documented = {
        "OrderSide": ["Buy", "Sell"],
        "OrderType": ["Market", "Limit", "Stop", "StopLimit"],
        "TimeInForce": ["Day", "GoodTillCancel", "ImmediateOrCancel", "FillOrKill"],
    }
    # Other orders come after these.
    assert {name: members[name][: len(first)] for name, first in documented.items()} == documented
    assert [member.name for member in x.OrderStatus] == [
        "Initialized", "Submitted", "PartiallyFilled", "Filled", "Cancelled", "Rejected",
    ]  # fmt: skip
