"""Events shared by subscribers at the same position: read once, and indexed by group if a subscriber filters.

So a subscriber to twenty of a thousand instruments costs only its own events, not a look at every event.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain
from typing import Generic, TypeVar

__all__ = ["Window", "Windows"]

# Most subscribers are at the same position; a few read more slowly.
_WINDOWS_MAX = 4

T = TypeVar("T")


class Window(Generic[T]):
    """Consecutive events."""

    def __init__(self, events: Sequence[T], group_of: Callable[[T], Hashable] | None) -> None:
        self.events = events
        self._group_of = group_of
        self._groups: dict[Hashable, list[int]] | None = None

    def of(self, wanted: frozenset[Hashable]) -> Iterable[int]:
        """The indices of the events of these groups, in order; of all events if none are given."""
        if not wanted or self._group_of is None:
            return range(len(self.events))
        if self._groups is None:
            self._groups = {}
            for index, event in enumerate(self.events):
                self._groups.setdefault(self._group_of(event), []).append(index)
        found = [self._groups[group] for group in wanted & self._groups.keys()]
        return found[0] if len(found) == 1 else sorted(chain.from_iterable(found))


class Windows(Generic[T]):
    """The last few windows of a log, by their first position and the end of the log at that time."""

    def __init__(self, group_of: Callable[[T], Hashable] | None) -> None:
        self._group_of = group_of
        self._windows: dict[tuple[int, int], Window[T]] = {}

    def get(self, after: int, last: int, read: Callable[[], Sequence[T]]) -> Window[T]:
        """The window after a sequence of a log that ends at `last`, read once."""
        window = self._windows.get((after, last))
        if window is None:
            if len(self._windows) >= _WINDOWS_MAX:
                del self._windows[next(iter(self._windows))]
            window = self._windows[after, last] = Window(read(), self._group_of)
        return window

    def clear(self) -> None:
        """Forgets them."""
        self._windows.clear()
