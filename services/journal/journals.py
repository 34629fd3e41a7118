"""The journals of a service: one per durability, so that engines with weaker durability don't pay for fsync."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alphaforge_core.errors import EngineError

from services.journal.files.mark import read_mark
from services.journal.files.store_sqlite import SqliteStore
from services.journal.journal import Durability, Journal, JournalStatistics
from services.journal.suspects import Suspects

__all__ = ["Journals", "SharedJournal"]

# Errors that only affect the engines of one journal. Any other error prevents the service from starting.
_REFUSED = ("JOURNAL_DAMAGED", "JOURNAL_FAILED")


class Journals:
    """Opens existing journals, and creates others when an engine first needs them.

    Raises EngineError: JOURNAL_IN_USE, JOURNAL_VERSION.
    """

    def __init__(self, folder: Path, service: str, size_bytes_max: int) -> None:
        self._folder = folder
        self._service = service
        self._size_bytes_max = size_bytes_max
        self.suspects: Suspects | None = Suspects(folder / f"{service}.suspects")
        self._open: dict[Durability, Journal] = {}
        self._refused: dict[Durability, EngineError] = {}
        for durability in (Durability.FSYNC, Durability.OS):
            path = self._path(durability)
            if not (path.exists() or path.with_suffix(".mark").exists()):
                continue
            try:
                self.of(durability)
            except EngineError as error:
                if error.reason not in _REFUSED:
                    raise
                self._refused[durability] = error

    def of(self, durability: str) -> Journal | None:
        """The journal of engines with this durability; None for durability `none`.

        Raises EngineError: JOURNAL_DAMAGED, JOURNAL_FAILED.
        """
        level = Durability(durability)
        if level is Durability.NONE:
            return None
        if level in self._refused:
            raise self._refused[level]
        if level not in self._open:
            store = SqliteStore(self._path(level), level)
            self._open[level] = Journal(store, size_bytes_max=self._size_bytes_max)
        return self._open[level]

    def _path(self, durability: Durability) -> Path:
        return self._folder / f"{self._service}-{durability}.journal"

    def all(self) -> list[Journal]:
        """The open journals."""
        return list(self._open.values())

    def refused(self) -> Mapping[str, EngineError]:
        """The errors of engines whose journal can't be opened, for the engines named by its mark."""
        marks = ((read_mark(self._path(level).with_suffix(".mark")), error) for level, error in self._refused.items())
        return {name: error for mark, error in marks if mark is not None for name in mark.places}

    def statistics(self) -> list[JournalStatistics]:
        """The statistics of each journal."""
        return [journal.statistics() for journal in self.all()]

    async def close(self) -> None:
        """Closes all journals."""
        for journal in self.all():
            await journal.close()
        self._open.clear()


class SharedJournal(Journals):
    """One journal for the engines of all durabilities, with the same guarantee for each."""

    def __init__(self, journal: Journal) -> None:
        self.suspects = None
        self._journal = journal

    def of(self, durability: str) -> Journal | None:
        """The journal; None for durability `none`."""
        return None if Durability(durability) is Durability.NONE else self._journal

    def all(self) -> list[Journal]:
        """The journal."""
        return [self._journal]

    def refused(self) -> Mapping[str, EngineError]:
        """Nothing: the journal is available as a whole."""
        return {}

    async def close(self) -> None:
        """Closes it."""
        await self._journal.close()
