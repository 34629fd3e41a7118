"""The data service upstream of a relay: its engines, its snapshots and its health."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc
from alphaforge.data.v1.data_service_pb2_grpc import DataServiceStub
from alphaforge.data.v1.engines_pb2 import EngineSummary, ListEnginesRequest, ListEnginesResponse
from alphaforge.data.v1.subscriptions_pb2 import SubscribeBarsRequest, SubscribeTradesRequest
from alphaforge_core.data_wire import BarsResponse
from alphaforge_core.errors import (
    AlphaForgeError,
    EngineError,
    InvalidArgument,
    ResourceExhausted,
    Unavailable,
)

from services.base.errors import STATUSES, info_of, reason_of
from services.rpc.peer import Peer, PeerFiles, silence_seconds_max

__all__ = ["Place", "Upstream", "Upstreams", "new_target"]

# Below the clients' own deadline, so that they receive the reason.
_ANSWER_SECONDS_MAX = 4.0
# Maximum number of snapshots read, and of engines sought, at once; each opens its own stream upstream.
_STREAMS_MAX = 16

# After this many failures at the shard that an engine has moved to, its home shard is asked again.
_FAILURES_MOVED_MAX = 3

# Errors passed on to clients. Others, such as a token that upstream refuses, concern only the relay.
_PASSED_ON = (InvalidArgument, EngineError, ResourceExhausted)


class Upstream:
    """One data service, or the one that serves among several candidates. Used on the event loop only."""

    def __init__(self, target: str, files: PeerFiles) -> None:
        self.target = target
        self._files = files
        self._peer: Peer | None = None
        self.silence_seconds_max = silence_seconds_max(target)
        self._asked: asyncio.Task[ListEnginesResponse] | None = None
        self._next: asyncio.Task[ListEnginesResponse] | None = None
        self._snapshots = asyncio.Semaphore(_STREAMS_MAX)
        self._searches = asyncio.Semaphore(_STREAMS_MAX)

    @property
    def peer(self) -> Peer:
        """The connection, which belongs to the event loop that first uses it."""
        if self._peer is None:
            self._peer = Peer(self.target, self._files)
        return self._peer

    async def list(self) -> ListEnginesResponse:
        """Lists the service's engines as of a time after this call began. All waiting callers share the next request.

        Raises Unavailable.
        """
        if self._next is None:
            self._next = asyncio.ensure_future(self._list_after(self._asked))
        return await asyncio.shield(self._next)

    async def _list_after(self, before: asyncio.Task[ListEnginesResponse] | None) -> ListEnginesResponse:
        if before is not None:
            await asyncio.wait((before,))
        self._asked, self._next = self._next, None
        channel, metadata = self.peer.access()
        try:
            call = DataServiceStub(channel).ListEngines(
                ListEnginesRequest(), timeout=_ANSWER_SECONDS_MAX, metadata=metadata
            )
            return await call
        except grpc.aio.AioRpcError as error:
            await self.peer.find_primary()
            raise self._explained(error) from None

    async def summary(self, engine: str) -> EngineSummary | None:
        """Returns an engine as it is listed; None if it isn't. Raises Unavailable."""
        return next((each for each in (await self.list()).engines if each.engine == engine), None)

    async def moved_to(self, engine: str, epoch: int | None) -> str | None:
        """Returns the addresses of the shard that has the engine instead of this service; None if there is none.

        Raises Unavailable.
        """
        # Without an epoch, the service might create the engine.
        request = SubscribeTradesRequest(engine=engine, epoch=epoch or 1)
        try:
            async with (
                asyncio.timeout(_ANSWER_SECONDS_MAX),
                self._searches,
                aclosing(self.peer.subscribe("SubscribeTrades", request)) as messages,
            ):
                await anext(messages, None)
        except grpc.aio.AioRpcError as error:
            target = new_target(error)
            if target is None and (error.code() is grpc.StatusCode.UNAVAILABLE or not reason_of(error)):
                raise self._explained(error) from None
            return target
        except TimeoutError:
            raise self.unreachable("it does not answer") from None
        return None

    async def snapshot(self, request: SubscribeBarsRequest) -> AsyncGenerator[tuple[bytes, int | None]]:
        """Yields each message of a snapshot, paired with None; at the end, an empty message and the sequence after
        which the stream continues.

        Raises Unavailable, and the errors by which the data service refuses the snapshot.
        """
        async with self._snapshots, aclosing(self.peer.subscribe("SubscribeBars", request)) as messages:
            try:
                async for message in messages:
                    response = BarsResponse.from_wire(message)
                    if not response.is_snapshot:
                        yield b"", response.sequence
                        return
                    yield message, None
            except grpc.aio.AioRpcError as error:
                raise self._explained(error) from None
            except TimeoutError:
                raise self.unreachable("it does not answer") from None
            raise self.unreachable("it ended the snapshot")

    async def serves(self) -> bool:
        """Returns whether the service's health is SERVING."""
        return await self.peer.serves()

    def silent(self) -> Unavailable:
        """Returns the error for subscribers while upstream is silent."""
        return self.unreachable(f"it has been silent for {self.silence_seconds_max:g} s")

    async def close(self) -> None:
        """Ends the connections."""
        tasks = [task for task in (self._asked, self._next) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.peer.close()

    def _explained(self, error: grpc.aio.AioRpcError) -> AlphaForgeError:
        """Converts the error to an AlphaForgeError: upstream's own error, or Unavailable."""
        reason = reason_of(error)
        if reason == "ENGINE_UNKNOWN":
            return EngineError(error.details() or "", reason=reason)
        kind = next((each for each in _PASSED_ON if STATUSES[each] is error.code()), None)
        if reason and kind is not None:
            return kind(error.details() or "", reason=reason)
        return self.unreachable(error.details() or error.code().name)

    def unreachable(self, why: str) -> Unavailable:
        """Returns the error for calls that need upstream."""
        return Unavailable(f"the relay can't reach {self.target}: {why}", reason="UNAVAILABLE")


def new_target(error: grpc.aio.AioRpcError) -> str | None:
    """The addresses of the shard that an engine has moved to, from the error of a call; None in any other error."""
    info = info_of(error)
    if info is None or info.reason != "ENGINE_MOVED":
        return None
    return info.metadata.get("target") or None


class Upstreams:
    """The data service upstream, and the other shards that its engines have moved to."""

    def __init__(self, home: Upstream, files: PeerFiles) -> None:
        self.home = home
        self._files = files
        self._others: dict[str, Upstream] = {}

    def at(self, target: str) -> Upstream:
        """The data service at those addresses."""
        if target == self.home.target:
            return self.home
        if target not in self._others:
            self._others[target] = Upstream(target, self._files)
        return self._others[target]

    async def close(self) -> None:
        """Ends the connections."""
        for upstream in (self.home, *self._others.values()):
            await upstream.close()


class Place:
    """Where an engine is: at the data service upstream, or at the shard that it has moved to."""

    def __init__(self, upstreams: Upstreams) -> None:
        self.upstream = upstreams.home
        self._upstreams = upstreams
        self._failures = 0

    @property
    def has_moved(self) -> bool:
        """Whether the engine has moved."""
        return self.upstream is not self._upstreams.home

    def follow_to(self, target: str) -> None:
        """Follows the engine to another shard."""
        self.upstream, self._failures = self._upstreams.at(target), 0

    def fail(self) -> None:
        """Counts a failure; after a few, asks the home shard, which knows where the engine is."""
        self._failures += 1
        if self._failures >= _FAILURES_MOVED_MAX:
            self.upstream, self._failures = self._upstreams.home, 0
