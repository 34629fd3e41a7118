"""Conversions between the data engine's values and the messages of alphaforge.data.v1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alphaforge.data.v1.subscriptions_pb2 import (
    SubscribeBarsRequest,
    SubscribeBarsResponse,
    SubscribeTradesRequest,
    SubscribeTradesResponse,
)
from alphaforge_core.data_wire import encode_bars
from alphaforge_core.model import Bar, BarType, TradeTick, TradeTickBatch

from services.base.messages import with_message
from services.streams.feed import EVENTS_PER_RESPONSE, Delivery, Filter

__all__ = [
    "bar_filter",
    "bars_response",
    "columns_of",
    "instrument_of",
    "snapshot_responses",
    "trade_filter",
    "trades_response",
]


def bars_response(delivery: Delivery[Bar]) -> bytes:
    """A message of SubscribeBars."""
    head = SubscribeBarsResponse(
        epoch=delivery.epoch,
        sequence=delivery.sequence,
        previous_sequence=delivery.previous_sequence,
        sequences=delivery.sequences,
        gap=delivery.gap,
    )
    return head.SerializeToString() + encode_bars(delivery.events, SubscribeBarsResponse.BARS_FIELD_NUMBER)


def snapshot_responses(epoch: int, sequence: int, closed: Sequence[Bar], unfinished: Sequence[Bar]) -> Iterator[bytes]:
    """The snapshot messages of SubscribeBars."""
    head = SubscribeBarsResponse(epoch=epoch, sequence=sequence, previous_sequence=sequence, is_snapshot=True)
    return (
        head.SerializeToString() + encode_bars(bars[start : start + EVENTS_PER_RESPONSE], field)
        for bars, field in (
            (closed, SubscribeBarsResponse.BARS_FIELD_NUMBER),
            (unfinished, SubscribeBarsResponse.OPEN_BARS_FIELD_NUMBER),
        )
        for start in range(0, len(bars), EVENTS_PER_RESPONSE)
    )


def bar_filter(message: SubscribeBarsRequest) -> Filter[Bar] | None:
    """The filter of a subscription to bars; None for all."""
    instruments = frozenset(message.instrument_ids)
    types = frozenset(BarType(name) for name in message.bar_types)
    if not instruments and not types:
        return None
    return Filter((instruments, types), (lambda bar: bar.bar_type in types) if types else None, instruments)


def instrument_of(event: Bar | TradeTick) -> str:
    """Returns the instrument, which filters of bars and trades check first."""
    return event.instrument_id


def trade_filter(message: SubscribeTradesRequest) -> Filter[TradeTick] | None:
    """The filter of a subscription to trades; None for all."""
    instruments = frozenset(message.instrument_ids)
    return Filter(instruments, groups=instruments) if instruments else None


def trades_response(delivery: Delivery[TradeTick]) -> bytes:
    """A message of SubscribeTrades."""
    head = SubscribeTradesResponse(
        epoch=delivery.epoch,
        sequence=delivery.sequence,
        previous_sequence=delivery.previous_sequence,
        # Omitted if they are consecutive and end at `sequence`.
        sequences=() if isinstance(delivery.sequences, range) else delivery.sequences,
        gap=delivery.gap,
    )
    ticks = delivery.events
    if not ticks:
        return head.SerializeToString()
    return with_message(head, SubscribeTradesResponse.TICKS_FIELD_NUMBER, columns_of(ticks))


def columns_of(ticks: Sequence[TradeTick]) -> bytes:
    """Encodes trades as a message of columns; a batch already has this message."""
    return (ticks if isinstance(ticks, TradeTickBatch) else TradeTickBatch.from_ticks(ticks)).to_wire()
