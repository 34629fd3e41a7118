"""The possible contents of a folder after a power cut, from a trace of tests/native/recording_disk.c.

A write is certainly on the disk once its file is synced; the creation, removal or change of a name once its folder is.
Until then, a cut may undo it: any of a file's writes, regardless of their order, and any sectors of a write; and the
last changes of a folder's names.
"""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path, PurePosixPath
from typing import NamedTuple

__all__ = ["Before", "Event", "build_recorder", "events", "left_by_a_cut"]

SHIM = Path(__file__).resolve().parents[1] / "native/recording_disk.c"
SECTOR_BYTES = 512

_HEAD = struct.Struct("<IIQQQ")


class Operation(IntEnum):
    """The operations, with the recorder's numbers."""

    CREATED = 1
    WRITTEN = 2
    TRUNCATED = 3
    SYNCED = 4
    FOLDER_SYNCED = 5
    RENAMED = 6
    REMOVED = 7
    FOLDER_MADE = 8


class Event(NamedTuple):
    """One operation; `end` is how long the trace was after it."""

    end: int
    operation: Operation
    path: str
    inode: int
    offset: int
    data: bytes


def build_recorder(folder: Path) -> Path:
    """The recorder as a library to preload."""
    path = folder / "recording_disk.so"
    flags = ("-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror")
    subprocess.run(["cc", *flags, "-o", path, SHIM, "-ldl", "-lpthread"], check=True)
    return path


def events(trace: bytes) -> Iterator[Event]:
    """Yields the operations of a trace, in order."""
    at = 0
    while at < len(trace):
        operation, path_bytes, inode, offset, data_bytes = _HEAD.unpack_from(trace, at)
        at += _HEAD.size
        path = trace[at : at + path_bytes].decode()
        at += path_bytes
        data = trace[at : at + data_bytes]
        at += data_bytes
        yield Event(at, Operation(operation), path, inode, offset, data)


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Event] = field(default_factory=list)

    def sync(self) -> None:
        for event in self.pending:
            _apply(self.durable, event)
        self.pending.clear()

    def left(self, chance: random.Random) -> bytes:
        """Returns content that a cut may leave in the file."""
        content = bytearray(self.durable)
        if not self.pending:
            return bytes(content)
        way = chance.choice(("all", "none", "first", "some", "torn"))
        kept = self.pending if way in ("all", "torn") else []
        if way == "first":
            kept = self.pending[: chance.randrange(len(self.pending) + 1)]
        elif way == "some":
            kept = [event for event in self.pending if chance.random() < 0.5]
        for number, event in enumerate(kept):
            is_torn = way == "torn" and (number == len(kept) - 1 or chance.random() < 0.2)
            for part in _torn(event, chance) if is_torn else (event,):
                _apply(content, part)
        return bytes(content)


@dataclass
class _Folder:
    """The files in a folder by name, and the changes of names since the last sync."""

    durable: dict[str, _File] = field(default_factory=dict)
    pending: list[dict[str, _File | None]] = field(default_factory=list)

    def now(self) -> dict[str, _File]:
        return self._after(len(self.pending))

    def sync(self) -> None:
        self.durable, self.pending = self.now(), []

    def left(self, chance: random.Random) -> dict[str, _File]:
        return self._after(chance.choice((len(self.pending), 0, chance.randrange(len(self.pending) + 1))))

    def _after(self, count: int) -> dict[str, _File]:
        names: dict[str, _File | None] = dict(self.durable)
        for changed in self.pending[:count]:
            names |= changed
        return {name: file for name, file in names.items() if file is not None}


class Before(NamedTuple):
    """What was on the disk when the recording began: folders, and of each file its path, inode and content."""

    folders: list[str]
    files: list[tuple[str, int, bytes]]

    @classmethod
    def of(cls, folder: Path) -> Before:
        """Returns the current content of a folder."""
        paths = sorted(folder.rglob("*"))
        files = [path for path in paths if path.is_file()]
        return cls(
            [str(path.relative_to(folder)) for path in paths if path.is_dir()],
            [(str(path.relative_to(folder)), path.stat().st_ino, path.read_bytes()) for path in files],
        )


def left_by_a_cut(before: Before, recorded: list[Event], end: int, folder: Path, chance: random.Random) -> None:
    """Fills `folder` with what may be left of it by a power cut when the trace is `end` bytes long."""
    files = {inode: _File(bytearray(content)) for _, inode, content in before.files}
    folders = {path: _Folder() for path in ("", *before.folders)}
    for path, inode, _ in before.files:
        parent, name = _split(path)
        folders[parent].durable[name] = files[inode]
    for event in recorded:
        if event.end > end:
            break
        _take(event, files, folders)
    folder.mkdir(parents=True)
    for path, its in folders.items():
        # The service recreates a lost folder, without its contents.
        (folder / path).mkdir(mode=0o700, exist_ok=True)
        for name, file in its.left(chance).items():
            (folder / path / name).write_bytes(file.left(chance))


def _take(event: Event, files: dict[int, _File], folders: dict[str, _Folder]) -> None:
    parent, name = _split(event.path)
    match event.operation:
        case Operation.CREATED:
            files[event.inode] = _File()
            folders[parent].pending.append({name: files[event.inode]})
        case Operation.WRITTEN | Operation.TRUNCATED:
            files[event.inode].pending.append(event)
        case Operation.SYNCED:
            files[event.inode].sync()
        case Operation.FOLDER_SYNCED:
            folders[event.path].sync()
        case Operation.FOLDER_MADE:
            folders.setdefault(event.path, _Folder())
        case Operation.REMOVED:
            folders[parent].pending.append({name: None})
        case Operation.RENAMED:
            to_parent, to = _split(event.data.decode())
            assert to_parent == parent, "renamed into another folder"
            file = folders[parent].now()[name]
            folders[parent].pending.append({to: file, name: None})


def _split(path: str) -> tuple[str, str]:
    pure = PurePosixPath(path)
    parent = str(pure.parent)
    return "" if parent == "." else parent, pure.name


def _apply(content: bytearray, event: Event) -> None:
    if len(content) < event.offset:
        content.extend(bytes(event.offset - len(content)))
    if event.operation is Operation.TRUNCATED:
        del content[event.offset :]
    else:
        content[event.offset : event.offset + len(event.data)] = event.data


def _torn(event: Event, chance: random.Random) -> Iterator[Event]:
    """Yields some of the write's sectors."""
    if event.operation is Operation.TRUNCATED:
        return
    at = 0
    while at < len(event.data):
        end = min(len(event.data), (event.offset + at) // SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES - event.offset)
        if chance.random() < 0.5:
            yield event._replace(offset=event.offset + at, data=event.data[at:end])
        at = end
