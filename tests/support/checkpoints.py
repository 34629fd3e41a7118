"""Reads checkpoints piece by piece, and seals them again, so that tests can damage their content."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Written", "checksum_of", "frames_of", "resealed_frames", "written_beside"]

_SEAL = struct.Struct("<IIQ")
_MASK = 2**64 - 1


class Written(NamedTuple):
    """A checkpoint, the checksum of its state, and the number of calls before it began."""

    checkpoint: bytes
    checksum: int
    begun: int


def written_beside(engine: Any, calls: list[Callable[[], Any]], piece: int, **limits: int) -> Written:
    """Writes a checkpoint of the engine with a call after each piece of that size, then makes the remaining calls.

    No call comes before the checkpoint begins, unless it was overtaken and began again.
    """
    begun, made = 0, 0
    checkpoint, pieces = engine.begin_checkpoint(**limits), []
    while part := checkpoint.read(piece):
        pieces.append(part)
        if made < len(calls):
            calls[made]()
            made += 1
    if part is None:
        later = written_beside(engine, calls[made:], piece, **limits)
        return later._replace(begun=made + later.begun)
    for call in calls[made:]:
        call()
    return Written(b"".join(pieces), checkpoint.checksum, begun)


def checksum_of(engine: Any) -> int:
    """The checksum of the engine's state."""
    return written_beside(engine, [], 2**20).checksum


def frames_of(checkpoint: bytes) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Returns the head, and the kind and content of each frame but the last."""
    position = 1 + (checkpoint[0] >> 1) + 1
    head, frames = checkpoint[:position], []
    while True:
        size, kind, _ = _SEAL.unpack_from(checkpoint, position)
        position += _SEAL.size
        if kind == 0:
            return head, frames
        frames.append((kind, checkpoint[position : position + size]))
        position += size


def resealed_frames(head: bytes, frames: list[tuple[int, bytes]]) -> bytes:
    """Returns a checkpoint of these frames with valid checksums."""
    parts, checksum = [head], 0
    for kind, content in (*frames, (0, b"")):
        checksum = _fold(_fold(checksum, kind), len(content))
        whole = len(content) // 8 * 8
        for start in range(0, whole, 8):
            checksum = _fold(checksum, int.from_bytes(content[start : start + 8], "little"))
        checksum = _fold(checksum, int.from_bytes(content[whole:], "little"))
        parts += (_SEAL.pack(len(content), kind, checksum), content)
    return b"".join(parts)


def _fold(hash_: int, word: int) -> int:
    product = (hash_ ^ word) * 0x9E3779B97F4A7C15
    return (product & _MASK) ^ (product >> 64) ^ 0xD6E8FEB86659FD93
