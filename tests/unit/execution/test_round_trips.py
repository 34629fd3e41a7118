"""Round trips of a backtest count closed positions only."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from alphaforge_core.backtest import BacktestResult, run
from alphaforge_core.execution import Order, OrderSide
from alphaforge_core.model import Bar, TradeTickBatch


def traded(prices: list[int], sides: str) -> BacktestResult:
    """An order of 1 at each price, B or S, filled at the next one."""

    class Trader:
        bar_types = ("1tick",)

        def __init__(self, venue: Any) -> None:
            self._venue = venue
            self._sides: Iterator[str] = iter(sides)

        def on_bar(self, bar: Bar) -> None:
            side = next(self._sides, "")
            if side:
                self._venue.submit_order(Order.market("X", OrderSide.Buy if side == "B" else OrderSide.Sell, 1, "s"))

    count = len(prices)
    batch = TradeTickBatch.from_columns(
        instrument_id="X", prices=prices, quantities=[1] * count, ts_event=list(range(1, count + 1))
    )
    return run(batch, Trader)


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ("B", [("Long", False, 0)]),
        ("S", [("Short", False, 0)]),
        ("BB", [("Long", False, 0)]),
        ("BBS", [("Long", False, 3)]),  # bought at 12 and 14, one of them sold at 16
        ("SSB", [("Short", False, -3)]),
        ("BBSS", [("Long", True, 8)]),
        ("BSS", [("Long", True, 2), ("Short", False, 0)]),
    ],
)
def test_the_profit_of_an_open_position_is_that_of_its_closed_part(
    sides: str, expected: list[tuple[str, bool, int]]
) -> None:
    result = traded([10, 12, 14, 16, 18], sides)
    trips = [(trip.side, trip.ts_close is not None, trip.pnl) for trip in result.round_trip_list]
    assert trips == expected
    [position] = result.engine.get_positions()
    assert sum((trip.pnl for trip in result.round_trip_list), Decimal(0)) == position.realized_pnl
