"""Names for calls whose answer a repeat would change."""

from __future__ import annotations

import os

__all__ = ["new_request_id"]


def new_request_id() -> str:
    """A name that no other call has: a service that sees it twice gives the first answer again."""
    return os.urandom(16).hex()
