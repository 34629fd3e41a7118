"""What differs between tasks and threads: written twice, by hand. Everything else is written once."""

from __future__ import annotations

import asyncio
import inspect
from asyncio import sleep
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import grpc
from grpc import aio

from alphaforge_client._endpoint import CHANNEL_OPTIONS, Endpoint
from alphaforge_client._forks import check_may_connect, note_asyncio_channel
from alphaforge_client._tracing import traced_async

if TYPE_CHECKING:
    from grpc.aio import UnaryStreamCall, UnaryStreamMultiCallable, UnaryUnaryMultiCallable

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

# What a call may raise. On a channel that was closed grpc raises UsageError, in calls under way CancelledError.
CALL_FAILED = (grpc.RpcError, aio.UsageError, asyncio.CancelledError)

# The answer to a request, within so many seconds.
UnaryCall: TypeAlias = Callable[[bytes, float], Awaitable[bytes]]


def scope() -> object:
    """What a channel and its locks belong to: the running event loop."""
    return asyncio.get_running_loop()


def within_scope(find: Callable[[str], Any]) -> Callable[[str], Any]:
    """The same in the running event loop; in another one it finds None."""
    owner = scope()
    return lambda key: find(key) if scope() is owner else None


def being_cancelled() -> bool:
    """Whether the task that asks is itself to end; then no CancelledError may be turned into anything else."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def invoke(callback: Callable[[T], object], event: T) -> None:
    """Calls a user's function, or awaits a user's coroutine function."""
    answer = callback(event)
    if inspect.isawaitable(answer):
        await answer


def report(error: Exception, where: str) -> None:
    """Tells of an error that no caller waits for, where the event loop tells of such."""
    asyncio.get_running_loop().call_exception_handler({"message": f"{where} ended", "exception": error})


class Background:
    """Work beside the callers, in a task, until it or the event loop ends."""

    def __init__(self, work: Callable[[], Coroutine[None, None, None]], name: str) -> None:
        # Kept, since an event loop does not keep its tasks.
        self._task = asyncio.create_task(work(), name=name)

    async def wait(self, timeout: float | None) -> bool:
        """True once it has ended; False after so many seconds."""
        if self._task is asyncio.current_task():
            raise RuntimeError("a callback can't wait for the end of what calls it")
        done, _ = await asyncio.wait([self._task], timeout=timeout)
        return bool(done)


class Beside:
    """Work of the processor that goes on beside a call, in a thread."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = asyncio.get_running_loop().run_in_executor(None, work)

    async def end(self) -> None:
        """Returns when it is done, and raises what it raised."""
        await self._work


class Mutex:
    """A lock whose wait ends."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def acquire(self, timeout: float) -> bool:
        """False when the lock was not free within `timeout` seconds."""
        if not self._lock.locked():
            return await self._lock.acquire()
        try:
            async with asyncio.timeout(timeout):
                return await self._lock.acquire()
        except TimeoutError:
            return False

    def release(self) -> None:
        self._lock.release()


class Channel:
    """One connection, bytes in and bytes out."""

    def __init__(self, endpoint: Endpoint) -> None:
        check_may_connect()
        note_asyncio_channel(self)
        self.access = endpoint.credentials.access()
        if self.access.credentials is None:
            self._channel = aio.insecure_channel(endpoint.target, CHANNEL_OPTIONS)
        else:
            self._channel = aio.secure_channel(endpoint.target, self.access.credentials, CHANNEL_OPTIONS)

    def unary(self, path: str) -> UnaryCall:
        bare: UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(path)
        call, metadata = traced_async(bare, path), self.access.metadata
        return lambda request, timeout: call(request, timeout=timeout, metadata=metadata)

    def stream(self, path: str, request: bytes) -> ResponseStream:
        call: UnaryStreamMultiCallable[bytes, bytes] = self._channel.unary_stream(path)
        return ResponseStream(call(request, metadata=self.access.metadata))

    async def await_connection(self, seconds: float) -> None:
        """Waits for the connection, so long at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._channel.channel_ready()
        except TimeoutError:
            pass

    async def close(self) -> None:
        await self._channel.close()


class ResponseStream:
    """The messages of one subscription, with a limit on the silence between two."""

    def __init__(self, call: UnaryStreamCall[bytes, bytes]) -> None:
        self._call = call

    async def read(self, timeout: float) -> bytes | None:
        """The next message; None when the stream has ended. Raises TimeoutError after `timeout` seconds without one."""
        # A read that was cancelled (by a time limit of the caller's) takes the whole call with it.
        if self._call.cancelled():
            return None
        async with asyncio.timeout(timeout):
            message = await self._call.read()
        return message if isinstance(message, bytes) else None

    def cancel(self) -> None:
        self._call.cancel()
