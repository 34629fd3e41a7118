"""The reader: returns blocks of ticks from paths, and a report of rows left out."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from alphaforge_core.files._bytes import Source, expand
from alphaforge_core.files._clock import ClockGuard
from alphaforge_core.files._file import TradeFile
from alphaforge_core.files._order import OrderWatch, Spool, sorted_by_time
from alphaforge_core.files._presets import SideMeaning
from alphaforge_core.files._report import ReadReport, TradeFileError
from alphaforge_core.files._rows import Block
from alphaforge_core.files._times import TimeUnit, moment
from alphaforge_core.model import TradeTickBatch

__all__ = ["ReadOptions", "TradeBlock", "TradeReader", "read_trades"]

BLOCKS_AHEAD = 4
WAIT_SECONDS = 0.1

HOUR_NS = 3600 * 10**9
YEAR_2000_NS = 946_684_800 * 10**9
DAY_NS = 86_400 * 10**9
# Files written by `record` are numbered in order of arrival.
_RECORDED = re.compile(r"trades-\d{6,}-\d{8}\.parquet")


class TradeBlock(NamedTuple):
    """Consecutive trades: the batch, and the `ts_event` of each in nanoseconds."""

    batch: TradeTickBatch
    ts_event: npt.NDArray[np.int64]


@dataclass(frozen=True)
class ReadOptions:
    """Options for reading files of trades.

    instrument: the instrument of files without that column; otherwise selects its rows.
    columns: the files' names of fields, such as {"price": "px"}. Fields: ts_event, price, quantity, instrument_id,
    ts_init, aggressor_side, trade_id, and date and time for a time in two columns.
    positions: column names of a file without a header, or instead of the header.
    preset: a vendor's format, "auto" to detect it, "none" to use common names only.
    time_unit: unit of integer times; None to infer it from their magnitude.
    side: meaning of the side column; None for the format's meaning.
    where: only rows whose column has one of these values, such as {"action": {"T"}}.
    price_scale, quantity_scale: integers mean mantissa / 10^scale.
    delimiter, encoding: of text; None to detect them.
    start, end: only trades with `start <= ts_event < end`, in nanoseconds.
    limit: maximum number of rows, including invalid ones.
    strict: stop at the first row that is invalid, has a wrong clock or is too late for a bar.
    late_steps_ns: the time bars that a trade must not be late for, with `strict`.
    round_numbers: round numbers with more than nine decimal places instead of leaving the row out.
    max_jump_ns: a row whose time is further than this ahead of both its neighbours has a wrong clock and is left out;
        0: no check.
    sort: by (ts_event, path as given, row), in runs of about `memory_bytes`.
    """

    instrument: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    positions: Sequence[str] = ()
    preset: str = "auto"
    time_unit: TimeUnit | None = None
    side: SideMeaning | None = None
    where: Mapping[str, frozenset[str]] = field(default_factory=dict)
    price_scale: int | None = None
    quantity_scale: int = 0
    delimiter: str | None = None
    encoding: str | None = None
    start: int | None = None
    end: int | None = None
    limit: int | None = None
    strict: bool = False
    late_steps_ns: tuple[int, ...] = ()
    round_numbers: bool = False
    max_jump_ns: int = HOUR_NS
    sort: bool = False
    memory_bytes: int = 256 << 20


class TradeReader:
    """Reads files of trades block by block; `report` has the result for their rows.

    Several files are read in order of their first times. A file that is sorted newest first is reversed.

    Raises TradeFileError for a file that can't be read to its end, and with `strict` at the first row that is left out.
    """

    def __init__(self, paths: Iterable[str | Path], options: ReadOptions | None = None) -> None:
        self.options = options or ReadOptions()
        self.report = ReadReport()
        self.file = ""
        self._paths = list(paths)
        self._done = 0
        self._current: TradeFile | None = None
        self._count = 1

    @property
    def fraction_read(self) -> float:
        """The approximate share of all files that has been read."""
        current = self._current.fraction_read if self._current is not None else 0.0
        return min(1.0, (self._done + current) / self._count)

    def __iter__(self) -> Iterator[TradeBlock]:
        return self.blocks()

    def blocks(self) -> Generator[TradeBlock, None, None]:
        """The trades, read ahead in a thread."""
        return _read_ahead(self._counted())

    def _counted(self) -> Iterator[TradeBlock]:
        watch = OrderWatch(self.options.late_steps_ns)
        for block in self._ordered():
            self._judge_order(block, watch)
            self.report.trades += len(block.batch)
            self.report.rows += len(block.batch)
            yield TradeBlock(block.batch, block.ts)
        self._finish()

    def _judge_order(self, block: Block, watch: OrderWatch) -> None:
        behind, late = watch.count(block)
        self.report.out_of_order += behind
        if late is not None and self.options.strict:
            where = f"{block.path}:{int(block.lines[late])}" if len(block.lines) else block.path
            raise TradeFileError(
                f"{where}: the trade of {moment(int(block.ts[late]))} comes after its bar has closed; use --sort to "
                "put the trades in order"
            )
        low, high = int(block.ts.min()), int(block.ts.max())
        if low < YEAR_2000_NS:
            self.report.warn(f"a trade of {moment(low)}: if its times are in another unit, set --time-unit")
        elif high > time.time_ns() + DAY_NS:
            self.report.warn(
                f"a trade in the future, {moment(high)}: if its times are in another unit, set --time-unit"
            )

    def _finish(self) -> None:
        report = self.report
        instrument = self.options.instrument
        if instrument is not None and not report.rows and self._current is not None and self._current.has_instruments:
            raise TradeFileError(f"no row has the instrument {instrument!r}")
        if report.rounded:
            report.warn(f"{report.rounded:,} trades have a price or quantity rounded to nine places")

    def _ordered(self) -> Iterator[Block]:
        sources = expand(self._paths)
        if not sources:
            raise TradeFileError("no files were given")
        self._count = len(sources)
        if not self.options.sort:
            yield from self._guarded(self._in_time_order(sources))
            return
        # With a limit, the remaining rows are known only after sorting.
        left = self.options.limit
        for batch, times in sorted_by_time(self._guarded(sources), self.options.memory_bytes):
            yield Block(batch[:left], times[:left], np.zeros(0, np.int64), "sorted")
            left = None if left is None else left - len(batch)
            if left is not None and left <= 0:
                return

    def _guarded(self, sources: Sequence[Source]) -> Iterator[Block]:
        guard = ClockGuard(self.options.max_jump_ns, self.report, self.options.strict)
        for block in self._from_files(sources):
            yield from guard.judge(block)
        yield from guard.finish()

    def _from_files(self, sources: Sequence[Source]) -> Iterator[Block]:
        left = None if self.options.sort else self.options.limit
        for source in sources:
            self.file = source.name
            self._current = file = TradeFile(source, self.options, self.report, left)
            with closing(Spool(self.options.memory_bytes)) as spool:
                yield from file.blocks(spool)
            self._done += 1
            left = None if left is None else left - file.rows
            if left is not None and left <= 0:
                return

    def _in_time_order(self, sources: list[Source]) -> list[Source]:
        if len(sources) == 1 or all(_RECORDED.fullmatch(source.name) for source in sources):
            return sources
        firsts = {source: TradeFile(source, self.options, ReadReport(), None).first_time() for source in sources}
        known = [source for source in sources if firsts[source] is not None]
        unknown = [source for source in sources if firsts[source] is None]
        return sorted(known, key=lambda source: firsts[source] or 0) + unknown


def _read_ahead(items: Iterator[TradeBlock]) -> Generator[TradeBlock, None, None]:
    """The items, produced in a thread, at most a few in advance. The thread's exceptions are raised here, in order."""
    made: queue.Queue[tuple[str, TradeBlock | BaseException | None]] = queue.Queue(BLOCKS_AHEAD)
    stop = threading.Event()

    def put(kind: str, item: TradeBlock | BaseException | None) -> None:
        while not stop.is_set():
            try:
                made.put((kind, item), timeout=WAIT_SECONDS)
            except queue.Full:
                continue
            return

    def make() -> None:
        try:
            for item in items:
                put("item", item)
                if stop.is_set():
                    return
            put("end", None)
        except BaseException as error:  # the reader raises it
            put("error", error)

    thread = threading.Thread(target=make, name="alphaforge-read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            kind, item = made.get()
            if kind == "item":
                yield item  # type: ignore[misc]
            elif kind == "error":
                raise item  # type: ignore[misc]
            else:
                return
    finally:
        stop.set()
        thread.join()


def read_trades(*paths: str | Path, **options: Any) -> TradeReader:
    """A reader of the files; options are those of ReadOptions.

    >>> read_trades("trades.csv", instrument="BTCUSD").options.instrument
    'BTCUSD'
    """
    return TradeReader(paths, ReadOptions(**options))
