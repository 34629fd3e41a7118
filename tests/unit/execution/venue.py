"""A venue for tables: orders and ticks in the words of a trader.

    venue.submit("a: limit BUY 0.5 @ 3000 GTC")
    venue.tick("2999 x 1 SELL")
    venue.log() == ["a Submitted", "a Filled 0.5 @ 3000.00 Maker"]

A trailing stop: `trail SELL 1 by 2 GTC`; `by 50bps`; `by 4ticks`; `from 100` is its activation price;
`trail-limit ... limit 1`.

An order: `id: [post-only] [reduce-only] type side quantity [stop price] [@ price] time-in-force [strategy]`; the type
is market, limit, stop or stop-limit; the side BUY or SELL; the time in force DAY, GTC, IOC, FOK, or GTD with seconds,
as in GTD:5.
A tick: `price x quantity [side] [at seconds]`.
A group: `oco`, `oto` or `bracket`, then its orders, with `;` between them.
"""

from __future__ import annotations

import re
from typing import Any

from alphaforge_core.execution import (
    ExecutionEngineConfig,
    Instrument,
    Order,
    OrderEvent,
    OrderEventType,
    OrderGroup,
    OrderGroupType,
    OrderSide,
    OrderStatus,
    OrderType,
    TimeInForce,
    TrailingOffsetType,
)
from alphaforge_core.execution_wire import ServiceEngine
from alphaforge_core.model import Price, TradeTick

SECOND = 1_000_000_000
SIDES = {"BUY": OrderSide.Buy, "SELL": OrderSide.Sell}
TIMES_IN_FORCE = {
    "DAY": TimeInForce.Day,
    "GTC": TimeInForce.GoodTillCancel,
    "IOC": TimeInForce.ImmediateOrCancel,
    "FOK": TimeInForce.FillOrKill,
    "GTD": TimeInForce.GoodTillDate,
}
UNITS = {None: TrailingOffsetType.Price, "bps": TrailingOffsetType.BasisPoints, "ticks": TrailingOffsetType.Ticks}
GROUPS = {
    "oco": OrderGroupType.OneCancelsOther,
    "oto": OrderGroupType.OneTriggersOther,
    "bracket": OrderGroupType.Bracket,
}
ORDER = re.compile(
    r"(?P<id>\w+): (?P<post_only>post-only )?(?P<reduce_only>reduce-only )?"
    r"(?P<type>market|limit|stop|stop-limit|trail|trail-limit)"
    r" (?P<side>BUY|SELL) (?P<quantity>\S+)(?: stop (?P<stop>\S+))?"
    r"(?: by (?P<by>[\d.]+)(?P<unit>bps|ticks)?)?(?: limit (?P<limit>[\d.]+))?(?: from (?P<activation>\S+))?"
    r"(?: @ (?P<price>\S+))?"
    r" (?P<tif>DAY|GTC|IOC|FOK|GTD)(?::(?P<expires>\d+))?(?: (?P<strategy>\w+))?"
)
TICK = re.compile(r"(?P<price>\S+) x (?P<quantity>\S+)(?: (?P<side>BUY|SELL))?(?: at (?P<at>\d+))?")


def order(text: str, *, symbol: str = "X", created_at: int = 1) -> Order:
    """The order that the text says."""
    match = ORDER.fullmatch(text)
    assert match, text
    side, tif = SIDES[match["side"]], TIMES_IN_FORCE[match["tif"]]
    strategy, post_only = match["strategy"] or "s", bool(match["post_only"])
    more: dict[str, Any] = {
        "order_id": match["id"],
        "created_at": created_at,
        "reduce_only": bool(match["reduce_only"]),
    }
    if match["expires"]:
        more["expire_time_ns"] = int(match["expires"]) * SECOND
    quantity, price, stop = match["quantity"], match["price"], match["stop"]
    if match["type"] != "market":
        more["negative_prices"] = True  # the engine decides
    if match["by"]:
        more["trailing_offset_type"] = UNITS[match["unit"]]
        more["activation_price"] = match["activation"]
    if match["type"] == "trail":
        return Order.trailing_stop(symbol, side, quantity, match["by"], tif, strategy, **more)
    if match["type"] == "trail-limit":
        more["post_only"] = post_only
        return Order.trailing_stop_limit(symbol, side, quantity, match["by"], match["limit"], tif, strategy, **more)
    if match["type"] == "market":
        return Order.market(symbol, side, quantity, strategy, tif, **more)
    if match["type"] == "limit":
        return Order.limit(symbol, side, quantity, price, tif, strategy, post_only=post_only, **more)
    if match["type"] == "stop":
        return Order.stop(symbol, side, quantity, stop, tif, strategy, **more)
    return Order.stop_limit(symbol, side, quantity, stop, price, tif, strategy, post_only=post_only, **more)


def group(text: str, *, symbol: str = "X", created_at: int = 1) -> OrderGroup:
    """The group that the text says."""
    kind, _, orders = text.partition(" ")
    return OrderGroup(
        GROUPS[kind], [order(each.strip(), symbol=symbol, created_at=created_at) for each in orders.split(";")]
    )


def line(event: OrderEvent) -> str:
    """An event in a trader's words."""
    text = f"{event.order_id} {event.type.name}"
    if event.fill:
        text += f" {event.fill.quantity} @ {event.fill.price} {event.fill.liquidity_side.name}"
    if event.type is OrderEventType.Triggered and event.stop_price is not None:
        text += f" at {Price(event.stop_price)}" + (f" limit {Price(event.price)}" if event.price is not None else "")
    reason = event.reject_reason or event.cancel_reason
    return f"{text} {reason}" if reason else text


class Venue:
    """An engine that takes texts; a tick without a time comes one second after the previous tick."""

    def __init__(self, **settings: Any) -> None:
        self.engine = ServiceEngine(ExecutionEngineConfig(**settings))
        self.seconds = 0
        self._seen = 0

    def submit(self, *orders: str, symbol: str = "X") -> None:
        for text in orders:
            self.engine.submit_order(order(text, symbol=symbol))

    def tick(self, *ticks: str, symbol: str = "X") -> None:
        for text in ticks:
            match = TICK.fullmatch(text)
            assert match, text
            self.seconds = int(match["at"]) if match["at"] else self.seconds + 1
            side = match["side"] or "NONE"
            tick = TradeTick(symbol, match["price"], match["quantity"], side, "", self.seconds * SECOND)
            self.engine.process_trade_tick(tick)

    def log(self) -> list[str]:
        """Returns the events since the last call; asserts that the engine is consistent."""
        events = self.engine.events(self._seen + 1)
        assert [event.sequence for event in events] == list(range(self._seen + 1, self._seen + 1 + len(events)))
        self._seen += len(events)
        assert self.engine.validate() == []
        return [line(event) for event in events]

    def get(self, order_id: str) -> Order:
        found = self.engine.get_order(order_id)
        assert found
        return found

    def play(self, script: str) -> list[str]:
        """Runs steps between `|`: orders, `tick ...`, `cancel id`, `modify id field=value`, `time seconds`, `halt`,
        `register field=value`."""
        for step in (part.strip() for part in script.split("|")):
            verb, _, rest = step.partition(" ")
            if step.startswith("tick "):
                self.tick(rest)
            elif verb == "cancel":
                self.engine.cancel_order(rest)
            elif verb in ("halt", "resume"):
                getattr(self.engine, verb)()
            elif verb == "time":
                self.engine.advance_time(int(rest) * SECOND)
            elif verb == "register":
                fields: dict[str, Any] = dict(field.split("=") for field in rest.split())
                fields |= {name: True for name, value in fields.items() if value == "true"}
                self.engine.register_instruments([Instrument("X", **fields)])
            elif verb in GROUPS:
                self.engine.submit_order_group(group(step))
            elif verb == "modify":
                order_id, *changes = rest.split()
                self.engine.modify_order(order_id, **dict(change.split("=") for change in changes))
            else:
                self.submit(step)
        return self.log()


__all__ = ["ORDER", "SECOND", "OrderStatus", "OrderType", "Venue", "group", "order"]
