"""
Native codecs of the data service: requests and responses, and the service's engine.

For the services and the client; programs use `alphaforge_core.data`.
"""

from collections.abc import Iterable, Sequence
from typing import overload

import alphaforge_core.data
import alphaforge_core.model


class BarBatch:
    """An immutable sequence of native bars."""

    def __len__(self) -> int: ...

    @overload
    def __getitem__(self, place: int) -> alphaforge_core.model.Bar:
        """One of the bars."""

    @overload
    def __getitem__(self, places: slice) -> BarBatch:
        """A slice, without copying."""

class BarsResponse:
    """A message of SubscribeBars."""

    @staticmethod
    def from_wire(message: bytes) -> BarsResponse:
        """
        Raises InvalidArgument (a ValueError): MESSAGE_MALFORMED, and the errors of the items' constructors.
        """

    @property
    def epoch(self) -> int:
        """The engine's epoch."""

    @property
    def sequence(self) -> int:
        """The last sequence that the message covers."""

    @property
    def previous_sequence(self) -> int:
        """The `sequence` of the previous message."""

    @property
    def sequences(self) -> list[int]:
        """
        The items' sequences; empty if they are consecutive and end at `sequence`.
        """

    @property
    def gap(self) -> bytes | None:
        """The bytes of a Gap if items were lost."""

    @property
    def bars(self) -> list[alphaforge_core.model.Bar]:
        """The closed bars, then the open ones."""

    @property
    def is_snapshot(self) -> bool:
        """Whether it is part of the snapshot."""

class CheckpointPieces:
    """
    The bytes of an engine's checkpoint: the state when the checkpoint began, without the changes of later calls.
    """

    def read(self, bytes_max: int) -> bytes | None:
        """
        The next piece, at most `bytes_max` long; empty after the last one. Locks the engine for short times only.

        None if the checkpoint has failed and must be begun again: there were more changes than `waiting_bytes` allows, another checkpoint began, or the engine was reset or got other settings.
        """

    def end(self) -> None:
        """
        Ends the checkpoint: the engine keeps no more earlier values for it. Does nothing after the last piece.
        """

    @property
    def longest_hold_ns(self) -> int:
        """
        The longest time that the checkpoint locked the engine, in nanoseconds.
        """

    @property
    def checksum(self) -> int:
        """
        A checksum of the state, valid after the last piece. Equal states have equal checksums, in every process.
        """

class ProcessOutcome:
    """The result of a request."""

    @property
    def bars(self) -> BarBatch:
        """The bars that closed or were corrected, of all types."""

    @property
    def accepted(self) -> alphaforge_core.model.TradeTickBatch:
        """The accepted ticks; the request's own batch if all were accepted."""

    @property
    def processed_count(self) -> int:
        """Number of accepted ticks."""

    @property
    def rejected(self) -> list[str]:
        """The reason of each refused tick."""

    @property
    def duplicate_count(self) -> int:
        """Number of duplicate ticks."""

    @property
    def tick_sequence(self) -> int:
        """The engine's count of accepted ticks, after this call."""

    @property
    def bar_sequence(self) -> int:
        """The engine's count of bars emitted, after this call."""

    @property
    def left_count(self) -> int:
        """Number of ticks at the end that were not applied."""

    def to_wire(self, epoch: int) -> bytes:
        """The bytes of the response, with the bars of the requested types."""

class ProcessRequest:
    """
    The request alphaforge.data.v1.ProcessTradeTick(s)Request, with one tick or many.
    """

    def __init__(self, ticks: alphaforge_core.model.TradeTick | alphaforge_core.model.TradeTickBatch, *, engine: str = '', epoch: int | None = None, producer_id: str = '', producer_sequence: int = 0, bar_types: Sequence[str] = (), with_tick_indexes: bool = False) -> None:
        """
        From a TradeTick, the request with one tick; from a TradeTickBatch, the request with many.
        """

    @staticmethod
    def from_wire(message: bytes, *, single: bool = False) -> ProcessRequest:
        """
        From a message's bytes; `single` if it is that of one tick.

        Raises InvalidArgument (a ValueError): MESSAGE_MALFORMED, LIMIT_EXCEEDED for more than 1,000,000 ticks, and the
        errors of TradeTick.
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
        """The producer; empty: not numbered."""

    @property
    def producer_sequence(self) -> int:
        """The number of the producer's call."""

    @property
    def bar_types(self) -> list[str]:
        """Canonical names of the bar types to return; empty: all."""

    @property
    def with_tick_indexes(self) -> bool:
        """Whether the response has the tick index of each bar."""

class ProcessResponse:
    """The response to a call with ticks, for the client."""

    @staticmethod
    def from_wire(message: bytes) -> ProcessResponse:
        """Raises InvalidArgument (a ValueError) MESSAGE_MALFORMED."""

    @property
    def bars(self) -> alphaforge_core.data.BarList:
        """
        The bars, with `rejected` and `duplicates`, decoded at each access. Raises the errors of from_wire().
        """

    @property
    def producer_sequence(self) -> int:
        """The request's."""

    @property
    def epoch(self) -> int:
        """The engine's epoch."""

    @property
    def is_repeat(self) -> bool:
        """Whether it repeats the first answer."""

    @property
    def processed_count(self) -> int:
        """Number of accepted ticks."""

    @property
    def duplicate_count(self) -> int:
        """Number of duplicate ticks."""

    @property
    def left_count(self) -> int:
        """
        Number of ticks at the end of the batch that were not applied and have to be sent again.
        """

    @property
    def tick_indexes(self) -> list[int]:
        """
        Per bar the index of the tick that closed or corrected it, if the request asked for it.
        """

class ServiceEngine(alphaforge_core.data.DataEngine):
    """A DataEngine with methods for the data service."""

    def __init__(self, config: alphaforge_core.data.DataEngineConfig | None = None) -> None:
        """Builds one-minute bars by default."""

    def receive_at(self, received_ns: int) -> None:
        """
        Sets the time of receipt of the following calls, nanoseconds since the Unix epoch. Until it is set, it is the time of each call.
        """

    @property
    def calendars(self) -> list[str]:
        """The trading calendars, as texts."""

    def process_request(self, request: ProcessRequest) -> ProcessOutcome:
        """Applies the ticks of a request."""

    def process_judged(self, tick: alphaforge_core.model.TradeTick) -> tuple[list[alphaforge_core.model.Bar], str | None]:
        """
        Like process_trade_tick(), but also returns why the tick was refused (None if it was not). Not measured in the statistics.
        """

    def stop_and_flush(self) -> list[alphaforge_core.model.Bar]:
        """Like stop(), but returns the bars it closed."""

    def advance_time_part(self, now_ns: int, bars_max: int) -> tuple[list[alphaforge_core.model.Bar], bool]:
        """
        Like advance_time(), but closes at most `bars_max` bars. Returns them and whether all due bars were closed; the others close with the next call or the next tick of their instrument.
        """

    def get_bars_wire(self, instrument_id: str, bar_type: str, limit: int, start: int | None = None, end: int | None = None, before_sequence: int | None = None) -> bytes:
        """
        Like get_bars() for bars below a sequence, as the bytes of a GetBarsResponse.
        """

    def list_instruments_wire(self, skipped: int, limit: int) -> bytes:
        """
        At most `limit` instruments after the first `skipped`, as a ListInstrumentsResponse.
        """

    def begin_checkpoint(self, *, piece_bytes: int = 65536, waiting_bytes: int = 67108864) -> CheckpointPieces:
        """
        Begins a checkpoint of the engine's current state, to be read piece by piece. Pass the joined pieces to restore().

        The engine is locked for about `piece_bytes` at a time. If it changes state that has not been read yet, the earlier values are kept, at most about `waiting_bytes` of them.
        """

class TradesResponse:
    """A message of SubscribeTrades."""

    @staticmethod
    def from_wire(message: bytes) -> TradesResponse:
        """
        Raises InvalidArgument (a ValueError): MESSAGE_MALFORMED, and the errors of the items' constructors.
        """

    @property
    def epoch(self) -> int:
        """The engine's epoch."""

    @property
    def sequence(self) -> int:
        """The last sequence that the message covers."""

    @property
    def previous_sequence(self) -> int:
        """The `sequence` of the previous message."""

    @property
    def sequences(self) -> list[int]:
        """
        The items' sequences; empty if they are consecutive and end at `sequence`.
        """

    @property
    def gap(self) -> bytes | None:
        """The bytes of a Gap if items were lost."""

    @property
    def ticks(self) -> alphaforge_core.model.TradeTickBatch:
        """The trades."""

def decode_bars(message: bytes, field: int) -> list[alphaforge_core.model.Bar]:
    """
    The bars of that field of any message; its other fields are skipped.

    Raises InvalidArgument (a ValueError) MESSAGE_MALFORMED.
    """

def decode_bars_page(response: bytes) -> tuple[list[alphaforge_core.model.Bar], bool]:
    """
    The bars of a GetBarsResponse, and whether there are older ones.

    Raises InvalidArgument (a ValueError) MESSAGE_MALFORMED.
    """

def encode_bars(bars: Sequence[alphaforge_core.model.Bar], field: int) -> bytes:
    """
    A repeated field of alphaforge.type.v1.Bar as bytes, to append to a message.
    """

def encode_producer(producer_id: str, producer_sequence: int) -> bytes:
    """
    The producer and the number of the call, as fields to append to a request.
    """

def encode_tick_request(tick: alphaforge_core.model.TradeTick) -> bytes:
    """Same as ProcessRequest(tick).to_wire()."""

def encode_ticks_request(ticks: alphaforge_core.model.TradeTickBatch, start: int, stop: int, bar_types: Sequence[str] = ()) -> bytes:
    """
    Same as ProcessRequest(ticks[start:stop], bar_types=bar_types).to_wire().
    """

def has_calendars(known: Iterable[str], wanted: Iterable[str]) -> bool:
    """
    Whether each wanted trading calendar is a known one, or the first sessions of one.

    Raises InvalidArgument (a ValueError) SETTING_INVALID.
    """

def time_zones(bar_types: Sequence[str], known: Sequence[str] = (), calendars: Sequence[str] = ()) -> list[str]:
    """
    `known`, and the rules of the other time zones that the bar types name, by this machine's database.

        A name in `calendars`, texts of trading calendars, means the calendar.

        Raises InvalidArgument (a ValueError): BAR_TYPE_INVALID for an invalid type, or a zone that the database lacks.
    """
