"""Requests with ticks, and the refused ticks in their answers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from alphaforge.type.v1.error_pb2 import ErrorReason
from alphaforge.type.v1.market_pb2 import RejectedTick
from alphaforge_core.data_wire import ProcessRequest, TradesResponse
from alphaforge_core.errors import REASONS

__all__ = ["FollowedTrades", "TickRequest", "TicksRequest", "rejected_messages"]


def rejected_messages(rejected: Iterable[tuple[int, str]]) -> list[RejectedTick]:
    """The refused ticks of a call, with their index."""
    return [
        RejectedTick(index=index, reason=ErrorReason.Value(f"ERROR_REASON_{reason}"), message=REASONS[reason])
        for index, reason in rejected
    ]


class TickRequest:
    """The request with one tick, decoded by the core; data and execution have the same message."""

    FromString = staticmethod(partial(ProcessRequest.from_wire, single=True))


class TicksRequest:
    """The request with a batch of ticks."""

    FromString = staticmethod(ProcessRequest.from_wire)


class FollowedTrades:
    """A message of SubscribeTrades, decoded by the core."""

    FromString = staticmethod(TradesResponse.from_wire)
