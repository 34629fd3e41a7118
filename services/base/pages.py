"""Pagination of lists."""

from __future__ import annotations

from alphaforge_core.errors import InvalidArgument

__all__ = ["ITEMS_MAX", "limit_of", "start_of"]

ITEMS_MAX = 10_000


def limit_of(limit: int) -> int:
    """The page size: `limit`, or the maximum if it is 0 or larger."""
    return limit if 0 < limit <= ITEMS_MAX else ITEMS_MAX


def start_of(token: str) -> int:
    """The number of items before the page of a token.

    Raises InvalidArgument PAGE_TOKEN_INVALID for an invalid token.
    """
    if token and not (token.isascii() and token.isdigit() and len(token) <= 18):
        raise InvalidArgument(
            f"invalid page token {token!r}: pass the next_page_token of the previous page", reason="PAGE_TOKEN_INVALID"
        )
    return int(token or 0)
