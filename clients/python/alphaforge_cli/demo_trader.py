"""The demo's strategy: quotes around the last price, follows crossings of averages, remembers in the cache."""

from __future__ import annotations

import random
from collections import Counter

from alphaforge_client.aio.cache import GenericCache
from alphaforge_client.aio.execution import ExecutionEngine
from alphaforge_client.errors import InvalidArgument
from alphaforge_client.execution import Order, OrderSide, TimeInForce
from alphaforge_client.model import Bar

__all__ = ["MAX_ORDER_QUANTITY", "Trader"]

STRATEGY = "demo"

# Orders above this are rejected; the trader tries one now and then.
MAX_ORDER_QUANTITY = 100_000
SPREADS = (0.0003, 0.0004, 0.0005)
FAST, SLOW = 0.4, 0.1
QUOTES_KEPT = 4

# How often the trader does what it should not: one bar in so many.
TOO_LARGE_EVERY = 40
MISTAKE_EVERY = 60

# How often a spread is chosen anew: coprime to the number of instruments, so that each has its turn.
SPREAD_EVERY = 21


class Trader:
    """Trades on the bars of every instrument. `counts` says what it did, by name."""

    def __init__(self, cache: GenericCache, venue: ExecutionEngine, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self._cache = cache
        self._venue = venue
        self._random = random.Random(seed)
        self._quotes: dict[str, list[str]] = {}
        self._rising: dict[str, bool] = {}

    async def on_bar(self, bar: Bar) -> None:
        """Quotes anew, and goes along when the fast average crosses the slow one."""
        self.counts["bars"] += 1
        name, close = bar.instrument_id, float(bar.close)
        rising = await self._averages(name, close)
        if self._rising.setdefault(name, rising) != rising:
            self._rising[name] = rising
            side = OrderSide.Buy if rising else OrderSide.Sell
            await self._submit([Order.market(name, side, self._quantity(bar), STRATEGY)])
        await self._quote(bar, name, close, await self._spread(name))
        if self.counts["bars"] % TOO_LARGE_EVERY == 0:
            await self._submit([Order.market(name, OrderSide.Buy, 2.0 * MAX_ORDER_QUANTITY, STRATEGY)])
        if self.counts["bars"] % MISTAKE_EVERY == 0:
            await self._mistake(name)

    async def stop(self) -> None:
        """Takes all quotes back."""
        await self._venue.cancel_all_orders(STRATEGY)

    async def _averages(self, name: str, close: float) -> bool:
        """Whether the fast average is above the slow one; the cache holds both, for the next process too."""
        fast_key, slow_key = f"average:{name}:fast", f"average:{name}:slow"
        known = await self._cache.get_many([fast_key, slow_key])
        fast = known.get(fast_key, close) * (1 - FAST) + close * FAST
        slow = known.get(slow_key, close) * (1 - SLOW) + close * SLOW
        await self._cache.put_many({fast_key: fast, slow_key: slow})
        return bool(fast > slow)

    async def _spread(self, name: str) -> float:
        """Half the distance of the quotes, as a share of the price; it stays for some bars, near the strategy."""
        key = f"spread:{name}"
        spread = await self._cache.get(key)
        if spread is None or self.counts["bars"] % SPREAD_EVERY == 0:
            spread = self._random.choice(SPREADS)
            await self._cache.put(key, spread)
        return float(spread)

    async def _quote(self, bar: Bar, name: str, close: float, spread: float) -> None:
        quotes = self._quotes.setdefault(name, [])
        while len(quotes) >= QUOTES_KEPT:
            self.counts["cancelled"] += await self._venue.cancel_order(quotes.pop(0))
        quantity, places = self._quantity(bar), 2
        pair = [
            Order.limit(name, side, quantity, price, TimeInForce.GoodTillCancel, STRATEGY)
            for side, price in (
                (OrderSide.Buy, round(close * (1 - spread), places)),
                (OrderSide.Sell, round(close * (1 + spread), places)),
            )
            if price > 0
        ]
        quotes += await self._submit(pair)

    async def _submit(self, orders: list[Order]) -> list[str]:
        self.counts["orders"] += len(orders)
        return await self._venue.submit_orders(orders)

    async def _mistake(self, name: str) -> None:
        """A limit order has no stop price to modify: the service says so, and counts an error."""
        quotes = self._quotes.get(name)
        if quotes:
            try:
                await self._venue.modify_order(quotes[-1], stop_price=1.0)
            except InvalidArgument:
                self.counts["mistakes"] += 1

    def _quantity(self, bar: Bar) -> float:
        """About a trade of the bar's usual size."""
        usual = float(bar.volume) / max(1, bar.trade_count)
        return max(0.0001, round(usual * self._random.uniform(0.5, 1.5), 4))
