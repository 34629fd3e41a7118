"""Files of trades as batches of ticks: CSV, CSV.gz and Parquet, exact, in columns, with every bad row named.

Texts and decimals reach the core as they stand in the file, so one parser, its own, decides what a number is. A block
that it refuses is halved until the bad rows stand alone; those are left out and the rest is one batch again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from alphaforge_core.errors import InvalidArgument, UnsupportedValue
from alphaforge_core.model import TradeTickBatch

__all__ = ["BadRow", "Columns", "TimeUnit", "TradeBlock", "TradeFile", "TradeFileError"]

TimeUnit = Literal["ns", "us", "ms", "s"]

BLOCK_BYTES = 1 << 20
PARQUET_ROWS = 16_384
BAD_ROWS_KEPT = 10
_UNIT_NS: dict[TimeUnit, int] = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
# UnicodeDecodeError is a ValueError, and so is ArrowInvalid: a text that is no UTF-8, a time that is no integer.
_BAD_ROW = (InvalidArgument, UnsupportedValue, ValueError)

Lines = npt.NDArray[np.int64]


class TradeFileError(Exception):
    """The file can't be read as trades, or with `strict` one of its rows can't."""


class Columns(NamedTuple):
    """What the file calls each column; the ones after `quantity` may be missing from it."""

    ts_event: str = "ts_event"
    price: str = "price"
    quantity: str = "quantity"
    instrument_id: str = "instrument_id"
    ts_init: str = "ts_init"
    aggressor_side: str = "aggressor_side"
    trade_id: str = "trade_id"

    @property
    def required(self) -> tuple[str, ...]:
        """The columns without which a row is no trade."""
        return self.ts_event, self.price, self.quantity


class BadRow(NamedTuple):
    """A row that is no trade: its line in the file (Parquet: its row), both from 1, and what is wrong with it."""

    line: int
    problem: str


class TradeBlock(NamedTuple):
    """Some consecutive trades of a file: the batch, and each one's `ts_event` in nanoseconds."""

    batch: TradeTickBatch
    ts_event: npt.NDArray[np.int64]


@dataclass
class TradeFile:
    """Reads a file of trades block by block.

    instrument: names the instrument of a file without that column; in a file with it, selects its rows.
    limit: so many rows at most, bad ones included.
    time_unit: of the times, where they are integers.

    Raises TradeFileError for a file that has not the required columns or can't be read to its end, and with `strict` at
    the first bad row. Empty lines are no rows.
    """

    path: Path
    columns: Columns = field(default_factory=Columns)
    instrument: str | None = None
    limit: int | None = None
    strict: bool = False
    time_unit: TimeUnit = "ns"
    bad_row_count: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)
    rows: int = 0
    fraction_read: float = 0.0
    _ragged: list[BadRow] = field(default_factory=list, repr=False)

    @property
    def is_parquet(self) -> bool:
        """By the file's name: `.parquet` or `.pq`."""
        return self.path.suffix.lower() in {".parquet", ".pq"}

    def blocks(self) -> Iterator[TradeBlock]:
        """The trades in the file's order; bad rows are counted and left out."""
        left = self.limit
        for read_lines, table in self._tables():
            rows, lines = self._chosen(table, read_lines)
            if left is not None:
                rows, lines = rows.slice(0, left), lines[:left]
                left -= len(rows)
            self.rows += len(rows)
            block = self._good(rows, lines) if len(rows) else None
            self._count_ragged(int(lines[-1] if left == 0 else read_lines[-1]))
            self._stop_if_strict()
            if block is not None:
                yield block
            if left == 0:
                return
        self._count_ragged(None)
        self._stop_if_strict()

    def _tables(self) -> Iterator[tuple[Lines, pa.Table]]:
        """The file in blocks of at least one row, with the line of each row."""
        line = 1 if self.is_parquet else 2
        try:
            for batch in self._parquet() if self.is_parquet else self._csv():
                if len(batch):
                    lines = self._lines(line, len(batch))
                    line = int(lines[-1]) + 1
                    yield lines, pa.Table.from_batches([batch])
        # A damaged gzip stream is an OSError, and so is a file that vanishes.
        except (pa.ArrowException, OSError) as error:
            raise TradeFileError(f"{self.path}: {error}") from error

    def _lines(self, first: int, count: int) -> Lines:
        """The lines of the next `count` rows: those between them that were skipped for their shape are left out."""
        end = first + count
        skipped = []
        for line, _ in self._ragged:
            if first <= line < end:
                skipped.append(line)
                end += 1
        return np.setdiff1d(np.arange(first, end), skipped)

    def _parquet(self) -> Iterator[pa.RecordBatch]:
        file = pyarrow.parquet.ParquetFile(self.path)
        wanted = self._wanted(file.schema_arrow.names)
        done = 0
        for batch in file.iter_batches(batch_size=PARQUET_ROWS, columns=wanted):
            done += len(batch)
            self.fraction_read = done / max(1, file.metadata.num_rows)
            yield batch

    def _csv(self) -> Iterator[pa.RecordBatch]:
        size = max(1, self.path.stat().st_size)
        with self.path.open("rb") as raw:
            names = self._csv_header()
            options = pyarrow.csv.ConvertOptions(
                # Every column as text: a decimal that passed through a float would not be the venue's any more.
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=self._wanted(names),
                strings_can_be_null=False,
                check_utf8=False,
            )
            for batch in self._open_csv(raw, options):
                self.fraction_read = raw.tell() / size
                yield batch

    def _csv_header(self) -> list[str]:
        with self.path.open("rb") as raw:
            return list(self._open_csv(raw, None).schema.names)

    def _open_csv(self, raw: BinaryIO, options: pyarrow.csv.ConvertOptions | None) -> pyarrow.csv.CSVStreamingReader:
        source = pa.CompressedInputStream(raw, "gzip") if self.path.suffix.lower() == ".gz" else raw
        return pyarrow.csv.open_csv(
            source,
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            parse_options=pyarrow.csv.ParseOptions(
                # Kept, so that lines can be counted.
                ignore_empty_lines=False,
                # The header is read first, by itself; the rows of the block it reads must not be reported twice.
                invalid_row_handler=self._on_ragged_row if options else _skip,
            ),
            convert_options=options,
        )

    def _wanted(self, names: list[str]) -> list[str]:
        has = f"it has {', '.join(names)}"
        if missing := [name for name in self.columns.required if name not in names]:
            columns = ", ".join(map(repr, missing))
            raise TradeFileError(f"{self.path} has no column {columns}; {has}; say what the file calls it by --column")
        if self.columns.instrument_id not in names and self.instrument is None:
            name = self.columns.instrument_id
            raise TradeFileError(f"{self.path} has no column {name!r}; {has}; give the instrument by --instrument")
        wanted = [name for name in self.columns if name in names]
        if twice := [name for name in wanted if names.count(name) > 1]:
            raise TradeFileError(f"{self.path} has the column {twice[0]!r} more than once; {has}")
        return wanted

    def _on_ragged_row(self, row: Any) -> Literal["skip"]:
        # Called while a block is read: nothing may be raised through the reader, and the row may lie beyond the limit.
        problem = f"{row.actual_columns} columns where the header has {row.expected_columns}"
        self._ragged.append(BadRow(row.number, problem))
        return "skip"

    def _count_ragged(self, last_line: int | None) -> None:
        """Counts the rows of a wrong shape up to that line, or all."""
        count = len(self._ragged) if last_line is None else sum(line < last_line for line, _ in self._ragged)
        self._count_bad(self._ragged[:count])
        del self._ragged[:count]

    def _count_bad(self, rows: list[BadRow]) -> None:
        self.bad_row_count += len(rows)
        self.bad_rows = sorted([*self.bad_rows, *rows[:BAD_ROWS_KEPT]])[:BAD_ROWS_KEPT]

    def _stop_if_strict(self) -> None:
        if self.strict and self.bad_rows:
            line, problem = self.bad_rows[0]
            raise TradeFileError(f"{self.path}:{line}: {problem}")

    def _chosen(self, table: pa.Table, lines: Lines) -> tuple[pa.Table, Lines]:
        """The rows of the instrument asked for, without those of empty lines."""
        keep = np.ones(len(table), dtype=bool)
        if not self.is_parquet:
            keep = ~np.logical_and.reduce([_is_empty(table[name]) for name in self.columns.required])
        if self.instrument is not None and self.columns.instrument_id in table.column_names:
            wanted = pc.equal(_text(table[self.columns.instrument_id], ""), self.instrument)
            keep &= wanted.to_numpy()
        return (table, lines) if keep.all() else (table.filter(pa.array(keep)), lines[keep])

    def _good(self, table: pa.Table, lines: Lines) -> TradeBlock | None:
        try:
            return self._block(table)
        except _BAD_ROW as error:
            keep = np.ones(len(table), dtype=bool)
            self._mark_bad(table, lines, keep, error)
        return self._block(table.filter(pa.array(keep))) if keep.any() else None

    def _mark_bad(self, table: pa.Table, lines: Lines, keep: npt.NDArray[np.bool_], error: Exception) -> None:
        """Halves what was refused until the bad rows stand alone."""
        if len(table) == 1:
            keep[0] = False
            self._count_bad([BadRow(int(lines[0]), str(error))])
            return
        middle = len(table) // 2
        for part in (slice(0, middle), slice(middle, len(table))):
            rows = table.slice(part.start, part.stop - part.start)
            try:
                self._block(rows)
            except _BAD_ROW as refused:
                self._mark_bad(rows, lines[part], keep[part], refused)

    def _block(self, table: pa.Table) -> TradeBlock:
        names = self.columns
        has = set(table.column_names)
        ts_event = self._times(table[names.ts_event], names.ts_event)
        sides = _text(table[names.aggressor_side], "NONE") if names.aggressor_side in has else None
        batch = TradeTickBatch.from_columns(
            instrument_id=_text(table[names.instrument_id], "").to_pylist()
            if names.instrument_id in has
            else self.instrument,
            prices=_numbers(table[names.price]),
            quantities=_numbers(table[names.quantity]),
            ts_event=ts_event,
            ts_init=self._times(table[names.ts_init], names.ts_init) if names.ts_init in has else None,
            # A venue that gives no side leaves the field empty.
            sides=None if sides is None else pc.if_else(pc.equal(sides, ""), "NONE", sides).to_pylist(),
            trade_ids=_text(table[names.trade_id], "").to_pylist() if names.trade_id in has else None,
        )
        return TradeBlock(batch, ts_event)

    def _times(self, column: pa.ChunkedArray, name: str) -> npt.NDArray[np.int64]:
        """Nanoseconds since the Unix epoch."""
        unit = 1 if pa.types.is_timestamp(column.type) else _UNIT_NS[self.time_unit]
        if pa.types.is_timestamp(column.type):
            column = pc.cast(column, pa.timestamp("ns", column.type.tz))
        try:
            times = pc.multiply_checked(pc.cast(column, pa.int64()), unit)
        except pa.ArrowInvalid:
            raise ValueError(f"{name} {column[0]} is no integer of 64 bits") from None
        if times.null_count:
            raise ValueError(f"{name} is missing")
        return np.asarray(times.to_numpy(), np.int64)


def _skip(_row: Any) -> Literal["skip"]:
    return "skip"


def _is_empty(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    return np.asarray(pc.equal(pc.binary_length(column), 0).to_numpy(), bool)


def _text(column: pa.ChunkedArray, missing: str) -> pa.ChunkedArray:
    return pc.fill_null(column if pa.types.is_string(column.type) else pc.cast(column, pa.string()), missing)


def _numbers(column: pa.ChunkedArray) -> Any:
    """What the core takes for exact: floats as they are (their shortest decimal), all else as texts, ints, Decimals."""
    return column.to_numpy() if pa.types.is_floating(column.type) else column.to_pylist()
