"""A strategy that lets profits run: it buys rising prices and exits by a reduce-only trailing stop.

The same file runs in a backtest and on the services, with the same fills:

    alphaforge backtest trades.csv.gz examples/trailing_stop.py
    alphaforge run examples/trailing_stop.py --tape trades.csv.gz
"""

from __future__ import annotations

from typing import Any

from alphaforge_client.execution import (
    Fill,
    Order,
    OrderEvent,
    OrderEventType,
    OrderSide,
    TimeInForce,
    TrailingOffsetType,
)
from alphaforge_client.model import Bar
from alphaforge_client.strategy import Strategy


class LetProfitsRun(Strategy):
    """Buys after a rising bar; sells by a stop that trails the highest price, or after a fixed time."""

    strategy_id = "let-profits-run"
    bar_types = ("100tick",)

    def __init__(self, venue: Any, quantity: str = "0.01", trail_bps: str = "3", hold_seconds: int = 120) -> None:
        super().__init__(venue)
        self.quantity = quantity
        self.trail_bps = trail_bps
        self.hold_ns = hold_seconds * 10**9
        self.is_in = False

    def on_bar(self, bar: Bar) -> None:
        if bar.close > bar.open and not self.is_in:
            self.is_in = True
            self.buy(bar.symbol, self.quantity)

    def on_fill(self, fill: Fill) -> None:
        if fill.side is OrderSide.Buy:
            self.venue.submit_order(
                Order.trailing_stop(
                    fill.symbol,
                    OrderSide.Sell,
                    fill.quantity,
                    self.trail_bps,
                    TimeInForce.GTD,
                    self.strategy_id,
                    trailing_offset_type=TrailingOffsetType.BasisPoints,
                    reduce_only=True,
                    expire_time_ns=self.now_ns + self.hold_ns,
                    order_id=self.order_id(),
                )
            )

    def on_order(self, event: OrderEvent) -> None:
        if event.type is OrderEventType.Cancelled and event.cancel_reason == "DATE_EXPIRED":
            self.sell(event.symbol, event.leaves_quantity)
        elif event.fill is not None and event.fill.side is OrderSide.Sell and not event.leaves_quantity:
            self.is_in = False
