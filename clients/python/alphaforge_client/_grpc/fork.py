"""Fork safety: a child has none of its parent's threads, so it must not touch objects that those threads used."""

from __future__ import annotations

import os
import threading
from threading import get_ident
from time import monotonic, sleep
from weakref import WeakSet

import grpc

from alphaforge_client._grpc.watchdog import watchdog
from alphaforge_client.errors import EngineError

__all__ = ["check_may_connect", "gate", "guard_forks", "note_asyncio_channel", "process"]

_WAIT_SECONDS_MAX = 30.0

_process = object()


def process() -> object:
    """A token of this process. A forked child has a different one."""
    return _process


class _ForkGate:
    """Keeps all threads out of grpc while the process forks.

    The child has only the thread that forked. Locks that other threads held inside grpc would stay locked forever, and
    the child's first call would hang. So the fork waits for calls in progress, at most until their deadlines, and new
    calls wait for the fork.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Resets the gate in a child, where no thread is inside."""
        self._inside: set[int] = set()
        self._passage = threading.Lock()
        self._is_shut = False

    def __enter__(self) -> None:
        # Register first, then check: either the fork sees this thread, or this thread sees the fork.
        self._inside.add(get_ident())
        while self._is_shut:
            self._inside.discard(get_ident())
            with self._passage:
                self._inside.add(get_ident())

    def __exit__(self, *_: object) -> None:
        self._inside.discard(get_ident())

    @property
    def has_this_thread(self) -> bool:
        """Whether this thread is inside."""
        return get_ident() in self._inside

    @property
    def is_shut(self) -> bool:
        return self._is_shut

    def shut(self) -> None:
        """Before a fork: ends streams, which parent and child would share, and waits for the other threads."""
        self._passage.acquire()
        self._is_shut = True
        ends = monotonic() + _WAIT_SECONDS_MAX
        streams = watchdog.streams()
        for stream in streams:
            stream.lose()
        for stream in streams:
            stream.await_end(max(0.0, ends - monotonic()))
        while self._inside - {get_ident()} and monotonic() < ends:
            sleep(0.0005)

    def reopen(self) -> None:
        """Reopens the gate in the parent, after a fork."""
        self._is_shut = False
        self._passage.release()


gate = _ForkGate()


def guard_forks() -> None:
    """Registers the gate. Called once, when the blocking client is imported.

    Handlers that run before a fork run in reverse order of registration. grpc's must run after the gate's, since no
    thread can leave grpc after them. grpc registers its handlers with its first channel, so this creates one.
    """
    grpc.insecure_channel("localhost:1").close()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=gate.shut, after_in_parent=gate.reopen, after_in_child=_reset_child)


def _reset_child() -> None:
    global _process
    _process = object()
    gate.reset()
    watchdog.reset()


# grpc makes forks safe for blocking channels, but not for asyncio channels: as long as one exists, a thread waits
# inside grpc. Parent and child then share its epoll descriptor: when the child connects or frees something, the parent
# loses it and crashes.
_asyncio_channels: WeakSet[object] = WeakSet()
# In a child: its parent's asyncio channels. Kept forever, since freeing them would touch shared descriptors.
_inherited: list[object] = []


def note_asyncio_channel(channel: object) -> None:
    """Called for each channel of grpc.aio, before it is created."""
    _asyncio_channels.add(channel)


def check_may_connect() -> None:
    """Raises EngineError in a child that was forked while its parent had an asyncio channel."""
    if _inherited:
        raise EngineError(
            "this process was forked while a client of alphaforge_client.aio was open, so it can't use clients; start "
            "it with multiprocessing.get_context('spawn') instead",
            reason="FORK_UNSAFE",
        )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _inherited.extend(_asyncio_channels))
