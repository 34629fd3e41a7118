"""One strategy on recorded trades, in process or on the services: only the engines' module differs.

    python examples/backtest.py trades.csv.gz
    python examples/backtest.py trades.csv.gz --remote --limit 2000

Both print the same, because the engines are the same code and read no clock. The file has the columns instrument_id,
trade_id, ts_event, price, quantity and aggressor_side; times are in nanoseconds. The following command runs the same
class without the rest of this program, and can draw the equity curve:

    alphaforge backtest trades.csv.gz examples/backtest.py
"""

from __future__ import annotations

import argparse
import csv
import gzip
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import ClassVar

import alphaforge_client.data as remote_data
import alphaforge_client.execution as remote_execution
from alphaforge_core.data import DataEngine, DataEngineConfig
from alphaforge_core.execution import ExecutionEngine, ExecutionEngineConfig, Order, OrderSide, TimeInForce
from alphaforge_core.model import Bar, TradeTick

STRATEGY = "pullback"
COMMISSIONS = ExecutionEngineConfig(maker_commission_rate="0.0002", taker_commission_rate="0.0005", fill_on="next")

Data = DataEngine | remote_data.DataEngine
Venue = ExecutionEngine | remote_execution.ExecutionEngine


class Pullback:
    """Bids below the close of a rising bar, and offers its position above the price paid."""

    bar_types: ClassVar[list[str]] = ["100tick"]

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._orders = 0

    def on_bar(self, bar: Bar) -> None:
        self._venue.cancel_all_orders(STRATEGY)
        held = [position for position in self._venue.get_positions(STRATEGY) if position.net_quantity]
        if held:
            self._limit(bar, OrderSide.Sell, held[0].net_quantity, (held[0].average_price or 0) * Decimal("1.0003"))
        elif bar.close > bar.open:
            self._limit(bar, OrderSide.Buy, Decimal("0.05"), bar.close.as_decimal() * Decimal("0.9999"))

    def _limit(self, bar: Bar, side: OrderSide, quantity: Decimal, price: Decimal) -> None:
        # Given ids and times make every run the same.
        self._orders += 1
        order = Order.limit(
            bar.instrument_id, side, quantity, round(price, 1), TimeInForce.GoodTillCancel, STRATEGY,
            order_id=f"{STRATEGY}-{self._orders}", created_at=bar.ts_event,
        )  # fmt: skip
        self._venue.submit_order(order)


def trades(path: Path) -> Iterator[TradeTick]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        for row in csv.DictReader(file):
            yield TradeTick(
                row["instrument_id"], row["price"], row["quantity"], row["aggressor_side"], row["trade_id"],
                int(row["ts_event"]), int(row["ts_event"]),
            )  # fmt: skip


def engines(remote: bool, exits: ExitStack) -> tuple[Data, Venue]:
    config = DataEngineConfig(bar_types=Pullback.bar_types)
    if not remote:
        return DataEngine(config), ExecutionEngine(COMMISSIONS)
    # Two different names, because an execution engine follows the trades of the data engine of the same name; here, the
    # program sends each trade to the venue itself, before the data engine gets it.
    name = f"backtest-{uuid.uuid4().hex[:8]}"
    data = exits.enter_context(remote_data.DataEngine(config, name=name))
    venue = exits.enter_context(remote_execution.ExecutionEngine(COMMISSIONS, name=f"{name}-venue"))
    exits.callback(data.drop)
    exits.callback(venue.drop)
    return data, venue


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--remote", action="store_true", help="use the services instead of engines in process")
    parser.add_argument("--limit", type=int, help="number of trades to read")
    arguments = parser.parse_args()
    with ExitStack() as exits:
        data, venue = engines(arguments.remote, exits)
        strategy = Pullback(venue)
        for tick in islice(trades(arguments.file), arguments.limit):
            # The venue gets the trade first, because a strategy knows a bar only after its last trade.
            venue.process_trade_tick(tick)
            for bar in data.process_trade_tick(tick):
                strategy.on_bar(bar)
        for fill in venue.get_fills(STRATEGY):
            print(f"{fill.side.name:4} {fill.quantity} @ {fill.price} {fill.liquidity_side.name.lower()}")
        for position in venue.get_positions(STRATEGY):
            earned = position.realized_pnl + position.unrealized_pnl - position.commission
            print(f"{position.symbol}: {position.net_quantity} left, earned {earned:.4f} after commission")
        statistics = venue.statistics()
        print(f"{statistics.orders_submitted} orders, {statistics.fill_ratio:.0%} filled")


if __name__ == "__main__":
    main()
