"""While an engine's market data are stale, its market orders wait or are refused, as a setting says."""

from __future__ import annotations

from itertools import count

import pytest
from alphaforge_client.data import DataEngine
from alphaforge_client.execution import ExecutionEngine, ExecutionEngineConfig, Order, OrderSide, OrderStatus
from alphaforge_client.model import TradeTick

from tests.support.stack import Stack
from tests.support.waiting import until

PATIENCE_SECONDS = 30.0
START_NS = 1_700_000_000_000_000_000


@pytest.fixture
def own_stack(own_stack: Stack) -> Stack:
    own_stack.serve("execution")
    return own_stack


@pytest.mark.parametrize("rule", ["wait", "reject"])
def test_market_orders_meet_no_price_that_may_be_an_old_one(own_stack: Stack, rule: str) -> None:
    config = ExecutionEngineConfig(stale_after_ns=10**9, market_orders_while_stale=rule)
    with (
        DataEngine(target=own_stack.target("data"), timeout=PATIENCE_SECONDS) as data,
        ExecutionEngine(config, target=own_stack.target("execution"), timeout=PATIENCE_SECONDS) as venue,
    ):

        def status(order_id: str) -> OrderStatus:
            order = venue.get_order(order_id)
            assert order is not None
            return order.status

        def buy() -> OrderStatus:
            return status(venue.submit_order(Order.market("BTC", OrderSide.Buy, 1, "s")))

        numbers = count(1)

        def buys_after_a_trade() -> bool:
            number = next(numbers)
            data.process_trade_tick(TradeTick("BTC", 100, 1_000, "BUY", str(number), START_NS + number))
            return buy() == OrderStatus.Filled

        venue.wait_ready()
        until(buys_after_a_trade)
        own_stack.kill("data")
        stale = OrderStatus.Submitted if rule == "wait" else OrderStatus.Rejected
        until(lambda: buy() == stale)
        waiting = venue.submit_order(Order.market("BTC", OrderSide.Buy, 1, "s"))
        own_stack.kill("execution")
        own_stack.start("execution")
        assert status(waiting) == stale
        own_stack.start("data")
        until(buys_after_a_trade)
        assert status(waiting) == (OrderStatus.Filled if rule == "wait" else OrderStatus.Rejected)
