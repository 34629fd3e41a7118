"""Files of trades as batches of ticks: CSV, CSV.gz and Parquet, exact, in columns, with every bad row named.

A row's decimals go from their text to 128-bit integers of nine places without a float between. A block that holds a
bad row is read a second time, row by row, so that only the bad rows are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from alphaforge_core.errors import InvalidArgument, UnsupportedValue
from alphaforge_core.model import Price, Quantity, TradeTick, TradeTickBatch

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["BadRow", "Columns", "TradeBlock", "TradeFile"]

BLOCK_BYTES = 1 << 20
PARQUET_ROWS = 16_384
BAD_ROWS_KEPT = 10
_EXACT = pa.decimal128(38, 9)
_SIDES = pa.array(["NONE", "BUY", "SELL"])
_SIDE_CODE_FIRST = 1  # AggressorSide on the wire: NONE 1, BUY 2, SELL 3


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

    `instrument` names the instrument of a file without that column; in a file with it, it selects its rows.
    Raises InvalidArgument for a file without the required columns, and with `strict` at the first bad row.
    """

    path: Path
    columns: Columns = field(default_factory=Columns)
    instrument: str | None = None
    limit: int | None = None
    strict: bool = False
    rows: int = 0
    bad_row_count: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)
    fraction_read: float = 0.0
    _ragged_lines: list[int] = field(default_factory=list, repr=False)

    @property
    def is_parquet(self) -> bool:
        """By the file's name: `.parquet` or `.pq`."""
        return self.path.suffix.lower() in {".parquet", ".pq"}

    def blocks(self) -> Iterator[TradeBlock]:
        """The trades in the file's order, `limit` at most; bad rows are counted and left out."""
        left = self.limit
        for lines, table in self._tables():
            if left is not None:
                table = table.slice(0, left)
            block = self._block(table, lines)
            self.rows += len(table)
            if left is not None:
                left -= len(table)
            if len(block.ts_event):
                yield block
            if left == 0:
                return

    def _tables(self) -> Iterator[tuple[list[int], pa.Table]]:
        line = 1 if self.is_parquet else 2
        for batch in self._parquet() if self.is_parquet else self._csv():
            lines = self._lines(line, len(batch))
            line = lines[-1] + 1 if lines else line
            yield lines, pa.Table.from_batches([batch])

    def _lines(self, first: int, count: int) -> list[int]:
        """The lines of the next `count` rows: the ones that were skipped for their shape don't count."""
        end = first + count
        skipped = set()
        while self._ragged_lines and self._ragged_lines[0] < end:
            skipped.add(self._ragged_lines.pop(0))
            end += 1
        return [line for line in range(first, end) if line not in skipped]

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
            )
            for batch in self._open_csv(raw, options):
                self.fraction_read = raw.tell() / size
                yield batch

    def _csv_header(self) -> list[str]:
        with self.path.open("rb") as raw:
            return list(self._open_csv(raw, None).schema.names)

    def _open_csv(self, raw: BinaryIO, options: pyarrow.csv.ConvertOptions | None) -> pyarrow.csv.CSVStreamingReader:
        source = pa.CompressedInputStream(raw, "gzip") if self.path.suffix == ".gz" else raw
        return pyarrow.csv.open_csv(
            source,
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            parse_options=pyarrow.csv.ParseOptions(
                ignore_empty_lines=False, invalid_row_handler=options and self._on_ragged_row
            ),
            convert_options=options,
        )

    def _wanted(self, names: list[str]) -> list[str]:
        missing = [name for name in self.columns.required if name not in names]
        if missing:
            raise InvalidArgument(
                f"{self.path} has no column {', '.join(map(repr, missing))}; it has {', '.join(names)}; "
                "say what the file calls it by --column",
                reason="COLUMNS_MISSING",
            )
        if self.columns.instrument_id not in names and self.instrument is None:
            raise InvalidArgument(
                f"{self.path} has no column {self.columns.instrument_id!r}; give the instrument by --instrument",
                reason="COLUMNS_MISSING",
            )
        return [name for name in self.columns if name in names]

    def _on_ragged_row(self, row: Any) -> str:
        self._ragged_lines.append(row.number)
        self._bad(row.number, f"{row.actual_columns} columns where the header has {row.expected_columns}")
        return "skip"

    def _bad(self, line: int, problem: str) -> None:
        if self.strict:
            raise InvalidArgument(f"{self.path}:{line}: {problem}", reason="ROW_INVALID")
        self.bad_row_count += 1
        if len(self.bad_rows) < BAD_ROWS_KEPT:
            self.bad_rows.append(BadRow(line, problem))

    def _block(self, table: pa.Table, lines: list[int]) -> TradeBlock:
        if self.instrument is not None and self.columns.instrument_id in table.column_names:
            chosen = pc.equal(table[self.columns.instrument_id], self.instrument)
            table = table.filter(chosen)
            lines = [line for line, keep in zip(lines, chosen.to_pylist(), strict=False) if keep]
        try:
            return self._columnar(table)
        except (pa.ArrowInvalid, InvalidArgument, UnsupportedValue, OverflowError):
            return self._row_by_row(table, lines)

    def _columnar(self, table: pa.Table) -> TradeBlock:
        names = self.columns
        ts_event = pc.cast(table[names.ts_event], pa.int64()).to_numpy()
        has = set(table.column_names)
        batch = TradeTickBatch.from_columns(
            instrument_id=table[names.instrument_id].to_pylist() if names.instrument_id in has else self.instrument,
            prices=_mantissas(table[names.price]),
            quantities=_mantissas(table[names.quantity]),
            price_scale=9,
            quantity_scale=9,
            ts_event=ts_event,
            ts_init=pc.cast(table[names.ts_init], pa.int64()).to_numpy() if names.ts_init in has else None,
            sides=_side_codes(table[names.aggressor_side]) if names.aggressor_side in has else None,
            trade_ids=pc.cast(table[names.trade_id], pa.string()).to_pylist() if names.trade_id in has else None,
        )
        return TradeBlock(batch, ts_event)

    def _row_by_row(self, table: pa.Table, lines: list[int]) -> TradeBlock:
        ticks = []
        for line, row in zip(lines, table.to_pylist(), strict=False):
            if not any(row.values()):  # an empty line
                continue
            try:
                ticks.append(self._tick(row))
            except (InvalidArgument, UnsupportedValue, ValueError) as error:
                self._bad(line, str(error))
        batch = TradeTickBatch.from_ticks(ticks)
        return TradeBlock(batch, pa.array([tick.ts_event for tick in ticks], pa.int64()).to_numpy(zero_copy_only=False))

    def _tick(self, row: dict[str, Any]) -> TradeTick:
        names = self.columns
        instrument_id = row.get(names.instrument_id, self.instrument)
        assert instrument_id is not None
        ts_event = int(row[names.ts_event])
        return TradeTick(
            instrument_id=instrument_id,
            price=Price(row[names.price]),
            quantity=Quantity(row[names.quantity]),
            aggressor_side=row.get(names.aggressor_side, "NONE"),
            trade_id=str(row.get(names.trade_id, "")),
            ts_event=ts_event,
            ts_init=int(row.get(names.ts_init, ts_event)),
        )


def _mantissas(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Nine-place mantissas in 64 bits; raises ArrowInvalid for more places and OverflowError for more digits."""
    exact = pc.cast(column, _EXACT).combine_chunks()
    if exact.null_count:
        raise pa.ArrowInvalid("an empty value")
    words = pa.Array.from_buffers(pa.int64(), 2 * (exact.offset + len(exact)), [None, exact.buffers()[1]]).to_numpy()
    low, high = words[0::2][exact.offset :], words[1::2][exact.offset :]
    if not (high == low >> 63).all():
        raise OverflowError("a number beyond 64 bits")
    return low.copy()


def _side_codes(column: pa.ChunkedArray) -> npt.NDArray[np.uint8]:
    codes = pc.index_in(column, value_set=_SIDES)
    if codes.null_count:
        raise pa.ArrowInvalid("an unknown side")
    return pc.cast(pc.add(codes, _SIDE_CODE_FIRST), pa.uint8()).to_numpy()
