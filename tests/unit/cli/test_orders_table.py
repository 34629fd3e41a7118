"""The table of orders shows what an inactive order waits for, or why it ended."""

from __future__ import annotations

from collections import deque

from alphaforge_cli.orders import OPEN, _orders_table
from alphaforge_cli.tables import exact
from alphaforge_core.execution import ExecutionEngine, Order, OrderSide
from rich.console import Console


def shown(engine: ExecutionEngine, *, every: bool = False) -> list[str]:
    console = Console(width=250)
    with console.capture() as capture:
        console.print(_orders_table(deque(engine.get_orders(status=None if every else OPEN)), exact))
    return capture.get().splitlines()


def test_exits_that_sleep_are_open_and_wait_for_their_entry() -> None:
    engine = ExecutionEngine()
    engine.submit_order_group(
        Order.bracket("X", OrderSide.Buy, 1, "s", take_profit=110, stop_loss=90, price=100, order_id="b")
    )
    lines = shown(engine)
    assert sum("Initialized (waits for b)" in line for line in lines) == 2
    engine.cancel_order("b")
    assert not any("b-tp" in line for line in shown(engine))
    assert sum("Cancelled (GROUP_CANCELLED)" in line for line in shown(engine, every=True)) == 2
