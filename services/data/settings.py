"""What the data service can be told."""

from __future__ import annotations

from typing import Annotated, ClassVar

from alphaforge_core.model import BarType
from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from services.common.settings import Port, ServiceSettings

__all__ = ["DataServiceSettings"]


def _split(value: object) -> object:
    """Environment variables give a text: names with commas between them."""
    return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value


def _canonical(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(BarType(name)) for name in names))


class DataServiceSettings(ServiceSettings):
    """The settings of `python -m services.data`."""

    service: ClassVar[str] = "data"

    port: Port = 50052
    """TCP port of the gRPC service; 0 takes a free one. Not used with `unix:`."""
    metrics_port: Port = 9152
    """TCP port of /metrics; 0 takes a free one."""
    bar_types: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_canonical)] = ("1min",)
    """Bar types of an engine that is made without any, with commas between them: 1min,100tick."""
    live_clock: bool = False
    """Whether the wall clock drives the market time of engines that are made without saying so."""
