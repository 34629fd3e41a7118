"""What differs between tasks and threads: written twice, by hand. Everything else is written once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from time import monotonic, sleep
from typing import TYPE_CHECKING, TypeAlias

import grpc

from alphaforge_client._endpoint import CHANNEL_OPTIONS, Endpoint
from alphaforge_client._tracing import traced

if TYPE_CHECKING:
    from grpc import _CallIterator

__all__ = ["CALL_FAILED", "Channel", "Mutex", "ResponseStream", "UnaryCall", "being_cancelled", "scope", "sleep"]

# What a call may raise; ValueError is what grpc raises on a channel that is closed.
CALL_FAILED = (grpc.RpcError, ValueError)

UnaryCall: TypeAlias = Callable[..., bytes]

_process = object()


def scope() -> object:
    """What a channel and its locks belong to: this process; a forked child is another one."""
    return _process


def being_cancelled() -> bool:
    """Threads are not cancelled."""
    return False


class Mutex:
    """A lock whose wait ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def acquire(self, timeout: float) -> bool:
        """False when the lock was not free within `timeout` seconds."""
        return self._lock.acquire(timeout=max(0.0, timeout))

    def release(self) -> None:
        self._lock.release()


class Channel:
    """One connection, bytes in and bytes out."""

    def __init__(self, endpoint: Endpoint) -> None:
        if endpoint.credentials is None:
            self._channel = grpc.insecure_channel(endpoint.target, CHANNEL_OPTIONS)
        else:
            self._channel = grpc.secure_channel(endpoint.target, endpoint.credentials, CHANNEL_OPTIONS)

    def unary(self, path: str) -> UnaryCall:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(path)
        return traced(call, path)

    def stream(self, path: str, request: bytes) -> ResponseStream:
        call: grpc.UnaryStreamMultiCallable[bytes, bytes] = self._channel.unary_stream(path)
        return ResponseStream(call(request))

    def close(self) -> None:
        self._channel.close()


class ResponseStream:
    """The messages of one subscription, with a limit on the silence between two."""

    def __init__(self, call: _CallIterator[bytes]) -> None:
        self._call = call
        self._reading_until: float | None = None
        self._silent = False

    def read(self, timeout: float) -> bytes | None:
        """The next message; None when the stream has ended. Raises TimeoutError after `timeout` seconds without one."""
        self._reading_until = monotonic() + timeout
        _watchdog.watch(self)
        try:
            return next(self._call)
        except StopIteration:
            return None
        except grpc.RpcError:
            if self._silent:
                raise TimeoutError from None
            raise
        finally:
            self._reading_until = None

    def cancel(self) -> None:
        _watchdog.forget(self)
        self._call.cancel()

    def cancel_if_silent(self, now: float) -> None:
        """Ends a read that has waited for longer than it wanted to; called by the watchdog's thread."""
        until = self._reading_until
        if until is not None and now > until:
            self._silent = True
            self._call.cancel()


class _Watchdog:
    """One thread of the process looks after all streams: grpc's blocking iterator takes no time limit of its own."""

    _INTERVAL_SECONDS = 0.25

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: set[ResponseStream] = set()
        self._thread: threading.Thread | None = None

    def watch(self, stream: ResponseStream) -> None:
        if stream in self._streams:
            return
        with self._lock:
            self._streams.add(stream)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="alphaforge-watchdog", daemon=True)
                self._thread.start()

    def forget(self, stream: ResponseStream) -> None:
        with self._lock:
            self._streams.discard(stream)

    def _run(self) -> None:
        while True:
            sleep(self._INTERVAL_SECONDS)
            with self._lock:
                if not self._streams:
                    self._thread = None
                    return
                streams = tuple(self._streams)
            now = monotonic()
            for stream in streams:
                stream.cancel_if_silent(now)


_watchdog = _Watchdog()


def _start_anew_in_child() -> None:
    """The threads and the connections of the parent do not exist in a forked child; its locks may be held for ever."""
    global _process, _watchdog
    _process = object()
    _watchdog = _Watchdog()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_in_child)
