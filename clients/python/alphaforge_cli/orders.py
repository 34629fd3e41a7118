"""`alphaforge orders|positions|cancel|halt|resume`: what a trader looks at, and the ways to stop."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Annotated

import typer
from alphaforge_client.execution import ExecutionEngine, Gap, Order, OrderEvent, OrderStatus, Position
from rich.table import Table

from alphaforge_cli.tables import moment, output, table

__all__ = ["cancel", "halt", "orders", "positions", "resume"]

EngineName = Annotated[str | None, typer.Option("--engine", help="The execution engine's name.")]
Strategy = Annotated[str | None, typer.Option("--strategy", help="Of this strategy only.")]
Timeout = Annotated[float, typer.Option(help="Seconds that a call may take.", min=0.001)]
ACTIVE = (OrderStatus.Submitted, OrderStatus.PartiallyFilled)


def orders(
    strategy: Strategy = None,
    engine: EngineName = None,
    every: Annotated[bool, typer.Option("--all", help="Final orders too, not only those that rest or wait.")] = False,
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1)] = 50,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with every change, until Ctrl-C.")] = False,
    timeout: Timeout = 5.0,
) -> None:
    """Print the orders that rest or wait, in order of submission."""
    with _venue(engine, timeout) as venue:
        newest = deque(venue.get_orders(strategy, None if every else ACTIVE), maxlen=limit)
        console = output()
        console.print(_orders_table(newest))
        if follow:
            with suppress(KeyboardInterrupt):
                for event in venue.subscribe_order_events(strategy):
                    console.print(_event_line(event), markup=False, soft_wrap=True)
                    console.file.flush()


def positions(strategy: Strategy = None, engine: EngineName = None, timeout: Timeout = 5.0) -> None:
    """Print what each strategy holds, and what it earned."""
    with _venue(engine, timeout) as venue:
        output().print(_positions_table(venue.get_positions(strategy)))


def cancel(
    order_ids: Annotated[list[str] | None, typer.Argument(help="The orders' ids.")] = None,
    strategy: Strategy = None,
    every: Annotated[bool, typer.Option("--all", help="All active orders of all strategies.")] = False,
    engine: EngineName = None,
    timeout: Timeout = 5.0,
) -> None:
    """Cancel orders by id, those of a strategy, or all; exit 1 when one that was named is not active."""
    if bool(order_ids) + (strategy is not None) + every != 1:
        raise typer.BadParameter("name orders, or give --strategy, or --all")
    with _venue(engine, timeout) as venue:
        if not order_ids:
            print(f"{venue.cancel_all_orders(strategy):,} orders cancelled")
            return
        results = [(order_id, venue.cancel_order(order_id)) for order_id in order_ids]
    for order_id, done in results:
        print(f"{order_id} {'cancelled' if done else 'is not active'}")
    raise typer.Exit(0 if all(done for _, done in results) else 1)


def halt(engine: EngineName = None, timeout: Timeout = 5.0) -> None:
    """Reject new orders from now on; resting ones may fill, shrink and be cancelled. Survives a restart."""
    with _venue(engine, timeout) as venue:
        venue.halt()
    print("halted: new orders are rejected until `alphaforge resume`")


def resume(engine: EngineName = None, timeout: Timeout = 5.0) -> None:
    """Accept new orders again."""
    with _venue(engine, timeout) as venue:
        venue.resume()
    print("resumed: new orders are accepted")


@contextmanager
def _venue(engine: str | None, timeout: float) -> Iterator[ExecutionEngine]:
    with ExecutionEngine(name=engine or "default", timeout=timeout) as venue:
        yield venue


def _orders_table(shown: deque[Order]) -> Table:
    words = ("order", "strategy", "symbol", "side", "type", "in force", "status")
    made = table("orders", words, ("quantity", "filled", "price", "stop", "average"))
    for order in shown:
        reason = order.reject_reason or order.cancel_reason
        made.add_row(
            order.order_id, order.strategy_id, order.symbol, order.side.name, order.order_type.name,
            order.time_in_force.name, order.status.name + (f" ({reason})" if reason else ""),
            _exact(order.quantity), _exact(order.filled_quantity), _exact(order.price), _exact(order.stop_price),
            _exact(order.avg_fill_price),
        )  # fmt: skip
    return made


def _positions_table(shown: list[Position]) -> Table:
    numbers = ("net quantity", "average price", "last price", "realized", "unrealized", "commission")
    made = table("positions", ("strategy", "symbol"), numbers)
    for position in shown:
        figures = (
            position.net_quantity, position.average_price, position.last_price,
            position.realized_pnl, position.unrealized_pnl, position.commission,
        )  # fmt: skip
        made.add_row(position.strategy_id, position.symbol, *map(_exact, figures))
    return made


def _event_line(event: OrderEvent | Gap) -> str:
    if isinstance(event, Gap):
        return f"some events were missed: {event}"
    words = [moment(event.ts_event), event.strategy_id, event.symbol, event.order_id, event.type.name]
    if event.fill is not None:
        fill = event.fill
        words.append(f"{fill.side.name} {fill.quantity} @ {fill.price} {fill.liquidity_side.name.lower()}")
    words += [word for word in (event.reject_reason, event.cancel_reason) if word]
    return " ".join([*words, f"leaves {_exact(event.leaves_quantity)}"])


def _exact(number: Decimal | float | None) -> str:
    """All digits, thousands apart, no exponent; nothing for what an order lacks."""
    return "" if number is None else f"{Decimal(str(number)).normalize():,f}"
