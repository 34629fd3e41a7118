"""What the cache service can be told."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from services.cache.memory import WhenFull
from services.common.settings import Port, ServiceSettings

__all__ = ["CacheServiceSettings"]


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
    warm_restart: bool = True
    """A stop saves the caches in data_dir, and the next start loads them."""
