"""The table of orders shows what an inactive order waits for, or why it ended."""

from __future__ import annotations

from collections import deque

from alphaforge_cli.orders import OPEN, _orders_table
from alphaforge_cli.tables import exact
from alphaforge_core.execution import (
    ExecutionEngine,
    Instrument,
    Order,
    OrderSide,
    TimeInForce,
    TrailingOffsetType,
)
from rich.console import Console


def shown(engine: ExecutionEngine, *, every: bool = False) -> list[str]:
    console = Console(width=250)
    with console.capture() as capture:
        console.print(_orders_table(deque(engine.get_orders(status=None if every else OPEN)), exact))
    return capture.get().splitlines()


def test_a_trailing_stop_says_what_its_offset_counts() -> None:
    engine = ExecutionEngine()
    engine.register_instruments([Instrument("X", tick_size="0.5")])
    for unit in (TrailingOffsetType.Price, TrailingOffsetType.BasisPoints, TrailingOffsetType.Ticks):
        engine.submit_order(
            Order.trailing_stop("X", OrderSide.Sell, 1, 4, TimeInForce.GTC, "s", trailing_offset_type=unit)
        )
    text = " ".join(" ".join(shown(engine)).split())
    assert "TrailingStop by 4 " in text
    assert "TrailingStop by 4 bps" in text
    assert "TrailingStop by 4 ticks" in text


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
