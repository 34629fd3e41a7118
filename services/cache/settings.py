"""Settings of the cache service."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from services.cache.memory import WhenFull
from services.runtime.settings import CheckpointSettings, Port

__all__ = ["CacheDurability", "CacheServiceSettings"]

CacheDurability = Literal["replicated", "os", "none"]


class CacheServiceSettings(CheckpointSettings):
    """The settings of `python -m services.cache`."""

    service: ClassVar[str] = "cache"

    port: Port = 50051
    """TCP port of the gRPC service; 0 picks a free one. Unused with `unix:`."""
    metrics_port: Port = 9151
    """TCP port of /metrics; 0 picks a free one."""
    max_memory_bytes: int = Field(2**30, ge=2**20)
    """Total memory of all caches, in bytes."""
    when_full: WhenFull = "evict"
    """What to do at the memory limit. evict: evict the least recently used entries of the largest cache; refuse: refuse
    puts."""
    durability: CacheDurability = "os"
    """What acknowledged changes survive. replicated, in a cluster: the loss of a machine; os: a killed process; none:
    only a clean stop. In a cluster, caches that are not replicated have no files and start empty."""
    warm_restart: bool = True
    """Load the caches found in data_dir at startup."""
