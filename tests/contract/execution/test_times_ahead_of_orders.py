"""Rule 1.8 on the venue: a print with a wrong clock fills nothing and ends no day."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.tape import DAY, MINUTE, SECOND


def tick(api: Api, ts_event: int, price: float = 100.0) -> Any:
    return api.model.TradeTick("X", price, 1, "NONE", "", ts_event, ts_event)


def test_a_print_with_a_wrong_clock_fills_nothing_and_expires_nothing(api: Api) -> None:
    x, now = api.execution, time.time_ns()
    engine = api.make_execution_engine()
    engine.process_trade_tick(tick(api, now - MINUTE))
    order_id = engine.submit_order(x.Order.limit("X", x.OrderSide.Buy, 1, 90, x.TimeInForce.Day, "s"))
    result = engine.process_trade_ticks([tick(api, now + 2 * DAY, 80.0), tick(api, now - SECOND)])
    assert result.rejected == [(0, "TIME_AHEAD")]
    engine.process_trade_tick(tick(api, now + 2 * DAY, 80.0))
    with pytest.raises(ValueError, match="max_time_jump_ns") as caught:
        engine.advance_time(now + 2 * DAY)
    assert caught.value.reason == "TIME_AHEAD"
    assert engine.get_order(order_id).status is x.OrderStatus.Submitted
    assert (engine.statistics().ticks_processed, engine.statistics().ticks_rejected) == (2, 2)
    engine.process_trade_tick(tick(api, now, 90.0))
    assert engine.get_order(order_id).status is x.OrderStatus.Filled


def test_0_allows_every_time(api: Api) -> None:
    x, now = api.execution, time.time_ns()
    engine = api.make_execution_engine(max_time_jump_ns=0)
    engine.process_trade_tick(tick(api, now - MINUTE))
    order_id = engine.submit_order(x.Order.limit("X", x.OrderSide.Buy, 1, 90, x.TimeInForce.Day, "s"))
    assert engine.process_trade_ticks([tick(api, now + 200 * 365 * DAY)]).rejected == []
    assert engine.get_order(order_id).status is x.OrderStatus.Cancelled
