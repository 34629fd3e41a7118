"""
Prices, quantities, ticks and bars: immutable values that engines, services and clients share.
"""

from collections.abc import Iterable, Iterator
import datetime
import decimal
from typing import Any, Literal, Self, overload

import numpy

import alphaforge_core._tables


class Bar:
    """
    A bar: the trades of an interval, count, volume or value, summed up. Immutable; equal if all fields are equal.
    """

    def __init__(self, instrument_id: str, bar_type: BarType | str, open: Price | int | str | float | decimal.Decimal, high: Price | int | str | float | decimal.Decimal, low: Price | int | str | float | decimal.Decimal, close: Price | int | str | float | decimal.Decimal, volume: Quantity | int | str | float | decimal.Decimal, value: decimal.Decimal | int | str, trade_count: int, buy_volume: Quantity | int | str | float | decimal.Decimal, sell_volume: Quantity | int | str | float | decimal.Decimal, ts_open: int, ts_event: int, ts_init: int, sequence: int, is_partial: bool = False, is_gap_fill: bool = False, is_oversize: bool = False, revision: int = 0) -> None:
        """
        For tests and recorders; normally engines create bars.

        Raises InvalidArgument (a ValueError) or UnsupportedValue (a TypeError) for fields of a wrong value or type; the consistency of the fields is not checked.
        """

    @property
    def instrument_id(self) -> str:
        """The instrument."""

    @property
    def symbol(self) -> str:
        """The instrument_id under the name that orders use."""

    @property
    def bar_type(self) -> BarType:
        """Its BarType; str() is the canonical name."""

    @property
    def open(self) -> Price:
        """The first price."""

    @property
    def high(self) -> Price:
        """The highest price."""

    @property
    def low(self) -> Price:
        """The lowest price."""

    @property
    def close(self) -> Price:
        """The last price."""

    @property
    def volume(self) -> Quantity:
        """The sum of the quantities."""

    @property
    def value(self) -> decimal.Decimal:
        """The exact sum of price x quantity."""

    @property
    def trade_count(self) -> int:
        """Number of trades that began in it."""

    @property
    def buy_volume(self) -> Quantity:
        """Volume taken by buyers."""

    @property
    def sell_volume(self) -> Quantity:
        """Volume taken by sellers."""

    @property
    def vwap(self) -> Price | None:
        """value / volume, half to even at nine places; None without volume."""

    @property
    def ts_open(self) -> int:
        """Its beginning, nanoseconds since the Unix epoch."""

    @property
    def ts_event(self) -> int:
        """Its close, nanoseconds since the Unix epoch."""

    @property
    def ts_init(self) -> int:
        """The greatest ts_init of its ticks."""

    @property
    def sequence(self) -> int:
        """Its number per instrument and type, from 1 without gaps."""

    @property
    def is_partial(self) -> bool:
        """Whether trades at its beginning or end may be missing."""

    @property
    def is_gap_fill(self) -> bool:
        """Whether it is a flat bar for an interval without trades."""

    @property
    def is_oversize(self) -> bool:
        """Whether it closed larger than its step."""

    @property
    def revision(self) -> int:
        """How often it was corrected."""

    def as_dict(self) -> dict[str, Any]:
        """All attributes by name, vwap included."""

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __repr__(self) -> str: ...

    def __reduce__(self) -> tuple[type, tuple[object, ...]]: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...

class BarType:
    """
    The type of bars: `<n>ms|s|min|hour`, `1day`, `<n>tick`, `<x>volume`, `<x>dollar`, `<x>range`, `<n>day|week|month`,
    the last perhaps with a time zone and a session start, `@America/New_York+17:00`.
    `1day` and shorter times may name a trading calendar: `5min@XNYS`.

    `str()` is the canonical name: the largest unit that divides the step, no trailing zeros.

    >>> str(BarType("60min")), str(BarType("0.50volume"))
    ('1hour', '0.5volume')
    """

    def __init__(self, name: str | BarType) -> None:
        """
        Raises InvalidArgument (a ValueError, BAR_TYPE_INVALID) for anything else than the names above: lower case, no leading zeros, at most nine places, above 0; a time step divides 24 hours.
        """

    @property
    def kind(self) -> str:
        """
        "time", "tick", "volume", "dollar" or "range"; "day", "week" or "month" for those of a calendar.
        """

    @property
    def step(self) -> int | decimal.Decimal:
        """
        Nanoseconds, ticks, days, weeks or months as int; volume, value or range as Decimal.
        """

    @property
    def zone(self) -> str | None:
        """
        The time zone of days, weeks and months, or the trading calendar of a day or a shorter time; else None.
        """

    @property
    def session_start_ns(self) -> int:
        """When their sessions start, in nanoseconds after 00:00."""

    def __str__(self) -> str: ...

    def __repr__(self) -> str: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __reduce__(self) -> tuple[type, tuple[str]]: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...

class Price:
    """
    A price: an exact decimal with nine places, within about +-9.22e9. Immutable.

    Compares, adds and subtracts exactly with prices and numbers (a float stands for its shortest decimal); times a Quantity it is an exact Decimal; times or by a number it is a Price, rounded half to even at nine places. `str()` shows at least two places.

    >>> Price(45000)
    Price('45000.00')
    >>> Price("0.1") + Price("0.2") == 0.3
    True
    >>> Price("45000.5") * Quantity("0.1")
    Decimal('4500.05')
    >>> Price("45000.127").round_to("0.05", "down")
    Price('45000.10')
    >>> f"{Price('45000.123'):.1f}"
    '45000.1'
    """

    def __init__(self, value: Price | int | str | float | decimal.Decimal | numpy.integer | numpy.floating) -> None:
        """
        A float stands for its shortest decimal, rounded half to even at nine places.

        Raises InvalidArgument (a ValueError) for a number that is malformed, not finite or out of range, and for a str or Decimal with more than nine places; UnsupportedValue (a TypeError) for other types, including bool.
        """

    def __eq__(self, other: object, /) -> bool: ...

    def __ne__(self, other: object, /) -> bool: ...

    def __lt__(self, other: Price | int | float | decimal.Decimal, /) -> bool: ...

    def __le__(self, other: Price | int | float | decimal.Decimal, /) -> bool: ...

    def __gt__(self, other: Price | int | float | decimal.Decimal, /) -> bool: ...

    def __ge__(self, other: Price | int | float | decimal.Decimal, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __add__(self, other: Price | int | float | decimal.Decimal, /) -> Price: ...

    def __radd__(self, other: int | float | decimal.Decimal, /) -> Price: ...

    def __sub__(self, other: Price | int | float | decimal.Decimal, /) -> Price: ...

    def __rsub__(self, other: int | float | decimal.Decimal, /) -> Price: ...

    def __rmul__(self, other: int | float | decimal.Decimal, /) -> Price: ...

    @overload
    def __truediv__(self, other: Price, /) -> decimal.Decimal: ...

    @overload
    def __truediv__(self, other: int | float | decimal.Decimal, /) -> Price: ...

    def round_to(self, tick: Price | str | int | float | decimal.Decimal, mode: Literal['nearest', 'down', 'up'] = 'nearest') -> Price:
        """
        Rounds to a multiple of `tick`: the nearest (half to even), the next below or the next above.

        Raises InvalidArgument (a ValueError) for a tick that is not above 0, and for an unknown mode.
        """

    def __float__(self) -> float:
        """The nearest float, half to even."""

    def __str__(self) -> str: ...

    def __repr__(self) -> str: ...

    def as_decimal(self) -> decimal.Decimal:
        """The exact value, with the places that str() shows."""

    def __reduce__(self) -> tuple[type, tuple[str]]: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...

    @overload
    def __mul__(self, other: Quantity, /) -> decimal.Decimal: ...

    @overload
    def __mul__(self, other: int | float | decimal.Decimal, /) -> Price: ...

    def __neg__(self) -> Price: ...

    def __abs__(self) -> Price: ...

class Quantity:
    """
    A quantity: an exact decimal with nine places, not negative, up to about 1.7e29. Immutable.

    Compares, adds and subtracts exactly with quantities and numbers; a difference below 0 is an error. Times a Price it is an exact Decimal; times or by a number it is a Quantity, rounded half to even at nine places. `str()` shows the places that are needed.

    >>> Quantity(0.5).as_decimal()
    Decimal('0.5')
    >>> Quantity("0.5") - 0.2, Quantity(3) / 2
    (Quantity('0.3'), Quantity('1.5'))
    >>> Quantity(-1)
    Traceback (most recent call last):
    alphaforge_core.errors.InvalidArgument: quantity -1 is negative; expected 0 or more
    """

    def __init__(self, value: Quantity | int | str | float | decimal.Decimal | numpy.integer | numpy.floating) -> None:
        """
        A float stands for its shortest decimal, rounded half to even at nine places.

        Raises InvalidArgument (a ValueError) for a number that is malformed, not finite, negative or out of range, and for a str or Decimal with more than nine places; UnsupportedValue (a TypeError) for other types, including bool.
        """

    def __eq__(self, other: object, /) -> bool: ...

    def __ne__(self, other: object, /) -> bool: ...

    def __lt__(self, other: Quantity | int | float | decimal.Decimal, /) -> bool: ...

    def __le__(self, other: Quantity | int | float | decimal.Decimal, /) -> bool: ...

    def __gt__(self, other: Quantity | int | float | decimal.Decimal, /) -> bool: ...

    def __ge__(self, other: Quantity | int | float | decimal.Decimal, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __add__(self, other: Quantity | int | float | decimal.Decimal, /) -> Quantity: ...

    def __radd__(self, other: int | float | decimal.Decimal, /) -> Quantity: ...

    def __sub__(self, other: Quantity | int | float | decimal.Decimal, /) -> Quantity: ...

    def __rsub__(self, other: int | float | decimal.Decimal, /) -> Quantity: ...

    def __rmul__(self, other: int | float | decimal.Decimal, /) -> Quantity: ...

    @overload
    def __truediv__(self, other: Quantity, /) -> decimal.Decimal: ...

    @overload
    def __truediv__(self, other: int | float | decimal.Decimal, /) -> Quantity: ...

    def round_to(self, tick: Quantity | str | int | float | decimal.Decimal, mode: Literal['nearest', 'down', 'up'] = 'nearest') -> Quantity:
        """
        Rounds to a multiple of `tick`: the nearest (half to even), the next below or the next above.

        Raises InvalidArgument (a ValueError) for a tick that is not above 0, and for an unknown mode.
        """

    def __float__(self) -> float:
        """The nearest float, half to even."""

    def __str__(self) -> str: ...

    def __repr__(self) -> str: ...

    def as_decimal(self) -> decimal.Decimal:
        """The exact value, with the places that str() shows."""

    def __reduce__(self) -> tuple[type, tuple[str]]: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...

    @overload
    def __mul__(self, other: Price, /) -> decimal.Decimal: ...

    @overload
    def __mul__(self, other: int | float | decimal.Decimal, /) -> Quantity: ...

class TradeTick:
    """
    One trade of a venue. Immutable; equal if all fields are equal.

    Any number and time is accepted; engines refuse ticks that they can't use.

    >>> tick = TradeTick("BTCUSD", 45000.5, "0.1", "BUY", "t-1", ts_event=1_700_000_000_000_000_000)
    >>> tick.price, tick.quantity, tick.ts_init == tick.ts_event
    (Price('45000.50'), Quantity('0.1'), True)
    """

    def __init__(self, instrument_id: str, price: Price | int | str | float | decimal.Decimal, quantity: Quantity | int | str | float | decimal.Decimal, aggressor_side: str, trade_id: str, ts_event: int, ts_init: int | None = None) -> None:
        """
        `aggressor_side` is "BUY", "SELL" or "NONE"; times are nanoseconds since the Unix epoch, `ts_init` defaults to `ts_event`.

        Raises InvalidArgument (a ValueError) for an instrument_id that is not 1 to 64 bytes of printable text, a trade_id of more than 64 bytes, an unknown side, a number or time out of range; UnsupportedValue (a TypeError) for a wrong type.
        """

    @property
    def instrument_id(self) -> str:
        """The instrument."""

    @property
    def symbol(self) -> str:
        """The instrument_id under the name that orders use."""

    @property
    def price(self) -> Price:
        """The trade's price."""

    @property
    def quantity(self) -> Quantity:
        """The traded quantity, in units of the instrument."""

    @property
    def aggressor_side(self) -> str:
        """The aggressor side: "BUY", "SELL" or "NONE"."""

    @property
    def trade_id(self) -> str:
        """The venue's id; may be empty."""

    @property
    def ts_event(self) -> int:
        """The venue's time, nanoseconds since the Unix epoch."""

    @property
    def ts_init(self) -> int:
        """The receiver's time, nanoseconds since the Unix epoch."""

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __repr__(self) -> str: ...

    def __reduce__(self) -> tuple[type, tuple[object, ...]]: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...

class TradeTickBatch:
    """
    Many ticks as columns, from NumPy arrays, lists of TradeTick or wire messages. Immutable.

    >>> batch = TradeTickBatch.from_columns(
    ...     instrument_id="BTCUSD", prices=[4500050, 4500060], price_scale=2, quantities=[0.1, 0.2], ts_event=[1, 2]
    ... )
    >>> len(batch), batch[0].price
    (2, Price('45000.50'))
    """

    @staticmethod
    def from_ticks(ticks: Iterable[TradeTick] | alphaforge_core._tables.TickTable) -> TradeTickBatch:
        """
        From TradeTicks, or from a table whose columns are named like their fields: a pandas or polars DataFrame, an Arrow
        table, a structured NumPy array. The columns `instrument_id`, `price`, `quantity` and `ts_event` are required;
        other columns are ignored. See from_columns() for the types of columns.

        Raises UnsupportedValue (a TypeError) for anything but TradeTicks, and the errors of from_columns().
        """

    @staticmethod
    def from_columns(*, instrument_id: Any, prices: Any, quantities: Any, ts_event: Any, ts_init: Any = None, sides: Any = None, trade_ids: Any = None, price_scale: int = 0, quantity_scale: int = 0, instrument_index: Any = None) -> TradeTickBatch:
        """
        Columns of equal length: NumPy arrays, pandas Series, lists.

        instrument_id: one str for all, one per tick, or the names to which `instrument_index` refers.
        prices, quantities: integers mean mantissa / 10^scale (0 to 9); floats their shortest decimal; str, Decimal, Price and
        Quantity are exact.
        ts_event, ts_init: nanoseconds since the Unix epoch, or datetime64; ts_init defaults to ts_event.
        sides: one str for all, one per tick, or codes (1 NONE, 2 BUY, 3 SELL); default NONE.
        trade_ids: strings or integers, or "" for none.

        Raises InvalidArgument (a ValueError) that names column and row, or UnsupportedValue (a TypeError).
        """

    @staticmethod
    def from_wire(message: bytes) -> TradeTickBatch:
        """
        From the bytes of an alphaforge.type.v1.TradeTickColumns.

        Raises InvalidArgument (a ValueError).
        """

    def to_wire(self) -> bytes:
        """The bytes of an alphaforge.type.v1.TradeTickColumns."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[TradeTick]:
        """The ticks, row by row."""

    @overload
    def __getitem__(self, row: int) -> TradeTick:
        """One tick as a TradeTick."""

    @overload
    def __getitem__(self, rows: slice) -> TradeTickBatch:
        """A batch of consecutive ticks."""

    @property
    def instrument_ids(self) -> list[str]:
        """The distinct instrument ids."""

    def __repr__(self) -> str: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...

class TradingCalendar:
    """
    The sessions of a market by date, with their breaks (rule 3.31). Immutable; equal if the texts are equal.

    >>> calendar = TradingCalendar("XNYS 2024-07-01w2 13:30-20:00 2024-07-03 13:30-17:00")
    >>> [str(date) for date, parts in calendar.sessions]
    ['2024-07-01', '2024-07-02', '2024-07-03']
    """

    def __init__(self, text: str) -> None:
        """
        text: a name, then dates, each followed by times in UTC. `2024-01-02` is a date, `2024-01-02x3` three dates in a row,
        `2024-01-02w3` three without Saturdays and Sundays; times are `14:30-21:00`, with a break `01:30-04:00,05:00-08:00`. A
        time that isn't before the next one is on the day before: `22:00-21:00`.

        Raises InvalidArgument (a ValueError, SETTING_INVALID).
        """

    @property
    def name(self) -> str:
        """Its name, such as "XNYS"."""

    @property
    def sessions(self) -> list[tuple[datetime.date, list[tuple[int, int]]]]:
        """
        Each session's date and parts, from open to close in nanoseconds; between the parts are breaks.
        """

    def __str__(self) -> str: ...

    def __repr__(self) -> str: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __reduce__(self) -> tuple[type, tuple[str]]: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...
