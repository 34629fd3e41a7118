"""What a stream yields where it can't deliver."""

from __future__ import annotations

from dataclasses import dataclass

from alphaforge.type.v1 import stream_pb2

__all__ = ["Gap", "gap_of"]


@dataclass(frozen=True)
class Gap:
    """Events that a subscription will not get; it goes on after them.

    `reason` is "NOT_RETAINED" (they are older than what the service keeps), "SLOW_SUBSCRIBER" (they did not fit the
    subscriber's queue), "MISSED" (a message was lost on the way), or "EPOCH_CHANGED" (the engine was reset or lost its
    state: what was built on it is void, and the sequence begins anew; then `last_sequence` is None).
    """

    epoch: int
    first_sequence: int
    last_sequence: int | None
    reason: str


def gap_of(message: stream_pb2.Gap, epoch: int) -> Gap:
    """The gap that a message tells of."""
    reason = stream_pb2.GapReason.Name(message.reason).removeprefix("GAP_REASON_")
    return Gap(epoch, message.first_sequence, message.last_sequence, reason)
