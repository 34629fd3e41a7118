"""A cache of the service: the core's cache by name, which holds the bytes of values and does not read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from alphaforge.cache.v1.batches_pb2 import (
    DeleteManyRequest,
    DeleteManyResponse,
    GetManyRequest,
    GetManyResponse,
    PutManyRequest,
    PutManyResponse,
)
from alphaforge.cache.v1.caches_pb2 import CacheStatistics, GetStatisticsRequest, GetStatisticsResponse
from alphaforge.cache.v1.entries_pb2 import (
    ClearRequest,
    ClearResponse,
    ContainsRequest,
    ContainsResponse,
    DeleteRequest,
    DeleteResponse,
    GetRequest,
    GetResponse,
    GetSizeRequest,
    GetSizeResponse,
    GetTtlRequest,
    GetTtlResponse,
    ListKeysRequest,
    ListKeysResponse,
    PutRequest,
    PutResponse,
    TouchRequest,
    TouchResponse,
)
from alphaforge.cache.v1.value_pb2 import Value
from alphaforge_core.cache import GenericCache
from alphaforge_core.errors import InvalidArgument

from services.common.messages import fill
from services.common.pages import limit_of
from services.common.registry import NamedEngine

__all__ = ["NamedCache"]

_DEFAULTS: Mapping[str, Any] = {"max_size": 10_000, "max_bytes": None}
_DEFAULT_TTL_SECONDS = 3600.0


class NamedCache(NamedEngine):
    """One cache of the service."""

    def __init__(self, name: str, epoch: int, settings: Mapping[str, Any]) -> None:
        super().__init__(name, epoch, {**_DEFAULTS, **settings})
        self.engine = GenericCache(self.settings["max_size"], math.inf, max_bytes=self.settings["max_bytes"])

    def reconfigure(self, given: Mapping[str, Any]) -> bool:
        """Applies new bounds at once; entries beyond them are evicted."""
        settings = {**self.settings, **given}
        self.engine.resize(settings["max_size"], settings["max_bytes"] or 0)
        self.settings = settings
        return True

    def put(self, message: PutRequest) -> bytes:
        """Stores one value."""
        self.engine.put(message.key, _encoded(message.value), _ttl(message))
        return PutResponse().SerializeToString()

    def get(self, message: GetRequest) -> bytes:
        """One value, or none."""
        value = self.engine.get(message.key)
        return (GetResponse() if value is None else GetResponse(value=Value.FromString(value))).SerializeToString()

    def delete(self, message: DeleteRequest) -> bytes:
        """Removes one entry."""
        return DeleteResponse(deleted=self.engine.delete(message.key)).SerializeToString()

    def contains(self, message: ContainsRequest) -> bytes:
        """Whether there is an entry."""
        return ContainsResponse(contains=self.engine.contains(message.key)).SerializeToString()

    def size(self, message: GetSizeRequest) -> bytes:
        """The number of entries."""
        return GetSizeResponse(size=self.engine.size()).SerializeToString()

    def clear(self, message: ClearRequest) -> bytes:
        """Removes all entries."""
        self.engine.clear()
        return ClearResponse().SerializeToString()

    def statistics(self, message: GetStatisticsRequest) -> bytes:
        """The cache's counters."""
        statistics = fill(CacheStatistics(), self.engine.statistics().as_dict())
        return GetStatisticsResponse(statistics=statistics).SerializeToString()

    def put_many(self, message: PutManyRequest) -> bytes:
        """Stores many values."""
        if len(message.keys) != len(message.values):
            raise InvalidArgument(
                f"there are {len(message.keys)} keys and {len(message.values)} values", reason="COLUMNS_UNEQUAL"
            )
        items = dict(zip(message.keys, map(_encoded, message.values), strict=True))
        self.engine.put_many(items, _ttl(message))
        return PutManyResponse().SerializeToString()

    def get_many(self, message: GetManyRequest) -> bytes:
        """The values that are found."""
        found = self.engine.get_many(message.keys)
        indexes = [index for index, key in enumerate(message.keys) if key in found]
        values = [Value.FromString(found[message.keys[index]]) for index in indexes]
        return GetManyResponse(
            values=values, indexes=() if len(values) == len(message.keys) else indexes
        ).SerializeToString()

    def delete_many(self, message: DeleteManyRequest) -> bytes:
        """Removes many entries."""
        return DeleteManyResponse(deleted_count=self.engine.delete_many(message.keys)).SerializeToString()

    def touch(self, message: TouchRequest) -> bytes:
        """Gives an entry a new time to live."""
        return TouchResponse(touched=self.engine.touch(message.key, _ttl(message))).SerializeToString()

    def ttl(self, message: GetTtlRequest) -> bytes:
        """The time an entry has left."""
        seconds = self.engine.ttl(message.key)
        if seconds is None:
            return GetTtlResponse().SerializeToString()
        ttl_ns = None if seconds == math.inf else round(seconds * 1e9)
        return GetTtlResponse(found=True, ttl_ns=ttl_ns).SerializeToString()

    def list_keys(self, message: ListKeysRequest) -> bytes:
        """A page of keys."""
        keys, cursor = self.engine.keys_page(message.prefix, limit_of(message.limit), message.cursor)
        return ListKeysResponse(keys=keys, next_cursor=cursor).SerializeToString()


def _encoded(value: Value) -> bytes:
    if value.WhichOneof("kind") is None:
        raise InvalidArgument("a value has no kind", reason="VALUE_MALFORMED")
    return value.SerializeToString()


def _ttl(message: PutRequest | PutManyRequest | TouchRequest) -> float:
    match message.WhichOneof("expiry"):
        case "ttl_ns":
            return message.ttl_ns / 1e9
        case "never_expires":
            return math.inf
    return _DEFAULT_TTL_SECONDS
