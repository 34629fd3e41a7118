"""The connections to an engine's partitions; an engine without partitions has one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from alphaforge_core.placement import checked_partitions, partition_name, partition_of

from alphaforge_client._grpc.endpoint import Endpoint
from alphaforge_client._grpc.placement import Placement
from alphaforge_client._wire.opening import Opening
from alphaforge_client._wire.pages import Pages
from alphaforge_client._wire.summary import EngineSummary
from alphaforge_client.aio._calls.connection import Connection
from alphaforge_client.aio._calls.producer import Producer
from alphaforge_client.aio._grpc.transport import together
from alphaforge_client.errors import InvalidArgument

__all__ = ["Parts", "producers_of", "read_pages"]

T = TypeVar("T")


class Parts:
    """The connections to an engine's partitions, in order.

    The first partition's engine has the number of partitions among its settings. It is opened before any other: if two
    clients give different numbers, one of them is refused before it has written anything.
    """

    def __init__(
        self,
        placement: Placement,
        name: str | None,
        opening: Callable[[str, int], Opening],
        partitions: int,
        timeout: float,
    ) -> None:
        self.count = checked_partitions(name or "default", partitions)
        endpoints = placement.endpoints(name, self.count)
        self.first = Connection(endpoints[0], opening(name or "", self.count), timeout)
        self.connections = [self.first]
        for index, endpoint in enumerate(endpoints[1:], start=1):
            named = opening(partition_name(name or "default", index), self.count)
            self.connections.append(Connection(endpoint, named, timeout, after=self.first))
        # A connection to each shard in the list of targets, for questions about all engines. It is shared with the
        # partition on that shard, if there is one, until that partition's connection follows its engine elsewhere.
        found = dict(zip(endpoints[::-1], self.connections[::-1], strict=True))
        self._everywhere = placement.everywhere
        self._to: Callable[[Endpoint], Connection] = partial(
            Connection, opening=opening(name or "", self.count), timeout=timeout
        )
        self._shards = [found.get(endpoint) or self._to(endpoint) for endpoint in self._everywhere]

    def index_of(self, key: str) -> int:
        """The partition of an instrument, symbol or key."""
        return partition_of(key, self.count) if self.count > 1 else 0

    def of(self, key: str) -> Connection:
        """The connection to the partition of an instrument, symbol or key."""
        return self.connections[partition_of(key, self.count) if self.count > 1 else 0]

    async def each(self, call: Callable[[Connection], Awaitable[T]]) -> list[T]:
        """The results of a call on every partition; the calls run concurrently."""
        return await together([partial(call, connection) for connection in self.connections])

    async def all(self, method: str, request: Callable[[], bytes], timeout: float | None) -> list[bytes]:
        """The responses of every partition, called concurrently. `request` makes each partition's request, because a
        request id must not be used for two engines of a service."""
        return await self.each(lambda connection: connection.call(method, request(), timeout))

    async def summaries(
        self, method: str, read: Callable[[bytes], Sequence[EngineSummary]], timeout: float | None
    ) -> list[EngineSummary]:
        """The engines of all shards, by name."""
        for index, (one, endpoint) in enumerate(zip(self._shards, self._everywhere, strict=True)):
            if one.endpoint is not endpoint:
                self._shards[index] = self._to(endpoint)
        answers = await together([partial(one.call_by_name, method, b"", timeout) for one in self._shards])
        listed = [
            replace(each, target=one.endpoint.target)
            for one, answer in zip(self._shards, answers, strict=True)
            for each in read(answer)
        ]
        return sorted(listed, key=lambda each: each.name)

    async def drop(self, method: str, request: Callable[[], bytes], timeout: float | None) -> list[bytes]:
        """Drops every partition; the first one last, because it stores their number."""
        others = [partial(one.call_by_name, method, request(), timeout) for one in self.connections[1:]]
        return [*await together(others), await self.first.call_by_name(method, request(), timeout)]

    def check_one(self, why: str) -> None:
        """Raises InvalidArgument (SETTING_INVALID) if there are several partitions."""
        if self.count > 1:
            raise InvalidArgument(f"not possible with {self.count} partitions: {why}", reason="SETTING_INVALID")

    async def open(self, timeout: float | None) -> None:
        """Opens every partition."""
        await self.each(lambda connection: connection.open(timeout))

    async def close(self) -> None:
        """Closes the connections."""
        for connection in {*self.connections, *self._shards}:
            await connection.close()


def producers_of(parts: Parts, producer_id: str | None) -> list[Producer]:
    """A producer for each partition. Raises InvalidArgument (SETTING_INVALID) for an id if there are several."""
    if producer_id is not None:
        parts.check_one("each partition numbers its own calls, so a producer_id does not have one sequence")
    return [Producer(connection, producer_id) for connection in parts.connections]


async def read_pages(connection: Connection, method: str, pages: Pages[T], timeout: float | None) -> list[T]:
    """All pages of a list."""
    while (request := pages.next_page()) is not None:
        pages.add(await connection.call(method, request, timeout))
    return pages.found
