"""
Prices, quantities, ticks and bars: immutable values that engines, services and clients share.
"""

from collections.abc import Iterable
import decimal
from typing import Any, Self, overload

import numpy


class Bar:
    """
    What the trades of an instrument between two moments come to. Immutable; equal when all fields are.
    """

    def __init__(self, instrument_id: str, bar_type: BarType | str, open: Price | int | str | float | decimal.Decimal, high: Price | int | str | float | decimal.Decimal, low: Price | int | str | float | decimal.Decimal, close: Price | int | str | float | decimal.Decimal, volume: Quantity | int | str | float | decimal.Decimal, value: decimal.Decimal | int | str, trade_count: int, buy_volume: Quantity | int | str | float | decimal.Decimal, sell_volume: Quantity | int | str | float | decimal.Decimal, ts_open: int, ts_event: int, ts_init: int, sequence: int, is_partial: bool = False, is_gap_fill: bool = False, is_oversize: bool = False, revision: int = 0) -> None:
        """
        Engines make bars; tests and recorders may.

        Raises InvalidArgument (a ValueError) or UnsupportedValue (a TypeError) for fields of a wrong value or type; how the fields agree is not checked.
        """

    @property
    def instrument_id(self) -> str:
        """What was traded."""

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
        """The greatest price."""

    @property
    def low(self) -> Price:
        """The least price."""

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
        """How many trades began in it."""

    @property
    def buy_volume(self) -> Quantity:
        """The volume that buyers took."""

    @property
    def sell_volume(self) -> Quantity:
        """The volume that sellers took."""

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
        """Its number per instrument and type, gapless from 1."""

    @property
    def is_partial(self) -> bool:
        """Whether it may lack trades from its beginning or end."""

    @property
    def is_gap_fill(self) -> bool:
        """Whether it stands for an interval without trades."""

    @property
    def is_oversize(self) -> bool:
        """Whether it closed larger than its step."""

    @property
    def revision(self) -> int:
        """How often it was corrected after it was first emitted."""

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
    How ticks are summed up to bars: `<n>ms|s|min|hour`, `1day`, `<n>tick`, `<x>volume`, `<x>dollar`.

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
        """"time", "tick", "volume" or "dollar"."""

    @property
    def step(self) -> int | decimal.Decimal:
        """Nanoseconds or ticks as int; volume or value as Decimal."""

    def __str__(self) -> str: ...

    def __repr__(self) -> str: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __reduce__(self) -> tuple[type, tuple[str]]: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...

class Price:
    """
    A price: an exact decimal with nine places, within about +-9.22e9.

    Immutable; compares and hashes with prices only. `str()` shows at least two places.

    >>> Price(45000)
    Price('45000.00')
    >>> Price(0.1) == Price("0.10")
    True
    >>> f"{Price('45000.123'):.1f}"
    '45000.1'
    """

    def __init__(self, value: Price | int | str | float | decimal.Decimal | numpy.integer | numpy.floating) -> None:
        """
        A float means its shortest decimal, rounded half to even at nine places.

        Raises InvalidArgument (a ValueError) for what is malformed, not finite or out of range, and for a str or Decimal of more than nine places; UnsupportedValue (a TypeError) for other types, bool among them.
        """

    def __eq__(self, other: object, /) -> bool: ...

    def __ne__(self, other: object, /) -> bool: ...

    def __lt__(self, arg: Price, /) -> bool: ...

    def __le__(self, arg: Price, /) -> bool: ...

    def __gt__(self, arg: Price, /) -> bool: ...

    def __ge__(self, arg: Price, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __float__(self) -> float:
        """The nearest float, half to even."""

    def __str__(self) -> str: ...

    def __repr__(self) -> str: ...

    def as_decimal(self) -> decimal.Decimal:
        """The exact value, with the places that str() shows."""

    def __reduce__(self) -> tuple[type, tuple[str]]: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...

class Quantity:
    """
    A quantity: an exact decimal with nine places, not negative, up to about 1.7e29.

    Immutable; compares and hashes with quantities only. `str()` shows the places that are needed.

    >>> Quantity(0.5).as_decimal()
    Decimal('0.5')
    >>> Quantity(-1)
    Traceback (most recent call last):
    alphaforge_core.errors.InvalidArgument: quantity -1 is negative; 0 or more
    """

    def __init__(self, value: Quantity | int | str | float | decimal.Decimal | numpy.integer | numpy.floating) -> None:
        """
        A float means its shortest decimal, rounded half to even at nine places.

        Raises InvalidArgument (a ValueError) for what is malformed, not finite, negative or out of range, and for a str or Decimal of more than nine places; UnsupportedValue (a TypeError) for other types, bool among them.
        """

    def __eq__(self, other: object, /) -> bool: ...

    def __ne__(self, other: object, /) -> bool: ...

    def __lt__(self, arg: Quantity, /) -> bool: ...

    def __le__(self, arg: Quantity, /) -> bool: ...

    def __gt__(self, arg: Quantity, /) -> bool: ...

    def __ge__(self, arg: Quantity, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __float__(self) -> float:
        """The nearest float, half to even."""

    def __str__(self) -> str: ...

    def __repr__(self) -> str: ...

    def as_decimal(self) -> decimal.Decimal:
        """The exact value, with the places that str() shows."""

    def __reduce__(self) -> tuple[type, tuple[str]]: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...

class TradeTick:
    """
    One trade as the venue printed it. Immutable; equal when all fields are.

    Any number and time makes a tick; the engines refuse those they can't use.

    >>> tick = TradeTick("BTCUSD", 45000.5, "0.1", "BUY", "t-1", ts_event=1_700_000_000_000_000_000)
    >>> tick.price, tick.quantity, tick.ts_init == tick.ts_event
    (Price('45000.50'), Quantity('0.1'), True)
    """

    def __init__(self, instrument_id: str, price: Price | int | str | float | decimal.Decimal, quantity: Quantity | int | str | float | decimal.Decimal, aggressor_side: str, trade_id: str, ts_event: int, ts_init: int | None = None) -> None:
        """
        `aggressor_side` is "BUY", "SELL" or "NONE"; times are nanoseconds since the Unix epoch, `ts_init` is `ts_event` where it is not given.

        Raises InvalidArgument (a ValueError) for an instrument_id that is not 1 to 64 bytes of printable text, a trade_id of more than 64 bytes, an unknown side, a number or time out of range; UnsupportedValue (a TypeError) for a wrong type.
        """

    @property
    def instrument_id(self) -> str:
        """What was traded."""

    @property
    def symbol(self) -> str:
        """The instrument_id under the name that orders use."""

    @property
    def price(self) -> Price:
        """The trade's price."""

    @property
    def quantity(self) -> Quantity:
        """What was traded, in units of the instrument."""

    @property
    def aggressor_side(self) -> str:
        """Who took liquidity: "BUY", "SELL" or "NONE"."""

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
    Many ticks as columns: what NumPy arrays, lists of TradeTick and wire messages become. Immutable.

    >>> batch = TradeTickBatch.from_columns(
    ...     instrument_id="BTCUSD", prices=[4500050, 4500060], price_scale=2, quantities=[0.1, 0.2], ts_event=[1, 2]
    ... )
    >>> len(batch), batch[0].price
    (2, Price('45000.50'))
    """

    @staticmethod
    def from_ticks(ticks: Iterable[TradeTick]) -> TradeTickBatch:
        """
        From TradeTicks, or from a table whose columns bear their fields' names: a pandas or polars DataFrame, an Arrow
        table, a structured NumPy array. The columns `instrument_id`, `price`, `quantity` and `ts_event` have to be there;
        others than TradeTick's fields are left alone. What columns may hold says from_columns().

        Raises UnsupportedValue (a TypeError) for anything that is no TradeTick, and what from_columns() raises.
        """

    @staticmethod
    def from_columns(*, instrument_id: Any, prices: Any, quantities: Any, ts_event: Any, ts_init: Any = None, sides: Any = None, trade_ids: Any = None, price_scale: int = 0, quantity_scale: int = 0, instrument_index: Any = None) -> TradeTickBatch:
        """
        Columns of equal length: NumPy arrays, pandas Series, lists.

        instrument_id: one str for all, one per tick, or names into which `instrument_index` points.
        prices, quantities: integers mean mantissa / 10^scale (0 to 9); floats their shortest decimal; str, Decimal, Price and
        Quantity are exact.
        ts_event, ts_init: nanoseconds since the Unix epoch, or datetime64; ts_init is ts_event where it is not given.
        sides: one str for all, one per tick, or codes (1 NONE, 2 BUY, 3 SELL); NONE where not given.
        trade_ids: strings or integers, "" where a tick has none.

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

    @overload
    def __getitem__(self, row: int) -> TradeTick:
        """One tick as a TradeTick."""

    @overload
    def __getitem__(self, rows: slice) -> TradeTickBatch:
        """A batch of consecutive ticks."""

    @property
    def instrument_ids(self) -> list[str]:
        """The names that occur."""

    def __repr__(self) -> str: ...

    def __copy__(self) -> Self: ...

    def __deepcopy__(self, memo: object, /) -> Self: ...
