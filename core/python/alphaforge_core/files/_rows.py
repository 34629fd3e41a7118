"""Tables as blocks of ticks: each row becomes a tick or is counted with its reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from alphaforge_core.files._cells import SIDE_NONE, name_codes, number_column, side_codes, text_buffers, texts
from alphaforge_core.files._columns import Layout
from alphaforge_core.files._csv import Lines
from alphaforge_core.files._report import BAD_ROWS_KEPT, BadRow, ReadReport
from alphaforge_core.files._times import TimeReader, joined_date_and_time
from alphaforge_core.model import TradeTickBatch
from alphaforge_core.trade_rows import decode_trade_rows

__all__ = ["Block", "RowDecoder"]

Mask = npt.NDArray[np.bool_]


@dataclass
class Block:
    """Ticks of one file, with their times and lines."""

    batch: TradeTickBatch
    ts: npt.NDArray[np.int64]
    lines: Lines
    path: str


class RowDecoder:
    """Decodes the tables of one file, whose columns are named by position.

    instrument: the instrument of a file without that column; otherwise selects its rows.
    start, end: only rows with `start <= ts_event < end`; others are not counted.
    """

    def __init__(
        self,
        path: str,
        layout: Layout,
        times: TimeReader,
        report: ReadReport,
        *,
        instrument: str | None,
        trim: bool,
        round_numbers: bool,
        quantity_scale: int,
        price_scale: int | None,
        start: int | None,
        end: int | None,
    ) -> None:
        self._path = path
        self._layout = layout
        self._times = times
        self._init_times = TimeReader(times.unit)
        self._report = report
        self._instrument = instrument
        self._trim = trim
        self._round = round_numbers
        self._quantity_scale = quantity_scale
        self._price_scale = layout.price_scale if price_scale is None else price_scale
        self._start = start
        self._end = end

    def chosen(self, table: pa.RecordBatch, lines: Lines, is_text: bool) -> tuple[pa.RecordBatch, Lines]:
        """The rows that match the instrument and the filters, without empty lines."""
        places = self._layout.places
        keep: Mask | None = None
        if is_text:
            empty = [np.asarray(pc.equal(pc.binary_length(self._column(table, "price")), 0))]
            if empty[0].any():
                empty += [np.asarray(pc.equal(pc.binary_length(column), 0)) for column in table.columns]
                keep = ~np.logical_and.reduce(empty)
        if self._instrument is not None and "instrument_id" in places:
            names, index = name_codes(self._cells(table, "instrument_id"))
            keep = _both(keep, np.array([name == self._instrument for name in names])[index])
        for place, values in self._layout.where.items():
            words, index = name_codes(table.column(str(place)))
            keep = _both(keep, np.array([word is not None and word.strip() in values for word in words])[index])
        return (table, lines) if keep is None or keep.all() else (table.filter(pa.array(keep)), lines[keep])

    def first_times(self, table: pa.RecordBatch) -> npt.NDArray[np.int64]:
        """The times of rows with a valid time."""
        times = TimeReader(self._times.unit).read(self._time_column(table))
        return times.ts[~times.bad]

    def decode(self, table: pa.RecordBatch, lines: Lines) -> Block | None:
        """The ticks of at least one row."""
        times = self._times.read(self._time_column(table))
        counts: Counter[str] = Counter()
        faults: list[BadRow] = []
        skip = self._judge_times(table, lines, times.ts, times.bad, counts, faults)
        ts_init = self._ts_init(table, lines, skip, counts, faults)
        sides = self._sides(table, lines, skip, counts, faults)
        names, index = self._names(table, lines, skip, counts, faults)
        batch, is_good, refused, first, rounded = decode_trade_rows(
            names, index,
            number_column(self._cells(table, "price"), self._price_scale),
            number_column(self._cells(table, "quantity"), self._quantity_scale),
            times.ts, ts_init, sides, self._trade_ids(table), skip.view(np.uint8) if skip.any() else None, self._round,
        )  # fmt: skip
        counts.update(refused)
        faults += [self._bad(lines[row], reason, problem) for row, reason, problem in first]
        self._report.leave_out(counts, sorted(faults, key=lambda bad: bad.line)[:BAD_ROWS_KEPT])
        self._report.rounded += rounded
        if not len(batch):
            return None
        if len(batch) == len(lines):
            return Block(batch, times.ts, lines, self._path)
        kept = is_good.astype(bool)
        return Block(batch, times.ts[kept], lines[kept], self._path)

    def _bad(self, line: Any, reason: str, problem: str) -> BadRow:
        return BadRow(self._path, int(line), reason, problem)

    def _column(self, table: pa.RecordBatch, name: str) -> pa.Array:
        return table.column(str(self._layout.places[name]))

    def _cells(self, table: pa.RecordBatch, name: str) -> pa.Array:
        column = self._column(table, name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
            column = column.cast(pa.string())
        if self._trim and pa.types.is_string(column.type):
            column = pc.ascii_trim_whitespace(column)
        return column

    def _time_column(self, table: pa.RecordBatch) -> pa.Array:
        if "ts_event" in self._layout.places:
            return self._cells(table, "ts_event")
        return joined_date_and_time(self._cells(table, "date"), self._cells(table, "time"))

    def _judge_times(
        self, table: pa.RecordBatch, lines: Lines, ts: npt.NDArray[np.int64], bad: Mask, counts: Counter[str],
        faults: list[BadRow],
    ) -> Mask:  # fmt: skip
        skip = bad.copy()
        if bad.any():
            self._count_bad(self._time_column(table), "ts_event", lines, bad, counts, faults)
        if self._start is not None:
            skip |= ts < self._start
        if self._end is not None:
            skip |= ts >= self._end
        return skip

    def _count_bad(
        self, column: pa.Array, name: str, lines: Lines, bad: Mask, counts: Counter[str], faults: list[BadRow]
    ) -> None:
        counts["TIME_MALFORMED"] += int(bad.sum())
        for row in np.flatnonzero(bad)[:BAD_ROWS_KEPT]:
            shown = _shown(column[int(row)])
            said = f"{name} is missing" if shown is None else f"{name} {shown} is not a time in range"
            faults.append(self._bad(lines[row], "TIME_MALFORMED", said))

    def _ts_init(
        self, table: pa.RecordBatch, lines: Lines, skip: Mask, counts: Counter[str], faults: list[BadRow]
    ) -> Any:
        if "ts_init" not in self._layout.places:
            return None
        column = self._cells(table, "ts_init")
        times = self._init_times.read(column)
        if (bad := times.bad & ~skip).any():
            self._count_bad(column, "ts_init", lines, bad, counts, faults)
            skip |= bad
        return times.ts

    def _sides(
        self, table: pa.RecordBatch, lines: Lines, skip: Mask, counts: Counter[str], faults: list[BadRow]
    ) -> Any:
        if "aggressor_side" not in self._layout.places:
            return None
        codes, _, unknown = side_codes(self._cells(table, "aggressor_side"), self._layout.side)
        if (bad := unknown & ~skip).any():
            counts["ENUM_UNKNOWN"] += int(bad.sum())
            column = self._cells(table, "aggressor_side")
            for row in np.flatnonzero(bad)[:BAD_ROWS_KEPT]:
                said = f"side {_shown(column[int(row)])!r} is unknown; expected BUY, SELL or NONE"
                faults.append(self._bad(lines[row], "ENUM_UNKNOWN", said))
            skip |= bad
        return None if (codes == SIDE_NONE).all() else codes

    def _names(
        self, table: pa.RecordBatch, lines: Lines, skip: Mask, counts: Counter[str], faults: list[BadRow]
    ) -> tuple[list[str], Any]:
        if "instrument_id" not in self._layout.places:
            return [self._instrument or self._layout.instrument or ""], None
        names, index = name_codes(self._cells(table, "instrument_id"))
        if (bad := np.array([name is None for name in names])[index] & ~skip).any():
            counts["NAME_INVALID"] += int(bad.sum())
            said = "instrument_id is not utf-8; set the encoding with --encoding, such as latin-1"
            faults += [self._bad(lines[row], "NAME_INVALID", said) for row in np.flatnonzero(bad)[:BAD_ROWS_KEPT]]
            skip |= bad
        return [name or "" for name in names], index

    def _trade_ids(self, table: pa.RecordBatch) -> Any:
        return text_buffers(texts(self._cells(table, "trade_id"))) if "trade_id" in self._layout.places else None


def _both(keep: Mask | None, more: Mask) -> Mask:
    return more if keep is None else keep & more


def _shown(cell: pa.Scalar) -> str | None:
    try:
        text = cell.as_py()
    except (UnicodeDecodeError, ValueError):
        return "?"
    if text is None or text == "":
        return None
    return "".join(character if character.isprintable() else "?" for character in str(text)[:60])
