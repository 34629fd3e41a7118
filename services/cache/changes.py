"""The changes of a cache as a stream: where they are read, how they are filtered and encoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from alphaforge.cache.v1.invalidations_pb2 import (
    InvalidationCause,
    SubscribeInvalidationsRequest,
    SubscribeInvalidationsResponse,
)
from alphaforge_core.cache_wire import CacheEngine

from services.cache.replica import Replica
from services.streams.feed import Delivery, Filter

__all__ = ["Change", "ChangeLog", "change_filter", "invalidations_response"]


class Change(NamedTuple):
    """A change of an entry."""

    key: str
    cause: InvalidationCause.ValueType


class ChangeLog:
    """The change log that the core's cache keeps."""

    def __init__(self, engine: CacheEngine, replica: Replica) -> None:
        self._engine = engine
        self._replica = replica

    @property
    def first(self) -> int:
        sequences = self._engine.read_changes(1, 1)[1]
        return sequences[0] if sequences else self.last + 1

    @property
    def last(self) -> int:
        return self._replica.confirmed if self._replica.is_serving else self._engine.sequence

    def read(self, after: int, limit: int) -> Sequence[Change]:
        limit = min(limit, self.last - after)
        keys, _, causes, _, _ = self._engine.read_changes(after + 1, limit)
        return [Change(key, InvalidationCause.ValueType(cause)) for key, cause in zip(keys, causes, strict=True)]


def change_filter(message: SubscribeInvalidationsRequest) -> Filter[Change] | None:
    """Returns a subscription's filter; None for all changes. A clear passes every filter."""
    prefix = message.prefix
    if not prefix:
        return None
    clear = InvalidationCause.INVALIDATION_CAUSE_CLEAR
    return Filter(prefix, lambda change: change.key.startswith(prefix) or change.cause == clear)


def invalidations_response(delivery: Delivery[Change]) -> bytes:
    return SubscribeInvalidationsResponse(
        epoch=delivery.epoch,
        sequence=delivery.sequence,
        previous_sequence=delivery.previous_sequence,
        keys=[change.key for change in delivery.events],
        sequences=delivery.sequences,
        causes=[change.cause for change in delivery.events],
        gap=delivery.gap,
    ).SerializeToString()
