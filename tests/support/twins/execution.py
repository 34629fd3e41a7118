"""The execution engine in plain Python: orders on a simulated venue, by the rules of "Execution engine" alone.

Orders are kept in one dict and sorted whenever an order of work is needed. Prices, quantities and values are
fractions. Sides, types, states and times in force go by the names of their documented members ("Buy", "StopLimit",
"Filled", "GoodTillCancel").

Readings (where the rules leave a choice, this twin takes the one named here):

- The fields compared when an order is submitted again are what the strategy asked for; `created_at` informs only.
- A refusal by rule names the first that applies of: halt, quantity, notional, open orders, post-only.
- Post-only "would take" means that some quantity would fill at once: at a marketable price with an empty pool the
  order rests. Where that shows only after acceptance (`fill_on="next"`, a new price), the order ends Cancelled.
- A stale last tick (`max_price_age`) has no pool left but still triggers stops. The age is market time of the
  symbol minus `ts_event` of its last tick. In its own steps a tick is never too old.
- A DAY order accepted while its symbol has no market time at all gets its midnight from the first tick.
- `advance_time` expires DAY orders of all symbols by priority; `cancel_all_orders` cancels by priority too.
- With `fill_on="next"` step (iv) first handles the waiting arrivals by priority, then triggers stops. A triggered
  stop's arrival is handled at the tick after. An arrival is neither waiting in (ii) nor resting in (iii) before it
  was handled.
- Waiting market orders and triggered stops fill as taker.
- `modify_order`: malformed numbers are refused first, then False for an unknown order, then the fields that the
  type lacks, then the other reasons for False. While halted, or where it would break a limit on quantity or
  notional, a new price or an increase is False. Nothing given is True.
- Slippage moves the price half-even at 9 places, and no lower than the smallest price.
- Closing q of Q takes cost x q / Q, half-even at 18 places.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from tests.support.tape import DAY, NANO, Tick, half_even
from tests.support.twins.data import LARGEST_VALUE, LAST_TIME, same_trade

ACTIVE = ("Submitted", "PartiallyFilled")
HAS_PRICE = ("Limit", "StopLimit")
HAS_STOP = ("Stop", "StopLimit")
AT_ONCE = ("ImmediateOrCancel", "FillOrKill")


class Fill(NamedTuple):
    price: Fraction
    quantity: Fraction
    commission: Fraction
    liquidity_side: str  # "Maker" or "Taker"
    ts_event: int  # of the tick behind it


class Event(NamedTuple):
    sequence: int
    order_id: str
    kind: str  # "Submitted", "Rejected", "Triggered", "Modified", "Filled" (in part or whole), "Cancelled"
    status: str
    reason: str = ""
    fill: Fill | None = None


@dataclass
class Order:
    order_id: str
    symbol: str
    side: str
    order_type: str
    quantity: Fraction
    price: Fraction | None = None
    stop_price: Fraction | None = None
    time_in_force: str = "GoodTillCancel"
    strategy_id: str = "s"
    post_only: bool = False
    status: str = "Initialized"
    fills: list[Fill] = field(default_factory=list)
    triggered: bool = False
    reason: str = ""  # why it was rejected or cancelled
    priority: int = 0
    expires: int | None = None  # DAY: its midnight
    arriving: bool = False  # waits for the next tick to be handled (fill_on="next")
    asked: tuple[object, ...] = ()  # the fields as first submitted

    @property
    def buys(self) -> bool:
        return self.side == "Buy"

    @property
    def active(self) -> bool:
        return self.status in ACTIVE

    @property
    def filled(self) -> Fraction:
        return sum((fill.quantity for fill in self.fills), Fraction(0))

    @property
    def leaves(self) -> Fraction:
        return self.quantity - self.filled

    @property
    def value(self) -> Fraction:
        return sum((fill.price * fill.quantity for fill in self.fills), Fraction(0))

    @property
    def commission(self) -> Fraction:
        return sum((fill.commission for fill in self.fills), Fraction(0))

    @property
    def average_price(self) -> Fraction | None:
        return half_even(self.value / self.filled, 9) if self.fills else None

    @property
    def stop_waits(self) -> bool:
        return self.order_type in HAS_STOP and not self.triggered

    @property
    def is_market(self) -> bool:
        """Fills at any price: a market order, or a stop that was triggered."""
        return self.order_type == "Market" or (self.order_type == "Stop" and self.triggered)

    @property
    def is_limit(self) -> bool:
        return self.order_type == "Limit" or (self.order_type == "StopLimit" and self.triggered)

    def fields(self) -> tuple[object, ...]:
        """What a strategy asks for."""
        return (
            self.symbol, self.side, self.order_type, self.quantity, self.price, self.stop_price,
            self.time_in_force, self.strategy_id, self.post_only,
        )  # fmt: skip

    def accepts(self, price: Fraction) -> bool:
        """Whether the order may trade at this price."""
        return self.price is None or (price <= self.price if self.buys else price >= self.price)

    def hit_by(self, price: Fraction) -> bool:
        """Whether the last price triggers the stop."""
        assert self.stop_price is not None
        return price >= self.stop_price if self.buys else price <= self.stop_price

    def reached_by(self, tick: Tick) -> bool:
        """Whether a print reaches the resting limit: through it, or at it unless our own side is the aggressor."""
        if tick.price == self.price:
            return tick.aggressor_side in ("NONE", "SELL" if self.buys else "BUY")
        return self.accepts(tick.price)


@dataclass
class Position:
    net: Fraction = Fraction(0)
    cost: Fraction = Fraction(0)  # value at which the present net quantity was opened, never negative
    realized: Fraction = Fraction(0)
    commission: Fraction = Fraction(0)

    def add(self, side: str, fill: Fill) -> None:
        sign = 1 if side == "Buy" else -1
        closing = min(fill.quantity, abs(self.net)) if self.net * sign < 0 else Fraction(0)
        if closing:
            taken = half_even(self.cost * closing / abs(self.net), 18)
            self.realized += (taken - fill.price * closing) * sign
            self.cost -= taken
        self.cost += fill.price * (fill.quantity - closing)
        self.net += sign * fill.quantity
        self.commission += fill.commission

    @property
    def average_price(self) -> Fraction | None:
        return half_even(self.cost / abs(self.net), 9) if self.net else None

    def unrealized(self, last: Fraction) -> Fraction:
        return self.net * last - (self.cost if self.net > 0 else -self.cost)


@dataclass
class Market:
    """One symbol: its last tick, and what is left of that tick for our buys and for our sells."""

    last: Tick | None = None
    time: int | None = None
    pool: dict[str, Fraction] = field(default_factory=dict)
    seen: deque[Tick] = field(default_factory=deque)  # those with an id, of which the last few are looked at


@dataclass
class Config:
    liquidity: str = "tick"
    fill_on: str = "arrival"
    max_price_age_ns: int | None = None
    maker_commission_rate: Fraction = Fraction(0)
    taker_commission_rate: Fraction = Fraction(0)
    slippage_bps: Fraction = Fraction(0)
    max_instruments: int = 10_000
    duplicate_window: int = 10_000
    max_order_quantity: Fraction | None = None
    max_order_notional: Fraction | None = None
    max_open_orders: int | None = None


class ExecutionEngine:
    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self.orders: dict[str, Order] = {}
        self.markets: dict[str, Market] = {}
        self.positions: dict[tuple[str, str], Position] = {}
        self.events: list[Event] = []
        self.time: int | None = None
        self.priority = 0
        self.halted = False
        self.counts = dict.fromkeys(("ticks_processed", "ticks_rejected", "duplicate_ticks"), 0)

    # What a strategy calls

    def submit_order(self, order: Order) -> str:
        self.check(order)
        known = self.orders.get(order.order_id)
        if known:
            if known.asked != order.fields():
                raise ValueError(f"order {order.order_id} was submitted with other fields")
            return order.order_id
        order = replace(order, fills=[], asked=order.fields())
        self.orders[order.order_id] = order
        reason = self.refusal(order)
        if reason:
            order.status, order.reason = "Rejected", reason
            self.emit(order, "Rejected", reason)
            return order.order_id
        order.status = "Submitted"
        order.priority = self.next_priority()
        now = self.market_time(order.symbol)
        if order.time_in_force == "Day" and now is not None:
            order.expires = midnight_after(now)
        self.emit(order, "Submitted")
        self.place(order)
        return order.order_id

    def cancel_order(self, order_id: str) -> bool:
        order = self.orders.get(order_id)
        if not order or not order.active:
            return False
        self.cancel(order, "REQUESTED")
        return True

    def cancel_all_orders(self, strategy_id: str | None = None) -> int:
        orders = self.active(lambda order: strategy_id is None or order.strategy_id == strategy_id)
        for order in orders:
            self.cancel(order, "REQUESTED")
        return len(orders)

    def modify_order(
        self,
        order_id: str,
        *,
        quantity: Fraction | None = None,
        price: Fraction | None = None,
        stop_price: Fraction | None = None,
    ) -> bool:
        if any(number is not None and number <= 0 for number in (quantity, price, stop_price)):
            raise ValueError("quantity and prices must be above 0")
        order = self.orders.get(order_id)
        if not order:
            return False
        if (price and order.order_type not in HAS_PRICE) or (stop_price and order.order_type not in HAS_STOP):
            raise ValueError(f"a {order.order_type} order has no such field")
        quantity, price = quantity or order.quantity, price or order.price
        stop_price = stop_price or order.stop_price
        if not order.active or quantity <= order.filled or (order.triggered and stop_price != order.stop_price):
            return False
        if (quantity, price, stop_price) == (order.quantity, order.price, order.stop_price):
            return True
        shrinks = quantity <= order.quantity and (price, stop_price) == (order.price, order.stop_price)
        changed = replace(order, quantity=quantity, price=price, stop_price=stop_price)
        if not shrinks and (self.halted or self.too_large(changed)):
            return False
        order.quantity, order.price, order.stop_price = quantity, price, stop_price
        self.emit(order, "Modified")
        if not shrinks:
            order.priority = self.next_priority()
            self.place(order)
        return True

    def statistics(self) -> dict[str, Fraction | int]:
        orders = list(self.orders.values())

        def count(*states: str) -> int:
            return sum(order.status in states for order in orders)

        return self.counts | {
            "orders_submitted": len(orders),
            "orders_filled": count("Filled"),
            "orders_cancelled": count("Cancelled"),
            "orders_rejected": count("Rejected"),
            "orders_open": count(*ACTIVE),
            "orders_partially_filled": count("PartiallyFilled"),
            "fill_ratio": Fraction(count("Filled"), len(orders)) if orders else Fraction(0),
            "total_volume": sum((order.filled for order in orders), Fraction(0)),
            "total_notional": sum((order.value for order in orders), Fraction(0)),
            "total_commission": sum((order.commission for order in orders), Fraction(0)),
        }

    # What the market does

    def process_trade_tick(self, tick: Tick) -> None:
        known = self.markets.get(tick.instrument_id)
        market = known or Market(seen=deque(maxlen=self.config.duplicate_window))
        if (
            tick.quantity == 0
            or tick.price <= 0
            or not 0 <= tick.ts_event < LAST_TIME
            or tick.price * tick.quantity > LARGEST_VALUE
            or (known is None and len(self.markets) >= self.config.max_instruments)
        ):
            self.counts["ticks_rejected"] += 1
            return
        if tick.trade_id and any(same_trade(tick, seen) for seen in market.seen):
            self.counts["duplicate_ticks"] += 1
            return
        self.counts["ticks_processed"] += 1
        self.markets[tick.instrument_id] = market
        if tick.trade_id:
            market.seen.append(tick)
        market.last = tick
        market.time = max(market.time or 0, tick.ts_event)
        market.pool = {"Buy": tick.quantity, "Sell": tick.quantity}
        self.work(tick)

    def work(self, tick: Tick) -> None:
        """What a tick does to the orders of its symbol, in four steps."""
        ours = self.active(lambda order: order.symbol == tick.instrument_id)
        for order in ours:
            if order.time_in_force == "Day" and order.expires is None:
                order.expires = midnight_after(tick.ts_event)
        self.expire(ours)

        for order in (order for order in ours if order.active and order.is_market and not order.arriving):
            self.take(order, fresh=True)

        resting = [order for order in ours if order.active and order.is_limit and not order.arriving]
        for order in sorted(resting, key=lambda o: (not o.buys, -o.price if o.buys else o.price, o.priority)):
            quantity = min(order.leaves, self.available(order, fresh=True))
            if quantity and order.reached_by(tick):
                self.fill(order, order.price, quantity, "Maker")

        stops = [order for order in ours if order.active and order.stop_waits and order.hit_by(tick.price)]
        for order in [order for order in ours if order.active and order.arriving]:
            order.arriving = False
            self.arrive(order, fresh=True)
        for order in sorted(stops, key=lambda o: (not o.buys, o.stop_price if o.buys else -o.stop_price, o.priority)):
            self.trigger(order, fresh=True)

    def advance_time(self, now_ns: int) -> None:
        self.time = max(now_ns, self.time) if self.time is not None else now_ns
        self.expire(self.active())

    def expire(self, orders: list[Order]) -> None:
        for order in orders:
            now = self.market_time(order.symbol)
            if order.expires is not None and now is not None and order.expires <= now:
                self.cancel(order, "DAY_EXPIRED")

    # What becomes of an order

    def place(self, order: Order) -> None:
        """A new or changed order: a stop waits unless it is already through, anything else arrives."""
        last = self.market(order.symbol).last
        if not order.stop_waits:
            self.reach_venue(order)
        elif last and order.hit_by(last.price):
            self.trigger(order)

    def trigger(self, order: Order, *, fresh: bool = False) -> None:
        order.triggered = True
        order.priority = self.next_priority()
        self.emit(order, "Triggered")
        self.reach_venue(order, fresh=fresh)

    def reach_venue(self, order: Order, *, fresh: bool = False) -> None:
        if self.config.fill_on == "next":
            order.arriving = True
        else:
            self.arrive(order, fresh=fresh)

    def arrive(self, order: Order, *, fresh: bool = False) -> None:
        """Meet the last print; what is left rests or waits, or ends where the order allows neither."""
        takes = self.takes(order, fresh=fresh)
        if order.post_only and takes:
            self.cancel(order, "POST_ONLY_WOULD_TAKE")
        elif order.time_in_force == "FillOrKill" and takes < order.leaves:
            self.cancel(order, "FILL_OR_KILL")
        else:
            self.take(order, fresh=fresh)
            if order.active and order.time_in_force in AT_ONCE:
                self.cancel(order, "IMMEDIATE_OR_CANCEL")

    def takes(self, order: Order, *, fresh: bool = False) -> Fraction:
        """How much the order would fill at once as taker."""
        last = self.market(order.symbol).last
        if not last or not order.accepts(last.price):
            return Fraction(0)
        return min(order.leaves, self.available(order, fresh=fresh))

    def take(self, order: Order, *, fresh: bool) -> None:
        quantity = self.takes(order, fresh=fresh)
        if quantity:
            last = self.market(order.symbol).last
            assert last
            self.fill(order, self.slipped(order, last.price), quantity, "Taker")

    def available(self, order: Order, *, fresh: bool) -> Fraction:
        """What the last tick still holds for this side; `fresh` while that tick itself is at work."""
        market, age = self.market(order.symbol), self.config.max_price_age_ns
        now = self.market_time(order.symbol)
        if not market.last or (age is not None and not fresh and now is not None and now - market.last.ts_event > age):
            return Fraction(0)
        return order.leaves if self.config.liquidity == "unlimited" else market.pool[order.side]

    def slipped(self, order: Order, price: Fraction) -> Fraction:
        shift = price * self.config.slippage_bps / 10_000
        price = max(NANO, half_even(price + shift if order.buys else price - shift, 9))
        if order.price is not None and not order.accepts(price):
            return order.price
        return price

    def fill(self, order: Order, price: Fraction, quantity: Fraction, liquidity_side: str) -> None:
        market, config = self.market(order.symbol), self.config
        assert market.last
        rate = config.maker_commission_rate if liquidity_side == "Maker" else config.taker_commission_rate
        commission = half_even(rate * price * quantity, 18)
        fill = Fill(price, quantity, commission, liquidity_side, market.last.ts_event)
        if config.liquidity != "unlimited":
            market.pool[order.side] -= quantity
        order.fills.append(fill)
        order.status = "PartiallyFilled" if order.leaves else "Filled"
        self.positions.setdefault((order.strategy_id, order.symbol), Position()).add(order.side, fill)
        self.emit(order, "Filled", fill=fill)

    def cancel(self, order: Order, reason: str) -> None:
        order.status, order.reason, order.arriving = "Cancelled", reason, False
        self.emit(order, "Cancelled", reason)

    # Rules about orders

    def check(self, order: Order) -> None:
        """Raise ValueError for a malformed order."""
        numbers = (order.quantity, order.price, order.stop_price)
        if (
            not 1 <= len(order.order_id) <= 64
            or not order.symbol
            or (order.price is None) != (order.order_type not in HAS_PRICE)
            or (order.stop_price is None) != (order.order_type not in HAS_STOP)
            or any(number is not None and number <= 0 for number in numbers)
        ):
            raise ValueError(f"malformed order {order}")

    def refusal(self, order: Order) -> str:
        """The rule that refuses a well-formed order, or "" """
        config = self.config
        opened = len(self.active(lambda other: other.strategy_id == order.strategy_id))
        if self.halted:
            return "HALTED"
        if too_large := self.too_large(order):
            return too_large
        if config.max_open_orders is not None and opened >= config.max_open_orders:
            return "OPEN_ORDERS_LIMIT"
        if order.post_only and config.fill_on != "next" and self.takes(order):
            return "POST_ONLY_WOULD_TAKE"
        return ""

    def too_large(self, order: Order) -> str:
        config, last = self.config, self.market(order.symbol).last
        price = order.price or (last.price if last else Fraction(0))
        if config.max_order_quantity is not None and order.quantity > config.max_order_quantity:
            return "ORDER_QUANTITY_LIMIT"
        if config.max_order_notional is not None and order.quantity * price > config.max_order_notional:
            return "ORDER_NOTIONAL_LIMIT"
        return ""

    # Bookkeeping

    def active(self, wanted=lambda order: True) -> list[Order]:
        """Active orders by priority."""
        orders = [order for order in self.orders.values() if order.active and wanted(order)]
        return sorted(orders, key=lambda order: order.priority)

    def market(self, symbol: str) -> Market:
        return self.markets.get(symbol) or Market()

    def market_time(self, symbol: str) -> int | None:
        times = [time for time in (self.market(symbol).time, self.time) if time is not None]
        return max(times, default=None)

    def next_priority(self) -> int:
        self.priority += 1
        return self.priority

    def emit(self, order: Order, kind: str, reason: str = "", fill: Fill | None = None) -> None:
        self.events.append(Event(len(self.events) + 1, order.order_id, kind, order.status, reason, fill))


def midnight_after(time: int) -> int:
    """The first 00:00 UTC strictly after this time."""
    return (time // DAY + 1) * DAY
