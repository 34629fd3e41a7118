"""A dry run records what a strategy would do, and sends nothing."""

from __future__ import annotations

from alphaforge_cli._runs import DryRun
from alphaforge_client.aio import execution as remote
from alphaforge_core.execution import ExecutionEngine, Order, OrderSide


def test_a_group_is_noted_order_by_order_and_not_placed() -> None:
    engine, notes = ExecutionEngine(), []
    venue = DryRun(engine, lambda event, **fields: notes.append((event, fields["order_id"], fields["parent_id"])))
    group = Order.bracket("X", OrderSide.Buy, 1, "s", take_profit=110, stop_loss=90, order_id="b")
    assert venue.submit_order_group(group) == ["b", "b-tp", "b-sl"]
    assert notes == [("would submit", "b", None), ("would submit", "b-tp", "b"), ("would submit", "b-sl", "b")]
    assert engine.get_orders() == []


def test_no_call_that_changes_orders_passes_through() -> None:
    changing = {
        name for name in vars(remote.ExecutionEngine) if name.startswith(("submit_", "modify_", "cancel_", "register_"))
    } - {"cancel_on_disconnect"}
    assert changing >= {"submit_order", "submit_orders", "submit_order_group", "modify_order", "cancel_order"}
    assert changing <= vars(DryRun).keys()
