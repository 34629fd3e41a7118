"""A strategy on live bars: trades the crossing of two moving averages, with a take profit and a stop loss.

Start the services (`make run`) and this program, and replay trades in a third terminal:

    python examples/moving_average.py --instrument BTCUSDT-PERP.BINANCE
    alphaforge replay trades.csv.gz --engine default --bars 100tick --speed 100x

The execution service follows the trades of the data engine of the same name, so orders fill against the same
trades from which the bars are built. The program waits for the first bar, and ends when no bar follows the last one
for `--patience` seconds.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from queue import Empty, Queue

from alphaforge_client.data import DataEngine, DataEngineConfig, Gap
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, TimeInForce
from alphaforge_client.model import Bar

STRATEGY = "moving-average"
QUANTITY = 0.01
FAST, SLOW = 3, 8
STOP_DISTANCE = Decimal("0.9985")
TARGET_DISTANCE = Decimal("1.0010")


class MovingAverage:
    """Long while the fast average is above the slow one; a limit order takes the profit, a stop limits the loss."""

    def __init__(self, venue: ExecutionEngine, symbol: str) -> None:
        self._venue = venue
        self._symbol = symbol
        self._closes: deque[Decimal] = deque(maxlen=SLOW)
        self._exits: list[str] = []

    def on_bar(self, bar: Bar) -> None:
        self._closes.append(bar.close.as_decimal())
        if len(self._closes) < SLOW:
            return
        closes = list(self._closes)
        rising = sum(closes[-FAST:]) / FAST > sum(closes) / SLOW
        position = self._position()
        if rising and position <= 0:
            # The position is short if both exits filled before one could be cancelled; this buys it back, too.
            self._enter(bar.close.as_decimal(), QUANTITY - float(position))
        elif not rising and position > 0:
            self._leave(float(position))

    def _enter(self, price: Decimal, quantity: float) -> None:
        self._cancel_exits()
        self._venue.submit_order(Order.market(self._symbol, OrderSide.Buy, quantity, STRATEGY))
        target, stop = (float(round(price * distance, 1)) for distance in (TARGET_DISTANCE, STOP_DISTANCE))
        keep = TimeInForce.GoodTillCancel
        self._exits = self._venue.submit_orders(
            [
                Order.limit(self._symbol, OrderSide.Sell, QUANTITY, target, keep, STRATEGY),
                Order.stop(self._symbol, OrderSide.Sell, QUANTITY, stop, keep, STRATEGY),
            ]
        )

    def _leave(self, quantity: float) -> None:
        self._cancel_exits()
        self._venue.submit_order(Order.market(self._symbol, OrderSide.Sell, quantity, STRATEGY))

    def _cancel_exits(self) -> None:
        for order_id in self._exits:
            self._venue.cancel_order(order_id)
        self._exits = []

    def _position(self) -> Decimal:
        positions = self._venue.get_positions(STRATEGY)
        return next((p.net_quantity for p in positions if p.symbol == self._symbol), Decimal(0))


def bars(data: DataEngine, instrument: str, bar_type: str, patience: float) -> Iterator[Bar]:
    """The instrument's bars as they close; ends when no bar follows the last one for `patience` seconds."""
    waiting: Queue[Bar | Gap] = Queue(maxsize=10_000)
    with data.subscribe_bars([instrument], [bar_type]).listen(waiting.put):
        timeout: float | None = None
        while True:
            try:
                item = waiting.get(timeout=timeout)
            except Empty:
                return
            timeout = patience
            if isinstance(item, Gap):
                print("missed bars:", item)
            else:
                yield item


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instrument", default="BTCUSDT-PERP.BINANCE")
    parser.add_argument("--bar-type", default="100tick")
    parser.add_argument("--engine", default="default", help="the name of the data and the execution engine")
    parser.add_argument("--patience", type=float, default=30.0, help="seconds after the last bar before it ends")
    arguments = parser.parse_args()
    config = DataEngineConfig(bar_types=[arguments.bar_type])
    with DataEngine(config, name=arguments.engine) as data, ExecutionEngine(name=arguments.engine) as venue:
        venue.wait_ready(timeout=10)
        strategy = MovingAverage(venue, arguments.instrument)
        print(f"following {arguments.bar_type} bars of {arguments.instrument}", flush=True)
        count = 0
        for bar in bars(data, arguments.instrument, arguments.bar_type, arguments.patience):
            strategy.on_bar(bar)
            count += 1
        venue.cancel_all_orders(STRATEGY)
        report(data, venue, count)


def report(data: DataEngine, venue: ExecutionEngine, count: int) -> None:
    print(f"\n{count} bars")
    print("\nfills")
    for fill in venue.get_fills(STRATEGY):
        print(f"  {fill.side.name:4} {fill.quantity} @ {fill.price} {fill.liquidity_side.name.lower()} {fill.order_id}")
    print("\npositions")
    for position in venue.get_positions(STRATEGY):
        profit = f"realized {position.realized_pnl}, unrealized {position.unrealized_pnl}"
        print(f"  {position.symbol} {position.net_quantity} {profit}")
    for title, statistics in (("data engine", data.statistics()), ("execution engine", venue.statistics())):
        print(f"\n{title}")
        for name, value in statistics.as_dict().items():
            print(f"  {name:26} {value:,}")


if __name__ == "__main__":
    main()
