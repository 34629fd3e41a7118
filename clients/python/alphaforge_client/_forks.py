"""What a forked child may not do, for its parent's sake."""

from __future__ import annotations

import os
from weakref import WeakSet

from alphaforge_client.errors import EngineError

__all__ = ["check_may_connect", "note_asyncio_channel"]

# grpc can make a fork safe for channels that block, not for those of asyncio: a thread waits inside of grpc for as long
# as there is one. Parent and child then share its epoll descriptor, and what the child connects or frees, the parent
# loses, which ends it with a crash.
_asyncio_channels: WeakSet[object] = WeakSet()
# In a child: what it has inherited of them. Kept for ever, since freeing them would touch what is shared.
_inherited: list[object] = []


def note_asyncio_channel(channel: object) -> None:
    """To be called with each channel of grpc.aio, before it is made."""
    _asyncio_channels.add(channel)


def check_may_connect() -> None:
    """Raises EngineError in a child that was forked while its parent had an asyncio channel."""
    if _inherited:
        raise EngineError(
            "this process was forked from one with an open client of alphaforge_client.aio, and can't have a client; "
            "start it otherwise, as by multiprocessing.get_context('spawn')",
            reason="FORK_UNSAFE",
        )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _inherited.extend(_asyncio_channels))
