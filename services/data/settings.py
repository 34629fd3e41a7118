"""What the data service can be told."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from alphaforge_core.data import DataEngineConfig
from alphaforge_core.model import BarType
from pydantic import AfterValidator, BeforeValidator, model_validator
from pydantic_settings import NoDecode

from services.common.settings import JournalSettings, Port

__all__ = ["DataServiceSettings"]


def _split(value: object) -> object:
    """Environment variables give a text: names with commas between them."""
    return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value


def _canonical(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(BarType(name)) for name in names))


class DataServiceSettings(JournalSettings):
    """The settings of `python -m services.data`."""

    service: ClassVar[str] = "data"

    port: Port = 50052
    """TCP port of the gRPC service; 0 takes a free one. Not used with `unix:`."""
    metrics_port: Port = 9152
    """TCP port of /metrics; 0 takes a free one."""
    bar_types: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_canonical)] = ("1min",)
    """Bar types of an engine that is made without any, with commas between them: 1min,100tick."""
    enable_statistics: bool = True
    """Measures rate and latency of an engine that is made without saying so, as all that follows."""
    max_bars_per_instrument: int = 1_000
    """Closed bars kept per instrument and type."""
    max_memory_bytes: int = 2**30
    """Bytes for all closed bars of an engine; the oldest go first."""
    max_instruments: int = 10_000
    """Ticks of more instruments are refused."""
    max_bars_per_tick: int = 10_000
    """A tick that would end more bars of a type goes whole into one oversize bar."""
    duplicate_window: int = 10_000
    """Ticks with an id per instrument among which duplicates are found; 0 looks for none."""
    max_duplicate_entries: int = 10_000_000
    """Bounds all windows of an engine together; the longest idle instrument's go first."""
    fill_gaps: bool = False
    """Flat bars for quiet intervals."""
    max_gap_bars: int = 1_000
    """The first so many flat bars of a gap."""
    skip_first_partial: bool = False
    """Leaves out an instrument's first time bar where it is partial."""
    origin_offset_ns: int = 0
    """Moves the grid of time bars from 00:00 UTC, in nanoseconds, up to a day."""
    allowed_lateness_ns: int = 0
    """How long after its end, in market time, a closed time bar is still corrected, in nanoseconds."""
    zero_quantity: Literal["reject", "price_only"] = "reject"
    """Refuses prints of quantity 0, or takes their price into time bars."""
    flush_on_stop: bool = False
    """Stopping an engine closes its open bars as partial."""
    live_clock: bool = False
    """The wall clock drives market time."""
    close_grace_ns: int = 0
    """How far the live clock stays behind the wall clock, in nanoseconds."""
    max_replay_trades: int = 100_000
    """Accepted trades kept for subscribers that resume."""
    max_replay_bars: int = 10_000
    """Closed bars, of all instruments and types, kept for subscribers that resume."""

    durability: Literal["fsync", "os", "none"] = "os"
    """What an acknowledgement survives: fsync power loss, os kill -9, none neither."""

    @property
    def engine_defaults(self) -> dict[str, Any]:
        """What an engine has that is made without saying otherwise: options of DataEngineConfig by name."""
        return {name: getattr(self, name) for name in DataEngineConfig().as_dict() if hasattr(self, name)}

    @model_validator(mode="after")
    def _check_engine_defaults(self) -> Self:
        DataEngineConfig(**self.engine_defaults)
        return self
