"""Lists that come page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

__all__ = ["PAGE_ITEMS_MAX", "Pages"]

T = TypeVar("T")

# What a service puts into one answer at most.
PAGE_ITEMS_MAX = 10_000


class _ListRequest(Protocol):
    """What all requests for lists have in common."""

    limit: int
    page_token: str

    def SerializeToString(self) -> bytes: ...  # noqa: N802


class Pages(Generic[T]):
    """Asks for page after page until all, or `limit` items, are there; the caller does the calls."""

    def __init__(
        self,
        request: _ListRequest,
        parse: Callable[[bytes], tuple[Iterable[T], str]],
        limit: int | None = None,
        after: str | None = None,
    ) -> None:
        self.found: list[T] = []
        self._request = request
        self._parse = parse
        self._limit = limit
        self._is_done = limit == 0
        request.page_token = after or ""

    def next_page(self) -> bytes | None:
        """The request for the next page; None when there is none left."""
        if self._is_done:
            return None
        if self._limit is not None:
            self._request.limit = min(self._limit - len(self.found), PAGE_ITEMS_MAX)
        return self._request.SerializeToString()

    def add(self, answer: bytes) -> None:
        """Takes a page in."""
        items, self._request.page_token = self._parse(answer)
        self.found.extend(items)
        self._is_done = not self._request.page_token or len(self.found) == self._limit
