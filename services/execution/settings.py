"""Settings of the execution service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from alphaforge_core.placement import Shard, shards_of
from pydantic import Field

from services.engines.engine import DAY_NS
from services.runtime.peer_settings import PeerSettings
from services.runtime.settings import JournalSettings, Port

__all__ = ["ExecutionServiceSettings"]


class ExecutionServiceSettings(PeerSettings, JournalSettings):
    """The settings of `python -m services.execution`."""

    service: ClassVar[str] = "execution"

    port: Port = 50053
    """TCP port of the gRPC service; 0 picks a free one. Unused with `unix:`."""
    metrics_port: Port = 9153
    """TCP port of /metrics; 0 picks a free one."""
    market_data: Literal["subscribe", "off"] = "subscribe"
    """subscribe: each engine follows the trades of the data engine of the same name, unless its own setting
    subscribe_market_data is off. off: no engine follows trades."""
    data_target: str = "localhost:50052"
    """Address of the data service, or the comma-separated addresses of its candidates. Also read from
    ALPHAFORGE_DATA_TARGET, which clients use too."""
    data_targets: str = ""
    """Comma-separated addresses of several data services, instead of data_target: each engine follows the data engine
    of the same name, on the service that has it by rule 5.8. Also read from ALPHAFORGE_DATA_TARGETS."""
    event_backlog: int = Field(10_000, ge=256)
    """Maximum number of order events that a subscriber may be behind before it is disconnected."""
    metrics_positions_max: int = Field(200, ge=0, le=10_000)
    """Maximum number of positions on /metrics, and of accounts: the first ones, sorted by engine, strategy and symbol.
    Each position or account has four series. 0: none."""
    live_clock: bool = False
    """Advance market time by the wall clock, for engines that don't set it."""
    max_time_jump_ns: int = Field(300_000_000_000, ge=0, le=366 * DAY_NS)
    """How far ahead of the clock trades and advance_time may be, in nanoseconds, for engines that don't set it; later
    ones are refused. 0: no limit."""
    durability: Literal["fsync", "os", "none"] = "fsync"
    """What acknowledged calls survive, for engines that don't set it. fsync: a power loss; os: a killed process; none:
    neither."""

    @property
    def data_shards(self) -> tuple[Shard, ...]:
        """The data services. Raises InvalidArgument (a ValueError)."""
        return shards_of(self.data_targets) if self.data_targets else (Shard(self.data_target, self.data_target),)

    def peer_targets(self) -> Iterable[str]:
        return (shard.target for shard in self.data_shards)
