"""Detects rows with a wrong clock, which would make all later trades late. After a pause, the next row is ahead too."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from alphaforge_core.files._report import BadRow, ReadReport, TradeFileError
from alphaforge_core.files._rows import Block
from alphaforge_core.files._times import moment
from alphaforge_core.trade_rows import instruments_of_ticks, take_ticks

__all__ = ["ClockGuard"]

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class ClockGuard:
    """Drops a row whose time is more than `max_jump_ns` ahead of both its neighbours of the same instrument.

    After a pause, such as a weekend, the next row is ahead as well, and both are kept. A row that is ahead waits for
    the next row of its instrument; the last row has none and is kept.
    """

    def __init__(self, max_jump_ns: int, report: ReadReport, strict: bool) -> None:
        self._max_jump_ns = max_jump_ns
        self._report = report
        self._strict = strict
        self._last: dict[str, int] = {}
        self._held: dict[str, Block] = {}

    def judge(self, block: Block) -> Iterator[Block]:
        """The block without rows that have a wrong clock, preceded by rows that waited."""
        if self._max_jump_ns <= 0 or self._is_calm(block):
            yield block
            return
        ids = block.batch.instrument_ids
        codes = instruments_of_ticks(block.batch)
        keep = np.ones(len(block.ts), bool)
        for code in np.unique(codes):
            rows = np.flatnonzero(codes == code)
            yield from self._judge_instrument(ids[code], block, rows, keep)
        if keep.all():
            yield block
        elif keep.any():
            yield part_of(block, np.flatnonzero(keep))

    def finish(self) -> Iterator[Block]:
        """The rows that still wait for a next row."""
        held, self._held = self._held, {}
        yield from held.values()

    def _is_calm(self, block: Block) -> bool:
        """Whether each time is close to the one before: the fast path for nearly all blocks."""
        ids = block.batch.instrument_ids
        low, high = int(block.ts.min()), int(block.ts.max())
        lasts = [self._last[name] for name in ids if name in self._last]
        is_known = len(lasts) == len(ids) and not any(name in self._held for name in ids)
        if not is_known or high - min([low, *lasts]) > self._max_jump_ns:
            return False
        if len(ids) == 1:
            self._last[ids[0]] = int(block.ts[-1])
        else:
            codes = instruments_of_ticks(block.batch)
            last = np.zeros(len(ids), np.int64)
            last[codes] = block.ts  # each instrument's last time wins
            seen = np.bincount(codes, minlength=len(ids)) > 0
            self._last.update({name: int(last[code]) for code, name in enumerate(ids) if seen[code]})
        return True

    def _judge_instrument(self, name: str, block: Block, rows: Rows, keep: Mask) -> Iterator[Block]:
        ts = block.ts[rows]
        if (held := self._held.pop(name, None)) is not None:
            if int(held.ts[0]) - int(ts[0]) > self._max_jump_ns:
                self._set_aside(held, 0, self._last.get(name))
            else:
                self._last[name] = int(held.ts[0])
                yield held
        before = self._last.get(name)
        previous = np.concatenate([[ts[0] if before is None else before], ts[:-1]])
        # An instrument's first row has no previous row, so only the next row decides.
        is_ahead = ts - previous > self._max_jump_ns
        is_ahead[0] |= before is None
        following = np.concatenate([ts[1:], [ts[-1]]])
        wrong = is_ahead & (ts - following > self._max_jump_ns)
        for row in np.flatnonzero(wrong):
            keep[rows[row]] = False
            self._set_aside(block, int(rows[row]), None if row == 0 and before is None else int(previous[row]))
        if is_ahead[-1]:
            keep[rows[-1]] = False
            self._held[name] = part_of(block, rows[-1:])
            rest = ts[:-1][~wrong[:-1]]
        else:
            rest = ts[~wrong]
        if len(rest):
            self._last[name] = int(rest[-1])

    def _set_aside(self, block: Block, row: int, before: int | None) -> None:
        hours = self._max_jump_ns / 3.6e12
        near = "the row after it" if before is None else f"{moment(before)} before it and the row after it"
        said = f"wrong clock: {moment(int(block.ts[row]))} is more than {hours:g} h ahead of {near}"
        bad = BadRow(block.path, int(block.lines[row]), "WRONG_CLOCK", said)
        if self._strict:
            raise TradeFileError(f"{bad}; --max-jump sets the limit")
        self._report.leave_out({"WRONG_CLOCK": 1}, [bad])


def part_of(block: Block, rows: Rows) -> Block:
    """Some rows of a block."""
    return Block(take_ticks(block.batch, rows.astype(np.int64)), block.ts[rows], block.lines[rows], block.path)
