"""Databento's DBN files, read by Databento's own library, if it is installed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from alphaforge_core.files._bytes import STDIN, Content, Source
from alphaforge_core.files._report import TradeFileError

__all__ = ["DbnFile"]

ROWS = 65_536


class DbnFile:
    """The records of a file as tables: integer prices in billionths, integer times in nanoseconds.

    Raises TradeFileError without the package `databento`, and for files that it can't read.
    """

    def __init__(self, source: Source, content: Content) -> None:
        self._source = source
        self._frames = self._read(content)
        first = next(self._frames, None)
        self.names: tuple[str, ...] = () if first is None else _names(first)
        self._frames = itertools.chain(() if first is None else (first,), self._frames)

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """The records, with only the given columns."""
        for frame in self._frames:
            yield pa.RecordBatch.from_pandas(frame[columns], preserve_index=False)

    def _read(self, content: Content) -> Iterator[Any]:
        try:
            import databento
            import databento_dbn
        except ImportError:
            raise TradeFileError(
                f"{self._source}: a Databento DBN file; `pip install databento` to read it, or convert it with "
                "databento.DBNStore.from_file(path).to_parquet(path)"
            ) from None
        is_file = self._source.member is None and self._source.path != STDIN
        try:
            # The library reads plain DBN and DBN compressed by zstd.
            if is_file and content.is_plain_dbn:
                store = databento.DBNStore.from_file(self._source.path)
            else:
                store = databento.DBNStore.from_bytes(content.stream.read())
            for frame in store.to_df(price_type="fixed", pretty_ts=False, count=ROWS):
                yield frame.reset_index()
        except (ValueError, databento.BentoError, databento_dbn.DBNError) as error:
            raise TradeFileError(f"{self._source}: {error}") from error


def _names(frame: Any) -> tuple[str, ...]:
    """The frame's columns, without the library's empty `symbol` column if the file maps no symbols."""
    has_symbols = "symbol" in frame and frame["symbol"].fillna("").ne("").any()
    return tuple(str(name) for name in frame.columns if name != "symbol" or has_symbols)
