"""Many orders cancelled or changed in one call, in process and remote."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api

SYMBOLS = ("X", "Y", "Z", "BTCUSDT")


def resting(api: Api, engine: Any, count: int = 12) -> list[str]:
    """Orders of two strategies, in several symbols, on both sides; none meets another."""
    x = api.execution
    orders = [
        x.Order.limit(
            SYMBOLS[i % 4], (x.OrderSide.Buy, x.OrderSide.Sell)[i % 2], 2, 90 + 20 * (i % 2), x.TimeInForce.GTC,
            "st"[i // 4 % 2], order_id=f"o{i}",
        )
        for i in range(count)
    ]  # fmt: skip
    return list(engine.submit_orders(orders))


def open_ids(engine: Any) -> set[str]:
    return {order.order_id for strategy in "st" for order in engine.get_active_orders(strategy)}


def test_orders_are_cancelled_with_a_result_for_each(api: Api) -> None:
    engine = api.make_execution_engine()
    ids = resting(api, engine)
    assert engine.cancel_orders([ids[5], "unknown", ids[0], ids[5]]) == [True, False, True, False]
    assert open_ids(engine) == set(ids) - {ids[5], ids[0]}
    assert engine.get_order(ids[5]).cancel_reason == "REQUESTED"
    assert engine.cancel_orders([]) == []
    assert engine.cancel_orders(iter(ids)) == [i not in (0, 5) for i in range(len(ids))]
    with pytest.raises(TypeError):
        engine.cancel_orders([7])


def test_orders_are_changed_with_a_result_for_each(api: Api) -> None:
    engine = api.make_execution_engine()
    ids = resting(api, engine)
    change = api.execution.OrderChange
    assert engine.modify_orders(
        [change(ids[0], quantity=1), change("unknown", price=3), change(ids[0], price="89.5"), change(ids[3])]
    ) == [True, False, True, True]
    order = engine.get_order(ids[0])
    assert (order.quantity, order.price) == (1.0, 89.5)
    assert engine.modify_orders([]) == []
    engine.cancel_order(ids[1])
    assert engine.modify_orders([change(ids[1], quantity=1), change(ids[2], quantity=1)]) == [False, True]
    with pytest.raises(TypeError):
        engine.modify_orders([("o1", 3)])


def test_a_malformed_change_leaves_the_others_made(api: Api) -> None:
    engine = api.make_execution_engine()
    ids = resting(api, engine)
    change = api.execution.OrderChange
    changes = [
        change(ids[0], stop_price=3),
        change(ids[1], quantity=1),
        change(ids[2], quantity=0),
        change("no", price=1),
    ]
    with pytest.raises(api.errors.BatchError) as caught:
        engine.modify_orders(changes)
    surplus, made, nothing, unknown = caught.value.results
    assert (surplus.reason, made, nothing.reason, unknown) == (
        "ORDER_FIELD_SURPLUS", True, "QUANTITY_NOT_POSITIVE", False,
    )  # fmt: skip
    assert engine.get_order(ids[1]).quantity == 1.0


@pytest.mark.parametrize(
    "only", [{"symbol": "X"}, {"side": "Buy"}, {"symbol": "Y", "side": "Buy"}, {"strategy_id": "s", "side": "Sell"},
             {"strategy_id": "t", "symbol": "Z"}, {"symbol": "nothing"}],
    ids=str,
)  # fmt: skip
def test_orders_are_cancelled_by_symbol_and_side(api: Api, only: dict[str, str]) -> None:
    engine = api.make_execution_engine()
    ids = resting(api, engine)
    orders = [engine.get_order(order_id) for order_id in ids]
    keywords = {**only, "side": api.execution.OrderSide[only["side"]]} if "side" in only else only
    chosen = {
        order.order_id
        for order in orders
        if all(getattr(getattr(order, name), "name", getattr(order, name)) == value for name, value in only.items())
    }
    assert engine.cancel_all_orders(**keywords) == len(chosen)
    assert open_ids(engine) == set(ids) - chosen
    assert engine.cancel_all_orders(**keywords) == 0


def test_a_large_batch_is_one_call(api: Api) -> None:
    engine = api.make_execution_engine()
    ids = resting(api, engine, 9_000)
    change = api.execution.OrderChange
    assert all(engine.modify_orders([change(order_id, quantity=1) for order_id in ids]))
    assert all(engine.cancel_orders(ids))
    assert engine.statistics().orders_open == 0


def test_a_change_is_a_value(api: Api) -> None:
    change = api.execution.OrderChange
    one = change("o", quantity="0.5", price=3)
    assert (one.order_id, one.quantity, one.price, one.stop_price) == ("o", 0.5, 3.0, None)
    assert one == change("o", quantity=0.5, price="3.00")
    assert one != change("o", quantity=0.5)
    assert len({one, change("o", quantity=0.5, price=3)}) == 1
    with pytest.raises(ValueError):
        change("o", quantity="1,5")
