"""What subscribers at the same position read: the events once, by group once one of them wants some groups only.

A subscriber to twenty of a thousand instruments then costs what its own events do, and not a look at every event.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain
from typing import Generic, TypeVar

__all__ = ["Window", "Windows"]

# Subscribers are in step, but for a few that read more slowly.
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
    """The last few windows of a log, by where they begin and where the log ended."""

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
