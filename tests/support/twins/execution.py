"""The execution engine in plain Python: orders on a simulated venue, by the rules of "Execution engine" alone.

Orders are kept in one dict and sorted whenever an order of work is needed. Prices, quantities and values are
fractions. Sides, types, states and times in force go by the names of their documented members ("Buy", "StopLimit",
"Filled", "GoodTillCancel").

Readings (where the rules leave a choice, this twin takes the one named here):

- The fields compared when an order is submitted again are what the strategy asked for; `created_at` informs only.
- A refusal by rule names the first that applies of: halt, an unknown instrument, off the grid, ticks without a
  size or a price, a date that has passed, quantity, notional, the loss, open orders, nothing to reduce, post-only.
- Post-only "would take" means that some quantity would fill at once: at a marketable price with an empty pool the
  order rests. Where that shows only after acceptance (`fill_on="next"`, a new price), the order ends Cancelled.
- A stale last tick (`max_price_age`) has no pool left but still triggers stops. The age is market time of the
  symbol minus `ts_event` of its last tick. In its own steps a tick is never too old.
- A DAY order accepted while its symbol has no market time at all gets its day from the first tick.
- `advance_time` expires DAY orders of all symbols by priority; `cancel_all_orders` cancels by priority too.
- With `fill_on="next"` step (iv) first handles the waiting arrivals by priority, then triggers stops. A triggered
  stop's arrival is handled at the tick after. An arrival is neither waiting in (ii) nor resting in (iii) before it
  was handled.
- Waiting market orders and triggered stops fill as taker.
- `modify_order`: malformed numbers are refused first, then False for an unknown order, then the fields that the
  type lacks, then the other reasons for False. While halted, or where it would break a limit on quantity or
  notional, a new price or an increase is False. Nothing given is True.
- A trailing stop that ends untriggered keeps the stop, and a trailing stop-limit the limit, that it had last.
- Slippage is a number of basis points of the price, half-even at 9 places; it moves the price no lower than the least
  price of the instrument.
- Closing q of Q takes cost x q / Q, half-even at 18 places.
- A refused group names the first reason of its first refused order; the limit on open orders is asked once for all.
- Released children all have their event before the first of them takes its new priority and arrives. Siblings after
  the first take theirs as they arrive.
- A trailing child begins to trail after all arrivals of the tick that releases it, or keeps the extreme that it has.
- A change of an order that is asleep takes no priority: it takes one when it arrives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from tests.support.tape import NANO, Tick, half_even
from tests.support.twins.data import LARGEST_VALUE, LAST_TIME, same_trade
from tests.support.twins.instruments import LARGEST_PRICE, PLAIN, Bill, Instrument
from tests.support.twins.order_groups import Group, check_group

ACTIVE = ("Submitted", "PartiallyFilled")
HAS_PRICE = ("Limit", "StopLimit")
HAS_STOP = ("Stop", "StopLimit")
TRAILS = ("TrailingStop", "TrailingStopLimit")
AT_ONCE = ("ImmediateOrCancel", "FillOrKill")


class Fill(NamedTuple):
    price: Fraction
    quantity: Fraction
    commission: Fraction
    liquidity_side: str  # "Maker" or "Taker"
    ts_event: int  # of the tick behind it
    commission_rule: str = ""


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
    expire_time: int | None = None  # GTD
    reduce_only: bool = False
    trailing_offset: Fraction | None = None
    trailing_offset_type: str | None = None  # "Price", "BasisPoints" or "Ticks"
    activation_price: Fraction | None = None
    limit_offset: Fraction | None = None
    extreme: Fraction | None = None  # the best last price since it began to trail
    status: str = "Initialized"
    fills: list[Fill] = field(default_factory=list)
    triggered: bool = False
    reason: str = ""  # why it was rejected or cancelled
    priority: int = 0
    expires: int | None = None  # DAY: the end of its day; GTD: its date
    arriving: bool = False  # waits for the next tick to be handled (fill_on="next")
    asleep: bool = False  # a child whose parent has not filled, or that has filled as much as its parent
    group: Group | None = None
    instrument: Instrument = PLAIN  # the definition of its symbol
    bill: Bill = field(default_factory=Bill)
    asked: tuple[object, ...] = ()  # the fields as first submitted

    @property
    def buys(self) -> bool:
        return self.side == "Buy"

    @property
    def active(self) -> bool:
        return self.status in ACTIVE

    @property
    def alive(self) -> bool:
        """Accepted, and not final."""
        return self.active or self.asleep

    @property
    def at_venue(self) -> bool:
        """Active, and not asleep."""
        return self.active and not self.asleep

    @property
    def fillable(self) -> Fraction:
        """The greatest quantity that may fill now."""
        return min(self.leaves, self.group.room(self)) if self.group else self.leaves

    @property
    def filled(self) -> Fraction:
        return sum((fill.quantity for fill in self.fills), Fraction(0))

    @property
    def leaves(self) -> Fraction:
        return self.quantity - self.filled

    @property
    def value(self) -> Fraction:
        return sum((self.instrument.value(fill.price, fill.quantity) for fill in self.fills), Fraction(0))

    @property
    def notional(self) -> Fraction:
        return sum((abs(self.instrument.value(fill.price, fill.quantity)) for fill in self.fills), Fraction(0))

    @property
    def commission(self) -> Fraction:
        return sum((fill.commission for fill in self.fills), Fraction(0))

    @property
    def average_price(self) -> Fraction | None:
        return self.instrument.average(self.value, self.filled)

    @property
    def stop_waits(self) -> bool:
        return self.order_type in HAS_STOP + TRAILS and not self.triggered

    @property
    def is_market(self) -> bool:
        """Fills at any price: a market order, or a stop that was triggered."""
        return self.order_type == "Market" or (self.order_type in ("Stop", "TrailingStop") and self.triggered)

    @property
    def is_limit(self) -> bool:
        return self.order_type == "Limit" or (self.order_type in ("StopLimit", "TrailingStopLimit") and self.triggered)

    def fields(self) -> tuple[object, ...]:
        """What a strategy asks for."""
        return (
            self.symbol, self.side, self.order_type, self.quantity, self.price, self.stop_price,
            self.time_in_force, self.strategy_id, self.post_only, self.expire_time, self.reduce_only,
            self.trailing_offset, self.trailing_offset_type, self.activation_price, self.limit_offset,
        )  # fmt: skip

    def accepts(self, price: Fraction) -> bool:
        """Whether the order may trade at this price."""
        return self.price is None or (price <= self.price if self.buys else price >= self.price)

    def hit_by(self, price: Fraction) -> bool:
        """Whether the last price triggers the stop."""
        if (stop := self.stop_now) is None:
            return False
        return price >= stop if self.buys else price <= stop

    @property
    def stop_now(self) -> Fraction | None:
        """The stop price; a trailing stop's current one, None if it has none."""
        if self.order_type not in TRAILS or self.triggered or not self.active:
            return self.stop_price
        if self.extreme is None:
            return None
        away = max(self.away(self.extreme, self.trailing_offset), NANO)
        stop = self.extreme + away if self.buys else self.extreme - away
        return stop if self.instrument.has_price(stop) else None

    def away(self, price: Fraction, offset: Fraction | None) -> Fraction:
        assert offset is not None
        return offset if self.trailing_offset_type == "Price" else half_even(abs(price) * offset / 10_000, 9)

    def follow(self, price: Fraction) -> None:
        """Update a trailing stop with the new last price."""
        if self.extreme is not None:
            self.extreme = min(self.extreme, price) if self.buys else max(self.extreme, price)
        elif self.activation_price is None or (
            price <= self.activation_price if self.buys else price >= self.activation_price
        ):
            self.extreme = price

    def fix_stop(self, instrument: Instrument) -> None:
        """Fix the stop of a trailing stop that triggers or ends, and derive its limit, on the instrument's grid."""
        if self.order_type in TRAILS and not self.triggered and (stop := self.stop_now) is not None:
            self.stop_price = stop
            if self.limit_offset is not None:
                limit = stop + self.away(stop, self.limit_offset) * (1 if self.buys else -1)
                self.price = instrument.round(min(max(limit, instrument.least_price), LARGEST_PRICE), up=not self.buys)

    def reached_by(self, tick: Tick) -> bool:
        """Whether a print reaches the resting limit: through it, or at it unless our own side is the aggressor."""
        if tick.price == self.price:
            return tick.aggressor_side in ("NONE", "SELL" if self.buys else "BUY")
        return self.accepts(tick.price)


@dataclass
class Position:
    net: Fraction = Fraction(0)
    cost: Fraction = Fraction(0)  # value at which the present net quantity was opened
    realized: Fraction = Fraction(0)
    commission: Fraction = Fraction(0)

    def add(self, instrument: Instrument, side: str, fill: Fill) -> None:
        sign = 1 if side == "Buy" else -1
        closing = min(fill.quantity, abs(self.net)) if self.net * sign < 0 else Fraction(0)
        if closing:
            taken = half_even(self.cost * closing / abs(self.net), 18)
            self.realized += instrument.gain(self.net > 0, taken, instrument.value(fill.price, closing))
            self.cost -= taken
        self.cost += instrument.value(fill.price, fill.quantity - closing)
        self.net += sign * fill.quantity
        self.commission += fill.commission

    def average_price(self, instrument: Instrument) -> Fraction | None:
        return instrument.average(self.cost, abs(self.net))

    def exposure(self, instrument: Instrument, last: Fraction) -> Fraction:
        return instrument.value(last, abs(self.net)) * (1 if self.net >= 0 else -1)

    def unrealized(self, instrument: Instrument, last: Fraction) -> Fraction:
        return instrument.gain(self.net > 0, self.cost, instrument.value(last, abs(self.net)))


@dataclass
class Market:
    """One symbol: its last tick, and what is left of that tick for our buys and for our sells."""

    last: Tick | None = None
    time: int | None = None
    pool: dict[str, Fraction] = field(default_factory=dict)
    due: list[Group] = field(default_factory=list)  # whose parents have filled since the last tick
    seen: deque[Tick] = field(default_factory=deque)  # ticks with an id; the last few are checked for duplicates


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
    max_time_jump_ns: int = 300 * 10**9
    max_order_quantity: Fraction | None = None
    max_order_notional: Fraction | None = None
    max_open_orders: int | None = None
    require_instruments: bool = False
    starting_cash: Fraction | None = None
    max_loss: Fraction | None = None


@dataclass
class Account:
    """A strategy's account, if the engine keeps accounts."""

    peak: Fraction
    base: Fraction
    max_drawdown: Fraction = Fraction(0)
    halted: bool = False


class ExecutionEngine:
    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self.received: int | None = None  # when the calls that follow are received; None: after every time they carry
        self.orders: dict[str, Order] = {}
        self.instruments: dict[str, Instrument] = {}
        self.accounts: dict[str, Account] = {}
        self.markets: dict[str, Market] = {}
        self.positions: dict[tuple[str, str], Position] = {}
        self.events: list[Event] = []
        self.time: int | None = None
        self.priority = 0
        self.halted = False
        self.counts = dict.fromkeys(("ticks_processed", "ticks_rejected", "duplicate_ticks"), 0)

    # What a strategy calls

    def register_instruments(self, instruments: list[Instrument]) -> None:
        for one in instruments:
            old = self.instrument(one.instrument_id)
            is_same = (old.multiplier, old.inverse) == (one.multiplier, one.inverse)
            if not one.negative_prices and old.negative_prices and self.has_seen(one.instrument_id):
                raise RuntimeError("INSTRUMENT_IN_USE")
            if not is_same and any(symbol == one.instrument_id for _, symbol in self.positions):
                raise RuntimeError("INSTRUMENT_IN_USE")
        self.instruments.update({one.instrument_id: one for one in instruments})
        for order in self.orders.values():
            order.instrument = self.instrument(order.symbol)

    def has_seen(self, symbol: str) -> bool:
        return symbol in self.markets or any(order.symbol == symbol for order in self.orders.values())

    def submit_order(self, order: Order) -> str:
        self.check(order)
        known = self.orders.get(order.order_id)
        if known:
            if known.asked != order.fields() or known.group:
                raise ValueError(f"order {order.order_id} was submitted with other fields")
            return order.order_id
        order = self.fitted(order)
        self.orders[order.order_id] = order
        reason = self.refusal(order) or self.count_refusal(order, 1) or self.arrival_refusal(order)
        if reason:
            self.reject(order, reason)
        else:
            self.open(order)
            self.place(order)
        return order.order_id

    def submit_order_group(self, kind: str, orders: list[Order]) -> list[str]:
        for order in orders:
            self.check(order)
        check_group(kind, orders)
        ids = [order.order_id for order in orders]
        known = [self.orders[order_id] for order_id in ids if order_id in self.orders]
        if known:
            group = known[0].group
            if not group or group.asked != (kind, [order.fields() for order in orders]) or group.ids != ids:
                raise ValueError(f"orders {ids} were submitted with other fields")
            return ids
        group = Group(kind, [self.fitted(order) for order in orders])
        for order in group.orders:
            order.group = group
            self.orders[order.order_id] = order
        arriving = [order for order in group.orders if not group.is_child(order)]
        reason = next(filter(None, map(self.refusal, group.orders)), "")
        reason = reason or ("LOSS_LIMIT" if any(map(self.is_lost, group.orders)) else "")
        reason = reason or self.count_refusal(group.orders[0], len(orders))
        reason = reason or next(filter(None, map(self.arrival_refusal, arriving)), "")
        for order in group.orders:
            if reason:
                self.reject(order, reason)
            else:
                order.asleep = group.is_child(order)
                self.open(order)
        for order in arriving:
            if order.active:
                if order is not group.orders[0]:
                    order.priority = self.next_priority()
                self.place(order)
        return ids

    def instrument(self, symbol: str) -> Instrument:
        return self.instruments.get(symbol, PLAIN)

    def fitted(self, order: Order) -> Order:
        """Return the order as stored: rounded to its instrument's grid if that is set."""
        instrument = self.instrument(order.symbol)
        fitted: Order = instrument.fit_order(
            replace(order, fills=[], bill=Bill(), instrument=instrument, asked=order.fields())
        )
        return fitted

    def reject(self, order: Order, reason: str) -> None:
        order.status, order.reason = "Rejected", reason
        self.emit(order, "Rejected", reason)

    def open(self, order: Order) -> None:
        order.status = "Initialized" if order.asleep else "Submitted"
        order.priority = self.next_priority()
        now = self.market_time(order.symbol)
        if order.time_in_force == "Day" and now is not None:
            order.expires = self.instrument(order.symbol).end_of_day(now)
        if order.time_in_force == "GoodTillDate":
            order.expires = order.expire_time
        self.emit(order, "Submitted")

    def cancel_order(self, order_id: str) -> bool:
        order = self.orders.get(order_id)
        if not order or not order.alive:
            return False
        self.cancel(order, "REQUESTED")
        return True

    def cancel_all_orders(self, strategy_id: str | None = None) -> int:
        orders = self.alive(lambda order: strategy_id is None or order.strategy_id == strategy_id)
        for order in orders:
            if order.alive:
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
        order = self.orders.get(order_id)
        prices = self.instrument(order.symbol) if order else Instrument("", negative_prices=True)
        if (quantity is not None and quantity <= 0) or not all(
            price is None or prices.has_price(price) for price in (price, stop_price)
        ):
            raise ValueError("quantity and prices must be above 0")
        if not order:
            return False
        has_price = (*HAS_PRICE, "TrailingStopLimit")
        if (price is not None and order.order_type not in has_price) or (
            stop_price is not None and order.order_type not in HAS_STOP
        ):
            raise ValueError(f"a {order.order_type} order has no such field")
        if order.active and price is not None and order.order_type in TRAILS and not order.triggered:
            return False
        given = {"quantity": quantity, "price": price, "stop_price": stop_price}
        fitted, off_grid = self.instrument(order.symbol).fit(order.buys, given)
        new = given if off_grid else fitted
        quantity = new["quantity"] or order.quantity
        price = order.price if new["price"] is None else new["price"]
        stop_price = order.stop_price if new["stop_price"] is None else new["stop_price"]
        if not order.alive or quantity <= order.filled or (order.triggered and stop_price != order.stop_price):
            return False
        if (quantity, price, stop_price) == (order.quantity, order.price, order.stop_price):
            return True
        if off_grid:
            return False
        if order.group and quantity > max(order.quantity, order.group.most(order)):
            return False
        shrinks = quantity <= order.quantity and (price, stop_price) == (order.price, order.stop_price)
        changed = replace(order, quantity=quantity, price=price, stop_price=stop_price)
        if not shrinks and (self.halted or self.is_lost(order) or self.too_large(changed)):
            return False
        order.quantity, order.price, order.stop_price = quantity, price, stop_price
        self.emit(order, "Modified")
        if not shrinks and not order.asleep:
            order.priority = self.next_priority()
            self.place(order)
        return True

    def statistics(self) -> dict[str, object]:
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
            "total_notional": sum((order.notional for order in orders), Fraction(0)),
            "total_commission": sum((order.commission for order in orders), Fraction(0)),
        }

    # What the market does

    def process_trade_tick(self, tick: Tick) -> None:
        known = self.markets.get(tick.instrument_id)
        market = known or Market(seen=deque(maxlen=self.config.duplicate_window))
        if (
            tick.quantity == 0
            or not self.instrument(tick.instrument_id).has_price(tick.price)
            or not 0 <= tick.ts_event < LAST_TIME
            or self.is_ahead(tick.ts_event)
            or abs(tick.price) * tick.quantity > LARGEST_VALUE
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
        for (strategy_id, symbol), position in self.positions.items():
            if symbol == tick.instrument_id and position.net:
                self.measure(strategy_id)

    def work(self, tick: Tick) -> None:
        """Apply a tick to the orders of its symbol, in four steps."""
        market = self.market(tick.instrument_id)
        releases, market.due = [(group, group.filled_by_parent) for group in market.due], []
        ours = self.alive(lambda order: order.symbol == tick.instrument_id)
        for order in ours:
            if order.time_in_force == "Day" and order.expires is None:
                order.expires = self.instrument(order.symbol).end_of_day(tick.ts_event)
        self.expire(ours)

        for order in (order for order in ours if order.at_venue and order.is_market and not order.arriving):
            self.take(order, fresh=True)

        resting = [order for order in ours if order.at_venue and order.is_limit and not order.arriving]
        for order in sorted(resting, key=lambda o: (not o.buys, -o.price if o.buys else o.price, o.priority)):
            quantity = min(self.wants(order), self.available(order, fresh=True))
            if order.at_venue and quantity and order.reached_by(tick):
                self.fill(order, order.price, quantity, "Maker")

        for order in [order for order in ours if order.at_venue and order.arriving]:
            if order.at_venue:
                order.arriving = False
                self.arrive(order, fresh=True)
        for group, quantity in releases:
            self.release(group, quantity)
        for order in ours:
            if order.at_venue and order.stop_waits and order.order_type in TRAILS:
                order.follow(tick.price)
        stops = [order for order in ours if order.at_venue and order.stop_waits and order.hit_by(tick.price)]
        for order in sorted(stops, key=lambda o: (not o.buys, o.stop_now if o.buys else -o.stop_now, o.priority)):
            if order.at_venue:
                self.trigger(order, fresh=True)

    def release(self, group: Group, quantity: Fraction) -> None:
        """Let children fill as much as their parent filled before this tick; they arrive."""
        group.released = quantity
        for child in group.children:
            if child.asleep and child.reduce_only and not self.reducible(child):
                self.cancel(child, "NOTHING_TO_REDUCE")
        children = [child for child in group.children if child.alive]
        for child in children:
            child.asleep = child.arriving = False
            child.status = "Submitted" if child.status == "Initialized" else child.status
            self.emit(child, "Modified")
        for child in children:
            if not child.at_venue:
                continue
            child.priority = self.next_priority()
            if not child.stop_waits:
                self.arrive(child, fresh=True)
            elif child.order_type not in TRAILS and child.hit_by(self.market(child.symbol).last.price):
                self.trigger(child, fresh=True)

    def equity(self, strategy_id: str) -> Fraction:
        total = self.config.starting_cash or Fraction(0)
        for (owner, symbol), position in self.positions.items():
            if owner == strategy_id:
                last = self.markets[symbol].last
                assert last
                total += position.realized - position.commission
                total += position.unrealized(self.instrument(symbol), last.price)
        return total

    def account(self, strategy_id: str) -> Account:
        start = self.config.starting_cash or Fraction(0)
        return self.accounts.setdefault(strategy_id, Account(peak=start, base=start))

    def measure(self, strategy_id: str) -> None:
        """Update a strategy's account after a fill, or a tick of a symbol that it holds, has changed its equity."""
        if self.config.starting_cash is None and self.config.max_loss is None:
            return
        account, equity = self.account(strategy_id), self.equity(strategy_id)
        account.peak = max(account.peak, equity)
        account.max_drawdown = max(account.max_drawdown, account.peak - equity)
        if self.config.max_loss is not None and account.base - equity >= self.config.max_loss:
            account.halted = True

    def resume_strategy(self, strategy_id: str) -> bool:
        account = self.accounts.get(strategy_id)
        if not account or not account.halted:
            return False
        account.halted, account.base = False, self.equity(strategy_id)
        return True

    def is_lost(self, order: Order) -> bool:
        account = self.accounts.get(order.strategy_id)
        return bool(account and account.halted and not order.reduce_only)

    def is_ahead(self, time: int) -> bool:
        jump = self.config.max_time_jump_ns
        return jump != 0 and self.received is not None and time > self.received + jump

    def advance_time(self, now_ns: int) -> None:
        if self.is_ahead(now_ns):
            raise ValueError("TIME_AHEAD")
        self.time = max(now_ns, self.time) if self.time is not None else now_ns
        self.expire(self.alive())

    def expire(self, orders: list[Order]) -> None:
        for order in orders:
            now = self.market_time(order.symbol)
            if order.alive and order.expires is not None and now is not None and order.expires <= now:
                self.cancel(order, "DAY_EXPIRED" if order.time_in_force == "Day" else "DATE_EXPIRED")

    # What becomes of an order

    def place(self, order: Order) -> None:
        """Place a new or changed order: a stop waits unless its price is already reached, other orders arrive."""
        last = self.market(order.symbol).last
        if order.order_type in TRAILS and order.stop_waits:
            if last and order.extreme is None:
                order.follow(last.price)
        elif not order.stop_waits:
            self.reach_venue(order)
        elif last and order.hit_by(last.price):
            self.trigger(order)

    def trigger(self, order: Order, *, fresh: bool = False) -> None:
        order.fix_stop(self.instrument(order.symbol))
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
        """Match the order with the last print; the rest rests or waits, or is cancelled if the order allows neither."""
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
        return min(self.wants(order), self.available(order, fresh=fresh))

    def wants(self, order: Order) -> Fraction:
        """Return how much the order may fill when its turn comes."""
        return min(order.fillable, self.reducible(order)) if order.reduce_only else order.fillable

    def reducible(self, order: Order) -> Fraction:
        """How much of its strategy's position the order would close."""
        net = self.positions.get((order.strategy_id, order.symbol), Position()).net
        return max(-net if order.buys else net, Fraction(0))

    def take(self, order: Order, *, fresh: bool) -> None:
        quantity = self.takes(order, fresh=fresh)
        if quantity:
            last = self.market(order.symbol).last
            assert last
            self.fill(order, self.slipped(order, last.price), quantity, "Taker")

    def available(self, order: Order, *, fresh: bool) -> Fraction:
        """Return the last tick's quantity still available to this side; `fresh` while that tick is being applied."""
        market, age = self.market(order.symbol), self.config.max_price_age_ns
        now = self.market_time(order.symbol)
        if not market.last or (age is not None and not fresh and now is not None and now - market.last.ts_event > age):
            return Fraction(0)
        return order.leaves if self.config.liquidity == "unlimited" else market.pool[order.side]

    def slipped(self, order: Order, price: Fraction) -> Fraction:
        instrument = self.instrument(order.symbol)
        shift = half_even(abs(price) * self.config.slippage_bps / 10_000, 9)
        price = max(instrument.least_price, price + shift if order.buys else price - shift)
        if self.config.slippage_bps:
            price = instrument.round(price, up=order.buys)
        if order.price is not None and not order.accepts(price):
            return order.price
        return price

    def fill(self, order: Order, price: Fraction, quantity: Fraction, liquidity_side: str) -> None:
        market, config = self.market(order.symbol), self.config
        assert market.last
        rate = config.maker_commission_rate if liquidity_side == "Maker" else config.taker_commission_rate
        order.instrument = self.instrument(order.symbol)
        value = order.instrument.value(price, quantity)
        commission, rule = order.instrument.charge(rate, liquidity_side, value, quantity, order.bill)
        fill = Fill(price, quantity, commission, liquidity_side, market.last.ts_event, rule)
        if config.liquidity != "unlimited":
            market.pool[order.side] -= quantity
        order.fills.append(fill)
        order.status = "PartiallyFilled" if order.leaves else "Filled"
        self.positions.setdefault((order.strategy_id, order.symbol), Position()).add(order.instrument, order.side, fill)
        self.measure(order.strategy_id)
        self.emit(order, "Filled", fill=fill)
        if order.group and order is order.group.parent:
            if order.group not in market.due:
                market.due.append(order.group)
            if not order.active:
                self.end_parent(order.group)
        elif order.group:
            self.share(order.group, order)

        for other in list(self.orders.values()):  # in order of submission
            is_same = (other.strategy_id, other.symbol) == (order.strategy_id, order.symbol)
            if is_same and other.at_venue and other.reduce_only and not self.reducible(other):
                self.cancel(other, "NOTHING_TO_REDUCE")

    def share(self, group: Group, filled: Order) -> None:
        """After the fill of a sibling or child, let orders that may fill no more sleep, or cancel them."""
        if group.room(filled):
            return
        for order in [order for order in group.children if order is filled or group.shares]:
            if order.alive and group.may_grow:
                order.asleep, order.arriving = True, False
                order.extreme = order.extreme if order.triggered else None
            elif order.alive:
                self.cancel(order, "GROUP_FILLED")

    def end_parent(self, group: Group) -> None:
        """After a parent has ended, reduce its children to what it filled, or cancel them."""
        for child in [child for child in group.children if child.alive]:
            if not child.alive:
                continue
            if not group.filled_by_parent:
                self.cancel(child, "GROUP_CANCELLED")
            elif not group.may_grow and not group.room(child):
                self.cancel(child, "GROUP_FILLED")
            elif child.quantity > group.filled_by_parent:
                child.quantity = group.filled_by_parent
                self.emit(child, "Modified")

    def cancel(self, order: Order, reason: str) -> None:
        order.fix_stop(self.instrument(order.symbol))
        order.status, order.reason, order.arriving, order.asleep = "Cancelled", reason, False, False
        self.emit(order, "Cancelled", reason)
        group = order.group
        if group and order is group.parent:
            self.end_parent(group)
        elif group and group.shares and not reason.startswith("GROUP_"):
            for other in group.children:
                if other.alive:
                    self.cancel(other, "GROUP_CANCELLED")

    # Rules about orders

    def check(self, order: Order) -> None:
        """Raise ValueError for a malformed order."""
        prices = (order.price, order.stop_price, order.activation_price)
        instrument = self.instrument(order.symbol)
        if (
            not 1 <= len(order.order_id) <= 64
            or not order.symbol
            or (order.price is None) != (order.order_type not in HAS_PRICE)
            or (order.stop_price is None) != (order.order_type not in HAS_STOP)
            or (order.trailing_offset is None) != (order.order_type not in TRAILS)
            or (order.limit_offset is None) != (order.order_type != "TrailingStopLimit")
            or (order.expire_time is None) != (order.time_in_force != "GoodTillDate")
            or any(number is not None and number <= 0 for number in (order.quantity, order.trailing_offset))
            or not all(price is None or instrument.has_price(price) for price in prices)
            or (
                order.trailing_offset_type == "Ticks"
                and any(offset is not None and offset % 1 for offset in (order.trailing_offset, order.limit_offset))
            )
        ):
            raise ValueError(f"malformed order {order}")

    def refusal(self, order: Order) -> str:
        """Return the rule that refuses a well-formed order, or "" """
        now = self.market_time(order.symbol)
        if self.halted:
            return "HALTED"
        if self.config.require_instruments and order.symbol not in self.instruments:
            return "INSTRUMENT_UNKNOWN"
        if off_grid := self.instrument(order.symbol).order_refusal(order):
            return off_grid
        if in_ticks := self.instrument(order.symbol).tick_refusal(order):
            return in_ticks
        if order.expire_time is not None and now is not None and order.expire_time <= now:
            return "EXPIRE_TIME_PASSED"
        if order.time_in_force == "Day" and not self.instrument(order.symbol).knows_day(now):
            return "OUTSIDE_CALENDAR"
        return self.too_large(order)

    def count_refusal(self, order: Order, count: int) -> str:
        """Whether a strategy may have `count` more orders."""
        if self.is_lost(order):
            return "LOSS_LIMIT"
        most = self.config.max_open_orders
        opened = len(self.alive(lambda other: other.strategy_id == order.strategy_id))
        return "OPEN_ORDERS_LIMIT" if most is not None and opened + count > most else ""

    def arrival_refusal(self, order: Order) -> str:
        if order.reduce_only and not self.reducible(order):
            return "NOTHING_TO_REDUCE"
        takes = order.post_only and self.config.fill_on != "next" and self.takes(order)
        return "POST_ONLY_WOULD_TAKE" if takes else ""

    def too_large(self, order: Order) -> str:
        config, last = self.config, self.market(order.symbol).last
        price = order.price if order.price is not None else last.price if last else None
        if config.max_order_quantity is not None and order.quantity > config.max_order_quantity:
            return "ORDER_QUANTITY_LIMIT"
        if config.max_order_notional is not None and price is not None:
            value = self.instrument(order.symbol).value(price, order.quantity)
            return "ORDER_NOTIONAL_LIMIT" if abs(value) > config.max_order_notional else ""
        return ""

    # Bookkeeping

    def alive(self, wanted: Callable[[Order], bool] = lambda order: True) -> list[Order]:
        """Accepted orders that are not final, by priority."""
        orders = [order for order in self.orders.values() if order.alive and wanted(order)]
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


@dataclass
class Ledger:
    """The orders that the engine remembers (rule 3.1), if each is final on submission."""

    max_final_orders: int
    order_retention_ns: int
    youngest_forgotten: int = -1
    orders: dict[str, tuple[int, int]] = field(default_factory=dict)  # created and received, in order of receipt
    too_old: set[str] = field(default_factory=set)

    def submit(self, order_id: str, created_at: int, now: int) -> bool:
        """Submit an order; return whether it is rejected as too old, now or on its first submission."""
        if order_id in self.orders:
            return order_id in self.too_old
        while self.orders:
            oldest, (created, received) = next(iter(self.orders.items()))
            if len(self.orders) <= self.max_final_orders and now - received <= self.order_retention_ns:
                break
            del self.orders[oldest]
            self.too_old.discard(oldest)
            self.youngest_forgotten = max(self.youngest_forgotten, min(created, received))
        self.orders[order_id] = created_at, now
        if created_at <= self.youngest_forgotten:
            self.too_old.add(order_id)
        return order_id in self.too_old
