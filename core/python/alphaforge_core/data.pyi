"""Trade ticks to bars."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, Self, overload

import pandas
import polars
import pyarrow

import alphaforge_core.model
from alphaforge_core.model import Bar as Bar


COUNTERS: tuple[tuple[str, str, str, str], ...]

class BarBatch:
    """A sequence of bars as they lie in the core. Immutable."""

    def __len__(self) -> int: ...

    @overload
    def __getitem__(self, place: int) -> alphaforge_core.model.Bar:
        """One of the bars."""

    @overload
    def __getitem__(self, places: slice) -> BarBatch:
        """Bars that follow each other; they are not copied."""

class DataEngine:
    """
    Trade ticks to bars: every configured type, side by side, on each instrument.

    Safe to call from many threads. Bars are closed by trades and by advance_time(), never by a clock.

    >>> from alphaforge_core.model import TradeTick
    >>> engine = DataEngine(DataEngineConfig(bar_types=["1min", "2tick"]))
    >>> engine.process_trade_tick(TradeTick("BTCUSD", 45000, 1, "BUY", "", ts_event=0))
    []
    >>> [str(bar.bar_type) for bar in engine.process_trade_tick(TradeTick("BTCUSD", 45010, 1, "BUY", "", ts_event=60 * 10**9))]
    ['1min', '2tick']
    """

    def __init__(self, config: DataEngineConfig | None = None) -> None:
        """One minute bars by default."""

    def start(self) -> None:
        """In any state; a tick starts the engine too."""

    def stop(self) -> None:
        """
        In any state. With `flush_on_stop` open bars close as partial; otherwise they stay open and the next tick goes on.
        """

    def flush(self) -> list[alphaforge_core.model.Bar]:
        """
        stop(), which returns the bars that it closed: for those who publish them.
        """

    def add_bar_types(self, names: Sequence[str]) -> None:
        """
        Adds the bar types that the engine lacks; their bars begin with the next tick of each instrument.

        Raises ValueError: BAR_TYPE_INVALID, or SETTING_INVALID for more than 32 types.
        """

    def reconfigure(self, config: DataEngineConfig) -> None:
        """
        Takes other settings over and keeps the state. Bar types that the engine lacks are added, the others stay; what is
        beyond smaller bounds goes, the oldest first, except instruments.

        Raises ValueError (SETTING_INVALID) for another origin_offset_ns where there are instruments, or over 32 types.
        """

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped since."""

    @property
    def bar_types(self) -> list[str]:
        """The canonical names of its bar types, in configured order."""

    @property
    def epoch(self) -> int:
        """How often the engine was reset."""

    def process_trade_tick(self, tick: alphaforge_core.model.TradeTick) -> list[alphaforge_core.model.Bar]:
        """
        Applies one tick and returns the bars that it closed or corrected, in order.

        Refused and duplicate ticks change nothing and are counted.
        """

    def process_batch(self, batch: alphaforge_core.model.TradeTickBatch) -> BarList:
        """Applies the ticks of a batch in their order. Runs without the GIL."""

    def process_request(self, request: ProcessRequest) -> ProcessOutcome:
        """Applies the ticks of a request; for servers."""

    def process_trade_ticks(self, ticks: Iterable[alphaforge_core.model.TradeTick] | alphaforge_core.model.TradeTickBatch | None = None, *, instrument_id: Any = None, prices: Any = None, quantities: Any = None, ts_event: Any = None, ts_init: Any = None, sides: Any = None, trade_ids: Any = None, price_scale: int = 0, quantity_scale: int = 0, instrument_index: Any = None) -> BarList:
        """
        Applies many ticks in their order: a sequence of TradeTick, or columns as TradeTickBatch.from_columns() takes them.

        Returns the bars that they closed or corrected; its `rejected` has (index, reason) of the refused ticks, its
        `duplicates` the indices of those seen before. Raises ValueError where something is no tick; nothing is applied then.
        """

    def advance_time(self, now_ns: int) -> list[alphaforge_core.model.Bar]:
        """
        Moves the market time of all instruments forward to `now_ns` (nanoseconds since the Unix epoch) and returns the time
        bars that this closed: by end, then first seen, then configured order. Earlier times than before change nothing.

        Raises ValueError (TIME_OUT_OF_RANGE) for a negative time or one in the last day of 64 bits.
        """

    def get_bars(self, instrument_id: str, bar_type: alphaforge_core.model.BarType | str, limit: int | None = None, start: int | None = None, end: int | None = None) -> list[alphaforge_core.model.Bar]:
        """
        The closed bars with `start <= ts_open < end` (nanoseconds), ascending, in their latest revision; the newest `limit`.

        Empty for an instrument that was not traded. Raises ValueError: BAR_TYPE_INVALID, or BAR_TYPE_UNKNOWN for a type that
        the engine doesn't build.
        """

    def open_bars(self, instrument_id: str) -> list[alphaforge_core.model.Bar]:
        """
        The unfinished bars, in configured order, each with the sequence that it will get.
        """

    def market_time(self, instrument_id: str) -> int | None:
        """
        The instrument's market time, nanoseconds since the Unix epoch; None before its first accepted tick.
        """

    def instruments(self) -> list[str]:
        """Their ids, in the order of first sight."""

    def statistics(self) -> DataEngineStatistics:
        """What has been counted so far."""

    def reset(self, instrument_id: str | None = None) -> None:
        """
        Empties the engine, counts included, or forgets one instrument. Begins a new epoch.
        """

    def state_hash(self) -> int:
        """
        For tests: 64 bits of the whole state. Equal states have equal hashes, in every process.
        """

    def snapshot(self) -> bytes:
        """The whole state as bytes, for a checkpoint."""

    def restore(self, snapshot: bytes) -> None:
        """
        Takes over the state of a snapshot, and its bar types, into an engine that is empty.

        Raises EngineError (a RuntimeError): JOURNAL_DAMAGED for bytes that are no such snapshot; the engine is then to be
        thrown away.
        """

    def validate(self) -> None:
        """
        For tests. Raises EngineError (INTERNAL) where the engine's state contradicts itself.
        """

class DataEngineConfig:
    """
    How a data engine builds and keeps bars. Immutable; remembers which options were given.

    >>> DataEngineConfig(bar_types=["60min", "100tick"]).given()
    {'bar_types': ['60min', '100tick']}
    """

    def __init__(self, enable_statistics: bool = True, bar_types: Sequence[str] = ['1min'], max_bars_per_instrument: int = 1000, *, max_memory_bytes: int = 1073741824, max_instruments: int = 10000, max_bars_per_tick: int = 10000, duplicate_window: int = 10000, max_duplicate_entries: int = 10000000, fill_gaps: bool = False, max_gap_bars: int = 1000, skip_first_partial: bool = False, origin_offset_ns: int = 0, allowed_lateness_ns: int = 0, zero_quantity: Literal['reject', 'price_only'] = 'reject', flush_on_stop: bool = False, live_clock: bool = False, close_grace_ns: int = 0, durability: Literal['none', 'os', 'fsync'] = 'os', max_replay_trades: int = 100000, max_replay_bars: int = 10000) -> None:
        """
        enable_statistics: measure rate and latency; counts are kept in any case.
        bar_types: 1 to 32 names such as "1min", "100tick", "0.5volume", "1000000dollar".
        max_bars_per_instrument: closed bars kept per instrument and type.
        max_memory_bytes: bounds all closed bars; the oldest go first.
        max_instruments: ticks of more instruments are refused.
        max_bars_per_tick: a tick that would end more bars of a type goes whole into one oversize bar.
        duplicate_window: among so many last ticks with an id of an instrument duplicates are found; 0 looks for none.
        max_duplicate_entries: bounds all windows together; the longest idle instrument's go first.
        fill_gaps, max_gap_bars: flat bars for quiet intervals, the first so many of a gap.
        skip_first_partial: an instrument's first time bar is left out when it is partial.
        origin_offset_ns: moves the grid of time bars from 00:00 UTC, 0 to a day.
        allowed_lateness_ns: how long after its end, in market time, a closed time bar is still corrected.
        zero_quantity: "reject" prints of quantity 0, or take their "price_only" into time bars.
        flush_on_stop: stop() closes open bars as partial.

        What a service does with the engine; one in process has no clock, no journal and no subscribers:
        live_clock, close_grace_ns: the wall clock drives market time, so far behind, up to a day.
        durability: what an acknowledged batch survives: "none", kill -9 ("os") or a loss of power ("fsync").
        max_replay_trades, max_replay_bars: the last so many are kept for subscribers that resume.

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

    def given(self) -> dict[str, Any]:
        """The options that were given, with their values."""

    def as_dict(self) -> dict[str, Any]:
        """All options with their values."""

    def __eq__(self, other: object, /) -> bool: ...

    def __repr__(self) -> str: ...

    def __reduce__(self) -> tuple[Any, ...]: ...

class DataEngineStatistics:
    """
    What a data engine has counted: received ticks are processed, duplicate or rejected.
    """

    def __init__(self, **counters: int | float) -> None:
        """As told by a service; those that are not given are 0."""

    @property
    def ticks_processed(self) -> int:
        """Ticks accepted, late and price-only ones included."""

    @property
    def bars_generated(self) -> int:
        """Bars closed, of all types; corrections of a bar don't count."""

    @property
    def processing_rate(self) -> float:
        """
        Ticks received a second, over the last ten seconds; 0 without statistics.
        """

    @property
    def avg_processing_latency_ns(self) -> float:
        """Mean time in the engine per tick; 0 without statistics."""

    @property
    def memory_usage_bytes(self) -> int:
        """Memory held for bars, open state and duplicate windows."""

    @property
    def ticks_rejected(self) -> int:
        """Ticks refused by a rule; they changed nothing."""

    @property
    def late_ticks(self) -> int:
        """Accepted ticks that came too late for at least one time bar."""

    @property
    def duplicate_ticks(self) -> int:
        """Ticks that had been seen before; they changed nothing."""

    @property
    def instruments(self) -> int:
        """Instruments that have been traded."""

    def as_dict(self) -> dict[str, int | float]:
        """All attributes by name."""

class ProcessOutcome:
    """What an engine made of a request."""

    @property
    def bars(self) -> BarBatch:
        """The bars that closed or were corrected, of all types."""

    @property
    def accepted(self) -> alphaforge_core.model.TradeTickBatch:
        """The accepted ticks; the request's own batch where all were."""

    @property
    def processed_count(self) -> int:
        """How many were accepted."""

    @property
    def duplicate_count(self) -> int:
        """How many had been seen before."""

    @property
    def tick_sequence(self) -> int:
        """The engine's count of accepted ticks, after this call."""

    @property
    def bar_sequence(self) -> int:
        """The engine's count of bars emitted, after this call."""

    @property
    def left_count(self) -> int:
        """How many at the end were not taken."""

    def to_wire(self, epoch: int) -> bytes:
        """The answer's bytes, with the bars of the types that were asked for."""

class ProcessRequest:
    """
    A call with one tick or with many, as it crosses the network: alphaforge.data.v1.ProcessTradeTick(s)Request.
    """

    def __init__(self, ticks: alphaforge_core.model.TradeTick | alphaforge_core.model.TradeTickBatch, *, engine: str = '', epoch: int | None = None, producer_id: str = '', producer_sequence: int = 0, bar_types: Sequence[str] = (), with_tick_indexes: bool = False) -> None:
        """
        A TradeTick makes the request of one tick, a TradeTickBatch that of many.
        """

    @staticmethod
    def from_wire(message: bytes, *, single: bool = False) -> ProcessRequest:
        """
        From a message's bytes; `single` where it is that of one tick.

        Raises InvalidArgument (a ValueError): MESSAGE_MALFORMED, LIMIT_EXCEEDED for more than 1,000,000 ticks, and what
        making the ticks raises.
        """

    def to_wire(self) -> bytes:
        """The message's bytes."""

    @property
    def engine(self) -> str:
        """The engine's name; empty is "default"."""

    @property
    def epoch(self) -> int | None:
        """The epoch that the engine must have, if any."""

    @property
    def ticks(self) -> alphaforge_core.model.TradeTickBatch:
        """The ticks."""

    @property
    def producer_id(self) -> str:
        """Who sends; empty: unnumbered."""

    @property
    def producer_sequence(self) -> int:
        """Counts the producer's calls."""

    @property
    def bar_types(self) -> list[str]:
        """Canonical names of the types whose bars are wanted; empty: all."""

    @property
    def with_tick_indexes(self) -> bool:
        """Whether the answer tells which tick each bar came of."""

class ProcessResponse:
    """The answer to a call with ticks, as the caller reads it."""

    @staticmethod
    def from_wire(message: bytes) -> ProcessResponse:
        """Raises InvalidArgument (a ValueError) MESSAGE_MALFORMED."""

    @property
    def bars(self) -> BarList:
        """
        The bars, with `rejected` and `duplicates`; read anew each time. Raises what from_wire() raises.
        """

    @property
    def producer_sequence(self) -> int:
        """The request's."""

    @property
    def epoch(self) -> int:
        """The engine's epoch."""

    @property
    def is_repeat(self) -> bool:
        """Whether it is the first answer again."""

    @property
    def processed_count(self) -> int:
        """How many were accepted."""

    @property
    def duplicate_count(self) -> int:
        """How many had been seen before."""

    @property
    def left_count(self) -> int:
        """
        How many ticks at the end of the batch were not taken: they are to be sent again.
        """

    @property
    def tick_indexes(self) -> list[int]:
        """
        Per bar the index of the tick that closed or corrected it, if the request asked for it.
        """

def decode_bars(message: bytes, field: int) -> list[alphaforge_core.model.Bar]:
    """
    The bars of that field of any message; its other fields are skipped.

    Raises InvalidArgument (a ValueError) MESSAGE_MALFORMED.
    """

def encode_bars(bars: Sequence[alphaforge_core.model.Bar], field: int) -> bytes:
    """
    A repeated field of alphaforge.type.v1.Bar as bytes, to be appended to a message that lacks it.
    """

def encode_producer(producer_id: str, producer_sequence: int) -> bytes:
    """
    Who sends, and the number of the call: fields to be appended to a request that lacks them.
    """

def encode_tick_request(tick: alphaforge_core.model.TradeTick) -> bytes:
    """What ProcessRequest(tick).to_wire() returns."""

def encode_ticks_request(ticks: alphaforge_core.model.TradeTickBatch, start: int, stop: int, bar_types: Sequence[str] = ()) -> bytes:
    """
    What ProcessRequest(ticks[start:stop], bar_types=bar_types).to_wire() returns.
    """

def bars_to_arrow(bars: Sequence[Bar], *, exact: bool = False) -> pyarrow.Table:
    """
    A table with one row a bar: texts as dictionaries, times as nanoseconds in UTC, vwap null without volume.

        exact: prices, quantities and values are decimals of 9, 9 and 18 places instead of float64. Needs pyarrow. Raises
        ValueError for a value of 1e20 or more, which no decimal of Arrow's holds.
    """

def bars_to_pandas(bars: Sequence[Bar], *, exact: bool = False) -> pandas.DataFrame:
    """
    A DataFrame with one row a bar: texts as categories, times as datetime64[ns, UTC], vwap NaN without volume.

        exact: prices, quantities and values are Decimals instead of float64; that needs pyarrow too. Needs pandas.
    """

def bars_to_polars(bars: Sequence[Bar], *, exact: bool = False) -> polars.DataFrame:
    """
    A DataFrame of polars, of what bars_to_arrow() makes. Needs polars and pyarrow.
    """

class BarList(list[alphaforge_core.model.Bar]):
    """
    The bars that a call with many ticks closed or corrected, in order.

        rejected: a pair (index, reason) for each tick that was refused.
        duplicates: the index of each tick that had been seen before.
        All other ticks were accepted.

        >>> engine = DataEngine(DataEngineConfig(bar_types=["1tick"]))
        >>> bars = engine.process_trade_ticks(instrument_id="BTCUSD", prices=[1, 0], quantities=[1, 1], ts_event=[1, 2])
        >>> len(bars), bars.rejected, bars.duplicates
        (1, [(1, 'PRICE_NOT_POSITIVE')], [])
    """

    rejected: list[tuple[int, str]]
    duplicates: list[int]
    def __init__(self, bars: Iterable[alphaforge_core.model.Bar] = ()) -> None: ...
