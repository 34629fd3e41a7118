"""What a service tells of the engines it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alphaforge_client._settings import read_settings

__all__ = ["EngineSummary", "summary_of"]


@dataclass(frozen=True)
class EngineSummary:
    """An engine of a service: its name, its epoch, and all settings in force, by the names that options have."""

    name: str
    epoch: int
    settings: Mapping[str, Any]


def summary_of(name: str, message: Any) -> EngineSummary:
    """The summary in a message with `epoch` and `settings`."""
    return EngineSummary(name, message.epoch, read_settings(message.settings))
