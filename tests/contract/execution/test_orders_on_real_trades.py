"""Orders of every kind on real trades: the same events, in the same order, as on the twin."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.execution_pair import ExecutionPair, native_settings
from tests.support.strategies import Operation
from tests.support.tape import BTCUSDT, Tick, real_trades
from tests.support.twins.execution import Order

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"fill_on": "next", "taker_commission_rate": Fraction(5, 10_000), "slippage_bps": Fraction(3, 2)},
)


def ticks_of(rows: tuple[dict[str, str], ...]) -> Iterator[Tick]:
    for row in rows:
        yield Tick(
            row["instrument_id"], Fraction(row["price"]), Fraction(row["quantity"]), row["aggressor_side"],
            row["trade_id"], int(row["ts_event"]), int(row["ts_init"]),
        )  # fmt: skip


def history(ticks: list[Tick], dice: random.Random) -> Iterator[Operation]:
    """The trades in pieces; between them orders near the market, a cancel or a change."""
    position, number = 0, 0
    while position < len(ticks):
        piece = ticks[position : position + dice.randint(1, 60)]
        position += len(piece)
        yield Operation("batch", piece)
        last = piece[-1]
        for _ in range(dice.randint(0, 3)):
            number += 1
            kind = dice.choice(("Market", "Limit", "Limit", "Stop", "StopLimit"))
            price = last.price + Fraction(dice.randint(-80, 80), 10)
            stop = last.price + Fraction(dice.randint(-80, 80), 10)
            yield Operation(
                "submit",
                Order(
                    f"order-{number}", last.instrument_id, dice.choice(("Buy", "Sell")), kind,
                    Fraction(dice.randint(1, 3_000), 1_000),
                    price if "Limit" in kind else None, stop if "Stop" in kind else None,
                    dice.choice(("Day", "GoodTillCancel", "GoodTillCancel", "ImmediateOrCancel", "FillOrKill")),
                    dice.choice(("a", "b")),
                ),
            )  # fmt: skip
        if number and dice.random() < 0.3:
            yield Operation("cancel", f"order-{dice.randint(1, number)}")
        if number and dice.random() < 0.3:
            change = {"quantity": Fraction(dice.randint(1, 3_000), 1_000)}
            yield Operation("modify", (f"order-{dice.randint(1, number)}", change))


@pytest.mark.one_engine("each partition has its own sequence")
@pytest.mark.parametrize("settings", SETTINGS, ids=("arrival", "next"))
def test_events_on_real_trades_are_the_twins(api: Api, settings: dict[str, Any]) -> None:
    # The twin checks every order at every trade, so its time is quadratic.
    ticks = list(ticks_of(real_trades(BTCUSDT)[: 1_500 if api.stack is None else 1_000]))
    pair = ExecutionPair(api.make_execution_engine(**native_settings(settings)), settings)
    for operation in history(ticks, random.Random(len(settings))):
        pair.do(operation)
    pair.compare_state()
    assert len(pair.events) > 50
