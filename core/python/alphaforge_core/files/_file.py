"""One file of trades: detected, read as tables, decoded into blocks."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from alphaforge_core.files._bytes import Content, Source, open_content
from alphaforge_core.files._columns import Layout, layout_of
from alphaforge_core.files._csv import Lines, csv_tables, recognise
from alphaforge_core.files._dbn import DbnFile
from alphaforge_core.files._order import Spool
from alphaforge_core.files._report import BadRow, ReadReport, TradeFileError
from alphaforge_core.files._rows import Block, RowDecoder
from alphaforge_core.files._times import TimeReader

if TYPE_CHECKING:
    from alphaforge_core.files.reader import ReadOptions

__all__ = ["TradeFile"]

PARQUET_ROWS = 65_536
# Metadata written by `record`, so that integers need no guess.
UNIT_KEY = b"alphaforge.time_unit"


class TradeFile:
    """Reads one file; rows left out are counted in `report`.

    rows: rows of the instrument asked for, including invalid ones; at most `limit`.
    """

    def __init__(self, source: Source, options: ReadOptions, report: ReadReport, limit: int | None) -> None:
        self.rows = 0
        self.fraction_read = 0.0
        self.has_instruments = False
        self._source = source
        self._path = str(source)
        self._options = options
        self._report = report
        self._limit = limit
        self._ragged: list[BadRow] = []
        self._is_text = True
        self._is_recorded = False
        self._trim = False

    def first_time(self) -> int | None:
        """The time of the first row that has one."""
        with open_content(self._source) as content:
            layout, times, tables = self._open(content)
            with closing(tables):
                decoder = self._decoder(layout, times)
                for lines, table in tables:
                    table, lines = decoder.chosen(table, lines, self._is_text)
                    if len(table) and len(found := decoder.first_times(table)):
                        return int(found[0])
        return None

    def blocks(self, spool: Spool) -> Iterator[Block]:
        """The trades in the file's order, or in reverse if the file is sorted newest first."""
        with open_content(self._source) as content:
            layout, times, tables = self._open(content)
            self.has_instruments = "instrument_id" in layout.places
            decoder = self._decoder(layout, times)
            with closing(tables):
                first = next(((lines, table) for lines, table in tables if len(table)), None)
                if first is None:
                    self._count_ragged(None)
                    return
                rest = self._decoded(first, tables, decoder, content)
                # A recording is in order of arrival, whatever the times.
                if not self._is_recorded and _is_falling(
                    decoder.first_times(decoder.chosen(first[1], first[0], self._is_text)[0])
                ):
                    yield from self._backwards(rest, spool)
                else:
                    yield from rest
        self._note(layout, times)

    def _open(self, content: Content) -> tuple[Layout, TimeReader, Generator[tuple[Lines, pa.RecordBatch], None, None]]:
        options = self._options
        if content.is_parquet:
            file = pyarrow.parquet.ParquetFile(content.stream)
            names = tuple(file.schema_arrow.names)
            layout = self._layout(names, ())
            said = (file.schema_arrow.metadata or {}).get(UNIT_KEY, b"").decode()
            self._is_recorded = bool(said)
            times = TimeReader(options.time_unit or said or layout.time_unit)
            self._is_text = False
            return layout, times, self._parquet_tables(file, layout)
        if content.is_dbn:
            records = DbnFile(self._source, content)
            layout = self._layout(records.names, ())
            self._is_text = False
            return layout, TimeReader("ns"), self._tables(records.batches, layout)
        dialect = recognise(content, self._path, options.delimiter, options.encoding)
        layout = self._layout(dialect.names, dialect.first_rows)
        self._trim = dialect.has_blanks
        tables = csv_tables(content, self._path, dialect, _wanted(layout), self._on_ragged)
        return layout, TimeReader(options.time_unit or layout.time_unit), tables

    def _layout(self, names: tuple[str, ...] | None, first_rows: tuple[tuple[str, ...], ...]) -> Layout:
        options = self._options
        return layout_of(
            names,
            first_rows,
            file=self._path,
            file_name=self._source.name,
            given=options.columns,
            positions=options.positions,
            preset=options.preset,
            side=options.side,
            where=options.where,
            instrument=options.instrument,
        )

    def _decoder(self, layout: Layout, times: TimeReader) -> RowDecoder:
        options = self._options
        return RowDecoder(
            self._path,
            layout,
            times,
            self._report,
            instrument=options.instrument,
            trim=self._trim,
            round_numbers=options.round_numbers,
            quantity_scale=options.quantity_scale,
            price_scale=options.price_scale,
            start=options.start,
            end=options.end,
        )

    def _parquet_tables(
        self, file: pyarrow.parquet.ParquetFile, layout: Layout
    ) -> Generator[tuple[Lines, pa.RecordBatch], None, None]:
        read = 0
        for lines, table in self._tables(lambda names: file.iter_batches(PARQUET_ROWS, columns=names), layout):
            yield lines, table
            read += len(table)
            self.fraction_read = read / max(1, file.metadata.num_rows)

    def _tables(
        self, batches: Callable[[list[str]], Iterator[pa.RecordBatch]], layout: Layout
    ) -> Generator[tuple[Lines, pa.RecordBatch], None, None]:
        """The wanted columns of a file that has names and types, renamed to their positions in the file."""
        wanted = _wanted(layout)
        names = [layout.names[place] for place in wanted]
        line = 1
        for batch in batches(names):
            columns = [batch.column(name) for name in names]
            yield (
                np.arange(line, line + len(batch)),
                pa.RecordBatch.from_arrays(columns, [str(each) for each in wanted]),
            )
            line += len(batch)

    def _decoded(
        self,
        first: tuple[Lines, pa.RecordBatch],
        tables: Iterator[tuple[Lines, pa.RecordBatch]],
        decoder: RowDecoder,
        content: Content,
    ) -> Iterator[Block]:
        for read_lines, read_table in _chain(first, tables):
            table, lines = decoder.chosen(read_table, read_lines, self._is_text)
            if self._limit is not None and self.rows + len(table) >= self._limit:
                table, lines = table.slice(0, self._limit - self.rows), lines[: self._limit - self.rows]
            self.rows += len(table)
            is_full = self.rows == self._limit
            block = decoder.decode(table, lines) if len(table) else None
            self._count_ragged(int(lines[-1] if is_full and len(lines) else read_lines[-1]))
            if self._is_text:
                self.fraction_read = content.fraction_read
            if block is not None:
                yield block
            if is_full:
                return
        self._count_ragged(None)

    def _backwards(self, blocks: Iterator[Block], spool: Spool) -> Iterator[Block]:
        self._limit, left = None, self._limit
        last: int | None = None
        is_falling = True
        for block in blocks:
            is_falling = is_falling and _never_rises(block.ts) and (last is None or int(block.ts[0]) <= last)
            last = int(block.ts[-1])
            spool.add(block)
        if is_falling:
            self._report.note(f"{self._path}: newest first, read backwards")
        for block in spool.blocks(backwards=is_falling):
            cut = block
            if left is not None and len(block.ts) > left:
                cut = Block(block.batch[:left], block.ts[:left], block.lines[:left], block.path)
            yield cut
            left = None if left is None else left - len(cut.ts)
            if left == 0:
                return

    def _on_ragged(self, line: int, problem: str) -> None:
        self._ragged.append(BadRow(self._path, line, "COLUMNS_UNEQUAL", problem))

    def _count_ragged(self, last_line: int | None) -> None:
        """Counts rows of a wrong shape before `last_line`, or all: the reader may be further ahead."""
        count = len(self._ragged) if last_line is None else sum(bad.line < last_line for bad in self._ragged)
        if count:
            self._report.leave_out({"COLUMNS_UNEQUAL": count}, self._ragged[:count])
            del self._ragged[:count]
        if self._options.strict and self._report.bad_rows:
            raise TradeFileError(str(min(self._report.bad_rows, key=lambda bad: bad.line)))

    def _note(self, layout: Layout, times: TimeReader) -> None:
        known = layout.preset
        if known is not None and known.name != "alphaforge":
            self._report.note(f"{known.title} (--preset {known.name}): {layout.described}")
        elif known is None:
            self._report.note(f"read as {layout.described}")
        if layout.instrument is not None and not self.has_instruments:
            self._report.note(f"{self._path}: instrument {layout.instrument}, by the file's name")
        if times.unit is None and times.units_seen:
            units = ", then ".join(times.units_seen)
            self._report.note(f"times in {units}, by their magnitude; --time-unit overrides")
        elif times.form:
            self._report.note(f"times are {times.form}")


def _wanted(layout: Layout) -> tuple[int, ...]:
    return tuple(sorted({*layout.places.values(), *layout.where}))


def _chain(
    first: tuple[Lines, pa.RecordBatch], rest: Iterator[tuple[Lines, pa.RecordBatch]]
) -> Iterator[tuple[Lines, pa.RecordBatch]]:
    yield first
    yield from rest


def _never_rises(ts: np.ndarray) -> bool:
    return bool((np.diff(ts) <= 0).all())


def _is_falling(ts: np.ndarray) -> bool:
    return len(ts) > 1 and int(ts[0]) > int(ts[-1]) and _never_rises(ts)
