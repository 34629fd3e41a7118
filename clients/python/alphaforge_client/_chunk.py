"""One message of a subscription, whatever its events are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from alphaforge_client._gap import Gap

__all__ = ["Chunk"]

T = TypeVar("T")


@dataclass(frozen=True)
class Chunk(Generic[T]):
    """What one message brings: `gap` first, then `items`; without either it is a heartbeat.

    `sequence` is how far the subscription has come with it, `previous_sequence` how far it had come before.
    A snapshot is history and does not move the subscription.
    """

    epoch: int
    sequence: int
    previous_sequence: int
    items: list[T]
    gap: Gap | None = None
    is_snapshot: bool = False
