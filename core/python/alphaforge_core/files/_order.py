"""Ordering: reverses blocks, and sorts by time in runs that are merged, on disk if memory is insufficient."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from alphaforge_core.files._clock import part_of
from alphaforge_core.files._rows import Block
from alphaforge_core.model import TradeTickBatch
from alphaforge_core.trade_rows import instruments_of_ticks, join_ticks, take_ticks, times_of_ticks

__all__ = ["OrderWatch", "Spool", "sorted_by_time"]

PIECE_ROWS = 16_384
# Approximate memory per tick: its columns, its id, its line.
ROW_BYTES = 96
_LENGTH_BYTES = 8

Nanos = npt.NDArray[np.int64]


class Spool:
    """Stores blocks to read again, in order or reversed: in memory, beyond `memory_bytes` in a temporary file."""

    def __init__(self, memory_bytes: int) -> None:
        self._left = memory_bytes
        self._kept: list[Block | tuple[int, int, Nanos, str]] = []
        self._file: BinaryIO | None = None

    def add(self, block: Block) -> None:
        """Stores a block."""
        size = len(block.ts) * ROW_BYTES
        if size <= self._left:
            self._left -= size
            self._kept.append(block)
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        at = self._file.seek(0, 2)
        written = self._file.write(block.batch.to_wire())
        self._kept.append((at, written, block.lines, block.path))

    def blocks(self, backwards: bool = False) -> Iterator[Block]:
        """The stored blocks, in order or reversed."""
        for kept in reversed(self._kept) if backwards else self._kept:
            block = kept if isinstance(kept, Block) else self._read(*kept)
            yield part_of(block, np.arange(len(block.ts))[::-1]) if backwards else block

    def close(self) -> None:
        """Frees memory and file."""
        self._kept = []
        if self._file is not None:
            self._file.close()

    def _read(self, at: int, size: int, lines: Nanos, path: str) -> Block:
        assert self._file is not None
        self._file.seek(at)
        batch = TradeTickBatch.from_wire(self._file.read(size))
        return Block(batch, times_of_ticks(batch), lines, path)


def sorted_by_time(blocks: Iterable[Block], memory_bytes: int) -> Iterator[tuple[TradeTickBatch, Nanos]]:
    """All ticks sorted by `ts_event`; a stable sort.

    Runs of about `memory_bytes` are sorted in memory. Several runs are written to a temporary directory and merged.
    """
    rows_max = max(PIECE_ROWS, memory_bytes // (2 * ROW_BYTES))
    waiting: list[TradeTickBatch] = []
    with tempfile.TemporaryDirectory(prefix="alphaforge-sort-") as folder:
        runs: list[_Run] = []
        try:
            for block in blocks:
                waiting.append(block.batch)
                if sum(map(len, waiting)) >= rows_max:
                    runs.append(_Run.write(Path(folder) / f"{len(runs)}", _sorted(waiting)))
                    waiting = []
            last = _sorted(waiting) if waiting else None
            if not runs:
                if last is not None:
                    yield from _pieces(last)
                return
            if last is not None:
                runs.append(_Run.write(Path(folder) / f"{len(runs)}", last))
            yield from _merged(runs)
        finally:
            for run in runs:
                run.close()


def _sorted(batches: list[TradeTickBatch]) -> TradeTickBatch:
    joined = join_ticks(batches)
    order: Nanos = np.argsort(times_of_ticks(joined), kind="stable")
    return take_ticks(joined, order)


def _pieces(batch: TradeTickBatch) -> Iterator[tuple[TradeTickBatch, Nanos]]:
    times = times_of_ticks(batch)
    for first in range(0, len(batch), PIECE_ROWS):
        yield batch[first : first + PIECE_ROWS], times[first : first + PIECE_ROWS]


class _Run:
    """A sorted run in a file, read in pieces."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.batch: TradeTickBatch | None = None
        self.times: Nanos = np.zeros(0, np.int64)
        self.is_last = False
        self.load()

    @classmethod
    def write(cls, path: Path, batch: TradeTickBatch) -> _Run:
        """Writes a sorted batch."""
        with path.open("wb") as file:
            for piece, _ in _pieces(batch):
                wire = piece.to_wire()
                file.write(len(wire).to_bytes(_LENGTH_BYTES, "little") + wire)
        return cls(path.open("rb"))

    def load(self) -> None:
        """Reads the next piece; None at the end."""
        length = self._file.read(_LENGTH_BYTES)
        self.batch = TradeTickBatch.from_wire(self._file.read(int.from_bytes(length, "little"))) if length else None
        self.times = times_of_ticks(self.batch) if self.batch is not None else np.zeros(0, np.int64)

    def take(self, count: int) -> TradeTickBatch:
        """Takes the first ticks of the piece."""
        assert self.batch is not None
        taken = self.batch[:count]
        if count == len(self.batch):
            self.load()
        else:
            self.batch, self.times = self.batch[count:], self.times[count:]
        return taken

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _merged(runs: list[_Run]) -> Iterator[tuple[TradeTickBatch, Nanos]]:
    while live := [run for run in runs if run.batch is not None]:
        # Everything up to the earliest end of a piece can be merged. For equal times, earlier runs come first; since
        # the next piece of that run may have the same time, later runs wait.
        ends = [int(run.times[-1]) for run in live]
        bound = min(ends)
        first = ends.index(bound)
        taken = []
        for number, run in enumerate(live):
            side = "right" if number <= first else "left"
            if count := int(np.searchsorted(run.times, bound, side=side)):  # type: ignore[call-overload]
                taken.append(run.take(count))
        merged = _sorted(taken)
        yield merged, times_of_ticks(merged)


class OrderWatch:
    """Counts ticks that are earlier than a previous tick of their instrument, and finds those too late for a bar."""

    def __init__(self, steps_ns: tuple[int, ...]) -> None:
        self._steps_ns = steps_ns
        self._highest: dict[str, int] = {}

    def count(self, block: Block) -> tuple[int, int | None]:
        """The number of ticks out of order, and the first row that is late for a time bar (rule 2.8)."""
        ids = block.batch.instrument_ids
        codes = instruments_of_ticks(block.batch) if len(ids) > 1 else np.zeros(len(block.ts), np.uint32)
        behind, late = 0, len(block.ts)
        for code in np.unique(codes):
            rows = np.flatnonzero(codes == code) if len(ids) > 1 else np.arange(len(block.ts))
            ts = block.ts[rows]
            before = self._highest.get(ids[code], int(ts[0]))
            highest = np.maximum.accumulate(np.concatenate([[before], ts]))
            self._highest[ids[code]] = int(highest[-1])
            is_behind = ts < highest[:-1]
            if not is_behind.any():
                continue
            behind += int(is_behind.sum())
            is_late = np.zeros(len(ts), bool)
            for step in self._steps_ns:
                is_late |= ts < highest[:-1] - highest[:-1] % step
            if is_late.any():
                late = min(late, int(rows[np.argmax(is_late)]))
        return behind, late if late < len(block.ts) else None
