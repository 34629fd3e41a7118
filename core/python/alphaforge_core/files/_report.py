"""The report of a read: rows taken, rows left out and why, and assumptions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["BAD_ROWS_KEPT", "BadRow", "ReadReport", "TradeFileError"]

BAD_ROWS_KEPT = 10
# Maximum of notes, and of warnings: a directory of a thousand files could produce a thousand of each.
NOTES_KEPT = 50


_MESSAGE_CHARACTERS = 500


class TradeFileError(Exception):
    """A file, or in strict mode a row, can't be read as trades. The message is one line of printable text."""

    def __init__(self, message: str) -> None:
        # Names of columns come from the file and may contain anything.
        shown = "".join(character if character.isprintable() else "?" for character in message)
        super().__init__(shown if len(shown) <= _MESSAGE_CHARACTERS else f"{shown[:_MESSAGE_CHARACTERS]}...")


class BadRow(NamedTuple):
    """A row that was left out: its file, its line (Parquet: its row) from 1, the reason and the problem."""

    path: str
    line: int
    reason: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.problem}"


@dataclass
class ReadReport:
    """The report, updated during the read.

    rows: rows of the instruments and times asked for, including invalid ones.
    trades: rows that became ticks.
    left_out: the other rows, by reason.
    bad_rows: the first rows left out.
    rounded: trades whose price or quantity lost digits beyond nine places.
    out_of_order: trades with a time before that of an earlier trade of their instrument.
    notes: what was detected or assumed, such as the unit of times.
    warnings: probable mistakes.
    """

    rows: int = 0
    trades: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    bad_rows: list[BadRow] = field(default_factory=list)
    rounded: int = 0
    out_of_order: int = 0
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Adds a note, once."""
        if text not in self.notes and len(self.notes) < NOTES_KEPT:
            self.notes.append(text)

    def warn(self, text: str) -> None:
        """Adds a warning, once."""
        if text not in self.warnings and len(self.warnings) < NOTES_KEPT:
            self.warnings.append(text)

    def leave_out(self, counts: dict[str, int], first: list[BadRow]) -> None:
        """Counts rows by reason and stores the first few."""
        self.left_out.update(counts)
        self.rows += sum(counts.values())
        if first:
            earlier = [bad for bad in self.bad_rows if bad.path != first[0].path]
            here = [bad for bad in self.bad_rows if bad.path == first[0].path]
            self.bad_rows = [*earlier, *sorted([*here, *first], key=lambda bad: bad.line)][:BAD_ROWS_KEPT]

    @property
    def left_out_count(self) -> int:
        """The number of rows left out."""
        return self.left_out.total()

    @property
    def first_trade_problem(self) -> str | None:
        """Why the read returned no trades; None if it returned any."""
        if self.trades:
            return None
        if not self.rows:
            return "there are no rows"
        worst = "".join(f"; {row}" for row in self.bad_rows[:1])
        return f"all {self.rows:,} rows were left out{worst}"
