"""A synthetic market: seeded trades of a few instruments, with the flaws that real feeds have."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from alphaforge_core.model import TradeTickBatch

__all__ = ["INSTRUMENTS", "Instrument", "SyntheticMarket"]

# Prices and quantities as integers: hundredths, and ten-thousandths.
PRICE_SCALE = 2
QUANTITY_SCALE = 4

SIDES = np.array([2, 3], np.uint8)  # BUY and SELL as the wire has them

# Shares of the trades that are flawed. A late one comes after the bars of its second have closed.
LATE_SHARE = 0.002
ZERO_QUANTITY_SHARE = 0.001
RESENT_SHARE = 0.002
LATE_NS = 3_000_000_000

TREND_SECONDS = 90.0


class Instrument(NamedTuple):
    """An instrument: its first price in hundredths, its usual quantity, and its share of the trades."""

    name: str
    price: int
    quantity: float
    weight: float


INSTRUMENTS = (
    Instrument("BTCUSD", 6_400_000, 0.05, 0.40),
    Instrument("ETHUSD", 340_000, 0.8, 0.25),
    Instrument("SOLUSD", 15_000, 12.0, 0.15),
    Instrument("XAUUSD", 240_000, 2.0, 0.10),
    Instrument("SPY", 55_000, 4.0, 0.10),
)


Column: TypeAlias = npt.NDArray[Any]


class _Trades(NamedTuple):
    instruments: Column
    prices: Column
    quantities: Column
    times: Column
    sides: Column
    ids: Column

    def after(self, others: _Trades) -> _Trades:
        return _Trades(*(np.concatenate(pair) for pair in zip(others, self, strict=True)))


class SyntheticMarket:
    """Prices walk up and down with a slow trend, trades come at random, most of them small.

    rate: trades per second on average. The same seed and the same times give the same trades.
    """

    def __init__(self, seed: int, rate: float) -> None:
        self._random = np.random.default_rng(seed)
        self._rate = rate
        self._prices = np.array([each.price for each in INSTRUMENTS], np.int64)
        self._weights = np.array([each.weight for each in INSTRUMENTS])
        self._next_id = 1
        self._resent: _Trades | None = None

    def trades(self, start_ns: int, end_ns: int) -> TradeTickBatch:
        """The trades of `start_ns <= ts_event < end_ns`, nanoseconds since the Unix epoch."""
        count = max(1, int(self._random.poisson(self._rate * (end_ns - start_ns) / 1e9)))
        fresh = self._draw(count, start_ns, end_ns)
        sent = fresh if self._resent is None else fresh.after(self._resent)
        repeated = self._random.random(count) < RESENT_SHARE
        self._resent = _Trades(*(column[repeated] for column in fresh))
        return TradeTickBatch.from_columns(
            instrument_id=[each.name for each in INSTRUMENTS],
            instrument_index=sent.instruments,
            prices=sent.prices,
            quantities=sent.quantities,
            price_scale=PRICE_SCALE,
            quantity_scale=QUANTITY_SCALE,
            ts_event=sent.times,
            ts_init=np.full(len(sent.times), end_ns, np.int64),
            sides=sent.sides,
            trade_ids=[str(number) for number in sent.ids.tolist()],
        )

    def _draw(self, count: int, start_ns: int, end_ns: int) -> _Trades:
        random = self._random
        instruments = random.choice(len(INSTRUMENTS), count, p=self._weights).astype(np.uint32)
        times = np.sort(random.integers(start_ns, end_ns, count))
        sides = random.integers(0, 2, count)
        prices = np.empty(count, np.int64)
        trend = 0.02 * np.sin(2 * np.pi * (start_ns / 1e9 % TREND_SECONDS) / TREND_SECONDS)
        for index in range(len(INSTRUMENTS)):
            mine = np.flatnonzero(instruments == index)
            # Half of the trades move the price: by one of its ten-thousandths, up after a buy and down after a sell.
            direction = np.where(random.random(mine.size) < 0.5 + trend, 1, -1)
            moves = direction * (random.random(mine.size) < 0.5) * max(1, int(self._prices[index]) // 10_000)
            prices[mine] = np.maximum(np.cumsum(moves) + self._prices[index], 1)
            sides[mine] = np.where(moves > 0, 0, np.where(moves < 0, 1, sides[mine]))
            if mine.size:
                self._prices[index] = prices[mine[-1]]
        usual = np.array([each.quantity for each in INSTRUMENTS])[instruments] * 10**QUANTITY_SCALE
        quantities = np.maximum(usual * random.lognormal(-0.5, 1.0, count), 1).astype(np.int64)
        quantities[random.random(count) < ZERO_QUANTITY_SHARE] = 0
        times[random.random(count) < LATE_SHARE] -= LATE_NS
        ids = np.arange(self._next_id, self._next_id + count)
        self._next_id += count
        return _Trades(instruments, prices, quantities, times, SIDES[sides], ids)
