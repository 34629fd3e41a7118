"""Settings of the data service."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from alphaforge_core.data import DataEngineConfig
from alphaforge_core.model import BarType
from pydantic import AfterValidator, BeforeValidator, model_validator
from pydantic_settings import NoDecode

from services.runtime.settings import JournalSettings, Port

__all__ = ["DataServiceSettings"]


def _split(value: object) -> object:
    """Splits the value of an environment variable: names separated by commas."""
    return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value


def _canonical(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(BarType(name)) for name in names))


class DataServiceSettings(JournalSettings):
    """The settings of `python -m services.data`."""

    service: ClassVar[str] = "data"

    port: Port = 50052
    """TCP port of the gRPC service; 0 picks a free one. Unused with `unix:`."""
    metrics_port: Port = 9152
    """TCP port of /metrics; 0 picks a free one."""
    bar_types: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_canonical)] = ("1min",)
    """Bar types, comma-separated, such as 1min,100tick. This and the following settings are defaults for engines that
    don't set them."""
    enable_statistics: bool = True
    """Measure rates and latencies."""
    max_bars_per_instrument: int = 1_000
    """Closed bars kept per instrument and bar type."""
    max_memory_bytes: int = 2**30
    """Memory for closed bars, in bytes; the oldest bars are dropped first."""
    max_instruments: int = 10_000
    """Maximum number of instruments; ticks of any others are refused."""
    max_bars_per_tick: int = 10_000
    """Maximum number of bars of a type that one tick closes; a larger tick becomes one oversize bar."""
    duplicate_window: int = 10_000
    """Trade ids remembered per instrument to find duplicates; 0 disables the check."""
    max_duplicate_entries: int = 10_000_000
    """Trade ids remembered per engine; the instrument idle for longest loses its ids first."""
    fill_gaps: bool = False
    """Emit flat bars for intervals without trades."""
    max_gap_bars: int = 1_000
    """Maximum number of flat bars per gap."""
    skip_first_partial: bool = False
    """Skip an instrument's first time bar if it is partial."""
    origin_offset_ns: int = 0
    """Offset of the time bar grid from 00:00 UTC, in nanoseconds, up to a day."""
    allowed_lateness_ns: int = 0
    """How long late trades still correct a closed time bar, in nanoseconds of market time."""
    max_time_jump_ns: int = 300_000_000_000
    """How far ahead of the clock trades and advance_time may be, in nanoseconds; later ones are refused. 0: no
    limit."""
    zero_quantity: Literal["reject", "price_only"] = "reject"
    """What to do with trades of quantity 0. reject: refuse them; price_only: use their price in time bars."""
    negative_price_instruments: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
    """Instruments whose trades may have a price of 0 or below, comma-separated, such as CL,SPREAD."""
    flush_on_stop: bool = False
    """Close open bars as partial when the engine stops."""
    live_clock: bool = False
    """Advance market time by the wall clock."""
    close_grace_ns: int = 0
    """How far the live clock lags the wall clock, in nanoseconds."""
    max_replay_trades: int = 100_000
    """Accepted trades kept for resuming subscribers."""
    max_replay_bars: int = 10_000
    """Closed bars, over all instruments and types, kept for resuming subscribers."""

    durability: Literal["fsync", "os", "none"] = "os"
    """What acknowledged calls survive. fsync: a power loss; os: a killed process; none: neither."""

    @property
    def engine_defaults(self) -> dict[str, Any]:
        """Defaults for engines: options of DataEngineConfig by name."""
        return {name: getattr(self, name) for name in DataEngineConfig().as_dict() if hasattr(self, name)}

    @model_validator(mode="after")
    def _check_engine_defaults(self) -> Self:
        DataEngineConfig(**self.engine_defaults)
        return self
