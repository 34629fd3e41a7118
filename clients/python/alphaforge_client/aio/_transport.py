"""What differs between tasks and threads: written twice, by hand. Everything else is written once."""

from __future__ import annotations

import asyncio
from asyncio import sleep
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from grpc import aio

from alphaforge_client._endpoint import CHANNEL_OPTIONS, Endpoint

if TYPE_CHECKING:
    from grpc.aio import UnaryStreamCall

__all__ = ["CALL_FAILED", "Channel", "Mutex", "ResponseStream", "UnaryCall", "scope", "sleep"]

# What a call may raise; UsageError is what grpc raises on a channel that is closed.
CALL_FAILED = (grpc.RpcError, aio.UsageError)

UnaryCall: TypeAlias = Callable[..., Coroutine[Any, Any, bytes]]


def scope() -> object:
    """What a channel and its locks belong to: the running event loop."""
    return asyncio.get_running_loop()


class Mutex:
    """A lock whose wait ends."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def acquire(self, timeout: float) -> bool:
        """False when the lock was not free within `timeout` seconds."""
        try:
            return await asyncio.wait_for(self._lock.acquire(), timeout)
        except TimeoutError:
            return False

    def release(self) -> None:
        self._lock.release()


class Channel:
    """One connection, bytes in and bytes out."""

    def __init__(self, endpoint: Endpoint) -> None:
        if endpoint.credentials is None:
            self._channel = aio.insecure_channel(endpoint.target, CHANNEL_OPTIONS)
        else:
            self._channel = aio.secure_channel(endpoint.target, endpoint.credentials, CHANNEL_OPTIONS)

    def unary(self, path: str) -> UnaryCall:
        return self._channel.unary_unary(path)

    def stream(self, path: str, request: bytes) -> ResponseStream:
        return ResponseStream(self._channel.unary_stream(path)(request))

    async def close(self) -> None:
        await self._channel.close()


class ResponseStream:
    """The messages of one subscription, with a limit on the silence between two."""

    def __init__(self, call: UnaryStreamCall[bytes, bytes]) -> None:
        self._call = call

    async def read(self, timeout: float) -> bytes | None:
        """The next message; None at the end. Raises TimeoutError after `timeout` seconds without one."""
        message = await asyncio.wait_for(self._call.read(), timeout)
        return message if isinstance(message, bytes) else None

    def cancel(self) -> None:
        self._call.cancel()
