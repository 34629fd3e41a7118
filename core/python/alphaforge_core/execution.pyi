"""
Orders on a simulated venue, which fills them only against trades, by price and time priority.
"""

from collections.abc import Iterable
import decimal
import enum
import os
from typing import Any, Self, TypeAlias

import pandas
import polars
import pyarrow

import alphaforge_core._tables
import alphaforge_core.model


def events_to_arrow(events: Iterable[OrderEvent], *, exact: bool = False) -> pyarrow.Table:
    """
    A table with one row per event, with the numbers of its fill. See fills_to_arrow() for types and `exact`.
    """

def events_to_pandas(events: Iterable[OrderEvent], *, exact: bool = False) -> pandas.DataFrame:
    """
    A DataFrame with one row per event, with the numbers of its fill. See fills_to_pandas() for types and `exact`.
    """

def events_to_polars(events: Iterable[OrderEvent], *, exact: bool = False) -> polars.DataFrame:
    """
    A polars DataFrame with the columns of events_to_arrow(). Needs polars and pyarrow.
    """

def fills_to_arrow(fills: Iterable[Fill], *, exact: bool = False) -> pyarrow.Table:
    """
    A table with one row per fill: names as dictionaries, times as nanoseconds in UTC, missing values as null.

        exact: numbers are decimals of 9 places (prices, quantities) or 18 (values) instead of float64. Needs pyarrow.
        Raises ValueError for a number of 1e20 or more, or 1e29 for 9 places, which Arrow's decimals don't hold.
    """

def fills_to_pandas(fills: Iterable[Fill], *, exact: bool = False) -> pandas.DataFrame:
    """
    A DataFrame with one row per fill: names as categories, times as datetime64[ns, UTC], missing values as NaN.

        exact: numbers are Decimals instead of float64, and None if missing. Needs pandas.
    """

def fills_to_polars(fills: Iterable[Fill], *, exact: bool = False) -> polars.DataFrame:
    """
    A polars DataFrame with the columns of fills_to_arrow(). Needs polars and pyarrow.
    """

def orders_to_arrow(orders: Iterable[Order], *, exact: bool = False) -> pyarrow.Table:
    """
    A table with one row per order, without its fills. See fills_to_arrow() for types and `exact`.
    """

def orders_to_pandas(orders: Iterable[Order], *, exact: bool = False) -> pandas.DataFrame:
    """
    A DataFrame with one row per order, without its fills. See fills_to_pandas() for types and `exact`.
    """

def orders_to_polars(orders: Iterable[Order], *, exact: bool = False) -> polars.DataFrame:
    """
    A polars DataFrame with the columns of orders_to_arrow(). Needs polars and pyarrow.
    """

def positions_to_arrow(positions: Iterable[Position], *, exact: bool = False) -> pyarrow.Table:
    """
    A table with one row per position. See fills_to_arrow() for types and `exact`.
    """

def positions_to_pandas(positions: Iterable[Position], *, exact: bool = False) -> pandas.DataFrame:
    """
    A DataFrame with one row per position. See fills_to_pandas() for types and `exact`.
    """

def positions_to_polars(positions: Iterable[Position], *, exact: bool = False) -> polars.DataFrame:
    """
    A polars DataFrame with the columns of positions_to_arrow(). Needs polars and pyarrow.
    """

def read_instruments(path: str | os.PathLike[str]) -> list[Instrument]:
    """
    The instruments in a CSV file, whose header names attributes of Instrument, or in a JSON file, a list of objects.

        Empty fields are not set. A calendar is the path of its file (see read_calendar), as seen from the file of
        instruments. Raises OSError; InvalidArgument (a ValueError) that names the file and the line or item.
    """

COUNTERS: tuple[tuple[str, str, str, str], ...]

class Account:
    """
    The account of a strategy: cash, equity, exposure and drawdown (rule 3.30). Immutable; numbers are exact Decimals.
    """

    @property
    def strategy_id(self) -> str:
        """The strategy."""

    @property
    def starting_cash(self) -> decimal.Decimal:
        """The engine's setting; 0 without it."""

    @property
    def cash(self) -> decimal.Decimal:
        """Starting cash plus realized profit, less commissions."""

    @property
    def equity(self) -> decimal.Decimal:
        """Cash plus unrealized profit at the last ticks."""

    @property
    def exposure(self) -> decimal.Decimal:
        """The value of its positions, long and short added up."""

    @property
    def net_exposure(self) -> decimal.Decimal:
        """The value of its positions, short ones subtracted."""

    @property
    def drawdown(self) -> decimal.Decimal | None:
        """
        How far equity is below its highest value; None if the engine keeps no accounts.
        """

    @property
    def max_drawdown(self) -> decimal.Decimal | None:
        """The greatest drawdown; None if the engine keeps no accounts."""

    @property
    def is_halted(self) -> bool:
        """True if max_loss halted the strategy."""

    def as_dict(self) -> dict[str, Any]:
        """All attributes by name, numbers as exact Decimals."""

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __repr__(self) -> str: ...

    def to_wire(self) -> bytes:
        """The value as a protobuf message."""

    @staticmethod
    def from_wire(message: bytes, /) -> Account:
        """
        The value of a protobuf message. Raises InvalidArgument (MESSAGE_MALFORMED).
        """

    def __getstate__(self) -> bytes: ...

    def __setstate__(self, message: bytes, /) -> None: ...

class ExecutionEngine:
    """
    Orders on a simulated venue, which fills them only against trades, by price and time priority. Thread-safe.

    >>> from alphaforge_core.model import TradeTick
    >>> engine = ExecutionEngine()
    >>> order_id = engine.submit_order(Order.market("BTCUSD", OrderSide.Buy, 0.5, "my_strategy"))
    >>> engine.process_trade_tick(TradeTick("BTCUSD", 45000, 2, "SELL", "", ts_event=1))
    >>> [fill] = engine.get_order(order_id).fills
    >>> fill.quantity, fill.price, fill.liquidity_side
    (Quantity('0.5'), Price('45000.00'), LiquiditySide.Taker)
    """

    def __init__(self, config: ExecutionEngineConfig | None = None) -> None:
        """Creates an empty engine with these settings, or the defaults."""

    @property
    def config(self) -> ExecutionEngineConfig:
        """The engine's settings."""

    def submit_order(self, order: Order) -> str:
        """
        Places the order and returns its id. Submitting it again changes nothing and returns the id.

        An order refused by a rule is Rejected, with a reject_reason, without an error. Raises InvalidArgument (a ValueError) for a malformed order, and with reason ORDER_CONFLICT for an id that was submitted with other fields; ResourceExhausted for a strategy beyond max_strategies.
        """

    def submit_orders(self, orders: Iterable[Order]) -> list[str]:
        """
        Places the orders in turn and returns their ids. Runs without the GIL.

        If an order is malformed, places the others and raises BatchError (a ValueError) with `.results`.
        """

    def submit_order_group(self, group: OrderGroup) -> list[str]:
        """
        Places all orders of the group, or none, and returns their ids. Submitting it again changes nothing and returns the ids.

        If a rule refuses one of them, all are Rejected, without an error. Raises InvalidArgument (a ValueError) with reason ORDER_CONFLICT if an id was submitted with other fields or in another group; ResourceExhausted for a strategy beyond max_strategies.
        """

    def cancel_order(self, order_id: str) -> bool:
        """
        Cancels an order; True if it was active or asleep and is now Cancelled, False if it is unknown or final.
        """

    def cancel_all_orders(self, strategy_id: str | None = None, *, symbol: str | None = None, side: OrderSide | None = None) -> int:
        """
        Cancels the active and sleeping orders of one strategy (None: of all), of one symbol and on one side if given, by priority. Returns how many.
        """

    def modify_order(self, order_id: str, *, quantity: alphaforge_core.model.Quantity | int | str | float | decimal.Decimal | None = None, price: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None, stop_price: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None) -> bool:
        """
        Changes an active order; `quantity` is the new total. Equal values change nothing and return True.

        A decrease keeps the priority; a new price or an increase takes a new priority, and the order arrives again. Returns False if the order is unknown or final, if the quantity is not above the filled quantity, for a new stop price after the trigger, and, except for a decrease, while halted or beyond a limit. Raises InvalidArgument (a ValueError) for numbers not above 0 and for a field that does not apply to the order's type.
        """

    def cancel_orders(self, order_ids: Iterable[str]) -> list[bool]:
        """
        Cancels the orders in turn. Returns the result of cancel_order() for each, in the same order. Runs without the GIL.
        """

    def modify_orders(self, changes: Iterable[OrderChange]) -> list[bool]:
        """
        Changes the orders in turn. Returns the result of modify_order() for each, in the same order. Runs without the GIL.

        If a change is malformed, makes the others and raises BatchError (a ValueError) with `.results`.
        """

    def register_instruments(self, instruments: Iterable[Instrument]) -> None:
        """
        Registers instruments, or replaces their definitions; all or none. Existing orders keep their terms.

        Raises ResourceExhausted (INSTRUMENT_LIMIT) beyond max_instruments; EngineError (a RuntimeError, INSTRUMENT_IN_USE) for an instrument that was traded with another multiplier, kind or currency, or has had orders or trades with negative_prices.
        """

    def get_instruments(self, *, symbol: str | None = None, limit: int | None = None, after: str | None = None) -> list[Instrument]:
        """
        The registered instruments by id, at most `limit`; `after` is the last id of the previous page.
        """

    def get_accounts(self, strategy_id: str | None = None, *, limit: int | None = None, after: str | None = None) -> list[Account]:
        """
        The accounts of the strategies that have submitted orders, by id, at most `limit`; `after` is the last id of the previous page.
        """

    def resume_strategy(self, strategy_id: str) -> bool:
        """
        Accepts new orders of a strategy that max_loss halted; its losses count from now on. False if it was not halted.
        """

    def process_trade_tick(self, tick: alphaforge_core.model.TradeTick) -> None:
        """
        Applies one tick to the orders of its symbol. Refused and duplicate ticks change nothing and are counted.
        """

    def process_trade_ticks(self, ticks: Iterable[alphaforge_core.model.TradeTick] | alphaforge_core.model.TradeTickBatch | alphaforge_core._tables.TickTable | None = None, *, instrument_id: Any = None, prices: Any = None, quantities: Any = None, ts_event: Any = None, ts_init: Any = None, sides: Any = None, trade_ids: Any = None, price_scale: int = 0, quantity_scale: int = 0, instrument_index: Any = None) -> TickResult:
        """
        Applies many ticks in order: a sequence of TradeTick, or columns as for TradeTickBatch.from_columns().

        Runs without the GIL. Raises ValueError if something is not a tick; then nothing is applied.
        """

    def process_batch(self, batch: alphaforge_core.model.TradeTickBatch) -> TickResult:
        """Applies the ticks of a batch in order. Runs without the GIL."""

    def advance_time(self, now_ns: int) -> None:
        """
        Advances market time of all symbols, never back. DAY and GTD orders whose time has come are cancelled.

        Raises InvalidArgument (a ValueError) for a time that is negative or within a day of 2^63.
        """

    def halt(self) -> None:
        """
        Rejects new orders. Open orders can still fill, be reduced and be cancelled.
        """

    def resume(self) -> None:
        """Accepts new orders again, after `halt`."""

    def reconfigure(self, config: ExecutionEngineConfig) -> None:
        """Changes settings; existing orders are unchanged, even beyond a limit."""

    @property
    def is_halted(self) -> bool:
        """True if new orders are rejected."""

    def get_order(self, order_id: str) -> Order | None:
        """The current state of the order; None if it is unknown."""

    def get_active_orders(self, strategy_id: str) -> list[Order]:
        """The strategy's open orders, in order of submission."""

    def get_orders(self, strategy_id: str | None = None, status: OrderStatus | Iterable[OrderStatus] | None = None, *, symbol: str | None = None, limit: int | None = None, after: str | None = None) -> list[Order]:
        """
        The orders that match all given filters, in order of submission; the newest `limit`.

        after: for pages from the first order on: "", then the last order_id of the previous page. Raises InvalidArgument (PAGE_TOKEN_INVALID) if it is unknown.
        """

    def get_fills(self, strategy_id: str | None = None, *, order_id: str | None = None, symbol: str | None = None, limit: int | None = None, after: str | None = None) -> list[Fill]:
        """
        The fills that match all given filters, in order of execution; the newest `limit`.

        after: for pages from the first fill on: "", then the last fill_id of the previous page. Raises InvalidArgument (PAGE_TOKEN_INVALID) if it is unknown.
        """

    def get_positions(self, strategy_id: str | None = None, *, symbol: str | None = None) -> list[Position]:
        """Positions by strategy, then symbol, including flat ones."""

    def events(self, from_sequence: int = 0, limit: int | None = None, *, strategy_id: str | None = None) -> list[OrderEvent]:
        """The kept events from that sequence on, at most `limit`."""

    @property
    def first_event_sequence(self) -> int:
        """The sequence of the oldest event kept."""

    @property
    def last_event_sequence(self) -> int:
        """The sequence of the newest event; 0 before the first."""

    def statistics(self) -> ExecutionStatistics:
        """The current counters."""

    def snapshot(self) -> bytes:
        """The whole state as bytes, versioned and with a checksum."""

    def restore(self, snapshot: bytes) -> None:
        """
        Restores a snapshot into an empty engine with the same settings.

        Raises EngineError (JOURNAL_DAMAGED) for an invalid or damaged snapshot, or one of another release; the engine is then unusable.
        """

    def state_hash(self) -> int:
        """
        A 64-bit hash of the whole state; equal histories have equal hashes. Takes time proportional to the state.
        """

    def validate(self) -> list[str]:
        """
        For tests: checks the whole state and describes violated invariants; empty unless there is a bug.
        """

class ExecutionEngineConfig:
    """
    The settings of an execution engine. Immutable; settings that are not given have their defaults.

    >>> ExecutionEngineConfig(taker_commission_rate="0.0005").taker_commission_rate
    Decimal('0.0005')
    """

    def __init__(self, *, liquidity: str = ..., fill_on: str = ..., max_price_age_ns: int | None = ..., max_time_jump_ns: int = ..., maker_commission_rate: int | str | float | decimal.Decimal = ..., taker_commission_rate: int | str | float | decimal.Decimal = ..., slippage_bps: int | str | float | decimal.Decimal = ..., max_order_quantity: int | str | float | decimal.Decimal | None = ..., max_order_notional: int | str | float | decimal.Decimal | None = ..., starting_cash: int | str | float | decimal.Decimal | None = ..., max_loss: int | str | float | decimal.Decimal | None = ..., max_open_orders: int | None = ..., max_orders_per_second: int | None = ..., require_instruments: bool = ..., market_orders_while_stale: str = ..., order_retention_ns: int = ..., max_final_orders: int = ..., max_events: int = ..., max_instruments: int = ..., max_strategies: int = ..., duplicate_window: int = ..., max_duplicate_entries: int = ..., durability: str = ..., subscribe_market_data: bool = ..., stale_after_ns: int = ..., live_clock: bool = ..., close_grace_ns: int = ...) -> None:
        """
        Raises InvalidArgument (a ValueError, SETTING_INVALID) for an invalid value; UnsupportedValue (a TypeError) for an unknown setting or a wrong type.
        """

    @property
    def liquidity(self) -> object:
        """
        'tick': a tick's quantity, once for all buys and once for all sells; 'unlimited': any quantity.
        """

    @property
    def fill_on(self) -> object:
        """
        'arrival': an order fills against the last tick before its arrival; 'next': against the next tick.
        """

    @property
    def max_price_age_ns(self) -> object:
        """
        Maximum age of the last tick for arriving orders to fill against it, in nanoseconds of market time; None: no limit.
        """

    @property
    def max_time_jump_ns(self) -> object:
        """
        How far ahead of the clock ticks and advance_time() may be, in nanoseconds; later ones are refused (TIME_AHEAD). 0: no limit.
        """

    @property
    def maker_commission_rate(self) -> object:
        """Commission rate of makers, between -1 (a rebate) and 1."""

    @property
    def taker_commission_rate(self) -> object:
        """Commission rate of takers, between -1 and 1."""

    @property
    def slippage_bps(self) -> object:
        """
        Slippage of takers in basis points of the price, never past their limit.
        """

    @property
    def max_order_quantity(self) -> object:
        """Maximum quantity of an order; None: no limit."""

    @property
    def max_order_notional(self) -> object:
        """Maximum price x quantity of an order; None: no limit."""

    @property
    def starting_cash(self) -> object:
        """Cash with which each strategy's account begins; None: 0."""

    @property
    def max_loss(self) -> object:
        """
        How far the equity of a strategy may fall before the engine rejects its orders, except reduce-only ones; None: no limit.
        """

    @property
    def max_open_orders(self) -> object:
        """Maximum number of active orders per strategy; None: no limit."""

    @property
    def max_orders_per_second(self) -> object:
        """
        Maximum number of orders per strategy and second of market time; None: no limit.
        """

    @property
    def require_instruments(self) -> object:
        """Reject orders for instruments that are not registered."""

    @property
    def market_orders_while_stale(self) -> object:
        """
        'wait' or 'reject': how to handle a market order while market data are stale.
        """

    @property
    def order_retention_ns(self) -> object:
        """
        How long final orders are remembered, in nanoseconds, within max_final_orders.
        """

    @property
    def max_final_orders(self) -> object:
        """Maximum number of final orders remembered."""

    @property
    def max_events(self) -> object:
        """Events kept for resuming subscribers."""

    @property
    def max_instruments(self) -> object:
        """Maximum number of instruments."""

    @property
    def max_strategies(self) -> object:
        """Maximum number of strategies."""

    @property
    def duplicate_window(self) -> object:
        """
        Trade ids remembered per instrument to find duplicates; 0 disables the check.
        """

    @property
    def max_duplicate_entries(self) -> object:
        """Trade ids remembered over all instruments."""

    @property
    def durability(self) -> object:
        """
        What an acknowledged change survives on a service: a power cut ('fsync'), kill -9 ('os'), neither ('none').
        """

    @property
    def subscribe_market_data(self) -> object:
        """On a service: follow the trades of the data engine of the same name."""

    @property
    def stale_after_ns(self) -> object:
        """
        Time without a message or heartbeat from the data service after which market data are stale; nanoseconds.
        """

    @property
    def live_clock(self) -> object:
        """On a service: advance market time by the wall clock."""

    @property
    def close_grace_ns(self) -> object:
        """How far the live clock lags the wall clock, nanoseconds, up to a day."""

    def given(self) -> dict[str, Any]:
        """The given settings by name, in normal form."""

    def as_dict(self) -> dict[str, Any]:
        """All settings by name, in normal form."""

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

    def __getstate__(self) -> dict[str, Any]: ...

    def __setstate__(self, given: dict[str, Any], /) -> None: ...

class ExecutionStatistics:
    """Counters of an execution engine at one moment; each order counts once."""

    def __init__(self, **values: int | float) -> None:
        """
        From counters by name; missing ones are 0. Unknown names, of a later release, are ignored.
        """

    @property
    def orders_submitted(self) -> int:
        """
        Orders received, including rejected ones; a repeated submission counts once. Unit: orders.
        """

    @property
    def orders_filled(self) -> int:
        """Orders that ended Filled. Unit: orders."""

    @property
    def orders_cancelled(self) -> int:
        """Orders that ended Cancelled, for any reason. Unit: orders."""

    @property
    def orders_rejected(self) -> int:
        """Orders rejected by a rule. Unit: orders."""

    @property
    def orders_open(self) -> int:
        """Open orders. Unit: orders."""

    @property
    def orders_partially_filled(self) -> int:
        """Open orders with a partial fill. Unit: orders."""

    @property
    def fills(self) -> int:
        """Executions. Unit: fills."""

    @property
    def ticks_processed(self) -> int:
        """Ticks accepted. Unit: ticks."""

    @property
    def ticks_rejected(self) -> int:
        """Refused ticks, which changed nothing. Unit: ticks."""

    @property
    def duplicate_ticks(self) -> int:
        """Duplicate ticks, which changed nothing. Unit: ticks."""

    @property
    def instruments(self) -> int:
        """Instruments with state. Unit: instruments."""

    @property
    def strategies(self) -> int:
        """Strategies with state. Unit: strategies."""

    @property
    def orders_kept(self) -> int:
        """Orders remembered, including final ones. Unit: orders."""

    @property
    def events_kept(self) -> int:
        """Order events kept for resuming subscribers. Unit: events."""

    @property
    def memory_usage_bytes(self) -> int:
        """Estimated memory of the engine's state. Unit: bytes."""

    @property
    def fill_ratio(self) -> float:
        """orders_filled / orders_submitted; 0 if there are none. Unit: 1."""

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
        """Sum of commissions; rebates reduce it. Unit: value."""

    def as_dict(self) -> dict[str, int | float]:
        """All counters by name."""

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
        """The instrument."""

    @property
    def strategy_id(self) -> str:
        """The order's strategy."""

    @property
    def side(self) -> OrderSide:
        """Buy or Sell."""

    @property
    def price(self) -> alphaforge_core.model.Price:
        """The price."""

    @property
    def quantity(self) -> alphaforge_core.model.Quantity:
        """The filled quantity."""

    @property
    def commission(self) -> decimal.Decimal:
        """What the order is charged for this fill (rule 3.29)."""

    @property
    def value(self) -> decimal.Decimal:
        """
        Price x quantity; of a registered instrument, the value of its contracts.
        """

    @property
    def commission_rule(self) -> str:
        """
        What its commission consists of: maker_rate, taker_rate, per_contract, per_order, minimum, maximum, joined by a plus.
        """

    @property
    def liquidity_side(self) -> LiquiditySide:
        """Maker or Taker."""

    @property
    def ts_event(self) -> int:
        """
        ts_event of the tick it filled against, nanoseconds since the Unix epoch.
        """

    @property
    def trade_id(self) -> str:
        """The venue's id of the tick it filled against; may be empty."""

    @property
    def sequence(self) -> int:
        """The sequence of its event in the engine."""

    def as_dict(self) -> dict[str, Any]:
        """
        All attributes by name: enumerations as names, numbers as exact Decimals, nested values as dicts.
        """

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
        The value of a protobuf message. Raises InvalidArgument (MESSAGE_MALFORMED).
        """

    def __getstate__(self) -> bytes: ...

    def __setstate__(self, message: bytes, /) -> None: ...

class Instrument:
    """An instrument, for register_instruments() (rule 3.27). Immutable."""

    def __init__(self, instrument_id: str, *, tick_size: int | str | float | decimal.Decimal | None = None, lot_size: int | str | float | decimal.Decimal | None = None, multiplier: int | str | float | decimal.Decimal = 1, currency: str = '', inverse: bool = False, off_grid: str = 'reject', maker_commission_rate: int | str | float | decimal.Decimal | None = None, taker_commission_rate: int | str | float | decimal.Decimal | None = None, commission_per_contract: int | str | float | decimal.Decimal = 0, commission_per_order: int | str | float | decimal.Decimal = 0, min_commission: int | str | float | decimal.Decimal | None = None, max_commission: int | str | float | decimal.Decimal | None = None, session: str = '', negative_prices: bool = False, time_zone: str = ..., calendar: str | alphaforge_core.model.TradingCalendar = '') -> None:
        """
        Raises InvalidArgument (a ValueError): NAME_INVALID; NUMBER_OUT_OF_RANGE for a number that is not above 0, a rate that is not between -1 and 1, a minimum above the maximum, negative_prices of an inverse contract; ENUM_UNKNOWN; SETTING_INVALID for a session or a calendar. UnsupportedValue (a TypeError) for an unknown attribute or a wrong type.
        """

    @property
    def instrument_id(self) -> str:
        """The instrument, as on ticks; the symbol of its orders."""

    @property
    def tick_size(self) -> decimal.Decimal | None:
        """Prices are multiples of it; None: any price."""

    @property
    def lot_size(self) -> decimal.Decimal | None:
        """Quantities are multiples of it; None: any quantity."""

    @property
    def multiplier(self) -> decimal.Decimal:
        """
        Factor from price to value: with 50, one contract is worth 50 x the price.
        """

    @property
    def currency(self) -> str:
        """The currency of values, profits and commissions; may be empty."""

    @property
    def inverse(self) -> bool:
        """A contract is worth multiplier / price instead of multiplier x price."""

    @property
    def off_grid(self) -> str:
        """'reject' or 'round': how to handle an order off the grid."""

    @property
    def maker_commission_rate(self) -> decimal.Decimal | None:
        """
        Commission rate of makers, between -1 (a rebate) and 1; None: the engine's.
        """

    @property
    def taker_commission_rate(self) -> decimal.Decimal | None:
        """Commission rate of takers; None: the engine's."""

    @property
    def commission_per_contract(self) -> decimal.Decimal:
        """Commission by quantity; negative is a rebate."""

    @property
    def commission_per_order(self) -> decimal.Decimal:
        """Commission of an order, with its first fill."""

    @property
    def min_commission(self) -> decimal.Decimal | None:
        """Minimum commission of an order that has filled; None: no minimum."""

    @property
    def max_commission(self) -> decimal.Decimal | None:
        """Maximum commission of an order; None: no maximum."""

    @property
    def session(self) -> str:
        """
        Time zone whose days end DAY orders, optionally with the start of its sessions, such as 'America/New_York+17:00'; empty: UTC.
        """

    @property
    def negative_prices(self) -> bool:
        """
        Prices may be 0 or below, such as those of spreads and power (rule 3.32).
        """

    @property
    def time_zone(self) -> str:
        """
        The rules of the session's time zone; by default those in this machine's time zone database. Empty for UTC.
        """

    @property
    def calendar(self) -> str:
        """
        Instead of `session`, a trading calendar, with whose sessions DAY orders end: a TradingCalendar or its text; empty: none.
        """

    def as_dict(self) -> dict[str, Any]:
        """
        All attributes by name, numbers as exact Decimals: Instrument(**instrument.as_dict()) is equal.
        """

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __repr__(self) -> str: ...

    def __getstate__(self) -> dict[str, Any]: ...

    def __setstate__(self, state: dict[str, Any], /) -> None: ...

class LiquiditySide(enum.Enum):
    """Whether a fill added or removed liquidity."""

    Maker = 1
    """Maker: the order was resting."""

    Taker = 2
    """Taker: the order took liquidity on arrival."""

class Order:
    """
    An order and, if returned by an engine, its state at that time.

    Immutable: submitting it changes nothing in it; ask the engine for its current state.

    >>> order = Order.limit("BTCUSD", OrderSide.Buy, 0.5, 45000, TimeInForce.GoodTillCancel, "my_strategy")
    >>> order.status, order.leaves_quantity
    (OrderStatus.Initialized, 0.5)
    >>> Order.limit("BTCUSD", OrderSide.Buy, 0.5, 0, TimeInForce.Day, "my_strategy")
    Traceback (most recent call last):
    alphaforge_core.errors.InvalidArgument: order ...: price must be above 0, not 0.00...
    """

    @staticmethod
    def market(symbol: str, side: OrderSide, quantity: alphaforge_core.model.Quantity | int | str | float | decimal.Decimal, strategy_id: str, time_in_force: TimeInForce = ..., *, reduce_only: bool = False, expire_time_ns: int | None = None, order_id: str | None = None, created_at: int | None = None) -> Order:
        """
        An order at the market price.

        Numbers are int, str, Decimal, float (its shortest decimal), Price or Quantity. `order_id` is the idempotency key, by default a new random id; `created_at` is by default the wall clock. `reduce_only`: fills at most what closes the strategy's position (rule 3.24). `expire_time_ns`: the market time at which a GoodTillDate order expires. `negative_prices`: prices may be 0 or below, if the instrument is registered with negative_prices (rule 3.32).

        Raises InvalidArgument (a ValueError) for numbers not above 0, an empty symbol or an id that is too long; UnsupportedValue (a TypeError) for a wrong type.
        """

    @staticmethod
    def limit(symbol: str, side: OrderSide, quantity: alphaforge_core.model.Quantity | int | str | float | decimal.Decimal, price: alphaforge_core.model.Price | int | str | float | decimal.Decimal, time_in_force: TimeInForce, strategy_id: str, *, post_only: bool = False, reduce_only: bool = False, negative_prices: bool = False, expire_time_ns: int | None = None, order_id: str | None = None, created_at: int | None = None) -> Order:
        """
        An order at `price` or better; with `post_only`, it is rejected rather than take liquidity.

        Numbers are int, str, Decimal, float (its shortest decimal), Price or Quantity. `order_id` is the idempotency key, by default a new random id; `created_at` is by default the wall clock. `reduce_only`: fills at most what closes the strategy's position (rule 3.24). `expire_time_ns`: the market time at which a GoodTillDate order expires. `negative_prices`: prices may be 0 or below, if the instrument is registered with negative_prices (rule 3.32).

        Raises InvalidArgument (a ValueError) for numbers not above 0, an empty symbol or an id that is too long; UnsupportedValue (a TypeError) for a wrong type.
        """

    @staticmethod
    def stop(symbol: str, side: OrderSide, quantity: alphaforge_core.model.Quantity | int | str | float | decimal.Decimal, stop_price: alphaforge_core.model.Price | int | str | float | decimal.Decimal, time_in_force: TimeInForce, strategy_id: str, *, reduce_only: bool = False, negative_prices: bool = False, expire_time_ns: int | None = None, order_id: str | None = None, created_at: int | None = None) -> Order:
        """
        A market order once the last price is at or beyond `stop_price`.

        Numbers are int, str, Decimal, float (its shortest decimal), Price or Quantity. `order_id` is the idempotency key, by default a new random id; `created_at` is by default the wall clock. `reduce_only`: fills at most what closes the strategy's position (rule 3.24). `expire_time_ns`: the market time at which a GoodTillDate order expires. `negative_prices`: prices may be 0 or below, if the instrument is registered with negative_prices (rule 3.32).

        Raises InvalidArgument (a ValueError) for numbers not above 0, an empty symbol or an id that is too long; UnsupportedValue (a TypeError) for a wrong type.
        """

    @staticmethod
    def stop_limit(symbol: str, side: OrderSide, quantity: alphaforge_core.model.Quantity | int | str | float | decimal.Decimal, stop_price: alphaforge_core.model.Price | int | str | float | decimal.Decimal, limit_price: alphaforge_core.model.Price | int | str | float | decimal.Decimal, time_in_force: TimeInForce, strategy_id: str, *, post_only: bool = False, reduce_only: bool = False, negative_prices: bool = False, expire_time_ns: int | None = None, order_id: str | None = None, created_at: int | None = None) -> Order:
        """
        A limit order at `limit_price` once the last price is at or beyond `stop_price`.

        Numbers are int, str, Decimal, float (its shortest decimal), Price or Quantity. `order_id` is the idempotency key, by default a new random id; `created_at` is by default the wall clock. `reduce_only`: fills at most what closes the strategy's position (rule 3.24). `expire_time_ns`: the market time at which a GoodTillDate order expires. `negative_prices`: prices may be 0 or below, if the instrument is registered with negative_prices (rule 3.32).

        Raises InvalidArgument (a ValueError) for numbers not above 0, an empty symbol or an id that is too long; UnsupportedValue (a TypeError) for a wrong type.
        """

    @staticmethod
    def trailing_stop(symbol: str, side: OrderSide, quantity: alphaforge_core.model.Quantity | int | str | float | decimal.Decimal, trailing_offset: alphaforge_core.model.Price | int | str | float | decimal.Decimal, time_in_force: TimeInForce, strategy_id: str, *, trailing_offset_type: TrailingOffsetType = ..., activation_price: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None, reduce_only: bool = False, negative_prices: bool = False, expire_time_ns: int | None = None, order_id: str | None = None, created_at: int | None = None) -> Order:
        """
        A stop that follows the extreme of the last prices, the highest to sell, the lowest to buy, and never moves back (rule 3.25); a market order once the last price is at or beyond it.

        `trailing_offset`: the distance of the stop from the extreme, above 0, in the unit `trailing_offset_type`: a price difference, basis points of the extreme (below 10,000), or a whole number of the registered instrument's ticks. `activation_price`: the stop begins to trail when the last price is at or above it (to sell), at or below it (to buy); by default immediately.

        Numbers are int, str, Decimal, float (its shortest decimal), Price or Quantity. `order_id` is the idempotency key, by default a new random id; `created_at` is by default the wall clock. `reduce_only`: fills at most what closes the strategy's position (rule 3.24). `expire_time_ns`: the market time at which a GoodTillDate order expires. `negative_prices`: prices may be 0 or below, if the instrument is registered with negative_prices (rule 3.32).

        Raises InvalidArgument (a ValueError) for numbers not above 0, an empty symbol or an id that is too long; UnsupportedValue (a TypeError) for a wrong type.
        """

    @staticmethod
    def trailing_stop_limit(symbol: str, side: OrderSide, quantity: alphaforge_core.model.Quantity | int | str | float | decimal.Decimal, trailing_offset: alphaforge_core.model.Price | int | str | float | decimal.Decimal, limit_offset: alphaforge_core.model.Price | int | str | float | decimal.Decimal, time_in_force: TimeInForce, strategy_id: str, *, trailing_offset_type: TrailingOffsetType = ..., activation_price: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None, post_only: bool = False, reduce_only: bool = False, negative_prices: bool = False, expire_time_ns: int | None = None, order_id: str | None = None, created_at: int | None = None) -> Order:
        """
        A trailing stop that becomes a limit order, with a limit `limit_offset`, at least 0, beyond its stop: above to buy, below to sell.

        `trailing_offset`: the distance of the stop from the extreme, above 0, in the unit `trailing_offset_type`: a price difference, basis points of the extreme (below 10,000), or a whole number of the registered instrument's ticks. `activation_price`: the stop begins to trail when the last price is at or above it (to sell), at or below it (to buy); by default immediately.

        Numbers are int, str, Decimal, float (its shortest decimal), Price or Quantity. `order_id` is the idempotency key, by default a new random id; `created_at` is by default the wall clock. `reduce_only`: fills at most what closes the strategy's position (rule 3.24). `expire_time_ns`: the market time at which a GoodTillDate order expires. `negative_prices`: prices may be 0 or below, if the instrument is registered with negative_prices (rule 3.32).

        Raises InvalidArgument (a ValueError) for numbers not above 0, an empty symbol or an id that is too long; UnsupportedValue (a TypeError) for a wrong type.
        """

    @property
    def order_id(self) -> str:
        """Its id and idempotency key."""

    @property
    def symbol(self) -> str:
        """The instrument."""

    @property
    def instrument_id(self) -> str:
        """The symbol under the name that ticks and bars use."""

    @property
    def strategy_id(self) -> str:
        """The strategy."""

    @property
    def side(self) -> OrderSide:
        """Buy or Sell."""

    @property
    def order_type(self) -> OrderType:
        """Market, Limit, Stop, StopLimit, TrailingStop or TrailingStopLimit."""

    @property
    def time_in_force(self) -> TimeInForce:
        """The time in force."""

    @property
    def post_only(self) -> bool:
        """True if it is post-only."""

    @property
    def reduce_only(self) -> bool:
        """True if it is reduce-only."""

    @property
    def expire_time_ns(self) -> int | None:
        """
        Market time at which it expires, nanoseconds since the Unix epoch; None unless it is GoodTillDate.
        """

    @property
    def quantity(self) -> float:
        """Its total quantity, after changes."""

    @property
    def price(self) -> float | None:
        """
        Its limit, after changes; None if its type has none, and before a trailing stop-limit triggers.
        """

    @property
    def stop_price(self) -> float | None:
        """
        Its stop price, after changes; None if its type has none. Of a trailing stop, where it is now; None before it trails.
        """

    @property
    def trailing_offset(self) -> float | None:
        """Distance of a trailing stop from its extreme; None for other types."""

    @property
    def trailing_offset_type(self) -> TrailingOffsetType | None:
        """The unit of the offset; None for other types."""

    @property
    def activation_price(self) -> float | None:
        """
        It begins to trail when the last price reaches this; None if it begins immediately, and for other types.
        """

    @property
    def limit_offset(self) -> float | None:
        """
        How far the limit of a trailing stop-limit is beyond its stop; None for other types.
        """

    @property
    def created_at(self) -> int:
        """When the client created it, nanoseconds since the Unix epoch."""

    @property
    def group_type(self) -> OrderGroupType | None:
        """The type of its group; None if it is in none."""

    @property
    def group_id(self) -> str | None:
        """The id of its group's first order; None if it is in none."""

    @property
    def parent_id(self) -> str | None:
        """The id of its parent, for whose fills it waits; None without a parent."""

    @property
    def status(self) -> OrderStatus:
        """Its status."""

    @property
    def is_active(self) -> bool:
        """True while it is Submitted or PartiallyFilled."""

    @property
    def filled_quantity(self) -> float:
        """The sum of its fills."""

    @property
    def leaves_quantity(self) -> float:
        """
        quantity - filled_quantity: still to fill, or never filled if the order is final.
        """

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
        """Its number of fills."""

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
        Market time at which its stop triggered, nanoseconds since the Unix epoch; None before.
        """

    @property
    def reject_reason(self) -> str | None:
        """Why it was rejected, e.g. 'HALTED'; None unless Rejected."""

    @property
    def cancel_reason(self) -> str | None:
        """Why it was cancelled, e.g. 'DAY_EXPIRED'; None unless Cancelled."""

    @property
    def exact_quantity(self) -> decimal.Decimal:
        """`quantity` as an exact Decimal."""

    @property
    def exact_filled_quantity(self) -> decimal.Decimal:
        """`filled_quantity` as an exact Decimal."""

    @property
    def exact_leaves_quantity(self) -> decimal.Decimal:
        """`leaves_quantity` as an exact Decimal."""

    @property
    def exact_price(self) -> decimal.Decimal | None:
        """`price` as an exact Decimal."""

    @property
    def exact_stop_price(self) -> decimal.Decimal | None:
        """`stop_price` as an exact Decimal."""

    @property
    def exact_avg_fill_price(self) -> decimal.Decimal | None:
        """`avg_fill_price` as an exact Decimal."""

    @property
    def exact_trailing_offset(self) -> decimal.Decimal | None:
        """`trailing_offset` as an exact Decimal."""

    @property
    def exact_activation_price(self) -> decimal.Decimal | None:
        """`activation_price` as an exact Decimal."""

    @property
    def exact_limit_offset(self) -> decimal.Decimal | None:
        """`limit_offset` as an exact Decimal."""

    @property
    def exact_commission(self) -> decimal.Decimal:
        """`commission` as an exact Decimal."""

    def as_dict(self) -> dict[str, Any]:
        """
        All attributes by name: enumerations as names, numbers as exact Decimals, nested values as dicts.
        """

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
        The value of a protobuf message. Raises InvalidArgument (MESSAGE_MALFORMED).
        """

    def __getstate__(self) -> bytes: ...

    def __setstate__(self, message: bytes, /) -> None: ...

    @staticmethod
    def bracket(symbol: str, side: OrderSide, quantity: alphaforge_core.model.Quantity | int | str | float | decimal.Decimal, strategy_id: str, *, take_profit: alphaforge_core.model.Price | int | str | float | decimal.Decimal, stop_loss: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None, price: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None, stop_loss_limit: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None, trailing_offset: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None, trailing_offset_type: TrailingOffsetType = ..., time_in_force: TimeInForce = ..., exit_time_in_force: TimeInForce = ..., post_only: bool = False, reduce_only: bool = False, negative_prices: bool = False, order_id: str | None = None, created_at: int | None = None) -> OrderGroup:
        """
        An entry, its take profit and its stop loss, for ExecutionEngine.submit_order_group().

        The entry is a limit order at `price`, or without one a market order, with `time_in_force` and `post_only`. The exits are on the other side, with `exit_time_in_force`: a limit order at `take_profit`, whose id is `order_id` + "-tp", and a stop at `stop_loss`, or with `stop_loss_limit` a stop-limit, or with `trailing_offset` instead a trailing stop that begins once the entry has filled, whose id is `order_id` + "-sl". With `reduce_only` both close at most the strategy's position, and end with it (rule 3.24). With `negative_prices`, prices may be 0 or below if the instrument allows it (rule 3.32). They sleep until the entry fills, and what one of them fills, the other can't (rules 3.22 and 3.23).

        Raises InvalidArgument (a ValueError): ORDER_CONFLICT if the prices are not in order or an exit is IOC or FOK, ORDER_FIELD_MISSING or ORDER_FIELD_SURPLUS unless it has either stop_loss or trailing_offset, and the errors of the other factories.

        >>> group = Order.bracket("BTCUSD", OrderSide.Buy, 1, "my_strategy", take_profit=47000, stop_loss=44000)
        >>> [order.order_type.name for order in group.orders]
        ['Market', 'Limit', 'Stop']
        """

class OrderChange:
    """
    A change of an order, for modify_orders(). Immutable; None changes nothing.
    """

    def __init__(self, order_id: str, *, quantity: alphaforge_core.model.Quantity | int | str | float | decimal.Decimal | None = None, price: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None, stop_price: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None) -> None:
        """`quantity` is the new total."""

    @property
    def order_id(self) -> str:
        """The order."""

    @property
    def quantity(self) -> float | None:
        """Its new total quantity."""

    @property
    def price(self) -> float | None:
        """Its new limit."""

    @property
    def stop_price(self) -> float | None:
        """Its new stop price."""

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __repr__(self) -> str: ...

class OrderEvent:
    """
    One change of one order. Immutable; the same inputs give the same events.
    """

    @property
    def sequence(self) -> int:
        """The number of the event, from 1 without gaps."""

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
        ts_event of the tick that caused it, else market time of its symbol; 0 before any tick. Nanoseconds since the Unix epoch.
        """

    @property
    def status(self) -> OrderStatus:
        """Its status afterwards."""

    @property
    def filled_quantity(self) -> decimal.Decimal:
        """Its filled quantity afterwards."""

    @property
    def leaves_quantity(self) -> decimal.Decimal:
        """Its remaining quantity afterwards."""

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
        """
        Its limit, for Modified and for Triggered of a trailing stop, if its type has one; else None.
        """

    @property
    def stop_price(self) -> decimal.Decimal | None:
        """
        Its stop price, for Modified and for Triggered of a trailing stop, if its type has one; else None.
        """

    @property
    def reject_reason(self) -> str | None:
        """The reason, for Rejected; else None."""

    @property
    def cancel_reason(self) -> str | None:
        """The reason, for Cancelled; else None."""

    def as_dict(self) -> dict[str, Any]:
        """
        All attributes by name: enumerations as names, numbers as exact Decimals, nested values as dicts.
        """

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
        The value of a protobuf message. Raises InvalidArgument (MESSAGE_MALFORMED).
        """

    def __getstate__(self) -> bytes: ...

    def __setstate__(self, message: bytes, /) -> None: ...

class OrderEventType(enum.Enum):
    """The type of an event."""

    Submitted = 1
    """It was accepted."""

    Rejected = 2
    """It was refused by a rule."""

    Triggered = 3
    """Its stop triggered."""

    Filled = 4
    """It filled, in part or in full."""

    Cancelled = 5
    """It ended with an unfilled remainder."""

    Modified = 6
    """It was modified."""

class OrderGroup:
    """
    Orders of one symbol and one strategy that are submitted together, all or none. Immutable.

    Order.bracket() creates brackets; other groups are made of orders.

    >>> low, high = (
    ...     Order.stop("BTCUSD", side, 1, price, TimeInForce.GoodTillCancel, "my_strategy")
    ...     for side, price in ((OrderSide.Sell, 44000), (OrderSide.Buy, 46000))
    ... )
    >>> group = OrderGroup(OrderGroupType.OneCancelsOther, [low, high])
    >>> [order.group_id == low.order_id for order in group.orders]
    [True, True]
    """

    def __init__(self, type: OrderGroupType, orders: Iterable[Order]) -> None:
        """
        2 to 10 orders, in order of submission; a parent comes first.

        Raises InvalidArgument (a ValueError): ORDER_CONFLICT if they differ in symbol or strategy or share an id, if one is IOC or FOK without being a parent, if a child is for more than its parent, and if the child of a bracket is on the side of the entry; LIMIT_EXCEEDED for too few or too many.
        """

    @property
    def type(self) -> OrderGroupType:
        """The type of the group."""

    @property
    def orders(self) -> list[Order]:
        """
        Its orders, in order of submission; each has its group_type and group_id.
        """

    @property
    def order_ids(self) -> list[str]:
        """The ids of its orders."""

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __repr__(self) -> str: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...

    def to_wire(self) -> bytes:
        """The value as a protobuf message."""

    @staticmethod
    def from_wire(message: bytes, /) -> OrderGroup:
        """
        The value of a protobuf message. Raises InvalidArgument (MESSAGE_MALFORMED).
        """

    def __getstate__(self) -> bytes: ...

    def __setstate__(self, message: bytes, /) -> None: ...

class OrderGroupType(enum.Enum):
    """The type of a group of orders."""

    OneCancelsOther = 1
    """Siblings, which share one remainder: what one fills, the others can't."""

    OneTriggersOther = 2
    """A parent, then its children, which sleep until it fills."""

    Bracket = 3
    """
    A parent, then its children, which are siblings on the other side: take profit and stop loss.
    """

class OrderSide(enum.Enum):
    """The side of an order."""

    Buy = 1
    """Buys."""

    Sell = 2
    """Sells."""

    BUY = 1
    """Buys."""

    SELL = 2
    """Sells."""

class OrderStatus(enum.Enum):
    """The status of an order; the last three are final."""

    Initialized = 1
    """Created, not submitted; or a child that sleeps until its parent fills."""

    Submitted = 2
    """Accepted, not filled; it rests or waits."""

    PartiallyFilled = 3
    """Filled in part, still active."""

    Filled = 4
    """Filled in full."""

    Cancelled = 5
    """Ended with an unfilled remainder."""

    Rejected = 6
    """Refused by a rule when it was submitted."""

class OrderType(enum.Enum):
    """The type of an order."""

    Market = 1
    """At the market price."""

    Limit = 2
    """At its price or better."""

    Stop = 3
    """Becomes a market order when the last price reaches its stop price."""

    StopLimit = 4
    """Becomes a limit order when the last price reaches its stop price."""

    TrailingStop = 5
    """A stop that follows the last price in the order's favour."""

    TrailingStopLimit = 6
    """A trailing stop that becomes a limit order when it triggers."""

class Position:
    """
    A strategy's position in a symbol. Immutable; numbers are exact Decimals.
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
        """The cost of the position; negative when short."""

    @property
    def realized_pnl(self) -> decimal.Decimal:
        """Realized profit, before commission."""

    @property
    def unrealized_pnl(self) -> decimal.Decimal:
        """Unrealized profit at the last tick, before commission."""

    @property
    def commission(self) -> decimal.Decimal:
        """The sum of commissions."""

    @property
    def last_price(self) -> decimal.Decimal | None:
        """Price of the symbol's last tick."""

    @property
    def exposure(self) -> decimal.Decimal:
        """The value of the position at the last tick; negative when short."""

    def as_dict(self) -> dict[str, Any]:
        """
        All attributes by name: enumerations as names, numbers as exact Decimals, nested values as dicts.
        """

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
        The value of a protobuf message. Raises InvalidArgument (MESSAGE_MALFORMED).
        """

    def __getstate__(self) -> bytes: ...

    def __setstate__(self, message: bytes, /) -> None: ...

class TickResult:
    """The ticks of a call that were not applied."""

    def __init__(self) -> None: ...

    @property
    def rejected(self) -> list[tuple[int, str]]:
        """(index, reason) of refused ticks."""

    @property
    def duplicates(self) -> list[int]:
        """Indices of duplicate ticks."""

    def __repr__(self) -> str: ...

class TimeInForce(enum.Enum):
    """The time in force of an order."""

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

    GoodTillDate = 5
    """Until its symbol's market time reaches `expire_time_ns`."""

    DAY = 1
    """
    Until the first 00:00 UTC after its symbol's market time at submission.
    """

    GTC = 2
    """Until it is cancelled."""

    IOC = 3
    """Fills what it can on arrival; the rest is cancelled."""

    FOK = 4
    """Fills in full on arrival, or is cancelled without a fill."""

    GTD = 5
    """Until its symbol's market time reaches `expire_time_ns`."""

class TrailingOffsetType(enum.Enum):
    """The unit of a trailing stop's offset."""

    Price = 1
    """A difference of prices."""

    BasisPoints = 2
    """Hundredths of a percent of the extreme."""

    Ticks = 3
    """Tick sizes of the registered instrument."""

_kind: TypeAlias = Position
