"""Scenarios of orders in a form that traders can read, and the runner that plays them on any execution engine.

    a: limit BUY 0.5 @ 3000           submit order a; words after it: GTC DAY IOC FOK, GTD+5s (that much later),
                                      post-only, reduce-only, strategy NAME
    b: stop SELL 1 @ 99               a stop; `stop-limit SELL 1 @ 99 limit 98`, `market BUY 1`
    c: trailing-stop SELL 1 by 2      `by 50bps`, `by 4ticks`, `from 100` is its activation price;
                                      `trailing-stop-limit ... limit 1`
    bracket a: ...; b: ...; c: ...    a group of orders, in one submission; also `oco` and `oto`
    tick 2999 x 1 SELL                a trade; SELL, BUY or (nothing) NONE; `+1d`, `-90s`: so much later, earlier;
                                      `midnight`: at the next 00:00 UTC; `of Y`: another symbol than X (orders too)
    time +1d                          market time moves without a trade
    cancel a -> True                  what the call must answer
    modify a quantity=2 price=3 -> True
    halt | resume
    a is Filled: 0.5 @ 3000 maker     status and all fills of the order
    a is Cancelled (DAY_EXPIRED)      or Rejected, with its reason

An order is GTC unless it says otherwise.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from tests.support.tape import DAY, SECOND

START = 19_000 * DAY + DAY // 2  # noon of some day
UNITS = {"s": SECOND, "d": DAY, "h": DAY // 24}
GROUPS = {"oco": "OneCancelsOther", "oto": "OneTriggersOther", "bracket": "Bracket"}
OFFSET_UNITS = {None: "Price", "bps": "BasisPoints", "ticks": "Ticks"}
TIMES_IN_FORCE = {
    "GTC": "GoodTillCancel", "DAY": "Day", "IOC": "ImmediateOrCancel", "FOK": "FillOrKill",
    "GTD": "GoodTillDate",
}  # fmt: skip


class Player:
    """Plays one scenario on an engine of `api`, through public calls only."""

    def __init__(self, api: Any, engine: Any, prefix: str = "") -> None:
        self.execution, self.model, self.engine = api.execution, api.model, engine
        self.prefix = prefix  # of order ids
        self.time = START
        self.trades = 0

    def play(self, scenario: str) -> None:
        for line in filter(None, map(str.strip, scenario.splitlines())):
            try:
                self.step(line)
            except AssertionError as error:
                raise AssertionError(f"at {line!r}: {error}") from None

    def step(self, line: str) -> None:
        word = line.split()[0]
        call, _, wanted = line.partition(" -> ")
        if word == "tick":
            self.tick(line)
        elif word == "time":
            self.move(line.split()[1])
            self.engine.advance_time(self.time)
        elif word in ("halt", "resume"):
            getattr(self.engine, word)()
        elif word in ("cancel", "modify"):
            answer = str(self.cancel(call) if word == "cancel" else self.modify(call))
            assert answer == wanted, f"answered {answer}"
        elif word in GROUPS:
            self.engine.submit_order_group(self.group(word, line.removeprefix(word)))
        elif word.endswith(":"):
            self.engine.submit_order(self.order(word[:-1], line.partition(":")[2].strip()))
        else:
            name, _, wanted = line.partition(" is ")
            shown = self.show(name)
            assert shown == wanted, f"{name} is {shown}"

    def order(self, name: str, text: str) -> Any:
        found = re.fullmatch(
            r"(market|limit|stop|stop-limit|trailing-stop|trailing-stop-limit) (BUY|SELL) (\S+)"
            r"(?: @ (\S+)| by ([\d.]+)(bps|ticks)?)?(?: limit (\S+))?(?: from (\S+))?"
            r"(?: (GTC|DAY|IOC|FOK|GTD)([+-]\d+[sdh])?)?( post-only)?( reduce-only)?(?: strategy (\w+))?(?: of (\w+))?",
            text,
        )
        assert found, f"no order: {text}"
        (
            kind,
            side,
            quantity,
            price,
            offset,
            unit,
            limit,
            activation,
            tif,
            later,
            post_only,
            reduce_only,
            strategy,
            symbol,
        ) = found.groups()
        factory = getattr(self.execution.Order, kind.replace("-", "_"))
        prices = [Decimal(number) for number in (price, offset, limit) if number]
        keywords: dict[str, Any] = {"order_id": self.prefix + name}
        tif = self.execution.TimeInForce[TIMES_IN_FORCE[tif or "GTC"]]
        if kind == "market":
            keywords["time_in_force"] = tif
        if offset:
            keywords["trailing_offset_type"] = self.execution.TrailingOffsetType[OFFSET_UNITS[unit]]
            keywords["activation_price"] = activation and Decimal(activation)
        if later:
            keywords["expire_time_ns"] = self.time + int(later[:-1]) * UNITS[later[-1]]
        if post_only:
            keywords["post_only"] = True
        if reduce_only:
            keywords["reduce_only"] = True
        if kind != "market" and any(number and Decimal(number) <= 0 for number in (price, limit, activation)):
            keywords["negative_prices"] = True
        head = (symbol or "X", self.execution.OrderSide[side.capitalize()], Decimal(quantity), *prices)
        return factory(*head, *([] if kind == "market" else [tif]), strategy or "s", **keywords)

    def group(self, kind: str, text: str) -> Any:
        named = (each.strip().split(": ", 1) for each in text.split(";"))
        return self.execution.OrderGroup(
            self.execution.OrderGroupType[GROUPS[kind]], [self.order(name, order) for name, order in named]
        )

    def tick(self, line: str) -> None:
        found = re.fullmatch(
            r"tick (\S+) x (\S+)(?: (BUY|SELL|NONE))?(?: ([+-]\d+[sdh]|midnight))?(?: of (\w+))?", line
        )
        assert found, f"no tick: {line}"
        price, quantity, side, later, symbol = found.groups()
        self.move(later or "+0s")
        self.trades += 1
        tick = self.model.TradeTick(
            symbol or "X", self.model.Price(price), self.model.Quantity(quantity), side or "NONE",
            str(self.trades), self.time, self.time,
        )  # fmt: skip
        self.engine.process_trade_tick(tick)

    def move(self, later: str) -> None:
        if later == "midnight":
            self.time = (self.time // DAY + 1) * DAY
        else:
            self.time += int(later[:-1]) * UNITS[later[-1]]

    def cancel(self, line: str) -> Any:
        return self.engine.cancel_order(self.prefix + line.split()[1])

    def modify(self, line: str) -> Any:
        _, name, *changes = line.split()
        numbers = {key: Decimal(value) for key, value in (change.split("=") for change in changes)}
        return self.engine.modify_order(self.prefix + name, **numbers)

    def show(self, name: str) -> str:
        """`Filled: 0.5 @ 3000 maker`, `Cancelled (REQUESTED)`, `Submitted`."""
        order = self.engine.get_order(self.prefix + name)
        if order is None:
            return "unknown"
        reason = order.cancel_reason or order.reject_reason
        fills = [
            f"{fill.quantity} @ {fill.price.as_decimal().normalize():f} {fill.liquidity_side.name.lower()}"
            for fill in order.fills
        ]
        text = order.status.name
        text += f" ({reason if isinstance(reason, str) else reason.name})" if reason else ""
        return text + (": " + ", ".join(fills) if fills else "")
