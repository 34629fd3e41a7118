"""Orders on the grid of their instruments, with multipliers and commissions.

    python examples/instruments.py
    python examples/instruments.py --remote

Without `--remote`, the engine is in process; with it, on the service. Both print the same.
"""

from __future__ import annotations

import argparse
import uuid
from typing import Any

from alphaforge_client import execution as remote
from alphaforge_core import execution as local
from alphaforge_core.execution import Instrument, Order, OrderSide, TimeInForce
from alphaforge_core.model import TradeTick

INSTRUMENTS = [
    # 50 dollars per point, ticks of a quarter of a point; commission 1.25 per contract, at least 2 per order.
    Instrument(
        "ESZ5", tick_size="0.25", lot_size=1, multiplier=50, currency="USD", commission_per_contract="1.25",
        min_commission=2,
    ),
    # Contracts of one dollar, settled in coins; a rebate for makers. Orders off the grid are rounded.
    Instrument(
        "XBTUSD", tick_size="0.5", lot_size=100, inverse=True, currency="XBT", maker_commission_rate="-0.0001",
        taker_commission_rate="0.00075", off_grid="round",
    ),
]  # fmt: skip
GTC, SELL, BUY = TimeInForce.GTC, OrderSide.Sell, OrderSide.Buy


def trade(venue: Any) -> None:
    venue.register_instruments(INSTRUMENTS)
    for order in (
        Order.market("ESZ5", BUY, 1, "grid", order_id="future"),
        Order.limit("ESZ5", BUY, 1, "4000.10", GTC, "grid", order_id="off-grid"),
        Order.limit("XBTUSD", BUY, 1050, "50000.7", GTC, "grid", order_id="rounded"),
        Order.limit("XBTUSD", SELL, 1000, "62500.2", GTC, "grid", order_id="exit"),
    ):
        venue.submit_order(order)
    trades = [("ESZ5", "4000.25"), ("XBTUSD", "50000"), ("XBTUSD", "63000"), ("ESZ5", "4010.75")]
    for second, (symbol, price) in enumerate(trades, start=1):
        venue.process_trade_tick(TradeTick(symbol, price, 10_000, "NONE", str(second), second * 10**9))

    for order in venue.get_orders("grid"):
        price = order.price or "market"
        print(f"{order.order_id:8} {order.quantity:g} @ {price} {order.status.name} {order.reject_reason or ''}")
    for fill in venue.get_fills("grid"):
        print(f"{fill.order_id:8} worth {fill.value:f} commission {fill.commission:f} ({fill.commission_rule})")
    for position in venue.get_positions("grid"):
        print(f"{position.symbol:8} realized {position.realized_pnl:f} unrealized {position.unrealized_pnl:f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--remote", action="store_true", help="use the service instead of an engine in process")
    if not parser.parse_args().remote:
        trade(local.ExecutionEngine())
        return
    with remote.ExecutionEngine(name=f"instruments-{uuid.uuid4().hex[:8]}") as venue:
        try:
            trade(venue)
        finally:
            venue.drop()


if __name__ == "__main__":
    main()
