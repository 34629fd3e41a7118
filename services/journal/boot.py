"""The machine's boot id, to detect a crash or power cut, which loses data that the system had not written."""

from __future__ import annotations

from pathlib import Path

__all__ = ["boot_id"]


def boot_id() -> str:
    """A different id after each boot; containers see their host's."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"
