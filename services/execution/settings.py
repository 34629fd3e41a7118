"""What the execution service can be told."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from services.common.settings import JournalSettings, Port

__all__ = ["ExecutionServiceSettings"]


class ExecutionServiceSettings(JournalSettings):
    """The settings of `python -m services.execution`."""

    service: ClassVar[str] = "execution"

    port: Port = 50053
    """TCP port of the gRPC service; 0 takes a free one. Not used with `unix:`."""
    metrics_port: Port = 9153
    """TCP port of /metrics; 0 takes a free one."""
    market_data: Literal["subscribe", "off"] = "subscribe"
    """Whether engines follow the trades of the data engine of the same name; "off" overrides their own setting."""
    data_target: str = "localhost:50052"
    """Where the data service is; the variable ALPHAFORGE_DATA_TARGET, which clients read too, sets it as well."""
    event_backlog: int = Field(10_000, ge=256)
    """Order events that a subscriber may be behind before it is disconnected."""
    live_clock: bool = False
    """Whether the wall clock drives the market time of engines that are made without saying so."""
    durability: Literal["fsync", "os", "none"] = "fsync"
    """What an acknowledgement survives, for engines that are made without saying so: fsync power loss, os kill -9."""
