"""Fills the three services with a state, prints it, and prints it again from services that found it in their journals.

    python tests/programs/state_of_services.py fill > state.json     # against the services of a release
    python tests/programs/state_of_services.py > state.json          # reads alone

Uses only what the clients of all releases have, since it also runs in those of earlier releases.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, ExecutionEngineConfig, Order, OrderSide, TimeInForce
from alphaforge_client.model import Price, Quantity, TradeTick

BAR_TYPES = ["1min", "7tick", "100volume"]
SYMBOLS = ("BTCUSD", "ETHUSD")
START_NS = 1_700_000_000_000_000_000
A_CENTURY = 100 * 365 * 86_400.0
BAR_FIELDS = (
    "instrument_id", "bar_type", "open", "high", "low", "close", "volume", "value", "trade_count", "buy_volume",
    "sell_volume", "ts_open", "ts_event", "sequence", "is_partial",
)  # fmt: skip
ORDER_FIELDS = (
    "order_id", "symbol", "strategy_id", "side", "order_type", "time_in_force", "post_only", "quantity", "price",
    "stop_price", "created_at", "status", "filled_quantity", "avg_fill_price", "commission", "submitted_at",
    "updated_at", "triggered_at", "reject_reason", "cancel_reason",
)  # fmt: skip
FILL_FIELDS = (
    "fill_id", "order_id", "symbol", "strategy_id", "side", "price", "quantity", "commission", "liquidity_side",
    "ts_event", "trade_id", "sequence",
)  # fmt: skip
POSITION_FIELDS = (
    "strategy_id", "symbol", "net_quantity", "average_price", "cost", "realized_pnl", "unrealized_pnl", "commission",
)  # fmt: skip
EVENT_FIELDS = ("sequence", "type", "order_id", "status", "ts_event", "filled_quantity", "price")
COUNTERS = ("orders_submitted", "orders_filled", "orders_cancelled", "orders_rejected", "fills", "ticks_processed")


def ticks() -> list[TradeTick]:
    return [
        TradeTick(
            SYMBOLS[number % 2],
            Price(f"{100 + number * 37 % 23}.{number % 4}5"),
            Quantity(f"{1 + number % 5}.25"),
            ("BUY", "SELL")[number % 3 == 0],
            f"t{number}",
            START_NS + number * 7_000_000_000,
        )
        for number in range(120)
    ]


def orders() -> list[Order]:
    buy, sell, keep = OrderSide.Buy, OrderSide.Sell, TimeInForce.GoodTillCancel
    return [
        Order.market("BTCUSD", buy, 2, "trend", order_id="m1", created_at=START_NS),
        Order.market("ETHUSD", sell, "1.5", "trend", order_id="m2", created_at=START_NS),
        Order.limit("BTCUSD", buy, 500, 101, keep, "quotes", order_id="partly", created_at=START_NS),
        Order.limit("ETHUSD", sell, 3, 400, keep, "quotes", order_id="rests", created_at=START_NS),
        Order.limit("ETHUSD", sell, 3, 450, keep, "quotes", order_id="cancelled", created_at=START_NS),
        Order.stop("BTCUSD", sell, 1, "100.5", keep, "trend", order_id="triggers", created_at=START_NS),
        Order.stop("BTCUSD", sell, 1, 5, keep, "trend", order_id="waits", created_at=START_NS),
        Order.limit("BTCUSD", buy, 2_000, 90, keep, "quotes", order_id="rejected", created_at=START_NS),
    ]


def fill(cache: GenericCache, data: DataEngine, venue: ExecutionEngine) -> None:
    """Some of everything that is kept."""
    cache.put_many({f"key {number}": number for number in range(50)})
    cache.put_many({"text": "words", "bytes": b"\x00\xff", "price": Price("1.250"), "list": [1, "two", None]})
    cache.put("array", np.arange(6.0).reshape(2, 3))
    cache.put("lasts a century", 100, ttl=A_CENTURY)
    cache.delete("key 7")
    cache.increment("counter", 5)
    venue.process_trade_ticks(ticks()[:10])
    venue.submit_orders(orders())
    venue.cancel_order("cancelled")
    for tick in ticks():
        data.process_trade_tick(tick)
    venue.process_trade_ticks(ticks()[10:])
    venue.modify_order("rests", price=401)


def plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, (str, int, type(None))):
        return value
    return f"{Decimal(str(value)).normalize():f}" if hasattr(value, "__float__") else str(value)


def rows(items: Iterable[Any], fields: tuple[str, ...]) -> list[list[Any]]:
    return [[plain(getattr(item, field)) for field in fields] for item in items]


def state(cache: GenericCache, data: DataEngine, venue: ExecutionEngine) -> dict[str, Any]:
    """What the services have, as JSON holds it."""
    statistics = venue.statistics()
    return {
        "cache": {key: repr(cache.get(key)) for key in sorted(cache.keys())},
        "bars": {
            f"{symbol} {kind}": rows(data.get_bars(symbol, kind), BAR_FIELDS)
            for symbol in SYMBOLS
            for kind in BAR_TYPES
        },
        "open bars": {symbol: rows(data.open_bars(symbol), BAR_FIELDS) for symbol in SYMBOLS},
        "orders": rows(venue.get_orders(), ORDER_FIELDS),
        "fills": rows(venue.get_fills(), FILL_FIELDS),
        "positions": rows(venue.get_positions(), POSITION_FIELDS),
        "events": rows(venue.events(), EVENT_FIELDS),
        "counters": {name: getattr(statistics, name) for name in COUNTERS}
        | {"ticks": data.statistics().ticks_processed},
    }


def main() -> None:
    config = ExecutionEngineConfig(
        fill_on="next", taker_commission_rate="0.001", max_order_quantity=1_000, subscribe_market_data=False
    )
    # The entries outlive the folder, which is read years later.
    cache = GenericCache(1_000, math.inf, name="kept")
    data = DataEngine(DataEngineConfig(bar_types=BAR_TYPES), name="kept")
    with cache, data, ExecutionEngine(config, name="kept") as venue:
        if "fill" in sys.argv:
            fill(cache, data, venue)
        print(json.dumps(state(cache, data, venue)))


if __name__ == "__main__":
    main()
