"""The interface of journal stores: their verbs, arguments and results.

A store keeps streams, one per engine. A stream is a checkpoint, if it has one, and the records after it. There are
two stores: files of SQLite (`store_sqlite`), and tables of PostgreSQL (`services.cluster.store_postgres`).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from alphaforge_core.errors import AlphaForgeError

__all__ = [
    "DROPPED",
    "EPOCH_BEGUN",
    "OPENED",
    "PART_BYTES_MAX",
    "Append",
    "Checkpoint",
    "Commit",
    "Drop",
    "Durability",
    "Entry",
    "JournalStore",
    "Limits",
    "Manifest",
    "Move",
    "OutcomeUnknown",
    "Part",
    "Record",
    "ThreadedStore",
    "WriteRefused",
]

# Kinds of records that mean the same for every engine: an EngineOpened, an EpochBegun and an EngineDropped.
OPENED, EPOCH_BEGUN, DROPPED = 1, 3, 4

# Maximum size of a part of a checkpoint.
PART_BYTES_MAX = 16 << 20


class Durability(StrEnum):
    """What acknowledged inputs survive: power loss (`fsync`), kill -9 (`os`), or neither (`none`)."""

    FSYNC = "fsync"
    OS = "os"
    NONE = "none"


class Record(NamedTuple):
    """One input of one engine; `sequence` counts from 1 without gaps in a stream, `time_ns` is the time of receipt."""

    sequence: int
    kind: int
    time_ns: int
    payload: bytes


class Checkpoint(NamedTuple):
    """An engine's state after the input `sequence`."""

    sequence: int
    payload: bytes


class Append(NamedTuple):
    """An input to write."""

    stream: str
    kind: int
    time_ns: int
    payload: bytes


class Part(NamedTuple):
    """A part of a checkpoint on the disk."""

    size: int
    crc: int


class Manifest(NamedTuple):
    """The number, size and checksum of a checkpoint's parts."""

    parts: int = 0
    size: int = 0
    checksum: int = 0

    def with_part(self, part: Part) -> Manifest:
        """This manifest with one more part."""
        checksum = zlib.crc32(struct.pack("<QI", part.size, part.crc), self.checksum)
        return Manifest(self.parts + 1, self.size + part.size, checksum)


class Commit(NamedTuple):
    """The small record that commits a checkpoint: the inputs it covers, and a summary of its parts.

    `state` is the state's checksum, however its parts were written; 0 if it is not known.
    """

    stream: str
    generation: int
    sequence: int
    manifest: Manifest
    state: int = 0


class Drop(NamedTuple):
    """A stream to drop."""

    stream: str


class Move(NamedTuple):
    """A stream to hand over to the shard to which it moves."""

    stream: str


Entry: TypeAlias = Append | Commit | Drop | Move


class Limits(NamedTuple):
    """Limits of one batch: appends within them, or one other entry.

    While a batch takes longer than `patience_seconds`, inputs behind it are refused: they would be written long after
    their callers have given up.
    """

    batch_bytes: int
    batch_records: int
    record_bytes: int
    patience_seconds: float


class WriteRefused(Exception):
    """Nothing of the batch was written, and nothing of it reappears after a restart."""


class OutcomeUnknown(Exception):
    """The batch is not applied, and may reappear after a restart unless `settle` succeeds first."""


class JournalStore(Protocol):
    """A store that only this process writes to. One thread at a time calls all methods but `checkpoint_part`."""

    @property
    def limits(self) -> Limits | None:
        """The limits of a batch; None without limits."""

    @property
    def refusal(self) -> AlphaForgeError | None:
        """Why inputs are refused now; None if they are accepted."""

    @property
    def held_bytes(self) -> int:
        """Size of the records and checkpoints in the store, in bytes."""

    def streams(self) -> list[str]:
        """Names of all streams, sorted, including those known to be missing, for which `replay` raises."""

    def replay(self, stream: str) -> Iterator[Checkpoint | Record]:
        """The stream's checkpoint, if it has one, then every record after it, in order.

        Raises EngineError: JOURNAL_DAMAGED if something is missing or damaged, JOURNAL_VERSION if another release wrote
        it.
        """

    def may_have_lost(self, stream: str) -> bool:
        """Whether acknowledged inputs of an undamaged stream may be missing, which requires a new epoch."""

    def ready(self) -> None:
        """Ends recovery: every stream is replayed, and the required new epochs have started."""

    def write(self, batch: Sequence[Entry]) -> list[int]:
        """Commits all of the batch or nothing; returns the sequence of each Append, 0 for the others.

        Raises WriteRefused or OutcomeUnknown.
        """

    def settle(self) -> bool:
        """After OutcomeUnknown: ensures that the batch never reappears. False if that is not possible yet."""

    def checkpoint_begin(self, stream: str, sequence: int) -> int:
        """A new generation, a number never used before, for the parts of a checkpoint."""

    def checkpoint_part(self, generation: int, part: int, pieces: Sequence[memoryview]) -> Part:
        """Writes a part, of at most PART_BYTES_MAX, to the disk. Thread-safe. Raises OSError."""

    def checkpoint_abandon(self, generation: int) -> None:
        """Discards a checkpoint that is not committed."""

    @property
    def has_superfluous(self) -> bool:
        """Whether there is something for `prune` to remove."""

    def prune(self) -> None:
        """Removes some of the records and parts that a checkpoint has replaced."""

    def note_progress(self) -> bool:
        """Records the position of each stream, so that a later start detects a loss. False if that fails."""

    def answer_backup_request(self, between: Callable[[], object]) -> None:
        """Makes a consistent copy, if requested; meanwhile calls `between`, which may write."""

    def close(self) -> None:
        """Writes everything to the disk and closes the store."""


@runtime_checkable
class ThreadedStore(Protocol):
    """A store that writes in a thread of its own, one batch at a time, while the journal's writer only prunes."""

    def begin_write(self, batch: list[Entry], done: Callable[[list[int], Exception | None], None]) -> None:
        """Starts `write`, and calls `done` from that thread with its result or exception."""
