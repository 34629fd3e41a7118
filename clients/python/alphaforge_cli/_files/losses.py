"""Prints the trades that were lost, by reason, to stderr, for every command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console

from alphaforge_cli.tables import counted

if TYPE_CHECKING:
    from alphaforge_core.files import ReadReport

__all__ = ["ERRORS", "print_losses", "print_reading"]

ERRORS = Console(stderr=True, highlight=False, soft_wrap=True)

# What the engines count, in words.
_ENGINE = {
    "DUPLICATE": "trade dropped by the engine as a duplicate (rule 2.9)",
    "TIME_AHEAD": "trade refused by the engine: ahead of the clock (rule 1.8); --max-time-jump 0 accepts such trades",
    "LATE": "trade too late for a bar (rule 2.8); use --sort for an unsorted file",
}


def print_reading(report: ReadReport) -> None:
    """Prints what was recognised or assumed, likely mistakes, and skipped rows."""
    for note in report.notes:
        ERRORS.print(note, style="dim", markup=False)
    for warning in report.warnings:
        ERRORS.print(f"warning: {warning}", style="yellow", markup=False)
    for row in report.bad_rows:
        ERRORS.print(str(row), style="yellow", markup=False)
    if report.left_out:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(report.left_out.items()))
        first = len(report.bad_rows)
        above = "above" if first == report.left_out_count else f"the first {first} above"
        left_out = counted(report.left_out_count, "row left out")
        ERRORS.print(f"{left_out}: {reasons}; {above}", style="yellow", markup=False)


def print_losses(counts: Mapping[str, int]) -> None:
    """Prints the trades that the engine refused, dropped, or could not put into a bar."""
    for reason, count in counts.items():
        if count:
            said = _ENGINE.get(reason, f"trade refused by the engine: {reason}")
            ERRORS.print(counted(count, said), style="yellow", markup=False)
