"""The differences between tasks and threads. Only this file, its asyncio twin and coalescer.py are written twice."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Queue
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from weakref import finalize

import grpc

from alphaforge_client._base.tracing import traced
from alphaforge_client._grpc.endpoint import Endpoint
from alphaforge_client._grpc.fork import check_may_connect, gate, guard_forks, process
from alphaforge_client._grpc.seeds import (
    HEALTH_CHECK,
    PROBE_SECONDS,
    READ_FROM_ANY,
    SERVING,
    WATCH_SECONDS,
    health_request,
    lag_of,
    moved,
)
from alphaforge_client._grpc.watchdog import watchdog

if TYPE_CHECKING:
    from grpc import _CallIterator

__all__ = [
    "CALL_FAILED",
    "Background",
    "Beside",
    "Channel",
    "Mutex",
    "Permits",
    "Queue",
    "ResponseStream",
    "UnaryCall",
    "being_cancelled",
    "has_ended",
    "invoke",
    "outcomes",
    "report",
    "scope",
    "sleep",
    "together",
]

T = TypeVar("T")

# Exceptions of a call. grpc raises ValueError on a closed channel.
CALL_FAILED = (grpc.RpcError, ValueError)

# Sends a request and returns the response; the second argument is the timeout in seconds.
UnaryCall: TypeAlias = Callable[[bytes, float], bytes]

# The scope of a channel and its locks: this process. A forked child is another one.
scope = process


def has_ended(scope: object) -> bool:
    """Always False: a forked child can't know whether its parent has ended."""
    return False


def within_scope(find: Callable[[str], Any]) -> Callable[[str], Any]:
    """Returns `find` unchanged. In a forked child, copies find nothing anyway."""
    return find


def being_cancelled() -> bool:
    """Always False: threads are not cancelled."""
    return False


def invoke(callback: Callable[[T], object], event: T) -> None:
    """Calls a user's function."""
    callback(event)


def report(error: Exception, where: str) -> None:
    """Reports an error that no caller waits for, to threading.excepthook."""
    arguments = (type(error), error, error.__traceback__, threading.current_thread())
    threading.excepthook(threading.ExceptHookArgs(arguments))


def outcomes(calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """The results or exceptions of several concurrent calls. All but the first run in threads."""
    found: dict[int, T | Exception] = {}

    def run(index: int) -> None:
        try:
            found[index] = calls[index]()
        except Exception as error:
            found[index] = error

    threads = [
        threading.Thread(target=run, args=(index,), name="alphaforge-call", daemon=True)
        for index in range(1, len(calls))
    ]
    for thread in threads:
        thread.start()
    if calls:
        run(0)
    for thread in threads:
        thread.join()
    return [found[index] for index in range(len(calls))]


def together(calls: Sequence[Callable[[], T]]) -> list[T]:
    """The results of several concurrent calls. Waits for all of them, then raises the first one's error, if any."""
    if len(calls) == 1:
        return [calls[0]()]
    results = outcomes(calls)
    for result in results:
        if isinstance(result, Exception):
            raise result
    return [result for result in results if not isinstance(result, Exception)]


class Background:
    """Background work in a daemon thread."""

    def __init__(self, work: Callable[[], None], name: str) -> None:
        self._thread = threading.Thread(target=work, name=name, daemon=True)
        self._thread.start()

    def wait(self, timeout: float | None) -> bool:
        """Waits until the work has ended; False if it still runs after `timeout` seconds."""
        if self._thread is threading.current_thread():
            raise RuntimeError("a callback can't wait for the end of its own subscription")
        self._thread.join(timeout)
        return not self._thread.is_alive()


class Beside:
    """CPU work in a thread, while a call is in progress."""

    def __init__(self, work: Callable[[], None]) -> None:
        try:
            self._finish: Callable[[], None] = _helpers.submit(work).result
        except RuntimeError:
            # The interpreter is shutting down and can't start threads.
            self._finish = work

    def end(self) -> None:
        """Waits until the work is done, and raises its exception."""
        self._finish()


class Mutex:
    """A lock with a timeout."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def acquire(self, timeout: float) -> bool:
        """False if the lock was not free within `timeout` seconds."""
        return self._lock.acquire(blocking=False) or self._lock.acquire(timeout=max(0.0, timeout))

    def release(self) -> None:
        self._lock.release()


class Permits:
    """A number of permits."""

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)

    def acquire(self, timeout: float) -> bool:
        """False if no permit was free within `timeout` seconds."""
        return self._free.acquire(timeout=max(0.0, timeout))

    def release(self) -> None:
        self._free.release()


class Channel:
    """One connection, bytes in and bytes out. Also closed when it is garbage collected."""

    def __init__(self, endpoint: Endpoint, seed: int = 0) -> None:
        """Connects to one of the endpoint's addresses."""
        check_may_connect()
        self.access = endpoint.credentials.access()
        target = endpoint.seeds[seed]
        with gate:
            _close_deferred()
            if self.access.credentials is None:
                self._channel = grpc.insecure_channel(target, endpoint.options_of(target))
            else:
                self._channel = grpc.secure_channel(target, self.access.credentials, endpoint.options_of(target))
        self._finalizer = finalize(self, _close_dropped, self._channel, process())
        self._finalizer.atexit = False

    def unary(self, path: str) -> UnaryCall:
        bare: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(path)
        call, metadata = traced(bare, path), self.access.metadata

        def send(request: bytes, timeout: float) -> bytes:
            with gate:
                return call(request, timeout=timeout, metadata=metadata)

        return send

    def unary_watched(self, path: str, is_elsewhere: Callable[[], bool]) -> UnaryCall:
        """A call that asks `is_elsewhere()` after each second without an answer, and fails with Unavailable if it is
        True."""
        bare: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(path)

        def watch(request: bytes, timeout: float | None = None, metadata: Any = None) -> bytes:
            with gate:
                call = bare.future(request, timeout=timeout, metadata=metadata)
            while True:
                try:
                    with gate:
                        return call.result(WATCH_SECONDS)
                except grpc.FutureTimeoutError:
                    if is_elsewhere():
                        call.cancel()
                        raise moved() from None

        call, metadata = traced(watch, path), self.access.metadata
        return lambda request, timeout: call(request, timeout=timeout, metadata=metadata)

    def unary_read(self, path: str, told: Callable[[float], object]) -> UnaryCall:
        """A read that a follower may answer; calls `told` with the answer's maximum age in seconds."""
        bare: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(path)

        def read(request: bytes, timeout: float | None = None, metadata: Any = None) -> bytes:
            with gate:
                answer, call = bare.with_call(request, timeout=timeout, metadata=metadata)
                told(lag_of(call.initial_metadata()))
            return answer

        call, metadata = traced(read, path), (*(self.access.metadata or ()), *READ_FROM_ANY)
        return lambda request, timeout: call(request, timeout=timeout, metadata=metadata)

    def serves(self, service: str) -> bool:
        """Whether this address answers within PROBE_SECONDS that it is serving."""
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(HEALTH_CHECK)
        try:
            with gate:
                return check(health_request(service), timeout=PROBE_SECONDS, metadata=None) == SERVING
        except CALL_FAILED:
            return False

    def stream(self, path: str, request: bytes, *, reads_anywhere: bool = False) -> ResponseStream:
        call: grpc.UnaryStreamMultiCallable[bytes, bytes] = self._channel.unary_stream(path)
        metadata = (*(self.access.metadata or ()), *READ_FROM_ANY) if reads_anywhere else self.access.metadata
        with gate:
            return ResponseStream(call(request, metadata=metadata), self)

    def await_connection(self, seconds: float) -> None:
        """Waits until it is connected, `seconds` at most.

        Without its event engine, grpc connects only while a thread waits inside the channel, and calls fail immediately
        without a connection. So this sends a health check that waits, and ignores its response.
        """
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary("/grpc.health.v1.Health/Check")
        with suppress(grpc.RpcError), gate:
            check(b"", timeout=seconds, wait_for_ready=True)

    def close(self) -> None:
        self._finalizer.detach()
        with gate:
            self._channel.close()


# Channels of a parent process. A child keeps them: closing or freeing them would wait for threads that don't exist.
_inherited: list[grpc.Channel] = []
# Channels dropped by the forking thread during the fork.
_deferred: deque[grpc.Channel] = deque()


def _close_dropped(channel: grpc.Channel, owner: object) -> None:
    """Closes the channel of a client that was garbage collected; may run in any thread at any time."""
    if owner is not process():
        _inherited.append(channel)
    elif gate.has_this_thread:
        channel.close()
    elif gate.is_shut:
        _deferred.append(channel)
    else:
        with gate:
            channel.close()


def _close_deferred() -> None:
    while _deferred:
        with suppress(IndexError):
            _deferred.popleft().close()


class ResponseStream:
    """The messages of one subscription, with a timeout for each."""

    def __init__(self, call: _CallIterator[bytes], channel: Channel) -> None:
        self._call = call
        # A client with new credentials drops its channel, but open streams need it.
        self._channel = channel
        self._reading_until: float | None = None
        self._is_silent = False
        self._is_lost = False
        self._ended = threading.Event()
        if not call.add_callback(self._ended.set):
            self._ended.set()
        watchdog.add(self)

    def read(self, timeout: float) -> bytes | None:
        """The next message; None if the stream has ended. Raises TimeoutError after `timeout` seconds."""
        self._reading_until = monotonic() + timeout
        watchdog.start()
        try:
            with gate:
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
        watchdog.discard(self)
        with gate:
            self._call.cancel()

    def cancel_if_silent(self, now: float) -> None:
        """Ends a read whose timeout has passed; called by the watchdog's thread."""
        until = self._reading_until
        if until is not None and now > until:
            self._is_silent = True
            with gate:
                self._call.cancel()

    def lose(self) -> None:
        """Ends the stream like a lost connection, before a fork: its reader subscribes again, as may the child."""
        self._is_lost = True
        self._call.cancel()

    def await_end(self, timeout: float) -> None:
        """Waits until grpc has released the stream."""
        self._ended.wait(timeout)


# Its threads start with the first work.
_helpers = ThreadPoolExecutor(thread_name_prefix="alphaforge-beside")


def _reset_child() -> None:
    global _helpers
    _helpers = ThreadPoolExecutor(thread_name_prefix="alphaforge-beside")
    _inherited.extend(_deferred)
    _deferred.clear()


guard_forks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_child)
