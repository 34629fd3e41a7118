"""Requests with ticks; those of the data and the execution service have the same fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypedDict

from alphaforge.data.v1 import ticks_pb2
from alphaforge.type.v1 import error_pb2
from alphaforge_core._tables import TickTable
from alphaforge_core.data_wire import ProcessRequest, encode_ticks_request
from alphaforge_core.model import TradeTick, TradeTickBatch

from alphaforge_client._wire.answer import enum_name, parsed
from alphaforge_client.errors import InvalidArgument, UnsupportedValue

__all__ = [
    "CHUNK_TICKS_MAX",
    "TickColumns",
    "batch_of",
    "checked_nanos",
    "checked_tick",
    "chunks",
    "many_ticks",
    "producer_state",
    "producer_state_request",
    "reason_name",
]

# Maximum number of ticks per chunk. An engine applies that many in about a millisecond, while its other callers
# wait. A call's overhead is that of about a thousand ticks.
CHUNK_TICKS_MAX = 32_768


class TickColumns(TypedDict):
    """The keywords of TradeTickBatch.from_columns(); it takes None and 0 as "not given"."""

    instrument_id: Any
    prices: Any
    quantities: Any
    ts_event: Any
    ts_init: Any
    sides: Any
    trade_ids: Any
    price_scale: int
    quantity_scale: int
    instrument_index: Any


def batch_of(ticks: Iterable[TradeTick] | TradeTickBatch | TickTable | None, columns: TickColumns) -> TradeTickBatch:
    """The batch made of ticks or columns."""
    given: dict[str, Any] = {name: value for name, value in columns.items() if value is not None}
    if ticks is None:
        return TradeTickBatch.from_columns(**given)
    if given.keys() - {"price_scale", "quantity_scale"}:
        raise TypeError("give either ticks or columns")
    return ticks if isinstance(ticks, TradeTickBatch) else TradeTickBatch.from_ticks(ticks)


def chunks(batch: TradeTickBatch) -> Iterator[tuple[int, bytes]]:
    """The requests of the batch, each with the index of its first tick."""
    for start in range(0, len(batch), CHUNK_TICKS_MAX):
        yield start, encode_ticks_request(batch, start, start + CHUNK_TICKS_MAX)


def checked_tick(tick: TradeTick) -> None:
    """Raises UnsupportedValue (a TypeError) for anything but a TradeTick."""
    if not isinstance(tick, TradeTick):
        raise UnsupportedValue(f"tick must be a TradeTick, not {type(tick).__name__}", reason="TYPE_UNSUPPORTED")


def many_ticks(ticks: Sequence[TradeTick], *, with_tick_indexes: bool = False) -> bytes:
    """The request for coalesced calls with one tick each."""
    return ProcessRequest(TradeTickBatch.from_ticks(ticks), with_tick_indexes=with_tick_indexes).to_wire()


def producer_state_request(producer_id: str) -> bytes:
    return ticks_pb2.GetProducerStateRequest(producer_id=producer_id).SerializeToString()


def producer_state(answer: bytes) -> int:
    return parsed(ticks_pb2.GetProducerStateResponse, answer).last_sequence


def reason_name(number: int) -> str:
    """The reason without its enum prefix; its number if it is of a later release."""
    return enum_name(error_pb2.ErrorReason, number, "ERROR_REASON_")


def checked_nanos(now_ns: int) -> int:
    """Checks that a time fits 64 bits.  Raises UnsupportedValue (a TypeError) or InvalidArgument (a ValueError)."""
    if isinstance(now_ns, bool) or not isinstance(now_ns, int):
        raise UnsupportedValue(
            f"now_ns must be an int of nanoseconds, not {type(now_ns).__name__}", reason="TYPE_UNSUPPORTED"
        )
    if not -(2**63) <= now_ns < 2**63:
        raise InvalidArgument(f"now_ns is {now_ns}, which does not fit 64 bits", reason="TIME_OUT_OF_RANGE")
    return now_ns
