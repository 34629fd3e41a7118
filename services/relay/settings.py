"""Settings of the relay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from services.runtime.peer_settings import PeerSettings
from services.runtime.settings import Port

__all__ = ["RelaySettings"]


class RelaySettings(PeerSettings):
    """The settings of `python -m services.relay`."""

    service: ClassVar[str] = "relay"

    port: Port = 50054
    """TCP port of the gRPC service; 0 picks a free one. Unused with `unix:`."""
    metrics_port: Port = 9154
    """TCP port of /metrics; 0 picks a free one."""
    of: str = "localhost:50052"
    """Address of the upstream data service or relay whose subscriptions this relay serves, or the comma-separated
    addresses of its candidates."""
    max_replay_bars: int = Field(10_000, ge=256, le=10_000_000)
    """Closed bars kept per engine for resuming subscribers."""
    max_replay_trades: int = Field(100_000, ge=256, le=10_000_000)
    """Accepted trades kept per engine for resuming subscribers."""

    def peer_targets(self) -> Iterable[str]:
        return (self.of,)
