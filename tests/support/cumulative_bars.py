"""Bars computed a third way, straight from cumulative sums, for real trades in order of time.

Nothing here goes tick by tick through a state, as the engine and its twin do. With C(i) the volume and W(x) the value
of the first x units traded, volume bar k is what lies between C = (k-1)V and kV, and dollar bar k ends at the least x
on the grid of 1e-9 with W(x) >= kD. All numbers are integers: prices and quantities in 1e-9, values in 1e-18.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from decimal import Decimal
from functools import cache
from itertools import accumulate, pairwise
from operator import mul
from typing import Any, NamedTuple

import pandas as pd


class Trades(NamedTuple):
    """Columns of one instrument, in order of arrival; `ts_event` never decreases."""

    instrument_id: str
    price: list[int]
    quantity: list[int]
    ts_event: list[int]
    ts_init: list[int]
    side: list[str]


@cache
def nanos(text: str) -> int:
    return int(Decimal(text).scaleb(9))


def trades_of(rows: tuple[dict[str, str], ...]) -> Trades:
    return Trades(
        rows[0]["instrument_id"],
        [nanos(row["price"]) for row in rows],
        [nanos(row["quantity"]) for row in rows],
        [int(row["ts_event"]) for row in rows],
        [int(row["ts_init"]) for row in rows],
        [row["aggressor_side"] for row in rows],
    )


class Ruler:
    """Cumulative volume and value of the trades."""

    def __init__(self, trades: Trades) -> None:
        self.trades = trades
        self.volume = [0, *accumulate(trades.quantity)]  # C: volume before trade i
        self.rates = {
            "value": trades.price,
            "buy_volume": [int(side == "BUY") for side in trades.side],
            "sell_volume": [int(side == "SELL") for side in trades.side],
        }
        self.sums = {name: [0, *accumulate(map(mul, rate, trades.quantity))] for name, rate in self.rates.items()}

    def between(self, name: str, start: int, end: int) -> int:
        """Returns how much a sum grows from volume `start` to volume `end`: W(end) - W(start) for the value."""
        return self.at(name, end) - self.at(name, start)

    def at(self, name: str, x: int) -> int:
        i = min(bisect_right(self.volume, x) - 1, len(self.trades.price) - 1)
        return self.sums[name][i] + (x - self.volume[i]) * self.rates[name][i]

    def volume_at(self, value: int) -> int | None:
        """Returns the least x with W(x) >= value; None beyond the last trade."""
        i = bisect_left(self.sums["value"], value) - 1
        if i >= len(self.trades.price):
            return None
        return self.volume[i] - (self.sums["value"][i] - value) // self.trades.price[i]  # rounded up

    def bar(self, bar_type: str, sequence: int, start: int, end: int) -> dict[str, Any]:
        """Returns the bar of the volume from `start` to `end`."""
        t = self.trades
        first, last = bisect_right(self.volume, start) - 1, bisect_left(self.volume, end) - 1
        prices = t.price[first : last + 1]
        begun = bisect_left(self.volume, end) - bisect_left(self.volume, start)
        return {
            "instrument_id": t.instrument_id, "bar_type": bar_type, "sequence": sequence,
            "open": prices[0], "high": max(prices), "low": min(prices), "close": prices[-1],
            "volume": end - start, "trade_count": begun,
            **{name: self.between(name, start, end) for name in self.rates},
            "ts_open": t.ts_event[first], "ts_event": t.ts_event[last], "ts_init": max(t.ts_init[first : last + 1]),
        }  # fmt: skip


def tick_bars(trades: Trades, step: int) -> list[dict[str, Any]]:
    ruler = Ruler(trades)
    edges = ruler.volume[::step][: len(trades.price) // step + 1]
    return [ruler.bar(f"{step}tick", k, a, b) for k, (a, b) in enumerate(pairwise(edges), 1)]


def volume_bars(trades: Trades, step: str) -> list[dict[str, Any]]:
    ruler, size = Ruler(trades), nanos(step)
    edges = range(0, ruler.volume[-1] + 1, size)
    return [ruler.bar(f"{step}volume", k, a, b) for k, (a, b) in enumerate(pairwise(edges), 1)]


def dollar_bars(trades: Trades, step: str) -> list[dict[str, Any]]:
    ruler, size = Ruler(trades), nanos(step) * 10**9
    count = ruler.sums["value"][-1] // size
    edges = [0] + [edge for k in range(1, count + 1) if (edge := ruler.volume_at(k * size)) is not None]
    return [ruler.bar(f"{step}dollar", k, a, b) for k, (a, b) in enumerate(pairwise(edges), 1)]


def time_bars(trades: Trades, name: str, step_ns: int) -> list[dict[str, Any]]:
    """Returns the closed bars, by grouping the trades; the last interval is still open."""
    table = pd.DataFrame(trades._asdict())
    for side in ("BUY", "SELL"):
        table[side] = table.quantity.where(table.side == side, 0)
    bars = table.groupby(table.ts_event // step_ns).agg(
        open=("price", "first"),
        high=("price", "max"),
        low=("price", "min"),
        close=("price", "last"),
        volume=("quantity", "sum"),
        trade_count=("price", "size"),
        buy_volume=("BUY", "sum"),
        sell_volume=("SELL", "sum"),
        ts_init=("ts_init", "max"),
    )
    # The sums don't fit numpy's 64-bit integers, so they are Python's.
    values = [0, *accumulate(map(mul, trades.price, trades.quantity))]
    ends = [0, *bars.trade_count.cumsum()]
    bars["value"] = pd.Series([values[b] - values[a] for a, b in pairwise(ends)], index=bars.index, dtype=object)
    bars["ts_open"] = bars.index * step_ns
    bars["ts_event"] = bars.ts_open + step_ns
    bars["sequence"] = range(1, len(bars) + 1)
    bars["instrument_id"], bars["bar_type"] = trades.instrument_id, name
    return [{str(name): value for name, value in row.items()} for row in bars.iloc[:-1].to_dict("records")]
