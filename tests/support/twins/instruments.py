"""Registered instruments in plain Python: the grid of their orders, and what their contracts are worth.

Readings: a rounded number that would be no price or quantity stays as it is, and is refused. A change of an order is
rounded as the order would be; what it leaves unchanged need not be on the grid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any

from tests.support.tape import DAY, NANO, SECOND, half_even
from tests.support.twins.data import Calendar, parse_bar_type
from tests.support.twins.trading_calendar import sessions_of

LARGEST_PRICE = Fraction(2**63 - 1, 10**9)


@cache
def days_of(session: str) -> Calendar:
    return Calendar(parse_bar_type(f"1day@{session}"))


@dataclass
class Bill:
    """An order's commission: before its minimum and maximum, and what it was charged."""

    fills: int = 0
    accrued: Fraction = Fraction(0)
    charged: Fraction = Fraction(0)


@dataclass(frozen=True)
class Instrument:
    instrument_id: str
    tick_size: Fraction | None = None
    lot_size: Fraction | None = None
    multiplier: Fraction = Fraction(1)
    inverse: bool = False
    off_grid: str = "reject"
    maker_commission_rate: Fraction | None = None  # None: the engine's
    taker_commission_rate: Fraction | None = None
    commission_per_contract: Fraction = Fraction(0)
    commission_per_order: Fraction = Fraction(0)
    min_commission: Fraction | None = None
    max_commission: Fraction | None = None
    session: str = ""
    calendar: str = ""
    negative_prices: bool = False

    @property
    def least_price(self) -> Fraction:
        return -LARGEST_PRICE if self.negative_prices else NANO

    def has_price(self, price: Fraction) -> bool:
        """Whether it may be a price of trades and orders."""
        return self.least_price <= price <= LARGEST_PRICE

    def knows_day(self, time: int | None) -> bool:
        """Whether its calendar, if it has one, says when the day of a DAY order ends."""
        if not self.calendar or time is None:
            return True
        sessions = sessions_of(self.calendar)
        return sessions[0][0][0] <= time < sessions[-1][-1][1]

    def end_of_day(self, time: int) -> int:
        """Where the day of a DAY order ends, strictly after a time; at once if the calendar doesn't know."""
        if self.calendar:
            closes = [parts[-1][1] for parts in sessions_of(self.calendar) if parts[-1][1] > time]
            return closes[0] if self.knows_day(time) else time
        if not self.session:
            return (time // DAY + 1) * DAY
        return days_of(self.session).interval(time // SECOND)[1] * SECOND

    def value(self, price: Fraction, quantity: Fraction) -> Fraction:
        return half_even(quantity * self.multiplier * (1 / price if self.inverse else price), 18)

    def average(self, value: Fraction, quantity: Fraction) -> Fraction | None:
        """The price at which the quantity has that value."""
        contracts = quantity * self.multiplier
        if not quantity or (self.inverse and not value):
            return None
        price = half_even(contracts / value if self.inverse else value / contracts, 9)
        return price if abs(price) <= LARGEST_PRICE else None

    def gain(self, is_long: bool, cost: Fraction, worth: Fraction) -> Fraction:
        return worth - cost if is_long != self.inverse else cost - worth

    def charge(
        self, rate: Fraction, side: str, value: Fraction, quantity: Fraction, bill: Bill
    ) -> tuple[Fraction, str]:
        """What a fill adds to its order's bill, and by which rules; `rate` is the engine's."""
        own = self.maker_commission_rate if side == "Maker" else self.taker_commission_rate
        rate = rate if own is None else own
        per_order = self.commission_per_order if not bill.fills else Fraction(0)
        rules = {
            f"{side.lower()}_rate": rate, "per_contract": self.commission_per_contract, "per_order": per_order,
        }  # fmt: skip
        bill.fills += 1
        bill.accrued += half_even(rate * abs(value), 18) + self.commission_per_contract * quantity + per_order
        total = bill.accrued
        if self.min_commission is not None and total < self.min_commission:
            total, rules["minimum"] = self.min_commission, Fraction(1)
        if self.max_commission is not None and total > self.max_commission:
            total, rules["maximum"] = self.max_commission, Fraction(1)
        charged = total - bill.charged
        bill.charged = total
        return charged, "+".join(name for name, amount in rules.items() if amount)

    def round(self, price: Fraction, *, up: bool, least: Fraction | None = None) -> Fraction:
        """The next price on the grid, up or down."""
        if not self.tick_size or not price % self.tick_size:
            return price
        rounded = (price // self.tick_size + up) * self.tick_size
        return rounded if (self.least_price if least is None else least) <= rounded <= LARGEST_PRICE else price

    def fit(self, buys: bool, given: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Return the given fields of an order or a change, rounded where allowed, and the reason of a refusal."""
        upward = {
            "price": not buys, "stop_price": buys, "activation_price": not buys,
            "trailing_offset": True, "limit_offset": False,
        }  # fmt: skip
        on_grid = {name for name, value in given.items() if name in upward and value is not None}
        if given.get("trailing_offset_type") != "Price":
            on_grid -= {"trailing_offset", "limit_offset"}
        fitted = dict(given)
        if self.off_grid == "round":
            for name in on_grid:
                least = {"limit_offset": Fraction(0), "trailing_offset": NANO}.get(name)
                fitted[name] = self.round(given[name], up=upward[name], least=least)
            if self.lot_size and given.get("quantity"):
                fitted["quantity"] = given["quantity"] // self.lot_size * self.lot_size or given["quantity"]
        reason = ""
        if self.tick_size and any(fitted[name] % self.tick_size for name in on_grid):
            reason = "PRICE_OFF_GRID"
        if self.lot_size and fitted.get("quantity") and fitted["quantity"] % self.lot_size:
            reason = "QUANTITY_OFF_GRID"
        return fitted, reason

    def priced(self, order: Any) -> Any:
        """The order with offsets by price instead of ticks, unless the ticks have no price."""
        if order.trailing_offset_type != "Ticks" or not self.tick_size:
            return order
        offsets = {
            name: getattr(order, name) * self.tick_size
            for name in ("trailing_offset", "limit_offset")
            if getattr(order, name) is not None
        }
        if max(offsets.values()) > LARGEST_PRICE:
            return order
        return replace(order, trailing_offset_type="Price", **offsets)

    def tick_refusal(self, order: Any) -> str:
        """Why the offset of an order is still in ticks."""
        if order.trailing_offset_type != "Ticks":
            return ""
        return "VALUE_OVERFLOW" if self.tick_size else "TICK_SIZE_UNKNOWN"

    def fit_order(self, order: Any) -> Any:
        order = self.priced(order)
        names = (
            "quantity", "price", "stop_price", "activation_price", "trailing_offset", "limit_offset",
            "trailing_offset_type",
        )  # fmt: skip
        return replace(order, **self.fit(order.buys, {name: getattr(order, name) for name in names})[0])

    def order_refusal(self, order: Any) -> str:
        return self.fit(order.buys, vars(order))[1]


PLAIN = Instrument("")
