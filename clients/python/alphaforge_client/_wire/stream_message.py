"""One message of a subscription, for any kind of event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from alphaforge_client._wire.answer import malformed
from alphaforge_client._wire.gap import Gap

__all__ = ["StreamMessage"]

T = TypeVar("T")


@dataclass(frozen=True)
class StreamMessage(Generic[T]):
    """The content of one message: `gap` first, then `items`; a heartbeat has neither.

    `sequence` is the subscription's position after the message, `previous_sequence` the one before. `sequences` has
    each item's sequence; empty if they are consecutive and end at `sequence`. A snapshot is history and does not change
    the position. `waits_for`, in the first heartbeat, has instruments without a trade yet.
    """

    epoch: int
    sequence: int
    previous_sequence: int
    items: list[T]
    gap: Gap | None = None
    is_snapshot: bool = False
    sequences: Sequence[int] = ()
    waits_for: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.sequences and len(self.sequences) != len(self.items):
            raise malformed(f"has {len(self.sequences):,} numbers for {len(self.items):,} items")

    def numbered(self) -> Iterator[tuple[int, T]]:
        """The items with their sequences."""
        numbers = self.sequences or range(self.sequence - len(self.items) + 1, self.sequence + 1)
        return zip(numbers, self.items, strict=True)
