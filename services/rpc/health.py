"""The health protocol, grpc.health.v1, for callers without a token, and therefore with small limits.

grpc's own servicer accepts messages of any size, remembers every name it is asked for, has no limit on watches, and
writes to one watcher at a time. Here, messages are received in turn, so that few are in memory at once; only the
service's names are known; and watches are limited.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, TypeAlias
from weakref import WeakValueDictionary

import grpc
from alphaforge_core.errors import AlphaForgeError, InvalidArgument, ResourceExhausted
from google.protobuf.message import DecodeError
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from services.access.gate import Gate, caller_name
from services.base.errors import failure_of

__all__ = ["MESSAGE_BYTES_MAX", "PRIMARY", "WATCHES_MAX", "Health", "SetHealth"]

Context: TypeAlias = grpc.aio.ServicerContext[bytes, bytes]

PRIMARY = "primary"
"""The part of a service's health for whether this process is the primary of its shard."""

MESSAGE_BYTES_MAX = 256
WATCHES_MAX = 1_000

# Messages received concurrently, one per host; calls that wait for their turn; seconds that one message may take.
# gRPC receives a whole message, up to 64 MiB, before it reports its size.
_READS_MAX = 2
_WAITING_MAX = 16
_READ_SECONDS_MAX = 1.0


class SetHealth(Protocol):
    """Sets the health of a part of a service; each part has its own name in the health protocol."""

    async def __call__(self, part: str, *, serving: bool) -> None: ...


class Health(grpc.GenericRpcHandler):
    """The health of the service and its parts, for `Check` and `Watch`. Used on the event loop only."""

    def __init__(self, gate: Gate) -> None:
        self.watches = 0
        self._gate = gate
        self._serving: dict[str, bool] = {}
        self._stopping = False
        self._changed: asyncio.Future[None] | None = None
        self._waiting = 0
        self._reads = asyncio.Semaphore(_READS_MAX)
        self._reads_of_host: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        # Handled as request streams, because their messages are received only on demand.
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            f"/{health.SERVICE_NAME}/Check": grpc.stream_stream_rpc_method_handler(self._check),
            f"/{health.SERVICE_NAME}/Watch": grpc.stream_stream_rpc_method_handler(self._watch),
        }

    def set(self, part: str, *, serving: bool) -> None:
        """Sets the health of a part; "" is the whole service."""
        if self._stopping or self._serving.get(part) == serving:
            return
        self._serving[part] = serving
        self._notify()

    def stop(self) -> None:
        """Sets all parts to not serving."""
        self._stopping = True
        self._serving = dict.fromkeys(self._serving, False)
        self._notify()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler of a health method."""
        return self._handlers.get(details.method)

    async def _check(self, _: object, context: Context) -> None:
        name = await self._name(context, "Check")
        if name not in self._serving:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service name")
        await context.write(self._answer(name))

    async def _watch(self, _: object, context: Context) -> None:
        try:
            with self._gate.stream(caller_name(context)), self._one_watch():
                name = await self._name(context, "Watch")
                sent = b""
                while True:
                    answer = self._answer(name)
                    if answer != sent:
                        await context.write(answer)
                        sent = answer
                    else:
                        await asyncio.shield(self._next_change())
        except AlphaForgeError as error:
            self._gate.count(error)
            await context.abort(*failure_of(error, "Watch"))

    async def _name(self, context: Context, method: str) -> str:
        """Receives the name the call asks for; aborts the call if it can't."""
        try:
            async with self._turn(caller_name(context)):
                # The iterator of requests isn't used, since it keeps what it has received.
                async with asyncio.timeout(_READ_SECONDS_MAX):
                    return _name_in(await _received(context))
        except TimeoutError:
            error: AlphaForgeError = ResourceExhausted(
                f"the request did not arrive within {_READ_SECONDS_MAX:g} s", reason="LIMIT_EXCEEDED"
            )
        except AlphaForgeError as problem:
            error = problem
        await context.abort(*failure_of(error, method))
        raise AssertionError("unreachable: abort raises")

    @asynccontextmanager
    async def _turn(self, host: str) -> AsyncIterator[None]:
        """Waits for a host's turn to send a message. Raises ResourceExhausted if too many are waiting."""
        if self._waiting >= _WAITING_MAX:
            raise ResourceExhausted("too many requests at once; try again", reason="LIMIT_EXCEEDED")
        of_host = self._reads_of_host.get(host)
        if of_host is None:
            of_host = self._reads_of_host[host] = asyncio.Semaphore(1)
        self._waiting += 1
        try:
            async with of_host, self._reads:
                yield
        finally:
            self._waiting -= 1

    @contextmanager
    def _one_watch(self) -> Iterator[None]:
        if self.watches >= WATCHES_MAX:
            raise ResourceExhausted(f"{self.watches:,} watches are open, the limit", reason="STREAM_LIMIT")
        self.watches += 1
        try:
            yield
        finally:
            self.watches -= 1

    def _answer(self, name: str) -> bytes:
        serving = self._serving.get(name)
        if serving is None:
            return HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN).SerializeToString()
        status = HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING
        return HealthCheckResponse(status=status).SerializeToString()

    def _next_change(self) -> asyncio.Future[None]:
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        return self._changed

    def _notify(self) -> None:
        if self._changed is not None:
            self._changed.set_result(None)
            self._changed = None


async def _received(context: Context) -> bytes | int:
    """The call's message; if it is too long, only its size, so that no error holds on to the message."""
    request: Any = await context.read()
    if not isinstance(request, bytes):
        # gRPC's sentinel for no message.
        return b""
    return request if len(request) <= MESSAGE_BYTES_MAX else len(request)


def _name_in(request: bytes | int) -> str:
    if isinstance(request, int):
        raise InvalidArgument(
            f"the health request has {request:,} bytes; the limit is {MESSAGE_BYTES_MAX}",
            reason="LIMIT_EXCEEDED",
        )
    try:
        return HealthCheckRequest.FromString(request).service
    except DecodeError:
        raise InvalidArgument("the request is not a HealthCheckRequest", reason="MESSAGE_MALFORMED") from None
