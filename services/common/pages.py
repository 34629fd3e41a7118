"""Long answers page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from alphaforge_core.errors import InvalidArgument

__all__ = ["ITEMS_MAX", "limit_of", "page"]

ITEMS_MAX = 10_000

T = TypeVar("T")


def limit_of(limit: int) -> int:
    """How many items a call gets that asked for `limit`: 0, or too many, is the most."""
    return limit if 0 < limit <= ITEMS_MAX else ITEMS_MAX


def page(items: Sequence[T], limit: int, token: str) -> tuple[Sequence[T], str]:
    """The page of a list that only grows at its end, and the token of the next page; "" after the last.

    Raises InvalidArgument PAGE_TOKEN_INVALID for a token that was not made here.
    """
    if token and not (token.isascii() and token.isdigit() and len(token) <= 18):
        raise InvalidArgument(f"page token {token!r} was not made by this call", reason="PAGE_TOKEN_INVALID")
    start = int(token or 0)
    end = start + limit_of(limit)
    return items[start:end], str(end) if end < len(items) else ""
