"""One message of a subscription, whatever its events are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from alphaforge_client._gap import Gap

__all__ = ["Chunk"]

T = TypeVar("T")


@dataclass(frozen=True)
class Chunk(Generic[T]):
    """What one message brings: `gap` first, then `items`; without either it is a heartbeat.

    `sequence` is how far the subscription has come with it, `previous_sequence` how far it had come before. `sequences`
    are the numbers of the items; empty where they are consecutive and end at `sequence`. A snapshot is history and does
    not move the subscription.
    """

    epoch: int
    sequence: int
    previous_sequence: int
    items: list[T]
    gap: Gap | None = None
    is_snapshot: bool = False
    sequences: Sequence[int] = ()

    def numbered(self) -> Iterator[tuple[int, T]]:
        """The items with their numbers."""
        numbers = self.sequences or range(self.sequence - len(self.items) + 1, self.sequence + 1)
        return zip(numbers, self.items, strict=True)
