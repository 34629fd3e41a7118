"""A strategy of brackets: an entry with its take profit and stop loss, in one submission.

    python examples/bracket.py trades.csv.gz
    python examples/bracket.py trades.csv.gz --remote --limit 2000

Without `--remote`, this is a backtest in process; with it, a lock-step run on the services. Both print the same fills.
"""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Iterable
from decimal import Decimal
from itertools import islice
from pathlib import Path

from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, ExecutionEngineConfig, OrderSide, OrderStatus
from alphaforge_client.strategy import LockStep, Strategy
from alphaforge_core.backtest import run
from alphaforge_core.execution import Fill
from alphaforge_core.files import TradeReader
from alphaforge_core.model import Bar, TradeTick, TradeTickBatch

# Orders fill no earlier than at the trade after the one that closed the bar.
VENUE = ExecutionEngineConfig(taker_commission_rate="0.0005", fill_on="next")
OPEN = (OrderStatus.Initialized, OrderStatus.Submitted, OrderStatus.PartiallyFilled)


class Brackets(Strategy):
    """Trades in the direction of each bar that moves far enough, unless it has open orders."""

    strategy_id = "brackets"
    bar_types = ("200tick",)

    def on_bar(self, bar: Bar) -> None:
        # Exits are Initialized while they sleep.
        if self.venue.get_orders(self.strategy_id, OPEN):
            return
        price, start = bar.close.as_decimal(), bar.open.as_decimal()
        if abs(price - start) < start * Decimal("0.0003"):
            return
        rises = price > start
        distance = price * Decimal("0.001") * (1 if rises else -1)
        self.bracket(
            bar.instrument_id,
            OrderSide.Buy if rises else OrderSide.Sell,
            Decimal("0.05"),
            take_profit=round(price + distance, 1),
            stop_loss=round(price - distance, 1),
            order_id=f"b{bar.sequence}",
            created_at=bar.ts_event,
        )


def backtest(trades: TradeTickBatch) -> list[Fill]:
    """The fills in process."""
    return run(iter([trades]), Brackets, steps=LockStep, venue=VENUE).fill_list


def on_services(trades: Iterable[TradeTick]) -> list[Fill]:
    """The fills on the services, on temporary engines."""
    # Two different names, because an execution engine follows the trades of the data engine of the same name; here, the
    # program sends each trade itself.
    name = f"brackets-{uuid.uuid4().hex[:8]}"
    config = DataEngineConfig(bar_types=list(Brackets.bar_types))
    with (
        DataEngine(config, name=name) as data,
        ExecutionEngine(VENUE, name=f"{name}-venue") as venue,
    ):
        try:
            LockStep(Brackets(venue), data, venue).run(trades)
            return venue.get_fills(Brackets.strategy_id)
        finally:
            data.drop()
            venue.drop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--remote", action="store_true", help="use the services instead of engines in process")
    parser.add_argument("--limit", type=int, help="number of trades to read")
    arguments = parser.parse_args()
    batches = (block.batch for block in TradeReader([arguments.file]).blocks())
    ticks = list(islice((batch[row] for batch in batches for row in range(len(batch))), arguments.limit))
    fills = on_services(ticks) if arguments.remote else backtest(TradeTickBatch.from_ticks(ticks))
    for fill in fills:
        print(f"{fill.order_id:8} {fill.side.name:4} {fill.quantity} @ {fill.price}")


if __name__ == "__main__":
    main()
