"""The journals of a service: a file for each durability, so that who asks for less does not pay for more."""

from __future__ import annotations

from pathlib import Path

from services.common.journal import Durability, Journal, JournalStatistics

__all__ = ["Journals"]


class Journals:
    """Opens the journals that are there, and others when an engine first asks for them.

    Raises EngineError: JOURNAL_IN_USE, JOURNAL_DAMAGED, JOURNAL_FAILED.
    """

    def __init__(self, folder: Path, service: str, size_bytes_max: int) -> None:
        self._folder = folder
        self._service = service
        self._size_bytes_max = size_bytes_max
        self._open: dict[Durability, Journal] = {}
        for durability in (Durability.FSYNC, Durability.OS):
            if self._path(durability).exists():
                self.of(durability)

    def of(self, durability: str) -> Journal | None:
        """The journal of engines of this durability; None where there is nothing to keep."""
        level = Durability(durability)
        if level is Durability.NONE:
            return None
        if level not in self._open:
            self._open[level] = Journal(self._path(level), level, size_bytes_max=self._size_bytes_max)
        return self._open[level]

    def _path(self, durability: Durability) -> Path:
        return self._folder / f"{self._service}-{durability}.journal"

    def all(self) -> list[Journal]:
        """Those that are open."""
        return list(self._open.values())

    def statistics(self) -> list[JournalStatistics]:
        """What each has written."""
        return [journal.statistics() for journal in self.all()]

    async def close(self) -> None:
        """Closes all files."""
        for journal in self.all():
            await journal.close()
        self._open.clear()
