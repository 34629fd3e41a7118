"""
Orders on a simulated venue that fills them against real trades, by price and time, and never without a trade.
"""

from collections.abc import Iterable
import decimal
import enum
from typing import Any, Self

import alphaforge_core.model


COUNTERS: tuple[tuple[str, str, str, str], ...]

class ExecutionEngine:
    """
    Orders on a simulated venue that fills them against real trades, by price and time, and never without a trade. Safe to use from many threads.

    >>> from alphaforge_core.model import TradeTick
    >>> engine = ExecutionEngine()
    >>> order_id = engine.submit_order(Order.market("BTCUSD", OrderSide.Buy, 0.5, "my_strategy"))
    >>> engine.process_trade_tick(TradeTick("BTCUSD", 45000, 2, "SELL", "", ts_event=1))
    >>> [fill] = engine.get_order(order_id).fills
    >>> fill.quantity, fill.price, fill.liquidity_side
    (Quantity('0.5'), Price('45000.00'), LiquiditySide.Taker)
    """

    def __init__(self, config: ExecutionEngineConfig | None = None) -> None:
        """An empty engine with these settings, or the defaults."""

    @property
    def config(self) -> ExecutionEngineConfig:
        """The settings it was made with."""

    def submit_order(self, order: Order) -> str:
        """
        Places the order and returns its id. Submitting it again changes nothing and returns the id.

        An order that a rule refuses is Rejected, with a reject_reason; no error. Raises InvalidArgument (a ValueError) for a malformed order, and with reason ORDER_CONFLICT for an id that was submitted with other fields; ResourceExhausted for a strategy beyond max_strategies.
        """

    def submit_orders(self, orders: Iterable[Order]) -> list[str]:
        """
        Places the orders one after the other and returns their ids. Runs without the GIL.

        Raises BatchError (a ValueError), with `.results`, once all good ones are placed, if any was not.
        """

    def cancel_order(self, order_id: str) -> bool:
        """
        True exactly when the order was active and is now Cancelled; False when it is unknown or final.
        """

    def cancel_all_orders(self, strategy_id: str | None = None) -> int:
        """
        Cancels the active orders of one strategy, or of all, by priority. Returns how many.
        """

    def lapse_session(self, strategy_id: str) -> int:
        """
        Cancels the strategy's active orders because its session lapsed (SESSION_LAPSED). Returns how many.
        """

    def modify_order(self, order_id: str, *, quantity: alphaforge_core.model.Quantity | int | str | float | decimal.Decimal | None = None, price: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None, stop_price: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None) -> bool:
        """
        Changes an active order; `quantity` is the new total. Equal values: True, and nothing happens.

        A decrease keeps its priority; a new price or an increase takes new priority and the order arrives again. False when it is unknown or final, when the quantity is not above what is filled, for a new stop price once triggered, and, unless it only shrinks, while halted or beyond a limit. Raises InvalidArgument (a ValueError) for numbers not above 0 and for a field that its type lacks.
        """

    def process_trade_tick(self, tick: alphaforge_core.model.TradeTick) -> None:
        """
        Shows one tick to the orders of its symbol. Refused ticks and duplicates change nothing and are counted.
        """

    def process_trade_ticks(self, ticks: Iterable[alphaforge_core.model.TradeTick] | alphaforge_core.model.TradeTickBatch | None = None, *, instrument_id: Any = None, prices: Any = None, quantities: Any = None, ts_event: Any = None, ts_init: Any = None, sides: Any = None, trade_ids: Any = None, price_scale: int = 0, quantity_scale: int = 0, instrument_index: Any = None) -> TickResult:
        """
        Shows many ticks in their order: a sequence of TradeTick, or columns as TradeTickBatch.from_columns() takes them.

        Runs without the GIL. Raises ValueError where something is no tick; nothing is applied then.
        """

    def process_batch(self, batch: alphaforge_core.model.TradeTickBatch) -> TickResult:
        """Shows the ticks of a batch in their order. Runs without the GIL."""

    def advance_time(self, now_ns: int) -> None:
        """
        Moves market time of all symbols forward, never back: DAY orders whose midnight it reaches are cancelled.

        Raises InvalidArgument (a ValueError) for a time that is negative or within a day of 2^63.
        """

    def halt(self) -> None:
        """
        Rejects new orders from now on; resting ones may fill, shrink and be cancelled.
        """

    def resume(self) -> None:
        """Accepts new orders again."""

    def set_market_data_stale(self, is_stale: bool) -> None:
        """
        Says whether the source of ticks has fallen silent; what market orders do then is market_orders_while_stale.
        """

    def reconfigure(self, config: ExecutionEngineConfig) -> None:
        """
        Other settings from now on; orders that are there stay as they are, also beyond a limit.
        """

    @property
    def received_at(self) -> int | None:
        """
        When the calls that follow were received, nanoseconds since the Unix epoch; None: when they are made.

        For a service, which writes calls to its journal before it makes them, and makes them again after a restart.
        """

    @received_at.setter
    def received_at(self, arg: int | None, /) -> None: ...

    def acknowledge(self) -> None:
        """The orders submitted at `received_at` are acknowledged now."""

    @property
    def is_halted(self) -> bool:
        """True when new orders are rejected."""

    def get_order(self, order_id: str) -> Order | None:
        """The order as it stands now, or None when it is unknown."""

    def get_active_orders(self, strategy_id: str) -> list[Order]:
        """The strategy's orders that rest or wait, in order of submission."""

    def get_orders(self, strategy_id: str | None = None, status: OrderStatus | Iterable[OrderStatus] | None = None, *, symbol: str | None = None, limit: int | None = None, after: str | None = None) -> list[Order]:
        """
        The orders that match all that is given, in order of submission, at most `limit`; `after` is the order_id that ended the page before.

        Raises InvalidArgument (PAGE_TOKEN_INVALID) when that order is not known.
        """

    def get_fills(self, strategy_id: str | None = None, *, order_id: str | None = None, symbol: str | None = None, limit: int | None = None, after: str | None = None) -> list[Fill]:
        """
        The fills that match all that is given, in the order in which they happened, at most `limit`; `after` is the fill_id that ended the page before.

        Raises InvalidArgument (PAGE_TOKEN_INVALID) when that fill is not known.
        """

    def get_positions(self, strategy_id: str | None = None, *, symbol: str | None = None) -> list[Position]:
        """
        Positions by strategy, then symbol; flat ones that were traded included.
        """

    def events(self, from_sequence: int = 0, limit: int | None = None, *, strategy_id: str | None = None) -> list[OrderEvent]:
        """The events that are kept from that sequence on, at most `limit`."""

    @property
    def first_event_sequence(self) -> int:
        """The sequence of the oldest event that is kept."""

    @property
    def last_event_sequence(self) -> int:
        """The sequence of the newest event; 0 before the first."""

    def statistics(self) -> ExecutionStatistics:
        """The engine's counters now."""

    def snapshot(self) -> bytes:
        """The whole state as bytes, versioned and with a checksum."""

    def restore(self, snapshot: bytes) -> None:
        """
        Brings an empty engine of the same settings into the state of the snapshot.

        Raises EngineError (JOURNAL_DAMAGED) for bytes that are none, or damaged, or of another release; the engine is of no use then.
        """

    def state_hash(self) -> int:
        """
        64 bits of all that decides what happens next: the same wherever the same has happened. It walks the whole state.
        """

    def validate(self) -> list[str]:
        """
        The invariants that do not hold, in words; empty unless there is a bug. For tests: it walks the whole state.
        """

    def submit_order_wire(self, request: bytes) -> bytes:
        """
        Answers a SubmitOrderRequest with a SubmitOrderResponse; its engine and epoch are not looked at.

        Raises what submit_order and the order's factory raise, and InvalidArgument (MESSAGE_MALFORMED).
        """

    def submit_orders_wire(self, request: bytes) -> bytes:
        """
        Answers a SubmitOrdersRequest with a SubmitOrdersResponse, without the GIL; engine and epoch are not looked at.

        Raises InvalidArgument, with nothing placed: MESSAGE_MALFORMED, or LIMIT_EXCEEDED beyond 100,000 orders.
        """

    def events_wire(self, from_sequence: int, limit: int) -> bytes:
        """
        What events() would return, as the `events` of a SubscribeOrderEventsResponse: to be appended to its bytes.
        """

class ExecutionEngineConfig:
    """
    The settings of an execution engine. Immutable; what is not given has its default.

    >>> ExecutionEngineConfig(taker_commission_rate="0.0005").taker_commission_rate
    Decimal('0.0005')
    """

    def __init__(self, *, liquidity: str = ..., fill_on: str = ..., max_price_age_ns: int | None = ..., maker_commission_rate: int | str | float | decimal.Decimal = ..., taker_commission_rate: int | str | float | decimal.Decimal = ..., slippage_bps: int | str | float | decimal.Decimal = ..., max_order_quantity: int | str | float | decimal.Decimal | None = ..., max_order_notional: int | str | float | decimal.Decimal | None = ..., max_open_orders: int | None = ..., max_orders_per_second: int | None = ..., market_orders_while_stale: str = ..., order_retention_ns: int = ..., max_final_orders: int = ..., max_events: int = ..., max_instruments: int = ..., max_strategies: int = ..., duplicate_window: int = ..., max_duplicate_entries: int = ..., durability: str = ..., subscribe_market_data: bool = ..., stale_after_ns: int = ..., live_clock: bool = ..., close_grace_ns: int = ...) -> None:
        """
        Raises InvalidArgument (a ValueError, SETTING_INVALID) for a value that a setting can't have; UnsupportedValue (a TypeError) for an unknown setting or a wrong type.
        """

    @property
    def liquidity(self) -> object:
        """
        'tick': a tick's quantity, once for all own buys and once for all own sells; 'unlimited': whatever is asked for.
        """

    @property
    def fill_on(self) -> object:
        """
        'arrival': an order meets the last tick when it arrives; 'next': it meets the next one.
        """

    @property
    def max_price_age_ns(self) -> object:
        """
        Market time since the last tick beyond which arriving orders find nothing, nanoseconds; None: no limit.
        """

    @property
    def maker_commission_rate(self) -> object:
        """Commission per value for makers, between -1 (a rebate) and 1."""

    @property
    def taker_commission_rate(self) -> object:
        """Commission per value for takers, between -1 and 1."""

    @property
    def slippage_bps(self) -> object:
        """
        Basis points of the price by which takers fill worse, never past their limit.
        """

    @property
    def max_order_quantity(self) -> object:
        """Largest quantity of an order; None: no limit."""

    @property
    def max_order_notional(self) -> object:
        """Largest price x quantity of an order; None: no limit."""

    @property
    def max_open_orders(self) -> object:
        """Active orders a strategy may have; None: no limit."""

    @property
    def max_orders_per_second(self) -> object:
        """
        Orders a strategy may submit per second of market time; None: no limit.
        """

    @property
    def market_orders_while_stale(self) -> object:
        """
        'wait' or 'reject': what happens to a market order while market data are stale.
        """

    @property
    def order_retention_ns(self) -> object:
        """
        How long a final order is remembered at least, nanoseconds, as far as max_final_orders allows.
        """

    @property
    def max_final_orders(self) -> object:
        """Final orders remembered."""

    @property
    def max_events(self) -> object:
        """Events kept for subscribers that resume."""

    @property
    def max_instruments(self) -> object:
        """Instruments that may be traded."""

    @property
    def max_strategies(self) -> object:
        """Strategies that may trade."""

    @property
    def duplicate_window(self) -> object:
        """
        Ticks with an id per instrument among which a duplicate is looked for; 0 looks for none.
        """

    @property
    def max_duplicate_entries(self) -> object:
        """Ticks remembered for that in all instruments together."""

    @property
    def durability(self) -> object:
        """
        'fsync', 'os' or 'none': what an acknowledged change survives on a service: a power cut, kill -9, neither.
        """

    @property
    def subscribe_market_data(self) -> object:
        """
        On a service the engine follows the trades of the data engine of its name.
        """

    @property
    def stale_after_ns(self) -> object:
        """
        Silence of those trades after which they are stale, heartbeats included; nanoseconds.
        """

    @property
    def live_clock(self) -> object:
        """On a service the wall clock drives market time."""

    @property
    def close_grace_ns(self) -> object:
        """
        How far the live clock stays behind the wall clock, nanoseconds, up to a day.
        """

    def given(self) -> dict[str, Any]:
        """The settings that were given, by name, in their normal form."""

    def as_dict(self) -> dict[str, Any]:
        """All settings, by name, in their normal form."""

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

    def __getstate__(self) -> dict[str, Any]: ...

    def __setstate__(self, given: dict[str, Any], /) -> None: ...

class ExecutionStatistics:
    """Counters of an execution engine at one moment; each order counts once."""

    def __init__(self, **values: int | float) -> None:
        """
        The counters by name; what is not given is 0. Unknown names are left out: they are of a later release.
        """

    @property
    def orders_submitted(self) -> int:
        """
        Orders received, rejected ones included; a repeated submission counts once. Unit: orders.
        """

    @property
    def orders_filled(self) -> int:
        """Orders that ended Filled. Unit: orders."""

    @property
    def orders_cancelled(self) -> int:
        """Orders that ended Cancelled, for whatever reason. Unit: orders."""

    @property
    def orders_rejected(self) -> int:
        """Orders refused by a rule. Unit: orders."""

    @property
    def orders_open(self) -> int:
        """Orders that rest or wait. Unit: orders."""

    @property
    def orders_partially_filled(self) -> int:
        """Open orders with a fill. Unit: orders."""

    @property
    def fills(self) -> int:
        """Executions. Unit: fills."""

    @property
    def ticks_processed(self) -> int:
        """Ticks accepted. Unit: ticks."""

    @property
    def ticks_rejected(self) -> int:
        """Ticks refused by a rule; they changed nothing. Unit: ticks."""

    @property
    def duplicate_ticks(self) -> int:
        """
        Ticks seen before in their instrument's window; they changed nothing. Unit: ticks.
        """

    @property
    def instruments(self) -> int:
        """Instruments with state. Unit: instruments."""

    @property
    def strategies(self) -> int:
        """Strategies with state. Unit: strategies."""

    @property
    def orders_kept(self) -> int:
        """Orders remembered, final ones included. Unit: orders."""

    @property
    def events_kept(self) -> int:
        """Order events held for subscribers to resume. Unit: events."""

    @property
    def memory_usage_bytes(self) -> int:
        """Estimated memory of the engine's state. Unit: bytes."""

    @property
    def fill_ratio(self) -> float:
        """orders_filled / orders_submitted; 0 when none. Unit: 1."""

    @property
    def avg_execution_latency_ms(self) -> float:
        """
        Mean time from a submission's receipt to its acknowledgement. Unit: ms.
        """

    @property
    def total_volume(self) -> float:
        """Sum of the filled quantities. Unit: units."""

    @property
    def total_notional(self) -> float:
        """Sum of price x quantity over all fills. Unit: value."""

    @property
    def total_commission(self) -> float:
        """Sum of the commissions; rebates make it smaller. Unit: value."""

    def as_dict(self) -> dict[str, int | float]:
        """All of them by name."""

    def __repr__(self) -> str: ...

class Fill:
    """One execution of an order against one trade. Immutable and exact."""

    @property
    def fill_id(self) -> str:
        """The order's id, '-', and its number among the order's fills from 1."""

    @property
    def order_id(self) -> str:
        """The order."""

    @property
    def symbol(self) -> str:
        """What was traded."""

    @property
    def strategy_id(self) -> str:
        """The order's strategy."""

    @property
    def side(self) -> OrderSide:
        """Buy or Sell."""

    @property
    def price(self) -> alphaforge_core.model.Price:
        """At which price."""

    @property
    def quantity(self) -> alphaforge_core.model.Quantity:
        """How much."""

    @property
    def commission(self) -> decimal.Decimal:
        """Rate x value, rounded half to even at 18 places."""

    @property
    def liquidity_side(self) -> LiquiditySide:
        """Maker or Taker."""

    @property
    def ts_event(self) -> int:
        """ts_event of the tick behind it, nanoseconds since the Unix epoch."""

    @property
    def trade_id(self) -> str:
        """The venue's id of the tick behind it; empty where it had none."""

    @property
    def sequence(self) -> int:
        """The sequence of its event in the engine."""

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __repr__(self) -> str: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...

    def to_wire(self) -> bytes:
        """The value as a protobuf message."""

    @staticmethod
    def from_wire(message: bytes, /) -> Fill:
        """
        The value of a protobuf message. Raises InvalidArgument (MESSAGE_MALFORMED) for bytes that are none.
        """

    def __getstate__(self) -> bytes: ...

    def __setstate__(self, message: bytes, /) -> None: ...

class LiquiditySide(enum.Enum):
    """Which part a fill had in the trade."""

    Maker = 1
    """The order rested and the trade came to it."""

    Taker = 2
    """The order arrived and took."""

class Order:
    """
    An order as its maker made it and, where an engine gives it, what became of it.

    A value: nothing changes it, submitting neither; ask the engine for a new snapshot.

    >>> order = Order.limit("BTCUSD", OrderSide.Buy, 0.5, 45000, TimeInForce.GoodTillCancel, "my_strategy")
    >>> order.status, order.leaves_quantity
    (OrderStatus.Initialized, 0.5)
    >>> Order.limit("BTCUSD", OrderSide.Buy, 0.5, 0, TimeInForce.Day, "my_strategy")
    Traceback (most recent call last):
    alphaforge_core.errors.InvalidArgument: order ...: price must be above 0, not 0.00
    """

    @staticmethod
    def market(symbol: str, side: OrderSide, quantity: alphaforge_core.model.Quantity | int | str | float | decimal.Decimal, strategy_id: str, time_in_force: TimeInForce = ..., *, order_id: str | None = None, created_at: int | None = None) -> Order:
        """
        An order at the market's price.

        Numbers are int, str, Decimal, float (its shortest decimal), Price or Quantity. `order_id` is the idempotency key, made here unless it is given; `created_at` is the wall clock unless given.

        Raises InvalidArgument (a ValueError) for numbers not above 0, an empty symbol or an id that is too long; UnsupportedValue (a TypeError) for a wrong type.
        """

    @staticmethod
    def limit(symbol: str, side: OrderSide, quantity: alphaforge_core.model.Quantity | int | str | float | decimal.Decimal, price: alphaforge_core.model.Price | int | str | float | decimal.Decimal, time_in_force: TimeInForce, strategy_id: str, *, post_only: bool = False, order_id: str | None = None, created_at: int | None = None) -> Order:
        """
        An order at `price` or better; `post_only` has it rejected rather than take liquidity.

        Numbers are int, str, Decimal, float (its shortest decimal), Price or Quantity. `order_id` is the idempotency key, made here unless it is given; `created_at` is the wall clock unless given.

        Raises InvalidArgument (a ValueError) for numbers not above 0, an empty symbol or an id that is too long; UnsupportedValue (a TypeError) for a wrong type.
        """

    @staticmethod
    def stop(symbol: str, side: OrderSide, quantity: alphaforge_core.model.Quantity | int | str | float | decimal.Decimal, stop_price: alphaforge_core.model.Price | int | str | float | decimal.Decimal, time_in_force: TimeInForce, strategy_id: str, *, order_id: str | None = None, created_at: int | None = None) -> Order:
        """
        A market order once the last price is at or beyond `stop_price`.

        Numbers are int, str, Decimal, float (its shortest decimal), Price or Quantity. `order_id` is the idempotency key, made here unless it is given; `created_at` is the wall clock unless given.

        Raises InvalidArgument (a ValueError) for numbers not above 0, an empty symbol or an id that is too long; UnsupportedValue (a TypeError) for a wrong type.
        """

    @staticmethod
    def stop_limit(symbol: str, side: OrderSide, quantity: alphaforge_core.model.Quantity | int | str | float | decimal.Decimal, stop_price: alphaforge_core.model.Price | int | str | float | decimal.Decimal, limit_price: alphaforge_core.model.Price | int | str | float | decimal.Decimal, time_in_force: TimeInForce, strategy_id: str, *, post_only: bool = False, order_id: str | None = None, created_at: int | None = None) -> Order:
        """
        A limit order at `limit_price` once the last price is at or beyond `stop_price`.

        Numbers are int, str, Decimal, float (its shortest decimal), Price or Quantity. `order_id` is the idempotency key, made here unless it is given; `created_at` is the wall clock unless given.

        Raises InvalidArgument (a ValueError) for numbers not above 0, an empty symbol or an id that is too long; UnsupportedValue (a TypeError) for a wrong type.
        """

    @property
    def order_id(self) -> str:
        """Its id and idempotency key."""

    @property
    def symbol(self) -> str:
        """What it trades."""

    @property
    def instrument_id(self) -> str:
        """The symbol under the name that ticks and bars use."""

    @property
    def strategy_id(self) -> str:
        """Whose order it is."""

    @property
    def side(self) -> OrderSide:
        """Buy or Sell."""

    @property
    def order_type(self) -> OrderType:
        """Market, Limit, Stop or StopLimit."""

    @property
    def time_in_force(self) -> TimeInForce:
        """How long it lives."""

    @property
    def post_only(self) -> bool:
        """True when it may not take liquidity."""

    @property
    def quantity(self) -> float:
        """Its total quantity, after changes."""

    @property
    def price(self) -> float | None:
        """Its limit, after changes; None where its type has none."""

    @property
    def stop_price(self) -> float | None:
        """Its trigger, after changes; None where its type has none."""

    @property
    def created_at(self) -> int:
        """When its maker made it, nanoseconds since the Unix epoch."""

    @property
    def status(self) -> OrderStatus:
        """Where it is in its life."""

    @property
    def is_active(self) -> bool:
        """True while it is Submitted or PartiallyFilled."""

    @property
    def filled_quantity(self) -> float:
        """The sum of its fills."""

    @property
    def leaves_quantity(self) -> float:
        """quantity - filled_quantity; of a final order, what it will never fill."""

    @property
    def avg_fill_price(self) -> float | None:
        """Value over quantity of its fills; None without fills."""

    @property
    def commission(self) -> float:
        """The sum of its fills' commissions."""

    @property
    def fills(self) -> list[Fill]:
        """Its fills in order, exact."""

    @property
    def fill_count(self) -> int:
        """How many fills it has."""

    @property
    def submitted_at(self) -> int | None:
        """
        When the engine received it, wall clock, nanoseconds since the Unix epoch; None before.
        """

    @property
    def updated_at(self) -> int | None:
        """
        When it last changed, wall clock, nanoseconds since the Unix epoch; None before it was submitted.
        """

    @property
    def triggered_at(self) -> int | None:
        """
        Market time at which its stop was reached, nanoseconds since the Unix epoch; None before.
        """

    @property
    def reject_reason(self) -> str | None:
        """Why it was refused, e.g. 'HALTED'; None unless Rejected."""

    @property
    def cancel_reason(self) -> str | None:
        """Why it ended, e.g. 'DAY_EXPIRED'; None unless Cancelled."""

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __repr__(self) -> str: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...

    def to_wire(self) -> bytes:
        """The value as a protobuf message."""

    @staticmethod
    def from_wire(message: bytes, /) -> Order:
        """
        The value of a protobuf message. Raises InvalidArgument (MESSAGE_MALFORMED) for bytes that are none.
        """

    def __getstate__(self) -> bytes: ...

    def __setstate__(self, message: bytes, /) -> None: ...

class OrderEvent:
    """
    One change of one order. Immutable; the same inputs give the same events.
    """

    @property
    def sequence(self) -> int:
        """Counts the engine's events without a gap, from 1."""

    @property
    def type(self) -> OrderEventType:
        """What happened."""

    @property
    def order_id(self) -> str:
        """The order."""

    @property
    def symbol(self) -> str:
        """Its symbol."""

    @property
    def strategy_id(self) -> str:
        """Its strategy."""

    @property
    def ts_event(self) -> int:
        """
        ts_event of the tick that caused it, else market time of its symbol; 0 before any. Nanoseconds since the Unix epoch.
        """

    @property
    def status(self) -> OrderStatus:
        """Its status afterwards."""

    @property
    def filled_quantity(self) -> decimal.Decimal:
        """Its filled quantity afterwards."""

    @property
    def leaves_quantity(self) -> decimal.Decimal:
        """Its quantity minus what is filled, afterwards."""

    @property
    def fill(self) -> Fill | None:
        """The fill, for Filled; else None."""

    @property
    def order(self) -> Order | None:
        """The order as submitted, for Submitted and Rejected; else None."""

    @property
    def quantity(self) -> decimal.Decimal | None:
        """Its new total quantity, for Modified; else None."""

    @property
    def price(self) -> decimal.Decimal | None:
        """Its limit, for Modified where it has one; else None."""

    @property
    def stop_price(self) -> decimal.Decimal | None:
        """Its trigger, for Modified where it has one; else None."""

    @property
    def reject_reason(self) -> str | None:
        """Why, for Rejected; else None."""

    @property
    def cancel_reason(self) -> str | None:
        """Why, for Cancelled; else None."""

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __repr__(self) -> str: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...

    def to_wire(self) -> bytes:
        """The value as a protobuf message."""

    @staticmethod
    def from_wire(message: bytes, /) -> OrderEvent:
        """
        The value of a protobuf message. Raises InvalidArgument (MESSAGE_MALFORMED) for bytes that are none.
        """

    def __getstate__(self) -> bytes: ...

    def __setstate__(self, message: bytes, /) -> None: ...

class OrderEventType(enum.Enum):
    """What happened to an order."""

    Submitted = 1
    """It was accepted."""

    Rejected = 2
    """It was refused by a rule."""

    Triggered = 3
    """Its stop was reached."""

    Filled = 4
    """It filled, in part or in full."""

    Cancelled = 5
    """It ended with a rest unfilled."""

    Modified = 6
    """It was changed on request."""

class OrderSide(enum.Enum):
    """Which way an order trades."""

    Buy = 1
    """Buys."""

    Sell = 2
    """Sells."""

class OrderStatus(enum.Enum):
    """Where an order is in its life; the last three are final."""

    Initialized = 1
    """Made, not submitted."""

    Submitted = 2
    """Accepted, nothing filled; it rests or waits."""

    PartiallyFilled = 3
    """Filled in part, still active."""

    Filled = 4
    """Filled in full."""

    Cancelled = 5
    """Ended with a rest unfilled."""

    Rejected = 6
    """Refused by a rule when it was submitted."""

class OrderType(enum.Enum):
    """How an order finds its price."""

    Market = 1
    """At the market's price."""

    Limit = 2
    """At its price or better."""

    Stop = 3
    """A market order once the last price reaches its stop price."""

    StopLimit = 4
    """A limit order once the last price reaches its stop price."""

class Position:
    """
    What a strategy holds of a symbol. Immutable; every number an exact Decimal.
    """

    @property
    def strategy_id(self) -> str:
        """The strategy."""

    @property
    def symbol(self) -> str:
        """The symbol."""

    @property
    def net_quantity(self) -> decimal.Decimal:
        """Bought minus sold; negative when short."""

    @property
    def average_price(self) -> decimal.Decimal | None:
        """Cost over quantity, rounded half to even at 9 places; None when flat."""

    @property
    def cost(self) -> decimal.Decimal:
        """The cost of what is held; negative when short."""

    @property
    def realized_pnl(self) -> decimal.Decimal:
        """What closed parts earned, commission apart."""

    @property
    def unrealized_pnl(self) -> decimal.Decimal:
        """What the rest would earn at the last tick, commission apart."""

    @property
    def commission(self) -> decimal.Decimal:
        """The sum of commissions."""

    @property
    def last_price(self) -> decimal.Decimal | None:
        """Price of the symbol's last tick."""

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __repr__(self) -> str: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...

    def to_wire(self) -> bytes:
        """The value as a protobuf message."""

    @staticmethod
    def from_wire(message: bytes, /) -> Position:
        """
        The value of a protobuf message. Raises InvalidArgument (MESSAGE_MALFORMED) for bytes that are none.
        """

    def __getstate__(self) -> bytes: ...

    def __setstate__(self, message: bytes, /) -> None: ...

class TickResult:
    """Which ticks of a call were not applied."""

    def __init__(self) -> None: ...

    @property
    def rejected(self) -> list[tuple[int, str]]:
        """Pairs of index and reason, of the ticks refused by a rule."""

    @property
    def duplicates(self) -> list[int]:
        """Indices of the ticks seen before."""

    def __repr__(self) -> str: ...

class TimeInForce(enum.Enum):
    """How long an order lives."""

    Day = 1
    """
    Until the first 00:00 UTC after its symbol's market time at submission.
    """

    GoodTillCancel = 2
    """Until it is cancelled."""

    ImmediateOrCancel = 3
    """Fills what it can on arrival; the rest is cancelled."""

    FillOrKill = 4
    """Fills in full on arrival, or is cancelled without a fill."""

def encode_submit_orders(orders: Iterable[Order]) -> bytes:
    """
    The orders as a SubmitOrdersRequest, or one of them as a SubmitOrderRequest, without engine and epoch: to be appended to the bytes of those.
    """
