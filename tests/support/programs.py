"""The paths of the programs that tests start."""

from __future__ import annotations

from pathlib import Path

__all__ = ["PROGRAMS"]

PROGRAMS = Path(__file__).parents[1] / "programs"
