"""What differs between tasks and threads: written twice, by hand. Everything else is written once."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import get_ident
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import grpc

from alphaforge_client._endpoint import CHANNEL_OPTIONS, Endpoint
from alphaforge_client._forks import check_may_connect
from alphaforge_client._tracing import traced

if TYPE_CHECKING:
    from grpc import _CallIterator

__all__ = [
    "CALL_FAILED",
    "Background",
    "Beside",
    "Channel",
    "Mutex",
    "ResponseStream",
    "UnaryCall",
    "being_cancelled",
    "invoke",
    "report",
    "scope",
    "sleep",
]

T = TypeVar("T")

# What a call may raise; ValueError is what grpc raises on a channel that is closed.
CALL_FAILED = (grpc.RpcError, ValueError)

# The answer to a request, within so many seconds.
UnaryCall: TypeAlias = Callable[[bytes, float], bytes]

_process = object()


def scope() -> object:
    """What a channel and its locks belong to: this process; a forked child is another one."""
    return _process


def within_scope(find: Callable[[str], Any]) -> Callable[[str], Any]:
    """Itself: copies find nothing in a forked child."""
    return find


def being_cancelled() -> bool:
    """Threads are not cancelled."""
    return False


def invoke(callback: Callable[[T], object], event: T) -> None:
    """Calls a user's function."""
    callback(event)


def report(error: Exception, where: str) -> None:
    """Tells of an error that no caller waits for, where threads tell of such."""
    arguments = (type(error), error, error.__traceback__, threading.current_thread())
    threading.excepthook(threading.ExceptHookArgs(arguments))


class Background:
    """Work beside the callers, in a thread that does not keep the process from ending."""

    def __init__(self, work: Callable[[], None], name: str) -> None:
        self._thread = threading.Thread(target=work, name=name, daemon=True)
        self._thread.start()

    def wait(self, timeout: float | None) -> bool:
        """True once it has ended; False after so many seconds."""
        if self._thread is threading.current_thread():
            raise RuntimeError("a callback can't wait for the end of what calls it")
        self._thread.join(timeout)
        return not self._thread.is_alive()


class Beside:
    """Work of the processor that goes on beside a call, in a thread."""

    def __init__(self, work: Callable[[], None]) -> None:
        try:
            self._finish: Callable[[], None] = _helpers.submit(work).result
        except RuntimeError:
            # The interpreter ends, and no thread begins any more.
            self._finish = work

    def end(self) -> None:
        """Returns when it is done, and raises what it raised."""
        self._finish()


class Mutex:
    """A lock whose wait ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def acquire(self, timeout: float) -> bool:
        """False when the lock was not free within `timeout` seconds."""
        return self._lock.acquire(blocking=False) or self._lock.acquire(timeout=max(0.0, timeout))

    def release(self) -> None:
        self._lock.release()


class Channel:
    """One connection, bytes in and bytes out."""

    def __init__(self, endpoint: Endpoint) -> None:
        check_may_connect()
        self.access = endpoint.credentials.access()
        with _gate:
            if self.access.credentials is None:
                self._channel = grpc.insecure_channel(endpoint.target, CHANNEL_OPTIONS)
            else:
                self._channel = grpc.secure_channel(endpoint.target, self.access.credentials, CHANNEL_OPTIONS)

    def unary(self, path: str) -> UnaryCall:
        bare: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(path)
        call, metadata = traced(bare, path), self.access.metadata

        def send(request: bytes, timeout: float) -> bytes:
            with _gate:
                return call(request, timeout=timeout, metadata=metadata)

        return send

    def stream(self, path: str, request: bytes) -> ResponseStream:
        call: grpc.UnaryStreamMultiCallable[bytes, bytes] = self._channel.unary_stream(path)
        with _gate:
            return ResponseStream(call(request, metadata=self.access.metadata))

    def await_connection(self, seconds: float) -> None:
        """Waits for the connection, so long at most.

        Without an event engine grpc connects only while a thread waits for something of the channel's. Calls do not:
        while there is no connection they fail at once. So this one waits, a health check whose answer does not matter.
        """
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            with _gate:
                check(b"", timeout=seconds, wait_for_ready=True)
        except grpc.RpcError:
            pass

    def close(self) -> None:
        with _gate:
            self._channel.close()


class ResponseStream:
    """The messages of one subscription, with a limit on the silence between two."""

    def __init__(self, call: _CallIterator[bytes]) -> None:
        self._call = call
        self._reading_until: float | None = None
        self._is_silent = False
        self._is_lost = False
        self._ended = threading.Event()
        if not call.add_callback(self._ended.set):
            self._ended.set()
        _streams.add(self)

    def read(self, timeout: float) -> bytes | None:
        """The next message; None when the stream has ended. Raises TimeoutError after `timeout` seconds without one."""
        self._reading_until = monotonic() + timeout
        _watchdog.start()
        try:
            with _gate:
                return None if self._is_lost else next(self._call)
        except StopIteration:
            return None
        except grpc.RpcError:
            if self._is_lost:
                return None
            if self._is_silent:
                raise TimeoutError from None
            raise
        finally:
            self._reading_until = None

    def cancel(self) -> None:
        _streams.discard(self)
        with _gate:
            self._call.cancel()

    def cancel_if_silent(self, now: float) -> None:
        """Ends a read that has waited for longer than it wanted to; called by the watchdog's thread."""
        until = self._reading_until
        if until is not None and now > until:
            self._is_silent = True
            with _gate:
                self._call.cancel()

    def lose(self) -> None:
        """Ends the stream as a lost connection does, for a fork: its reader subscribes again, and so may the child."""
        self._is_lost = True
        self._call.cancel()

    def await_end(self, timeout: float) -> None:
        """Returns when grpc has nothing more to do for the stream."""
        self._ended.wait(timeout)


class _ForkGate:
    """Keeps all threads out of grpc while the process forks.

    The child has only the thread that forked; what others held or waited for inside of grpc would stay so for ever, and
    its first call would hang. Calls under way are awaited, which their deadlines bound; new ones wait for the fork.
    """

    _SECONDS_MAX = 30.0

    def __init__(self) -> None:
        self._inside: set[int] = set()
        self._passage = threading.Lock()
        self._is_shut = False

    def __enter__(self) -> None:
        # Entered first and looked second: so either the fork sees this thread, or this thread sees the fork.
        self._inside.add(get_ident())
        while self._is_shut:
            self._inside.discard(get_ident())
            with self._passage:
                self._inside.add(get_ident())

    def __exit__(self, *_: object) -> None:
        self._inside.discard(get_ident())

    def shut(self) -> None:
        """Before a fork: waits until all others are out."""
        self._passage.acquire()
        self._is_shut = True
        ends = monotonic() + self._SECONDS_MAX
        streams = tuple(_streams)
        for stream in streams:
            stream.lose()
        for stream in streams:
            stream.await_end(max(0.0, ends - monotonic()))
        while self._inside - {get_ident()} and monotonic() < ends:
            sleep(0.0005)

    def reopen(self) -> None:
        """In the parent, after a fork."""
        self._is_shut = False
        self._passage.release()


class _Watchdog:
    """One thread of the process looks after all streams: grpc's blocking iterator takes no time limit of its own."""

    _INTERVAL_SECONDS = 0.25

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Sees to it that the thread runs; it ends when there is no stream left."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="alphaforge-watchdog", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            sleep(self._INTERVAL_SECONDS)
            with self._lock:
                streams = tuple(_streams)
                if not streams:
                    self._thread = None
                    return
            now = monotonic()
            for stream in streams:
                stream.cancel_if_silent(now)


_streams: weakref.WeakSet[ResponseStream] = weakref.WeakSet()
_gate = _ForkGate()
_watchdog = _Watchdog()
# Its threads begin with the first work.
_helpers = ThreadPoolExecutor(thread_name_prefix="alphaforge-beside")


def _start_anew_in_child() -> None:
    """The threads and the connections of the parent do not exist in a forked child; its locks may be held for ever."""
    global _process, _streams, _gate, _watchdog, _helpers
    _process = object()
    _streams = weakref.WeakSet()
    _gate = _ForkGate()
    _watchdog = _Watchdog()
    _helpers = ThreadPoolExecutor(thread_name_prefix="alphaforge-beside")


# Those before a fork run in reverse order: grpc's must run after the gate's, since threads can't get out of grpc after
# them. It registers them, and loads most of itself, with the first channel; so there is one before any thread can fork.
grpc.insecure_channel("localhost:1").close()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _gate.shut(), after_in_parent=lambda: _gate.reopen(), after_in_child=_start_anew_in_child
    )
