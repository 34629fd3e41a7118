"""Text files as tables of text: detects delimiter, header, blanks and encoding from the first lines."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from alphaforge_core.files._bytes import Content
from alphaforge_core.files._report import TradeFileError

__all__ = ["Dialect", "Lines", "csv_tables", "is_number", "recognise"]

BLOCK_BYTES = 1 << 20
LINES_LOOKED_AT = 200
DELIMITERS = (",", "\t", ";", "|", " ")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

# Replaces bytes that are invalid in the encoding. It is invalid in numbers, names and sides, so its row is reported.
UNDECODABLE = "\x1a"
codecs.register_error("alphaforge-mark", lambda error: (UNDECODABLE * (error.end - error.start), error.end))  # type: ignore[attr-defined]

Lines = npt.NDArray[np.int64]
OnRagged = Callable[[int, str], None]


@dataclass(frozen=True)
class Dialect:
    """The format of a text file."""

    delimiter: str
    encoding: str
    skipped_lines: int  # before the header or the first row
    names: tuple[str, ...] | None  # of the header; None without one
    first_rows: tuple[tuple[str, ...], ...]
    width: int
    has_blanks: bool  # around cells

    @property
    def first_line(self) -> int:
        """The number of the first row's line, from 1."""
        return self.skipped_lines + (2 if self.names is not None else 1)


def is_number(text: str) -> bool:
    """Whether a cell is a decimal number."""
    return _NUMBER.fullmatch(text.strip()) is not None


def recognise(content: Content, name: str, delimiter: str | None, encoding: str | None) -> Dialect:
    """Detects the format from the first lines. Raises TradeFileError if the file is empty or not a table."""
    head = content.head
    if encoding is None:
        encoding = next((known for mark, known in _BOMS if head.startswith(mark)), "utf-8")
    # The last character may be cut off; other errors show up in the rows.
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head).lstrip("\ufeff")
    lines = re.split(r"\r\n|\n|\r", text)
    if not content.is_whole and len(lines) > 1:
        lines.pop()
    lines = lines[:LINES_LOOKED_AT]
    filled = [line for line in lines if line.strip()]
    if not filled:
        raise TradeFileError(f"{name}: the file is empty")
    if "\0" in text:
        raise TradeFileError(f"{name}: neither text nor Parquet; expected CSV or Parquet, plain or compressed")
    delimiter = delimiter or _delimiter(filled)
    if len(delimiter) != 1:
        raise TradeFileError(f"--delimiter {delimiter!r}: expected one character, such as ';'")
    widths = Counter(len(_cells(line, delimiter)) for line in filled)
    width = max(widths, key=lambda each: (widths[each], each))
    start = next(number for number, line in enumerate(lines) if len(_cells(line, delimiter)) == width and line.strip())
    rows = [_cells(line, delimiter) for line in lines[start:] if line.strip()]
    is_header = not any(is_number(cell) for cell in rows[0])
    names = tuple(_plain_name(cell) for cell in rows[0]) if is_header else None
    first_rows = tuple(tuple(cell.strip() for cell in row) for row in rows[is_header:] if len(row) == width)
    has_blanks = any(cell != cell.strip() for row in rows[is_header:] for cell in row)
    return Dialect(delimiter, encoding, start, names, first_rows, width, has_blanks)


def _plain_name(cell: str) -> str:
    """Without blanks and quotes; for a name in two languages, such as `side/交易方向`, only the first."""
    name = cell.strip().strip("\"'").strip()
    first, _, second = name.partition("/")
    return first if second and not second.isascii() else name


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader(io.StringIO(line), delimiter=delimiter), [""])


def _delimiter(lines: list[str]) -> str:
    """The delimiter that splits the most lines into the same number of cells, two or more."""

    def rating(delimiter: str) -> float:
        widths = Counter(len(_cells(line, delimiter)) for line in lines)
        best = max((count for width, count in widths.items() if width > 1), default=0)
        return best / len(lines)

    # Times have blanks too, so blanks are the last resort.
    ratings = [rating(each) * (0.5 if each == " " else 1.0) for each in DELIMITERS]
    return DELIMITERS[ratings.index(max(ratings))] if max(ratings) > 0 else ","


class _Utf8:
    """A stream converted to valid UTF-8, which Arrow needs to report rows of a wrong shape."""

    closed = False

    def __init__(self, stream: Any, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("alphaforge-mark")
        self._is_plain = encoding.lower().replace("_", "-") in ("utf-8", "utf8", "ascii")

    def read(self, size: int = -1) -> bytes:
        """Reads about `size` bytes; empty only at the end."""
        while data := bytes(self._stream.read(size)):
            if self._is_plain and data.isascii() and self._decoder.getstate()[0] == b"":
                return data
            if text := self._decoder.decode(data):
                return text.encode()
        return self._decoder.decode(b"", final=True).encode()

    def readable(self) -> bool:
        """Always True."""
        return True

    def writable(self) -> bool:
        """Always False."""
        return False

    def seekable(self) -> bool:
        """Always False."""
        return False

    def close(self) -> None:
        """Does nothing: the caller closes the stream."""
        self.closed = True


def csv_tables(
    content: Content, name: str, dialect: Dialect, wanted: tuple[int, ...], on_ragged: OnRagged
) -> Generator[tuple[Lines, pa.RecordBatch], None, None]:
    """The file in blocks, with the line number of each row; columns are text, named by position."""
    ragged: list[int] = []

    def skip(row: Any) -> Literal["skip"]:
        # Called by Arrow's reader, which doesn't allow exceptions.
        ragged.append(row.number)
        on_ragged(row.number, f"{row.actual_columns} columns where the file has {row.expected_columns}")
        return "skip"

    names = [str(place) for place in range(dialect.width)]
    reader = pyarrow.csv.open_csv(
        _Utf8(content.stream, dialect.encoding),
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False,
            block_size=BLOCK_BYTES,
            skip_rows=dialect.first_line - 1,
            column_names=names,
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=dialect.delimiter,
            # Empty lines count as lines.
            ignore_empty_lines=False,
            invalid_row_handler=skip,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            # Every column as text: conversion to float would change decimals.
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=[names[place] for place in wanted],
            strings_can_be_null=False,
            check_utf8=False,
        ),
    )
    line = dialect.first_line
    for batch in reader:
        if len(batch):
            lines = _lines(line, len(batch), ragged)
            line = int(lines[-1]) + 1
            yield lines, batch


def _lines(first: int, count: int, ragged: list[int]) -> Lines:
    """The line numbers of the next rows, without lines skipped for their shape."""
    if not ragged:
        return np.arange(first, first + count)
    end = first + count
    skipped = 0
    for line in ragged:
        if line >= end:
            break
        end += 1
        skipped += 1
    passed = np.array(ragged[:skipped], np.int64)
    del ragged[:skipped]
    lines = np.arange(first, end)
    return lines[~np.isin(lines, passed)] if skipped else lines
