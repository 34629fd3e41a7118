"""Finds files by path, glob or directory, and decompresses them by content, not by name."""

from __future__ import annotations

import bz2
import glob
import lzma
import re
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from alphaforge_core.files._report import TradeFileError

__all__ = ["STDIN", "Content", "Source", "expand", "open_content", "readable"]

STDIN = "-"
HEAD_BYTES = 1 << 16
# Magic bytes, and Arrow's names. Arrow has no codec for xz, and zip is an archive.
_MAGIC = ((b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\x04\x22\x4d\x18", "lz4"))
_XZ, _ZIP, _PARQUET, _DBN = b"\xfd7zXZ\x00", b"PK\x03\x04", b"PAR1", b"DBN"
_UNKNOWN = {b"7z\xbc\xaf": "7-Zip", b"Rar!": "RAR", b"ARROW1": "Arrow", b"\x89HDF": "HDF5", b"SQLi": "SQLite"}
_FOLDER_FILE = re.compile(r"\.(csv|tsv|txt|parquet|pq|dbn)(\.(gz|bz2|zst|xz|lz4|zip))?$|\.zip$", re.IGNORECASE)
_GLOB = re.compile(r"[*?\[]")
# Exceptions of the libraries for damaged or unreadable bytes.
_DAMAGE = (OSError, EOFError, pa.ArrowException, lzma.LZMAError, zlib.error, zipfile.BadZipFile)


@dataclass(frozen=True)
class Source:
    """One file: its path (`-` is standard input) and, in a zip archive, its member."""

    path: str
    member: str | None = None

    def __str__(self) -> str:
        name = "standard input" if self.path == STDIN else self.path
        return name if self.member is None else f"{name}/{self.member}"

    @property
    def name(self) -> str:
        """The file's name, without directories."""
        return Path(self.member or self.path).name


@dataclass
class Content:
    """An open file, decompressed: its first bytes, and a stream of all of it."""

    head: bytes
    stream: Any
    raw: IO[bytes] | None = None
    size: int = 0
    is_parquet: bool = False
    is_dbn: bool = False
    is_plain_dbn: bool = False  # not compressed, or by zstd, which is part of the format
    is_whole: bool = field(default=False)  # the head is the whole file

    @property
    def fraction_read(self) -> float:
        """By the position in the compressed file; 0 if its size is unknown."""
        if self.raw is None or not self.size or self.raw.closed:
            return 0.0
        return min(1.0, self.raw.tell() / self.size)


class _Rewound:
    """A stream that returns its first bytes again, which were already read."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self._head = head
        self._rest = rest
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        if not self._head:
            return bytes(self._rest.read(size))
        taken = self._head if size < 0 else self._head[:size]
        self._head = self._head[len(taken) :]
        return taken if size >= 0 else taken + bytes(self._rest.read())

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True

    def flush(self) -> None:
        pass


def expand(paths: Iterable[str | Path]) -> list[Source]:
    """The files named by paths, globs and directories, without duplicates, in order; including members of zip archives.

    Raises TradeFileError if something does not exist, and for a directory without files of trades.
    """
    found = [source for path in paths for source in _expand_one(str(path))]
    return list(dict.fromkeys(found))


def _expand_one(text: str) -> Iterator[Source]:
    if text == STDIN:
        yield Source(STDIN)
        return
    path = Path(text)
    if path.is_dir():
        inside = sorted(each for each in path.rglob("*") if each.is_file() and _FOLDER_FILE.search(each.name))
        names = [str(each) for each in inside if not each.name.startswith(".")]
        if not names:
            raise TradeFileError(f"{text}: no .csv, .parquet or compressed files in this folder")
    elif _GLOB.search(text) and not path.exists():
        names = sorted(glob.glob(text, recursive=True))
        if not names:
            raise TradeFileError(f"{text}: no file matches")
    elif not path.exists():
        raise TradeFileError(f"{text}: no such file or folder")
    else:
        names = [text]
    for name in names:
        yield from _members(name)


def _members(name: str) -> Iterator[Source]:
    with readable(Source(name)), Path(name).open("rb") as raw:
        is_zip = raw.read(4) == _ZIP
        if not is_zip:
            yield Source(name)
            return
        members = [each for each in zipfile.ZipFile(raw).infolist() if not each.is_dir()]
        members = [each for each in members if not each.filename.startswith("__MACOSX")]
    if not members:
        raise TradeFileError(f"{name}: the archive is empty")
    yield from (Source(name, each.filename) for each in sorted(members, key=lambda each: each.filename))


@contextmanager
def readable(source: Source) -> Iterator[None]:
    """Converts exceptions for damaged or unreadable bytes to a TradeFileError that names the file."""
    try:
        yield
    except TradeFileError:
        raise
    except UnicodeError as error:
        raise TradeFileError(f"{source}: {error}; set the encoding with --encoding, such as latin-1") from error
    except _DAMAGE as error:
        said = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        raise TradeFileError(f"{source}: {said}") from error


@contextmanager
def open_content(source: Source) -> Iterator[Content]:
    """Opens a file and decompresses it. Raises TradeFileError if it can't be read."""
    with readable(source):
        if source.path == STDIN:
            yield _content(source, sys.stdin.buffer, None, 0)
            return
        size = Path(source.path).stat().st_size
        with Path(source.path).open("rb") as raw:
            if source.member is None:
                yield _content(source, raw, raw, size)
            else:
                with _member(raw, source) as member:
                    yield _content(source, member, raw, size)


def _member(raw: IO[bytes], source: Source) -> IO[bytes]:
    try:
        return zipfile.ZipFile(raw).open(source.member or "")
    except (
        RuntimeError,
        NotImplementedError,
    ) as error:  # encrypted, or an unsupported compression
        raise TradeFileError(f"{source}: {error}") from error


def _content(source: Source, stream: Any, raw: IO[bytes] | None, size: int) -> Content:
    packed: list[bytes] = []
    for _ in range(3):  # at most a .gz inside a .zip inside a pipe
        head = _read_head(stream)
        stream = _Rewound(head, stream)
        if head.startswith(_PARQUET):
            return Content(head, _seekable(stream, raw), raw, size, is_parquet=True)
        if head.startswith(_DBN):
            is_plain = all(each.startswith(_MAGIC[2][0]) for each in packed)
            return Content(head, stream, raw, size, is_dbn=True, is_plain_dbn=is_plain)
        packed.append(head[:6])
        unpacked = _unpacked(head, stream)
        if unpacked is None:
            break
        stream = unpacked
    for magic, kind in _UNKNOWN.items():
        if head.startswith(magic):
            raise TradeFileError(f"{source}: {kind} files can't be read; expected CSV or Parquet, plain or compressed")
    if head.startswith(_ZIP):
        raise TradeFileError(f"{source}: a zip archive in a pipe can't be read; save it as a file")
    return Content(head, stream, raw, size, is_whole=len(head) < HEAD_BYTES)


def _seekable(stream: Any, raw: IO[bytes] | None) -> Any:
    """Returns a seekable stream, since Parquet is read from its end."""
    if raw is not None:
        raw.seek(0)
        if raw.read(4) == _PARQUET:
            raw.seek(0)
            return raw
        raw.seek(0)
    return pa.BufferReader(stream.read())


def _unpacked(head: bytes, stream: Any) -> Any:
    if head.startswith(_XZ):
        return lzma.open(stream)
    if head.startswith(b"BZh"):
        return bz2.open(stream)  # Arrow's reader stops after the first of several members
    for magic, codec in _MAGIC:
        if head.startswith(magic):
            return pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), codec)
    return None


def _read_head(stream: Any) -> bytes:
    head = b""
    while len(head) < HEAD_BYTES:
        piece = bytes(stream.read(HEAD_BYTES - len(head)))
        if not piece:
            break
        head += piece
    return head
