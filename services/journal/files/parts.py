"""The parts of checkpoints: plain files in a directory beside the journal.

A part's file begins with a header that identifies it. The journal's record of the checkpoint describes its parts, so a
part that is missing, damaged or of another checkpoint is detected when it is read.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from services.journal.files.mark import sync_folder
from services.journal.store import Manifest, Part

__all__ = ["PartDamaged", "Parts"]

# Magic, generation, number of the part, size and CRC-32 of the payload, CRC-32 of these.
_HEADER = struct.Struct("<8sQIQI")
_HEADER_CRC = struct.Struct("<I")
_MAGIC = b"AFCKPT\x00\x02"
_HEADER_BYTES = _HEADER.size + _HEADER_CRC.size

_STEP_BYTES = 1 << 20

_NAME = re.compile(r"(\d+)-(\d+)\.part")


class PartDamaged(Exception):
    """A part is missing, damaged, or not the committed one."""


class Parts:
    """The directory with the parts of one journal's checkpoints."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, generation: int, number: int, pieces: Sequence[memoryview]) -> Part:
        """Writes a part and its name to the disk. Raises OSError."""
        crc = size = 0
        for piece in pieces:
            crc, size = zlib.crc32(piece, crc), size + len(piece)
        header = _HEADER.pack(_MAGIC, generation, number, size, crc)
        head = header + _HEADER_CRC.pack(zlib.crc32(header))
        path = self._path(generation, number)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _write_in_steps(file, (memoryview(head), *pieces))
            os.fsync(file)
        finally:
            os.close(file)
        sync_folder(self._folder)
        return Part(size, crc)

    def read(self, generation: int, manifest: Manifest) -> list[bytes]:
        """The payloads of a checkpoint's parts. Raises PartDamaged, which names the file."""
        found = Manifest()
        payloads = []
        for number in range(manifest.parts):
            part, payload = self._read_part(generation, number)
            found = found.with_part(part)
            payloads.append(payload)
        if found != manifest:
            raise PartDamaged(f"{self._folder}: the parts of checkpoint {generation} don't match the committed ones")
        return payloads

    def _read_part(self, generation: int, number: int) -> tuple[Part, bytes]:
        path = self._path(generation, number)
        try:
            with path.open("rb") as file:
                header, crc = file.read(_HEADER.size), file.read(_HEADER_CRC.size)
                payload = file.read()
        except OSError as error:
            raise PartDamaged(f"{path} can't be read: {error.strerror}") from None
        if len(header) != _HEADER.size or crc != _HEADER_CRC.pack(zlib.crc32(header)):
            raise PartDamaged(f"{path} is damaged")
        magic, its_generation, its_number, size, payload_crc = _HEADER.unpack(header)
        if (magic, its_generation, its_number) != (_MAGIC, generation, number):
            raise PartDamaged(f"{path} is part of another checkpoint")
        if len(payload) != size or zlib.crc32(payload) != payload_crc:
            raise PartDamaged(f"{path} is damaged")
        return Part(size, payload_crc), payload

    def generations(self) -> set[int]:
        """The generations with parts here."""
        names = (_NAME.fullmatch(path.name) for path in self._folder.iterdir())
        return {int(name[1]) for name in names if name is not None}

    def paths(self, generation: int) -> list[Path]:
        """The files of a generation."""
        return sorted(self._folder.glob(f"{generation}-*.part"))

    def remove(self, generations: Iterable[int]) -> None:
        """Removes the files of these generations, as far as possible."""
        for generation in generations:
            for path in self.paths(generation):
                try:
                    path.unlink()
                except OSError:
                    return

    def _path(self, generation: int, number: int) -> Path:
        return self._folder / f"{generation}-{number}.part"


def _write_in_steps(file: int, pieces: Iterable[memoryview]) -> None:
    """Writes pieces and syncs often, because a commit of the journal waits until unsynced bytes are written."""
    unsynced = 0
    for piece in pieces:
        for start in range(0, len(piece), _STEP_BYTES):
            step = piece[start : start + _STEP_BYTES]
            _write_whole(file, step)
            unsynced += len(step)
            if unsynced >= _STEP_BYTES:
                os.fdatasync(file)
                unsynced = 0


def _write_whole(file: int, piece: memoryview) -> None:
    written = 0
    while written < len(piece):
        written += os.write(file, piece[written:])
