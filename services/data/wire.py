"""Between the data engine's values and the messages of alphaforge.data.v1."""

from __future__ import annotations

from collections.abc import Sequence

from alphaforge.data.v1.subscriptions_pb2 import (
    SubscribeBarsRequest,
    SubscribeBarsResponse,
    SubscribeTradesRequest,
    SubscribeTradesResponse,
)
from alphaforge.type.v1.market_pb2 import Bar as BarMessage
from alphaforge_core.model import Bar, BarType, TradeTick

from services.common.streams import EVENTS_PER_RESPONSE, Delivery, Filter
from services.common.ticks import columns_of

__all__ = [
    "bar_filter",
    "bar_message",
    "bars_response",
    "snapshot_responses",
    "trade_filter",
    "trades_response",
]


def bar_message(bar: Bar) -> BarMessage:
    """A bar as it travels; every number exact."""
    return BarMessage(
        instrument_id=bar.instrument_id,
        bar_type=str(bar.bar_type),
        open=str(bar.open),
        high=str(bar.high),
        low=str(bar.low),
        close=str(bar.close),
        volume=str(bar.volume),
        value=f"{bar.value:f}",
        trade_count=bar.trade_count,
        buy_volume=str(bar.buy_volume),
        sell_volume=str(bar.sell_volume),
        vwap=None if bar.vwap is None else str(bar.vwap),
        ts_open_ns=bar.ts_open,
        ts_event_ns=bar.ts_event,
        ts_init_ns=bar.ts_init,
        sequence=bar.sequence,
        is_partial=bar.is_partial,
        is_gap_fill=bar.is_gap_fill,
        is_oversize=bar.is_oversize,
        revision=bar.revision,
    )


def bars_response(delivery: Delivery[Bar]) -> bytes:
    """A message of SubscribeBars."""
    return SubscribeBarsResponse(
        epoch=delivery.epoch,
        sequence=delivery.sequence,
        previous_sequence=delivery.previous_sequence,
        bars=[bar_message(bar) for bar in delivery.events],
        sequences=delivery.sequences,
        gap=delivery.gap,
    ).SerializeToString()


def snapshot_responses(epoch: int, sequence: int, closed: Sequence[Bar], unfinished: Sequence[Bar]) -> list[bytes]:
    """The messages of SubscribeBars that show what there is."""
    messages = [
        SubscribeBarsResponse(bars=map(bar_message, closed[start : start + EVENTS_PER_RESPONSE]))
        for start in range(0, len(closed), EVENTS_PER_RESPONSE)
    ]
    messages += [
        SubscribeBarsResponse(open_bars=map(bar_message, unfinished[start : start + EVENTS_PER_RESPONSE]))
        for start in range(0, len(unfinished), EVENTS_PER_RESPONSE)
    ]
    for message in messages:
        message.epoch = epoch
        message.sequence = message.previous_sequence = sequence
        message.is_snapshot = True
    return [message.SerializeToString() for message in messages]


def bar_filter(message: SubscribeBarsRequest) -> Filter[Bar] | None:
    """Which bars a subscription wants; None for all."""
    instruments = frozenset(message.instrument_ids)
    types = frozenset(BarType(name) for name in message.bar_types)
    if not instruments and not types:
        return None
    return Filter(
        (instruments, types),
        lambda bar: (not instruments or bar.instrument_id in instruments) and (not types or bar.bar_type in types),
    )


def trade_filter(message: SubscribeTradesRequest) -> Filter[TradeTick] | None:
    """Which trades a subscription wants; None for all."""
    instruments = frozenset(message.instrument_ids)
    return Filter(instruments, lambda tick: tick.instrument_id in instruments) if instruments else None


def trades_response(delivery: Delivery[TradeTick]) -> bytes:
    """A message of SubscribeTrades."""
    return SubscribeTradesResponse(
        epoch=delivery.epoch,
        sequence=delivery.sequence,
        previous_sequence=delivery.previous_sequence,
        ticks=columns_of(delivery.events),
        sequences=() if isinstance(delivery.sequences, range) else delivery.sequences,
        gap=delivery.gap,
    ).SerializeToString()
