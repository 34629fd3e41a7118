"""The demo's strategy: quotes around the last price, follows crossings of averages, remembers in the cache."""

from __future__ import annotations

import asyncio
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

# The trader makes each of its mistakes about once in this number of bars.
TOO_LARGE_EVERY = 40
MISTAKE_EVERY = 60

# How often a new spread is chosen: coprime to the number of instruments, so that each has its turn.
SPREAD_EVERY = 21


class Parameters:
    """Averages and spreads by instrument.

    `share` exchanges them with the cache in the background; while the cache is down, trading continues with the last
    known values.
    """

    def __init__(self, cache: GenericCache, seed: int) -> None:
        self._cache = cache
        self._random = random.Random(seed)
        self._averages: dict[str, tuple[float, float]] = {}
        self._spreads: dict[str, float] = {}
        self._shared: set[str] = set()
        self._changed: set[str] = set()
        self._any_changed = asyncio.Event()
        self._bars = 0

    def follow(self, name: str, close: float) -> bool:
        """Whether the fast average is above the slow one after this close."""
        fast, slow = self._averages.get(name, (close, close))
        fast, slow = fast * (1 - FAST) + close * FAST, slow * (1 - SLOW) + close * SLOW
        self._averages[name] = fast, slow
        self._changed.add(name)
        self._any_changed.set()
        return fast > slow

    def spread(self, name: str) -> float:
        """Half the distance of the quotes, as a share of the price."""
        return self._spreads.get(name, SPREADS[-1])

    async def share(self) -> None:
        """Waits for a change and exchanges what changed with the cache. Raises what the cache's calls raise."""
        await self._any_changed.wait()
        self._any_changed.clear()
        names, self._changed = self._changed, set()
        for name in sorted(names):
            self._bars += 1
            await self._share_averages(name)
            await self._share_spread(name)

    async def _share_averages(self, name: str) -> None:
        """Shares the averages through the cache, so that the next process continues with them."""
        keys = f"average:{name}:fast", f"average:{name}:slow"
        known = await self._cache.get_many(keys)
        if name not in self._shared and len(known) == len(keys):
            self._averages[name] = float(known[keys[0]]), float(known[keys[1]])
        self._shared.add(name)
        await self._cache.put_many(dict(zip(keys, self._averages[name], strict=True)))

    async def _share_spread(self, name: str) -> None:
        """Chooses a spread now and then, and reads it from the near cache in between: another process may change it."""
        key = f"spread:{name}"
        spread = await self._cache.get(key)
        if spread is None or self._bars % SPREAD_EVERY == 0:
            spread = self._random.choice(SPREADS)
            await self._cache.put(key, spread)
        self._spreads[name] = float(spread)


class Trader:
    """Trades on the bars of every instrument. `counts` has the number of its actions by name."""

    def __init__(self, cache: GenericCache, venue: ExecutionEngine, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self.parameters = Parameters(cache, seed)
        self._venue = venue
        self._random = random.Random(seed)
        self._quotes: dict[str, list[str]] = {}
        self._rising: dict[str, bool] = {}

    async def on_bar(self, bar: Bar) -> None:
        """Updates the quotes, and trades when the fast average crosses the slow one."""
        self.counts["bars"] += 1
        name, close = bar.instrument_id, float(bar.close)
        rising = self.parameters.follow(name, close)
        if self._rising.setdefault(name, rising) != rising:
            self._rising[name] = rising
            side = OrderSide.Buy if rising else OrderSide.Sell
            await self._submit([Order.market(name, side, self._quantity(bar), STRATEGY)])
        await self._quote(bar, name, close, self.parameters.spread(name))
        if self.counts["bars"] % TOO_LARGE_EVERY == 0:
            await self._submit([Order.market(name, OrderSide.Buy, 2.0 * MAX_ORDER_QUANTITY, STRATEGY)])
        if self.counts["bars"] % MISTAKE_EVERY == 0:
            await self._mistake(name)

    async def stop(self) -> None:
        """Cancels all quotes."""
        await self._venue.cancel_all_orders(STRATEGY)

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
        """Modifies the stop price of a limit order, which has none: the service refuses and counts an error."""
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
