"""The gap that a stream yields for events it can't deliver."""

from __future__ import annotations

from dataclasses import dataclass

from alphaforge.type.v1 import stream_pb2

from alphaforge_client._wire.answer import enum_name

__all__ = ["Gap", "gap_of"]


@dataclass(frozen=True)
class Gap:
    """Events that a subscription will not get; it continues after them.

    `reason` is "NOT_RETAINED" (they are older than what the service keeps), "SLOW_SUBSCRIBER" (the subscriber fell
    behind them), "MISSED" (a message was lost on the way), or "EPOCH_CHANGED" (the engine was reset or lost its state:
    earlier events are void, and the sequence starts over; then `last_sequence` is None). With partitions,
    `partition` is the partition of the events.
    """

    epoch: int
    first_sequence: int
    last_sequence: int | None
    reason: str
    partition: int = 0


def gap_of(encoded: bytes | None, epoch: int) -> Gap | None:
    """The gap that a message reports, if any."""
    if encoded is None:
        return None
    message = stream_pb2.Gap.FromString(encoded)
    reason = enum_name(stream_pb2.GapReason, message.reason, "GAP_REASON_")
    return Gap(epoch, message.first_sequence, message.last_sequence, reason)
