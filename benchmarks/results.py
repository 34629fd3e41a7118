"""The results of a run as JSON: every table with its part, the machine and the date."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel
from rich.table import Table

__all__ = ["Part", "Results", "Run", "part_of"]


class Results(BaseModel):
    """A table of strings. The first `words` columns are words, the others numbers."""

    title: str
    words: int
    headings: list[str]
    rows: list[list[str]]

    @classmethod
    def of(cls, made: Table) -> Results:
        """Converts a printed table."""
        cells = [[str(cell) for cell in column.cells] for column in made.columns]
        return cls(
            title=str(made.title),
            words=sum(column.justify != "right" for column in made.columns),
            headings=[str(column.header) for column in made.columns],
            rows=[list(row) for row in zip(*cells, strict=True)],
        )


class Part(BaseModel):
    """One part of a run, and what it measures."""

    name: str
    about: str
    tables: list[Results]


class Run(BaseModel):
    """One run: its time, the machine and its load at the end, and the results."""

    date: str
    machine: str
    python: str
    cores: int
    load: float
    work: str
    parts: list[Part]

    @classmethod
    def now(cls, parts: Sequence[Part], work: str) -> Run:
        """A run that ends now on this machine."""
        return cls(
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            machine=_processor(),
            python=platform.python_version(),
            cores=len(os.sched_getaffinity(0)),
            load=round(os.getloadavg()[2], 1),
            work=work,
            parts=list(parts),
        )

    def table(self, title: str) -> Results:
        """Returns the first table whose title starts with `title`. Raises LookupError."""
        for part in self.parts:
            for found in part.tables:
                if found.title.startswith(title):
                    return found
        raise LookupError(f"the run has no table {title!r}")


def part_of(name: str, run: Callable[..., object], shown: Iterable[Table]) -> Part:
    """Returns a part with the tables it has shown; the docstring of `run` says what it measures."""
    about = " ".join((run.__doc__ or "").split())
    return Part(name=name, about=about, tables=[Results.of(made) for made in shown])


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
