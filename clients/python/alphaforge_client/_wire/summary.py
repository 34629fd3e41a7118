"""The summary of an engine in a list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alphaforge_client._wire.settings import read_settings

__all__ = ["EngineSummary", "summary_of"]


@dataclass(frozen=True)
class EngineSummary:
    """An engine of a service: its name, its epoch, and all effective settings by option name.

    Each of an engine's `partitions` is listed, under a name of its own. `target` is the address of the service.
    """

    name: str
    epoch: int
    settings: Mapping[str, Any]
    partitions: int = 1
    target: str = ""


def summary_of(name: str, message: Any) -> EngineSummary:
    """The summary in a message with `epoch` and `settings`."""
    settings = read_settings(message.settings)
    return EngineSummary(name, message.epoch, settings, settings.pop("partitions") or 1)
