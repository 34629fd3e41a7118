"""Writes trades to Parquet files that the reader can read back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
from alphaforge_client.model import TradeTick
from alphaforge_core.files import TradeFileError

__all__ = ["TradeRecorder"]

ROWS_BUFFERED = 8192
_DAY_NS = 86_400 * 10**9
_EXACT = pa.decimal128(38, 9)
_SCHEMA = pa.schema(
    {
        "instrument_id": pa.string(),
        "trade_id": pa.string(),
        "ts_event": pa.int64(),
        "ts_init": pa.int64(),
        "price": _EXACT,
        "quantity": _EXACT,
        "aggressor_side": pa.string(),
    },
    # The reader need not guess the unit.
    metadata={"alphaforge.time_unit": "ns"},
)


class TradeRecorder:
    """Writes trades in order of arrival into consecutively numbered files: trades-000001-20240808.parquet.

    A new file begins with the first trade of a later day (UTC, by `ts_event`) and when one has grown to `bytes_max`. A
    file that is being written has the suffix .part; a file without it is complete. Raises TradeFileError where a file
    can't be written.
    """

    def __init__(self, directory: Path, bytes_max: int) -> None:
        self.directory = directory
        self.count = 0
        self.files: list[Path] = []
        self._bytes_max = bytes_max
        self._day = -1
        self._waiting: list[TradeTick] = []
        self._writer: pyarrow.parquet.ParquetWriter | None = None
        self._part: Path = directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TradeFileError(f"{directory}: {error.strerror}") from error
        taken = [int(path.name.split("-")[1]) for path in directory.glob("trades-[0-9]*-*.parquet*")]
        self._number = max(taken, default=0)

    def add(self, tick: TradeTick) -> None:
        """Takes the next trade."""
        day = tick.ts_event // _DAY_NS
        if day > self._day:
            self.close()
            self._day = day
        self._waiting.append(tick)
        self.count += 1
        if len(self._waiting) >= ROWS_BUFFERED:
            self._write()

    def close(self) -> None:
        """Completes the file, so that it can be read; the next trade opens another file."""
        self._write()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self.files.append(self._part.with_suffix(""))
            self._part.rename(self.files[-1])

    def _write(self) -> None:
        if not self._waiting:
            return
        ticks, self._waiting = self._waiting, []
        columns = [
            [tick.instrument_id for tick in ticks],
            [tick.trade_id for tick in ticks],
            [tick.ts_event for tick in ticks],
            [tick.ts_init for tick in ticks],
            [tick.price.as_decimal() for tick in ticks],
            [tick.quantity.as_decimal() for tick in ticks],
            [tick.aggressor_side for tick in ticks],
        ]
        arrays = [pa.array(column, kind) for column, kind in zip(columns, _SCHEMA.types, strict=True)]
        try:
            if self._writer is None:
                self._writer = pyarrow.parquet.ParquetWriter(self._next_part(), _SCHEMA, compression="zstd")
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA))
            size = self._part.stat().st_size
        except OSError as error:
            raise TradeFileError(f"{self._part}: {error}") from error
        if size >= self._bytes_max:
            self.close()

    def _next_part(self) -> Path:
        self._number += 1
        day = datetime.fromtimestamp(self._day * 86_400, UTC)
        self._part = self.directory / f"trades-{self._number:06}-{day:%Y%m%d}.parquet.part"
        return self._part
