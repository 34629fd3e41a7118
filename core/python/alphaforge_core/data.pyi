"""Bars from trade ticks."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, Self

import pandas
import polars
import pyarrow

import alphaforge_core._tables
import alphaforge_core.model
from alphaforge_core.model import Bar as Bar


COUNTERS: tuple[tuple[str, str, str, str], ...]

class DataEngine:
    """
    Builds bars from trade ticks, of every configured type, for each instrument.

    Thread-safe. Bars are closed by trades and by advance_time(), never by a clock.

    >>> from alphaforge_core.model import TradeTick
    >>> engine = DataEngine(DataEngineConfig(bar_types=["1min", "2tick"]))
    >>> engine.process_trade_tick(TradeTick("BTCUSD", 45000, 1, "BUY", "", ts_event=0))
    []
    >>> [str(bar.bar_type) for bar in engine.process_trade_tick(TradeTick("BTCUSD", 45010, 1, "BUY", "", ts_event=60 * 10**9))]
    ['1min', '2tick']
    """

    def __init__(self, config: DataEngineConfig | None = None) -> None:
        """Builds one-minute bars by default."""

    def start(self) -> None:
        """Starts the engine, in any state; a tick also starts it."""

    def stop(self) -> None:
        """
        Stops the engine, in any state. With `flush_on_stop`, open bars close as partial; otherwise they stay open and continue with the next tick.
        """

    def add_bar_types(self, names: Sequence[str]) -> None:
        """
        Adds missing bar types; their bars begin with the next tick of each instrument.

        Raises ValueError: BAR_TYPE_INVALID, or SETTING_INVALID for more than 32 types.
        """

    def reconfigure(self, config: DataEngineConfig) -> None:
        """
        Changes settings and keeps the state. Missing bar types are added, the others stay. State beyond smaller limits
        is dropped, the oldest first, except instruments.

        Raises ValueError (SETTING_INVALID) for another origin_offset_ns if there are instruments, or for more than 32 types.
        """

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    @property
    def is_running(self) -> bool:
        """Whether it is started."""

    @property
    def bar_types(self) -> list[str]:
        """The canonical names of its bar types, in configured order."""

    @property
    def epoch(self) -> int:
        """How often the engine was reset."""

    def process_trade_tick(self, tick: alphaforge_core.model.TradeTick) -> list[alphaforge_core.model.Bar]:
        """
        Applies one tick and returns the bars it closed or corrected, in order.

        Refused and duplicate ticks change nothing and are counted.
        """

    def process_batch(self, batch: alphaforge_core.model.TradeTickBatch) -> BarList:
        """Applies the ticks of a batch in order. Runs without the GIL."""

    def process_trade_ticks(self, ticks: Iterable[alphaforge_core.model.TradeTick] | alphaforge_core.model.TradeTickBatch | alphaforge_core._tables.TickTable | None = None, *, instrument_id: Any = None, prices: Any = None, quantities: Any = None, ts_event: Any = None, ts_init: Any = None, sides: Any = None, trade_ids: Any = None, price_scale: int = 0, quantity_scale: int = 0, instrument_index: Any = None) -> BarList:
        """
        Applies many ticks in order: a sequence of TradeTick, or columns as for TradeTickBatch.from_columns().

        Returns the bars they closed or corrected; its `rejected` has (index, reason) of refused ticks, its `duplicates`
        the indices of duplicates. Raises ValueError if something is not a tick; then nothing is applied.
        """

    def advance_time(self, now_ns: int) -> list[alphaforge_core.model.Bar]:
        """
        Moves the market time of all instruments forward to `now_ns` (nanoseconds since the Unix epoch) and returns the time
        bars that this closed: by end, then first seen, then configured order. Earlier times than before change nothing.

        Raises ValueError: TIME_OUT_OF_RANGE for a time that is negative or within a day of 2^63; TIME_AHEAD for one further
        ahead of the wall clock than max_time_jump_ns.
        """

    def get_bars(self, instrument_id: str, bar_type: alphaforge_core.model.BarType | str, limit: int | None = None, start: int | None = None, end: int | None = None) -> list[alphaforge_core.model.Bar]:
        """
        The newest `limit` closed bars with `start <= ts_open < end` (nanoseconds), ascending, in their latest revision.

        Empty for an instrument without trades. Raises ValueError: BAR_TYPE_INVALID, or BAR_TYPE_UNKNOWN for a type that
        the engine doesn't build.
        """

    def open_bars(self, instrument_id: str) -> list[alphaforge_core.model.Bar]:
        """
        The open bars, in configured order, each with the sequence that it will get.
        """

    def market_time(self, instrument_id: str) -> int | None:
        """
        The instrument's market time, nanoseconds since the Unix epoch; None before its first accepted tick.
        """

    def instruments(self) -> list[str]:
        """The ids of all instruments, in the order first seen."""

    def statistics(self) -> DataEngineStatistics:
        """The counters since the engine was created or reset."""

    def reset(self, instrument_id: str | None = None) -> None:
        """
        Resets the engine and its counters, or one instrument. Starts a new epoch.
        """

    def state_hash(self) -> int:
        """
        For tests: a 64-bit hash of the whole state. Equal states have equal hashes, in every process.
        """

    def snapshot(self) -> bytes:
        """The whole state as bytes, for a checkpoint."""

    def restore(self, snapshot: bytes) -> None:
        """
        Restores a snapshot, with its bar types, into an empty engine.

        Raises EngineError (a RuntimeError): JOURNAL_DAMAGED for an invalid snapshot; the engine is
        then unusable.
        """

    def validate(self) -> None:
        """
        For tests: checks the state's consistency. Raises EngineError (INTERNAL).
        """

class DataEngineConfig:
    """
    The options of a data engine. Immutable; remembers which options were given.

    >>> DataEngineConfig(bar_types=["60min", "100tick"]).given()
    {'bar_types': ['60min', '100tick']}
    """

    def __init__(self, enable_statistics: bool = True, bar_types: Sequence[str] = ['1min'], max_bars_per_instrument: int = 1000, *, max_memory_bytes: int = 1073741824, max_instruments: int = 10000, max_bars_per_tick: int = 10000, duplicate_window: int = 10000, max_duplicate_entries: int = 10000000, fill_gaps: bool = False, max_gap_bars: int = 1000, skip_first_partial: bool = False, origin_offset_ns: int = 0, allowed_lateness_ns: int = 0, zero_quantity: Literal['reject', 'price_only'] = 'reject', flush_on_stop: bool = False, live_clock: bool = False, close_grace_ns: int = 0, durability: Literal['none', 'os', 'fsync'] = 'os', max_replay_trades: int = 100000, max_replay_bars: int = 10000, max_time_jump_ns: int = 300000000000, time_zones: Sequence[str] = [], negative_price_instruments: Sequence[str] = [], calendars: Sequence[alphaforge_core.model.TradingCalendar | str] = []) -> None:
        """
        enable_statistics: measure rate and latency; counts are always kept.
        bar_types: 1 to 32 names such as "1min", "100tick", "0.5volume", "1000000dollar".
        max_bars_per_instrument: closed bars kept per instrument and type.
        max_memory_bytes: memory for closed bars, in bytes; the oldest are dropped first.
        max_instruments: maximum number of instruments; ticks of any others are refused.
        max_bars_per_tick: maximum number of bars of a type that one tick closes; a larger tick becomes one oversize bar.
        duplicate_window: trade ids remembered per instrument to find duplicates; 0 disables the check.
        max_duplicate_entries: trade ids remembered over all instruments; the longest idle instrument loses its ids first.
        fill_gaps, max_gap_bars: emit flat bars for intervals without trades, at most max_gap_bars per gap.
        skip_first_partial: skip an instrument's first time bar if it is partial.
        origin_offset_ns: offset of the time bar grid from 00:00 UTC, 0 to a day.
        allowed_lateness_ns: how long late trades still correct a closed time bar, in market time after its end.
        zero_quantity: "reject" trades of quantity 0, or use their price in time bars ("price_only").
        flush_on_stop: stop() closes open bars as partial.
        max_time_jump_ns: how far ahead of the clock ticks and advance_time() may be; later ones are refused (TIME_AHEAD); 0: no limit.
        time_zones: the rules of the time zones in bar_types (rule 2.15); missing ones are looked up.
        negative_price_instruments: up to 1,000 instruments whose trades may have a price of 0 or below (rule 2.18); reconfigure() adds names and removes none.
        calendars: the trading calendars in bar_types (rule 2.19); reconfigure() adds calendars and later sessions, and removes none.

        For engines on a service; in process there is no clock, no journal and no subscribers:
        live_clock, close_grace_ns: advance market time by the wall clock, with this lag, up to a day.
        durability: what acknowledged inputs survive: a power loss ("fsync"), kill -9 ("os") or neither ("none").
        max_replay_trades, max_replay_bars: how many trades and bars are kept for resuming subscribers.

        Raises InvalidArgument (a ValueError: SETTING_INVALID, BAR_TYPE_INVALID) or UnsupportedValue (a TypeError).
        """

    @property
    def enable_statistics(self) -> object:
        """See the constructor."""

    @property
    def bar_types(self) -> object:
        """See the constructor."""

    @property
    def max_bars_per_instrument(self) -> object:
        """See the constructor."""

    @property
    def max_memory_bytes(self) -> object:
        """See the constructor."""

    @property
    def max_instruments(self) -> object:
        """See the constructor."""

    @property
    def max_bars_per_tick(self) -> object:
        """See the constructor."""

    @property
    def duplicate_window(self) -> object:
        """See the constructor."""

    @property
    def max_duplicate_entries(self) -> object:
        """See the constructor."""

    @property
    def fill_gaps(self) -> object:
        """See the constructor."""

    @property
    def max_gap_bars(self) -> object:
        """See the constructor."""

    @property
    def skip_first_partial(self) -> object:
        """See the constructor."""

    @property
    def origin_offset_ns(self) -> object:
        """See the constructor."""

    @property
    def allowed_lateness_ns(self) -> object:
        """See the constructor."""

    @property
    def zero_quantity(self) -> object:
        """See the constructor."""

    @property
    def flush_on_stop(self) -> object:
        """See the constructor."""

    @property
    def live_clock(self) -> object:
        """See the constructor."""

    @property
    def close_grace_ns(self) -> object:
        """See the constructor."""

    @property
    def durability(self) -> object:
        """See the constructor."""

    @property
    def max_replay_trades(self) -> object:
        """See the constructor."""

    @property
    def max_replay_bars(self) -> object:
        """See the constructor."""

    @property
    def max_time_jump_ns(self) -> object:
        """See the constructor."""

    @property
    def time_zones(self) -> object:
        """See the constructor."""

    @property
    def negative_price_instruments(self) -> object:
        """See the constructor."""

    @property
    def calendars(self) -> object:
        """See the constructor."""

    def given(self) -> dict[str, Any]:
        """The options that were given, with their values."""

    def as_dict(self) -> dict[str, Any]:
        """All options with their values."""

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

    def __reduce__(self) -> tuple[Any, ...]: ...

class DataEngineStatistics:
    """
    The counters of a data engine; each received tick is processed, duplicate or rejected.
    """

    def __init__(self, **counters: int | float) -> None:
        """Counters from a service; missing ones are 0."""

    @property
    def ticks_processed(self) -> int:
        """Accepted ticks, including late and price-only ones."""

    @property
    def bars_generated(self) -> int:
        """Closed bars of all types, without corrections."""

    @property
    def processing_rate(self) -> float:
        """
        Ticks received per second, over the last ten seconds; 0 if statistics are off.
        """

    @property
    def avg_processing_latency_ns(self) -> float:
        """Mean time in the engine per tick; 0 if statistics are off."""

    @property
    def memory_usage_bytes(self) -> int:
        """Memory of bars, open state and duplicate windows."""

    @property
    def ticks_rejected(self) -> int:
        """Refused ticks, which changed nothing."""

    @property
    def late_ticks(self) -> int:
        """Accepted ticks that were too late for at least one time bar."""

    @property
    def duplicate_ticks(self) -> int:
        """Duplicate ticks, which changed nothing."""

    @property
    def instruments(self) -> int:
        """Instruments with trades."""

    def as_dict(self) -> dict[str, int | float]:
        """All attributes by name."""

    def __repr__(self) -> str: ...

def combine_bars(bars: Iterable[alphaforge_core.model.Bar], bar_type: alphaforge_core.model.BarType | str, *, with_open: bool = False, calendars: Sequence[alphaforge_core.model.TradingCalendar | str] = ()) -> list[alphaforge_core.model.Bar]:
    """
    Time bars of `bar_type` from shorter ones, in order of closing (rule 2.17).

    bars: those of an instrument in order of time, in their latest revisions, as get_bars() returns them.
    with_open: also return the last bars that haven't ended, as partial.
    calendars: the trading calendar that `bar_type` names; bars outside of its sessions are left out.

    Raises ValueError: BAR_TYPE_INVALID for bars that don't lie within one of that type, TIME_OUT_OF_RANGE for bars that
    overlap or go back in time, VALUE_OVERFLOW.
    """

def bars_to_arrow(bars: Sequence[Bar], *, exact: bool = False) -> pyarrow.Table:
    """
    A table with one row per bar: texts as dictionaries, times as nanoseconds in UTC, vwap null without volume.

        exact: prices, quantities and values are decimals of 9, 9 and 18 places instead of float64. Needs pyarrow. Raises
        ValueError for a value of 1e20 or more, which Arrow's decimals can't hold.
    """

def bars_to_pandas(bars: Sequence[Bar], *, exact: bool = False) -> pandas.DataFrame:
    """
    A DataFrame with one row per bar: texts as categories, times as datetime64[ns, UTC], vwap NaN without volume.

        exact: prices, quantities and values are Decimals instead of float64; that needs pyarrow too. Needs pandas.
    """

def bars_to_polars(bars: Sequence[Bar], *, exact: bool = False) -> polars.DataFrame:
    """
    A polars DataFrame with the columns of bars_to_arrow(). Needs polars and pyarrow.
    """

class BarList(list[alphaforge_core.model.Bar]):
    """
    The bars closed or corrected by a call with many ticks, in order.

        rejected: (index, reason) of each refused tick.
        duplicates: the index of each duplicate tick.
        All other ticks were accepted.

        >>> engine = DataEngine(DataEngineConfig(bar_types=["1tick"]))
        >>> bars = engine.process_trade_ticks(instrument_id="BTCUSD", prices=[1, 0], quantities=[1, 1], ts_event=[1, 2])
        >>> len(bars), bars.rejected, bars.duplicates
        (1, [(1, 'PRICE_NOT_POSITIVE')], [])
    """

    rejected: list[tuple[int, str]]
    duplicates: list[int]
    def __init__(self, bars: Iterable[alphaforge_core.model.Bar] = ()) -> None: ...
