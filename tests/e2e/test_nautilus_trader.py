"""NautilusTrader's backtest beside ours: an independent program, the same trades, the same strategy, equal results.

`make peers` installs it and runs this file; elsewhere it is skipped. The orders are market orders, each filled at the
next trade and no larger than it. Trades are more than a nanosecond apart, the time that NautilusTrader's orders take to
arrive. It gets no aggressor sides: it would infer a spread from them, and without them its market is at the last
trade's price, as here.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from alphaforge_core.backtest import run
from alphaforge_core.execution import ExecutionEngineConfig, Order, OrderSide
from alphaforge_core.files import read_trades
from alphaforge_core.model import Bar, TradeTickBatch

from tests.support.tape import BTCUSDT, REAL_TRADES, SPY

pytest.importorskip("nautilus_trader", reason="nautilus_trader is not installed; `make peers` does it")

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/trades.csv.gz"
TAKER = Decimal("0.001")
TRADES_MAX = 20_000
START_NS = 1_700_000_000 * 10**9


class Trade(NamedTuple):
    price: Decimal
    quantity: Decimal
    side: str
    ts_event: int


class Fill(NamedTuple):
    ts_event: int
    side: str
    price: Decimal
    quantity: Decimal
    commission: Decimal


class Crossover:
    """Long where the mean of the last few prices is above that of more, short where it is below; flips at once."""

    def __init__(self, unit: Decimal) -> None:
        self._unit = unit
        self._fast: deque[Decimal] = deque(maxlen=5)
        self._slow: deque[Decimal] = deque(maxlen=20)
        self._side = ""

    def signal(self, price: Decimal) -> tuple[str, Decimal] | None:
        """The side and quantity of an order to submit now."""
        self._fast.append(price)
        self._slow.append(price)
        difference = sum(self._fast) * len(self._slow) - sum(self._slow) * len(self._fast)
        side = "BUY" if difference > 0 else "SELL" if difference < 0 else self._side
        if len(self._slow) < 20 or side == self._side:
            return None
        quantity = self._unit * (2 if self._side else 1)
        self._side = side
        return side, quantity


def walk() -> list[Trade]:
    """A random walk with repeated prices and jumps."""
    chance, price, tape = random.Random(17), 10_000, []
    for number in range(TRADES_MAX):
        price += chance.choice((0, 0, 0, 1, -1, 2, -2, 40, -40))
        quantity = Decimal(chance.randrange(1, 500)) / 100
        tape.append(Trade(Decimal(price) / 100, quantity, chance.choice(("BUY", "SELL")), START_NS + number * 10**8))
    return tape


def of_file(path: Path) -> Callable[[], list[Trade]]:
    def read() -> list[Trade]:
        if not path.exists():
            pytest.skip(f"{path} is not there")
        tape, last = [], 0
        for block in read_trades(path, limit=TRADES_MAX):
            for tick in block.batch:
                last = max(last + 2, tick.ts_event)
                tape.append(Trade(tick.price.as_decimal(), tick.quantity.as_decimal(), tick.aggressor_side, last))
        return tape

    return read


TAPES = {
    "walk": walk,
    "example": of_file(EXAMPLE),
    "BTCUSDT": of_file(REAL_TRADES / BTCUSDT),
    "SPY": of_file(REAL_TRADES / SPY),
}


def places(numbers: list[Decimal]) -> int:
    return max(-int(number.normalize().as_tuple().exponent) for number in numbers) if numbers else 0


def ours(tape: list[Trade], unit: Decimal) -> tuple[list[Fill], Decimal]:
    class Trader:
        bar_types = ("1tick",)

        def __init__(self, venue: Any) -> None:
            self._venue = venue
            self._crossover = Crossover(unit)

        def on_bar(self, bar: Bar) -> None:
            order = self._crossover.signal(bar.close.as_decimal())
            if order is not None:
                side = OrderSide.Buy if order[0] == "BUY" else OrderSide.Sell
                self._venue.submit_order(Order.market("X", side, order[1], "s"))

    trades = TradeTickBatch.from_columns(
        instrument_id="X",
        prices=[trade.price for trade in tape],
        quantities=[trade.quantity for trade in tape],
        sides=[trade.side for trade in tape],
        ts_event=[trade.ts_event for trade in tape],
    )
    result = run(trades, Trader, venue=ExecutionEngineConfig(taker_commission_rate=TAKER))
    fills = [
        Fill(
            fill.ts_event,
            "BUY" if fill.side is OrderSide.Buy else "SELL",
            fill.price.as_decimal(),
            fill.quantity.as_decimal(),
            fill.commission,
        )
        for fill in result.fill_list
    ]
    # Open positions don't count towards an account's balance.
    [position] = result.engine.get_positions()
    return fills, position.realized_pnl - position.commission


def theirs(tape: list[Trade], unit: Decimal, price_places: int, quantity_places: int) -> tuple[list[Fill], Decimal]:
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.backtest.models import LatencyModel
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.model.currencies import BTC, USDT
    from nautilus_trader.model.data import TradeTick
    from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType
    from nautilus_trader.model.enums import OrderSide as Side
    from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, TraderId, Venue
    from nautilus_trader.model.instruments import CurrencyPair
    from nautilus_trader.model.objects import Money, Price, Quantity
    from nautilus_trader.trading.strategy import Strategy

    venue, symbol = Venue("SIM"), Symbol("BTCUSDT")
    instrument_id = InstrumentId(symbol, venue)

    def price_of(number: Decimal) -> Any:
        return Price.from_str(f"{number:.{price_places}f}")

    def quantity_of(number: Decimal) -> Any:
        return Quantity.from_str(f"{number:.{quantity_places}f}")

    class Trader(Strategy):
        def __init__(self) -> None:
            super().__init__()
            self.fills: list[Fill] = []
            self.crossover = Crossover(unit)

        def on_start(self) -> None:
            self.subscribe_trade_ticks(instrument_id)

        def on_trade_tick(self, tick: Any) -> None:
            order = self.crossover.signal(tick.price.as_decimal())
            if order is not None:
                side = Side.BUY if order[0] == "BUY" else Side.SELL
                self.submit_order(self.order_factory.market(instrument_id, side, quantity_of(order[1])))

        def on_order_filled(self, event: Any) -> None:
            side = "BUY" if event.order_side == Side.BUY else "SELL"
            self.fills.append(
                Fill(
                    event.ts_event,
                    side,
                    event.last_px.as_decimal(),
                    event.last_qty.as_decimal(),
                    event.commission.as_decimal(),
                )
            )

    instrument = CurrencyPair(
        instrument_id, symbol, BTC, USDT, price_places, quantity_places,
        price_of(Decimal(1).scaleb(-price_places)), quantity_of(Decimal(1).scaleb(-quantity_places)), 0, 0,
        margin_init=Decimal(0), margin_maint=Decimal(0), maker_fee=Decimal(0), taker_fee=TAKER,
    )  # fmt: skip
    config = BacktestEngineConfig(trader_id=TraderId("T-1"), logging=LoggingConfig(bypass_logging=True))
    engine = BacktestEngine(config)
    start = Decimal(1_000_000)
    engine.add_venue(
        venue, OmsType.NETTING, AccountType.MARGIN, [Money(start, USDT)],
        latency_model=LatencyModel(1), trade_execution=True,
    )  # fmt: skip
    engine.add_instrument(instrument)
    engine.add_data(
        [
            TradeTick(
                instrument_id, price_of(trade.price), quantity_of(trade.quantity), AggressorSide.NO_AGGRESSOR,
                TradeId(str(number)), trade.ts_event, trade.ts_event,
            )
            for number, trade in enumerate(tape)
        ]
    )  # fmt: skip
    trader = Trader()
    engine.add_strategy(trader)
    engine.run()
    balance = engine.portfolio.account(venue).balance_total(USDT).as_decimal()
    engine.dispose()
    return trader.fills, balance - start


@pytest.mark.slow
@pytest.mark.parametrize("name", TAPES)
def test_fills_and_profit_are_nautilus_traders(name: str) -> None:
    whole = TAPES[name]()
    price_places = places([trade.price for trade in whole])
    quantity_places = places([trade.quantity for trade in whole])
    unit = Decimal(1).scaleb(-quantity_places)
    # No order is larger than the trade it meets.
    tape = [trade for trade in whole if trade.quantity >= 2 * unit]
    assert all(later.ts_event - earlier.ts_event >= 2 for earlier, later in pairwise(tape))
    our_fills, our_profit = ours(tape, unit)
    their_fills, their_profit = theirs(tape, unit, price_places, quantity_places)
    assert len(our_fills) > 20
    assert [fill[:4] for fill in our_fills] == [fill[:4] for fill in their_fills]
    # Theirs are rounded to the eight places of the currency.
    for our_fill, their_fill in zip(our_fills, their_fills, strict=True):
        assert abs(our_fill.commission - their_fill.commission) <= Decimal("5e-9")
    assert abs(our_profit - their_profit) <= len(our_fills) * Decimal("1e-8")
