"""Roles of tokens. Each includes the ones before it. The role that an RPC needs is in its row (`rpcs.py`)."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Role"]


class Role(IntEnum):
    """What a caller may do."""

    READ = 1
    """Query and subscribe."""
    WRITE = 2
    """Change engines' state, and create engines."""
    ADMIN = 3
    """Reset, drop and halt shared engines."""
