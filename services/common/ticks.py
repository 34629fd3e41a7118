"""What services tell of ticks that were refused."""

from __future__ import annotations

from collections.abc import Iterable

from alphaforge.type.v1.error_pb2 import ErrorReason
from alphaforge.type.v1.market_pb2 import RejectedTick
from alphaforge_core.errors import REASONS

__all__ = ["rejected_messages"]


def rejected_messages(rejected: Iterable[tuple[int, str]]) -> list[RejectedTick]:
    """The ticks of a call that were refused, by their index."""
    return [
        RejectedTick(index=index, reason=ErrorReason.Value(f"ERROR_REASON_{reason}"), message=REASONS[reason])
        for index, reason in rejected
    ]
