"""What the cache service can be told."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from services.cache.memory import WhenFull
from services.common.settings import Port, ServiceSettings

__all__ = ["CacheDurability", "CacheServiceSettings"]

CacheDurability = Literal["os", "none"]


class CacheServiceSettings(ServiceSettings):
    """The settings of `python -m services.cache`."""

    service: ClassVar[str] = "cache"

    port: Port = 50051
    """TCP port of the gRPC service; 0 takes a free one. Not used with `unix:`."""
    metrics_port: Port = 9151
    """TCP port of /metrics; 0 takes a free one."""
    max_memory_bytes: int = Field(2**30, ge=2**20)
    """What all caches of the service may take together, in bytes."""
    when_full: WhenFull = "evict"
    """At that bound the cache that takes most evicts what it used longest ago, or puts are refused (MEMORY_LIMIT)."""
    durability: CacheDurability = "os"
    """What an acknowledged change of a cache survives: os a kill of the service (kill -9), none a stop in order."""
    warm_restart: bool = True
    """A start brings back the caches that the last process left in data_dir."""
