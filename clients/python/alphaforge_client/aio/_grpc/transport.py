"""The differences between tasks and threads. Only this file, its sync twin and coalescer.py are written twice."""

from __future__ import annotations

import asyncio
import inspect
from asyncio import Queue, sleep
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import grpc
from grpc import aio

from alphaforge_client._base.tracing import traced_async
from alphaforge_client._grpc.endpoint import Endpoint
from alphaforge_client._grpc.fork import check_may_connect, note_asyncio_channel
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

if TYPE_CHECKING:
    from grpc.aio import UnaryStreamCall, UnaryStreamMultiCallable, UnaryUnaryMultiCallable

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

# Exceptions of a call. On a closed channel grpc raises UsageError, and CancelledError in calls in progress.
CALL_FAILED = (grpc.RpcError, aio.UsageError, asyncio.CancelledError)

# Sends a request and returns the response; the second argument is the timeout in seconds.
UnaryCall: TypeAlias = Callable[[bytes, float], Awaitable[bytes]]


def scope() -> object:
    """The scope of a channel and its locks: the running event loop."""
    return asyncio.get_running_loop()


def has_ended(scope: object) -> bool:
    """Whether `scope` has ended, that is, its event loop is closed."""
    return isinstance(scope, asyncio.AbstractEventLoop) and scope.is_closed()


def within_scope(find: Callable[[str], Any]) -> Callable[[str], Any]:
    """Returns this object in its own event loop, and None in another."""
    owner = scope()
    return lambda key: find(key) if scope() is owner else None


def being_cancelled() -> bool:
    """Whether the current task is being cancelled; then CancelledError must not be converted."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def invoke(callback: Callable[[T], object], event: T) -> None:
    """Calls a user's function, or awaits a user's coroutine function."""
    answer = callback(event)
    if inspect.isawaitable(answer):
        await answer


def report(error: Exception, where: str) -> None:
    """Reports an error that no caller waits for, to the event loop's exception handler."""
    asyncio.get_running_loop().call_exception_handler({"message": f"{where} ended", "exception": error})


async def outcomes(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T | Exception]:
    """The results or exceptions of several concurrent calls."""
    results = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, Exception):
            raise result
    return cast("list[T | Exception]", results)


async def together(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """The results of several concurrent calls. Waits for all of them, then raises the first one's error, if any."""
    if len(calls) == 1:
        return [await calls[0]()]
    results = await outcomes(calls)
    for result in results:
        if isinstance(result, Exception):
            raise result
    return [result for result in results if not isinstance(result, Exception)]


class Background:
    """Background work in a task."""

    def __init__(self, work: Callable[[], Coroutine[None, None, None]], name: str) -> None:
        # A strong reference, since the event loop has none.
        self._task = asyncio.create_task(work(), name=name)

    async def wait(self, timeout: float | None) -> bool:
        """Waits until the work has ended; False if it still runs after `timeout` seconds."""
        if self._task is asyncio.current_task():
            raise RuntimeError("a callback can't wait for the end of its own subscription")
        done, _ = await asyncio.wait([self._task], timeout=timeout)
        return bool(done)


class Beside:
    """CPU work in a thread, while a call is in progress."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = asyncio.get_running_loop().run_in_executor(None, work)

    async def end(self) -> None:
        """Waits until the work is done, and raises its exception."""
        await self._work


class Mutex:
    """A lock with a timeout."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def acquire(self, timeout: float) -> bool:
        """False if the lock was not free within `timeout` seconds."""
        if not self._lock.locked():
            return await self._lock.acquire()
        try:
            async with asyncio.timeout(timeout):
                return await self._lock.acquire()
        except TimeoutError:
            return False

    def release(self) -> None:
        self._lock.release()


class Permits:
    """A number of permits, given in the order of requests."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)

    async def acquire(self, timeout: float) -> bool:
        """False if no permit was free within `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                return await self._free.acquire()
        except TimeoutError:
            return False

    def release(self) -> None:
        self._free.release()


class Channel:
    """One connection, bytes in and bytes out. Also closed (by grpc) when it is garbage collected."""

    def __init__(self, endpoint: Endpoint, seed: int = 0) -> None:
        """Connects to one of the endpoint's addresses."""
        check_may_connect()
        note_asyncio_channel(self)
        self.access = endpoint.credentials.access()
        target = endpoint.seeds[seed]
        if self.access.credentials is None:
            self._channel = aio.insecure_channel(target, endpoint.options_of(target))
        else:
            self._channel = aio.secure_channel(target, self.access.credentials, endpoint.options_of(target))

    def unary(self, path: str) -> UnaryCall:
        bare: UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(path)
        call, metadata = traced_async(bare, path), self.access.metadata
        return lambda request, timeout: call(request, timeout=timeout, metadata=metadata)

    def unary_watched(self, path: str, is_elsewhere: Callable[[], Awaitable[bool]]) -> UnaryCall:
        """A call that asks `is_elsewhere()` after each second without an answer, and fails with Unavailable if it is
        True."""
        bare: UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(path)

        async def watch(request: bytes, timeout: float | None = None, metadata: Any = None) -> bytes:
            call = asyncio.ensure_future(bare(request, timeout=timeout, metadata=metadata))
            try:
                while not (await asyncio.wait({call}, timeout=WATCH_SECONDS))[0]:
                    if await is_elsewhere():
                        raise moved()
                return call.result()
            finally:
                call.cancel()

        call, metadata = traced_async(watch, path), self.access.metadata
        return lambda request, timeout: call(request, timeout=timeout, metadata=metadata)

    def unary_read(self, path: str, told: Callable[[float], object]) -> UnaryCall:
        """A read that a follower may answer; calls `told` with the answer's maximum age in seconds."""
        bare: UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(path)

        async def read(request: bytes, timeout: float | None = None, metadata: Any = None) -> bytes:
            call = bare(request, timeout=timeout, metadata=metadata)
            answer = await call
            told(lag_of(await call.initial_metadata()))
            return answer

        call, metadata = traced_async(read, path), (*(self.access.metadata or ()), *READ_FROM_ANY)
        return lambda request, timeout: call(request, timeout=timeout, metadata=metadata)

    async def serves(self, service: str) -> bool:
        """Whether this address answers within PROBE_SECONDS that it is serving."""
        check: UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(HEALTH_CHECK)
        try:
            return await check(health_request(service), timeout=PROBE_SECONDS) == SERVING
        except CALL_FAILED:
            if being_cancelled():
                raise
            return False

    def stream(self, path: str, request: bytes, *, reads_anywhere: bool = False) -> ResponseStream:
        call: UnaryStreamMultiCallable[bytes, bytes] = self._channel.unary_stream(path)
        metadata = (*(self.access.metadata or ()), *READ_FROM_ANY) if reads_anywhere else self.access.metadata
        return ResponseStream(call(request, metadata=metadata), self)

    async def await_connection(self, seconds: float) -> None:
        """Waits until it is connected, for at most `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._channel.channel_ready()
        except TimeoutError:
            pass

    async def close(self) -> None:
        await self._channel.close()


class ResponseStream:
    """The messages of one subscription, with a timeout for each."""

    def __init__(self, call: UnaryStreamCall[bytes, bytes], channel: Channel) -> None:
        self._call = call
        # A client with new credentials drops its channel, but open streams need it.
        self._channel = channel

    async def read(self, timeout: float) -> bytes | None:
        """The next message; None if the stream has ended. Raises TimeoutError after `timeout` seconds."""
        # Cancelling a read (by a timeout of the caller) cancels the whole call.
        if self._call.cancelled():
            return None
        async with asyncio.timeout(timeout):
            message = await self._call.read()
        return message if isinstance(message, bytes) else None

    def cancel(self) -> None:
        self._call.cancel()
