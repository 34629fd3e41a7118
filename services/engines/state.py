"""The bytes of an engine's checkpoint, made piece by piece while the engine keeps running.

First the input that opens such an engine and the service's own state, as parts prefixed by their sizes; then a mark and
the pieces of the core's checkpoint. Earlier releases wrote three prefixed parts, the last one the core's snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple, Protocol, TypeVar

from alphaforge_core.errors import EngineError

__all__ = ["CorePieces", "Kept", "Overtaken", "State", "groups", "sections"]

T = TypeVar("T")

# Messages encoded at a time.
_GROUP = 1_000
_PIECE_BYTES = 4 << 20
_SIZE_BYTES = 8
_PIECES_FOLLOW = b"\xff" * _SIZE_BYTES


class CorePieces(Protocol):
    """A checkpoint of the core."""

    longest_hold_ns: int
    checksum: int
    """The checksum of the state, valid once it is read to its end."""

    def read(self, bytes_max: int) -> bytes | None:
        """The next piece, empty after the last one; None if the checkpoint was overtaken."""

    def end(self) -> None:
        """Stops reading and releases the checkpoint."""


class Overtaken(EngineError):
    """The engine changed faster than its state could be written; a new checkpoint may succeed."""

    def __init__(self) -> None:
        super().__init__("the engine changes faster than its state can be written", reason="JOURNAL_FAILED")


class Kept(NamedTuple):
    """The service's own state of an engine, in parts of one encoded message.

    `compared` is equal wherever the same inputs were applied; `others` expires by a clock, or follows from the rest.
    """

    compared: Iterable[bytes]
    others: Iterable[bytes] = ()


class State:
    """An engine's state at one moment, read once, in any thread, while the engine continues."""

    def __init__(self, opened: bytes, kept: Kept, core: CorePieces) -> None:
        self._opened = opened
        self._kept = kept
        self._core = core
        self.checksum = 0
        """Valid once the state is read to its end: equal wherever the same inputs were applied; 63 bits, never 0."""

    @property
    def longest_hold_ns(self) -> int:
        """The longest time that reading held the engine's lock, in nanoseconds."""
        return self._core.longest_hold_ns

    def __iter__(self) -> Iterator[bytes]:
        """The checkpoint in pieces. Raises Overtaken."""
        compared = blake2b(digest_size=_SIZE_BYTES)
        for is_compared, parts in ((True, (self._opened, *self._kept.compared)), (False, self._kept.others)):
            for part in parts:
                if is_compared:
                    compared.update(part)
                yield len(part).to_bytes(_SIZE_BYTES, "little")
                yield part
        yield _PIECES_FOLLOW
        while piece := self._core.read(_PIECE_BYTES):
            yield piece
        if piece is None:
            raise Overtaken
        self.checksum = (int.from_bytes(compared.digest(), "little") ^ self._core.checksum) >> 1 or 1

    def end(self) -> None:
        """Stops reading and releases the core's checkpoint."""
        self._core.end()


def groups(items: Iterable[T]) -> Iterator[list[T]]:
    """Yields the items in lists of up to _GROUP."""
    iterator = iter(items)
    while some := list(islice(iterator, _GROUP)):
        yield some


def sections(checkpoint: bytes) -> tuple[bytes, bytes, bytes]:
    """A checkpoint's parts: the input that opens such an engine, what the service kept, and the core's.

    Raises EngineError JOURNAL_DAMAGED.
    """
    parts: list[bytes] = []
    position = 0
    while position < len(checkpoint):
        head = checkpoint[position : position + _SIZE_BYTES]
        position += _SIZE_BYTES
        if head == _PIECES_FOLLOW and parts:
            return parts[0], b"".join(parts[1:]), checkpoint[position:]
        size = int.from_bytes(head, "little")
        parts.append(checkpoint[position : position + size])
        position += size
    if len(parts) != 3 or position != len(checkpoint):
        raise EngineError("a checkpoint is damaged; restore the journal from a backup", reason="JOURNAL_DAMAGED")
    return parts[0], parts[1], parts[2]
