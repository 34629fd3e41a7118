"""`alphaforge orders|positions|cancel|halt|resume`: look at orders and positions, and stop trading."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal
from enum import Enum
from typing import Annotated

import typer
from alphaforge_client.execution import (
    Account,
    ExecutionEngine,
    Gap,
    Order,
    OrderEvent,
    OrderSide,
    OrderStatus,
    Position,
    TrailingOffsetType,
)
from alphaforge_core.errors import AlphaForgeError
from rich.table import Table

from alphaforge_cli.engines import existing, names_of
from alphaforge_cli.tables import counted, exact, moment, money, output, table

__all__ = ["accounts", "cancel", "halt", "orders", "positions", "positions_table", "resume"]

EngineName = Annotated[str, typer.Option("--engine", help="Name of the execution engine.")]
Strategy = Annotated[str | None, typer.Option("--strategy", help="Only this strategy.")]
EveryEngine = Annotated[bool, typer.Option("--all", help="All existing execution engines, on all shards.")]
Exact = Annotated[bool, typer.Option("--exact", help="Print amounts with all digits instead of rounding them.")]
Timeout = Annotated[float, typer.Option(help="Timeout of a call, in seconds.", min=0.001)]


class Side(Enum):
    """The side of orders, on the command line."""

    BUY = "buy"
    SELL = "sell"


OFFSET_UNITS = {TrailingOffsetType.BasisPoints: " bps", TrailingOffsetType.Ticks: " ticks"}

# Includes orders that are asleep, which are Initialized.
OPEN = (OrderStatus.Initialized, OrderStatus.Submitted, OrderStatus.PartiallyFilled)


def orders(
    strategy: Strategy = None,
    engine: EngineName = "default",
    every: Annotated[bool, typer.Option("--all", help="Include final orders.")] = False,
    limit: Annotated[int, typer.Option(help="Maximum number of orders to print; the newest are printed.", min=1)] = 50,
    follow: Annotated[bool, typer.Option("--follow", help="Keep printing changes, until Ctrl-C.")] = False,
    all_digits: Exact = False,
    timeout: Timeout = 5.0,
) -> None:
    """Print the open orders, in order of submission."""
    console = output()
    with _venue(engine, timeout) as venue, ExitStack() as exits:
        events = venue.subscribe_order_events(strategy)
        if follow:
            # Before the orders are listed: a change after that is in the list or follows it.
            exits.enter_context(events)
        newest = venue.get_orders(strategy, None if every else OPEN, limit=limit)
        console.print(_orders_table(newest, exact if all_digits else money))
        if follow:
            console.file.flush()
            with suppress(KeyboardInterrupt):
                for event in events:
                    console.print(_event_line(event), markup=False, soft_wrap=True)
                    console.file.flush()


def positions(
    strategy: Strategy = None, engine: EngineName = "default", all_digits: Exact = False, timeout: Timeout = 5.0
) -> None:
    """Print the positions and profits of each strategy."""
    with _venue(engine, timeout) as venue:
        output().print(positions_table(venue.get_positions(strategy), exact if all_digits else money))


def accounts(
    strategy: Strategy = None, engine: EngineName = "default", all_digits: Exact = False, timeout: Timeout = 5.0
) -> None:
    """Print the account of each strategy: cash, equity, exposure and drawdown."""
    with _venue(engine, timeout) as venue:
        output().print(_accounts_table(venue.get_accounts(strategy), exact if all_digits else money))


def cancel(
    order_ids: Annotated[list[str] | None, typer.Argument(help="Order ids.")] = None,
    strategy: Strategy = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only orders of this symbol.")] = None,
    side: Annotated[Side | None, typer.Option("--side", help="Only orders on this side.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Cancel all active orders of all strategies.")] = False,
    engine: EngineName = "default",
    timeout: Timeout = 5.0,
) -> None:
    """Cancel orders by id, by strategy, symbol and side, or all orders. Exits with 1 if a given order is not active."""
    is_filtered = any(word is not None for word in (strategy, symbol, side))
    if bool(order_ids) + is_filtered + every != 1:
        raise typer.BadParameter("give either order ids, or --strategy, --symbol or --side, or --all")
    with _venue(engine, timeout) as venue:
        if not order_ids:
            only = None if side is None else OrderSide[side.value.capitalize()]
            print(f"{counted(venue.cancel_all_orders(strategy, symbol=symbol, side=only), 'order')} cancelled")
            return
        results = list(zip(order_ids, venue.cancel_orders(order_ids), strict=True))
    for order_id, done in results:
        print(f"{order_id} {'cancelled' if done else 'is not active'}")
    raise typer.Exit(0 if all(done for _, done in results) else 1)


def halt(engine: EngineName = "default", every: EveryEngine = False, timeout: Timeout = 5.0) -> None:
    """Reject new orders. Open orders can still fill, be reduced and be cancelled. Survives a restart.

    With --all, if an engine can't be halted, the others still are, and the exit status is 1.
    """
    _on_each(engine, every, timeout, ExecutionEngine.halt)
    print(f"halted: new orders are rejected until `alphaforge resume{' --all' if every else ''}`")


def resume(
    strategy: Strategy = None, engine: EngineName = "default", every: EveryEngine = False, timeout: Timeout = 5.0
) -> None:
    """Accept new orders again after `halt`. With --strategy: those of a strategy that max_loss halted."""
    if strategy is None:
        _on_each(engine, every, timeout, ExecutionEngine.resume)
    elif every:
        raise typer.BadParameter("give --strategy or --all")
    else:
        with _venue(engine, timeout) as venue:
            if not venue.resume_strategy(strategy):
                print(f"{strategy} is not halted")
                return
    print("resumed: new orders are accepted")


def _on_each(engine: str, every: bool, timeout: float, act: Callable[[ExecutionEngine], None]) -> None:
    """Acts on one engine or on every existing engine, and prints their names. Exits with 1 after failures."""
    if not every:
        with _venue(engine, timeout) as venue:
            act(venue)
        return
    if engine != "default":
        raise typer.BadParameter("give --engine or --all")
    failures = 0
    for name in names_of(ExecutionEngine, timeout):
        try:
            with _venue(name, timeout) as venue:
                act(venue)
        except AlphaForgeError as error:
            failures += 1
            print(f"{name}: {error}", file=sys.stderr)
        else:
            print(name)
    if failures:
        raise typer.Exit(1)


@contextmanager
def _venue(engine: str, timeout: float) -> Iterator[ExecutionEngine]:
    with existing(ExecutionEngine, engine, timeout) as venue:
        yield venue


def _orders_table(shown: list[Order], amount: Callable[[Decimal | float | None], str]) -> Table:
    words = ("order", "strategy", "symbol", "side", "type", "in force", "status")
    made = table("orders", words, ("quantity", "filled", "price", "stop", "average"))
    for order in shown:
        waits = order.status is OrderStatus.Initialized and order.parent_id is not None
        reason = f"waits for {order.parent_id}" if waits else order.reject_reason or order.cancel_reason
        made.add_row(
            order.order_id, order.strategy_id, order.symbol, order.side.name, _type_of(order), _in_force(order),
            order.status.name + (f" ({reason})" if reason else ""),
            exact(order.quantity), exact(order.filled_quantity), exact(order.price), exact(order.stop_price),
            amount(order.avg_fill_price),
        )  # fmt: skip
    return made


def _type_of(order: Order) -> str:
    words = [order.order_type.name]
    if order.trailing_offset_type is not None:
        unit = OFFSET_UNITS.get(order.trailing_offset_type, "")
        words.append(f"by {exact(order.trailing_offset)}{unit}")
    if order.reduce_only:
        words.append("reduce-only")
    return " ".join(words)


def _in_force(order: Order) -> str:
    name = order.time_in_force.name
    return name if order.expire_time_ns is None else f"{name} {moment(order.expire_time_ns)}"


def positions_table(shown: list[Position], amount: Callable[[Decimal | float | None], str] = money) -> Table:
    numbers = ("net quantity", "average price", "last price", "realized", "unrealized", "commission")
    made = table("positions", ("strategy", "symbol"), numbers)
    for position in shown:
        figures = (
            amount(position.average_price), exact(position.last_price), amount(position.realized_pnl),
            amount(position.unrealized_pnl), amount(position.commission),
        )  # fmt: skip
        made.add_row(position.strategy_id, position.symbol, exact(position.net_quantity), *figures)
    return made


def _accounts_table(shown: list[Account], amount: Callable[[Decimal | float | None], str]) -> Table:
    made = table("accounts", ("strategy", "halted"), ("cash", "equity", "exposure", "net", "drawdown", "at most"))
    for each in shown:
        figures = (each.cash, each.equity, each.exposure, each.net_exposure, each.drawdown, each.max_drawdown)
        made.add_row(each.strategy_id, "yes" if each.is_halted else "", *map(amount, figures))
    return made


def _event_line(event: OrderEvent | Gap) -> str:
    if isinstance(event, Gap):
        return f"some events were missed: {event}"
    words = [moment(event.ts_event), event.strategy_id, event.symbol, event.order_id, event.type.name]
    if event.fill is not None:
        fill = event.fill
        words.append(f"{fill.side.name} {fill.quantity} @ {fill.price} {fill.liquidity_side.name.lower()}")
    words += [word for word in (event.reject_reason, event.cancel_reason) if word]
    return " ".join([*words, f"leaves {exact(event.leaves_quantity)}"])
