"""Orders beyond the documented API: good till date, reduce-only, trailing stops, in process and remote."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.scenarios import Player
from tests.support.tape import DAY

SCENARIOS = [
    (
        "good till date: a trade at its time ends the order before it acts",
        """
        tick 101 x 1
        a: limit BUY 1 @ 100 GTD+5s
        b: limit BUY 1 @ 100 GTD+6s
        tick 99 x 5 SELL +5s
        a is Cancelled (DATE_EXPIRED)
        b is Filled: 1 @ 100 maker
        """,
    ),
    (
        "good till date: time alone ends it, and a date in the past is refused",
        """
        tick 101 x 1
        a: stop BUY 1 @ 110 GTD+5s
        b: limit BUY 1 @ 100 GTD-5s
        b is Rejected (EXPIRE_TIME_PASSED)
        time +5s
        a is Cancelled (DATE_EXPIRED)
        """,
    ),
    (
        "reduce-only: several orders close a position and never flip it",
        """
        tick 100 x 9
        early: limit SELL 1 @ 101 reduce-only
        early is Rejected (NOTHING_TO_REDUCE)
        e: market BUY 3
        a: limit SELL 2 @ 101 reduce-only
        b: limit SELL 2 @ 101 reduce-only
        c: stop SELL 3 @ 90 reduce-only
        tick 102 x 9
        a is Filled: 2 @ 101 maker
        b is Cancelled (NOTHING_TO_REDUCE): 1 @ 101 maker
        c is Cancelled (NOTHING_TO_REDUCE)
        """,
    ),
    (
        "a trailing stop follows the last price in its favour",
        """
        tick 100 x 9
        a: trailing-stop SELL 1 by 2
        b: trailing-stop BUY 1 by 100bps from 99
        c: trailing-stop-limit SELL 1 by 5 limit 1
        tick 104 x 9
        tick 102.5 x 9
        a is Submitted
        tick 102 x 9
        a is Filled: 1 @ 102 taker
        tick 98 x 9
        c is Filled: 1 @ 98 taker
        tick 98.98 x 9 BUY
        b is Filled: 1 @ 98.98 taker
        """,
    ),
]


@pytest.mark.parametrize("scenario", [case[1] for case in SCENARIOS], ids=[case[0] for case in SCENARIOS])
def test_scenarios(api: Api, scenario: str) -> None:
    Player(api, api.make_execution_engine()).play(scenario)


def option_orders(api: Api) -> list[Any]:
    x = api.execution
    date = {"expire_time_ns": 20_000 * DAY}
    tif = x.TimeInForce.GTD
    return [
        x.Order.market("X", x.OrderSide.Sell, 1, "s", tif, reduce_only=True, **date),
        x.Order.limit("X", x.OrderSide.Sell, 1, 2, tif, "s", reduce_only=True, post_only=True, **date),
        x.Order.stop("X", x.OrderSide.Sell, 1, 2, tif, "s", reduce_only=True, **date),
        x.Order.stop_limit("X", x.OrderSide.Sell, 1, 2, 3, tif, "s", reduce_only=True, **date),
        x.Order.trailing_stop("X", x.OrderSide.Sell, 1, 2, tif, "s", reduce_only=True, **date),
        x.Order.trailing_stop_limit("X", x.OrderSide.Sell, 1, 2, 3, tif, "s", reduce_only=True, **date),
    ]


def test_orders_show_their_options(api: Api) -> None:
    engine = api.make_execution_engine()
    Player(api, engine).play("tick 100 x 9 | e: market BUY 4".replace(" | ", chr(10)))
    for order in option_orders(api):
        assert (order.expire_time_ns, order.reduce_only) == (20_000 * DAY, True)
        assert pickle.loads(pickle.dumps(order)) == order
        assert engine.submit_order(order) == engine.submit_order(order) == order.order_id
        kept = engine.get_order(order.order_id)
        assert (kept.expire_time_ns, kept.reduce_only) == (20_000 * DAY, True)
        submitted = next(event for event in engine.events() if event.order_id == order.order_id).order
        assert submitted == order
        shown = kept.as_dict()
        assert (shown["time_in_force"], shown["expire_time_ns"], shown["reduce_only"]) == (
            "GoodTillDate", 20_000 * DAY, True,
        )  # fmt: skip
    plain = engine.get_order("e")
    assert (plain.expire_time_ns, plain.reduce_only) == (None, False)


def test_another_option_is_another_order(api: Api) -> None:
    x = api.execution
    engine = api.make_execution_engine()

    def order(**options: Any) -> Any:
        tif = x.TimeInForce.GoodTillDate if "expire_time_ns" in options else x.TimeInForce.Day
        return x.Order.limit("X", x.OrderSide.Buy, 1, 2, tif, "s", order_id="mine", **options)

    engine.submit_order(order(expire_time_ns=20_000 * DAY))
    for other in (order(expire_time_ns=20_001 * DAY), order(), order(expire_time_ns=20_000 * DAY, reduce_only=True)):
        with pytest.raises(ValueError, match="was submitted with other fields"):
            engine.submit_order(other)


def test_a_date_belongs_to_good_till_date_alone(api: Api) -> None:
    x = api.execution

    def limit(tif: Any, **options: Any) -> Any:
        return x.Order.limit("X", x.OrderSide.Buy, 1, 2, tif, "s", **options)

    with pytest.raises(ValueError, match="needs an expire_time_ns"):
        limit(x.TimeInForce.GTD)
    with pytest.raises(ValueError, match="takes no expire_time_ns"):
        limit(x.TimeInForce.DAY, expire_time_ns=1)
    with pytest.raises(ValueError, match="expire_time_ns must be nanoseconds since 1970"):
        limit(x.TimeInForce.GTD, expire_time_ns=-1)


def test_trailing_stops_show_how_they_trail(api: Api) -> None:
    x = api.execution
    engine = api.make_execution_engine()
    order = x.Order.trailing_stop_limit(
        "X", x.OrderSide.Sell, 1, "50", "0.5", x.TimeInForce.GTC, "s", activation_price=110, post_only=True,
        trailing_offset_type=x.TrailingOffsetType.BasisPoints,
    )  # fmt: skip
    assert pickle.loads(pickle.dumps(order)) == order
    engine.submit_order(order)
    shown = engine.get_order(order.order_id)
    assert (shown.order_type, shown.trailing_offset_type) == (
        x.OrderType.TrailingStopLimit, x.TrailingOffsetType.BasisPoints,
    )  # fmt: skip
    assert (shown.trailing_offset, shown.activation_price, shown.limit_offset) == (50.0, 110.0, 0.5)
    assert (shown.stop_price, shown.price) == (None, None)
    player = Player(api, engine)
    player.play("tick 200 x 1")
    assert engine.get_order(order.order_id).stop_price == 199.0
    player.play("tick 150 x 1")
    shown = engine.get_order(order.order_id)
    assert (shown.stop_price, shown.price) == (199.0, 198.99005)
    assert shown.as_dict()["trailing_offset_type"] == "BasisPoints"
    triggered = next(event for event in engine.events() if event.type is x.OrderEventType.Triggered)
    assert (float(triggered.stop_price), float(triggered.price)) == (199.0, 198.99005)
    other = x.Order.trailing_stop_limit(
        "X", x.OrderSide.Sell, 1, "50", "0.5", x.TimeInForce.GTC, "s", activation_price=111, post_only=True,
        trailing_offset_type=x.TrailingOffsetType.BasisPoints, order_id=order.order_id,
    )  # fmt: skip
    with pytest.raises(ValueError, match="was submitted with other fields"):
        engine.submit_order(other)


def test_a_malformed_offset_is_refused(api: Api) -> None:
    x = api.execution

    def trailing(offset: Any, **options: Any) -> Any:
        return x.Order.trailing_stop("X", x.OrderSide.Sell, 1, offset, x.TimeInForce.GTC, "s", **options)

    points = {"trailing_offset_type": x.TrailingOffsetType.BasisPoints}
    for make in (lambda: trailing(0), lambda: trailing(-1), lambda: trailing(10_000, **points),
                 lambda: trailing(1, activation_price=0)):  # fmt: skip
        with pytest.raises(ValueError):
            make()
    assert trailing("9999.999999999", **points).trailing_offset == 9999.999999999
