"""A query finds, page by page, what a scan of everything finds, whichever index it uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from alphaforge_core.errors import EngineError, ResourceExhausted
from alphaforge_core.execution import ExecutionEngineConfig, Order, OrderSide, OrderStatus
from alphaforge_core.execution_wire import ServiceEngine, decode_fills_page, decode_orders_page
from hypothesis import given
from hypothesis import strategies as st

from tests.property.conftest import fewer
from tests.support import strategies
from tests.support.execution_pair import ExecutionPair, native_settings
from tests.support.strategies import Operation
from tests.unit.execution.test_restore import LIMITS

STATUSES = tuple(OrderStatus)


def paged(read: Callable[..., Sequence[Any]], token: str) -> list[Any]:
    found: list[Any] = []
    while page := read(after=getattr(found[-1], token) if found else ""):
        found += page
    return found


def paged_back(read: Callable[..., bytes], decode: Callable[[bytes], tuple[list[Any], str]]) -> list[Any]:
    """All pages, the newest first, as a service sends them."""
    found: list[Any] = []
    token: str | None = None
    while token != "":
        items, token = decode(read(after=token, newest=True))
        found[:0] = items
    return found


@fewer
@given(strategies.execution_settings(), LIMITS, strategies.execution_histories(max_size=120), st.booleans(), st.data())
def test_a_query_finds_what_a_look_at_everything_finds(
    settings: dict[str, Any], limits: dict[str, int], history: list[Operation], is_restored: bool, data: st.DataObject
) -> None:
    config = ExecutionEngineConfig(**native_settings(settings), **limits)
    pair = ExecutionPair(ServiceEngine(config), settings)
    for operation in history:
        with suppress(ValueError, EngineError, ResourceExhausted):
            pair.ask_engine(*operation)
    engine = pair.engine
    if is_restored:
        engine = ServiceEngine(config)
        engine.restore(pair.engine.snapshot())
    orders, fills, events = engine.get_orders(), engine.get_fills(), engine.events()
    for _ in range(20):
        strategy = data.draw(st.sampled_from((None, "s", "t", "nobody")))
        symbol = data.draw(st.sampled_from((None, "A", "B", "nothing")))
        statuses = data.draw(st.lists(st.sampled_from(STATUSES), max_size=3))
        limit = data.draw(st.integers(1, 7))

        found = [item for item in orders if strategy in (None, item.strategy_id) and symbol in (None, item.symbol)]
        wanted = [order for order in found if not statuses or order.status in statuses]
        read_orders = partial(engine.get_orders, strategy, statuses or None, symbol=symbol)
        assert read_orders() == wanted == paged(partial(read_orders, limit=limit), "order_id")
        assert read_orders(limit=limit) == wanted[-limit:]
        own = [fill for fill in fills if strategy in (None, fill.strategy_id) and symbol in (None, fill.symbol)]
        assert own == paged(partial(engine.get_fills, strategy, symbol=symbol, limit=limit), "fill_id")
        assert own[-limit:] == engine.get_fills(strategy, symbol=symbol, limit=limit)
        orders_back = partial(engine.list_orders_wire, strategy, statuses or None, symbol, limit, with_fills=True)
        fills_back = partial(engine.list_fills_wire, strategy, None, symbol, limit)
        assert wanted == paged_back(orders_back, decode_orders_page)
        assert own == paged_back(fills_back, decode_fills_page)
        start = data.draw(st.integers(0, len(events) + 2))
        assert (
            engine.events(start, limit, strategy_id=strategy)
            == [event for event in events if event.sequence >= start and strategy in (None, event.strategy_id)][:limit]
        )
    assert [order for order in orders if order.strategy_id == "s" and order.is_active] == engine.get_active_orders("s")


def test_events_of_a_strategy_are_found_beyond_many_marks() -> None:
    engine = ServiceEngine(ExecutionEngineConfig(max_events=3_000))
    for number in range(4_000):
        strategy = "st"[number % 5 == 0]
        engine.submit_order(Order.market("A", OrderSide.Buy, 1, strategy, order_id=f"o{number}"))
    events = engine.events()
    assert len(events) == 3_000
    for strategy in "st":
        own = [event for event in events if event.strategy_id == strategy]
        for start in (0, 1_001, 1_300, 2_047, 3_999, 4_000, 4_001):
            for limit in (1, 255, 256, 257, 5_000):
                found = engine.events(start, limit, strategy_id=strategy)
                assert found == [event for event in own if event.sequence >= start][:limit]
