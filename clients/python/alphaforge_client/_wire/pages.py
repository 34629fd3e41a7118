"""Lists read page by page."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from alphaforge_client._wire.answer import malformed, reads_answer
from alphaforge_client.errors import ResourceExhausted

__all__ = ["PAGE_ITEMS_MAX", "Pages"]

T = TypeVar("T")

# Maximum number of items in a page.
PAGE_ITEMS_MAX = 10_000

# Maximum number of pages of a list: 100 million items.
PAGES_MAX = 10_000


class Pages(Generic[T]):
    """Reads pages until all items, or `limit`, have arrived; the caller makes the calls.

    place: the field of the request with the start of the page.
    read: returns the items of a page and the start of the next one: "" or 0 after the last page.
    moves_on: whether one start comes after another, so that a list can't go in circles.
    newest_first: whether each page precedes the one read before.
    """

    def __init__(
        self,
        request: Any,
        place: str,
        read: Callable[[bytes], tuple[Sequence[T], str | int]],
        *,
        limit: int | None = None,
        moves_on: Callable[[Any, Any], bool] = operator.ne,
        newest_first: bool = False,
    ) -> None:
        self.found: list[T] = []
        # The start of the next page.
        self.next_place: str | int = getattr(request, place)
        self._request = request
        self._place = place
        self._read = reads_answer(read)
        self._limit = limit
        self._moves_on = moves_on
        self._newest_first = newest_first
        self._is_done = limit == 0
        self._count = 0

    def next_page(self) -> bytes | None:
        """The request for the next page; None after the last."""
        if self._is_done:
            return None
        if self._limit is not None:
            self._request.limit = min(self._limit - len(self.found), PAGE_ITEMS_MAX)
        request: bytes = self._request.SerializeToString()
        return request

    def add(self, answer: bytes) -> None:
        """Adds a page. Raises EngineError for an implausible page, ResourceExhausted for too many pages."""
        items, place = self._read(answer)
        self._count += 1
        if self._limit is not None and len(items) > self._request.limit:
            raise malformed(f"has {len(items):,} items; the limit of the request was {self._request.limit:,}")
        if place and self._count > 1 and not self._moves_on(place, self.next_place):
            raise malformed("repeats a page that was already read")
        if self._newest_first:
            self.found[:0] = items
        else:
            self.found += items
        self.next_place = place
        self._is_done = not place or len(self.found) == self._limit
        if self._is_done:
            return
        if self._count == PAGES_MAX:
            raise ResourceExhausted(
                f"the list has more than {PAGES_MAX:,} pages; narrow it with the filters or `limit`",
                reason="LIMIT_EXCEEDED",
            )
        setattr(self._request, self._place, place)
