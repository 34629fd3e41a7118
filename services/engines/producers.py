"""Producers of ticks: the last sequence of each, and the answer to its last call.

A producer numbers its calls from 1 without gaps, and each is applied once, in order. A repeat of the last call gets its
first answer; a call that leaves a gap is refused with the expected sequence (rule 5.6).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from alphaforge.journal.v1.checkpoints_pb2 import ProducerMark
from alphaforge_core.errors import EngineError, InvalidArgument

from services.base.errors import with_metadata

__all__ = ["Producers"]

_PRODUCERS_MAX = 100_000
_ANSWER_BYTES_MAX = 64 * 2**20
# Memory of an answer besides its bytes.
_ANSWER_BYTES_EACH = 100

# Field 5, `is_repeat`, set to true: appended to the encoded answer.
_IS_REPEAT = b"\x28\x01"


class Producers:
    """The producers of one engine. Bounded: the least recently used producers and answers are dropped.

    Every single tick passes here, so these are plain ordered dicts, which keep their order without Python code.
    """

    def __init__(self) -> None:
        self._sequences: OrderedDict[str, int] = OrderedDict()
        self._answers: OrderedDict[str, bytes] = OrderedDict()
        self._answer_bytes = 0

    def last_sequence(self, producer_id: str) -> int:
        """The sequence of the producer's last applied call, or 0."""
        return self._sequences.get(producer_id) or _first(producer_id)

    def first_answer(self, producer_id: str, sequence: int) -> bytes | None:
        """The answer of a call that was already applied; None for a new call.

        Raises EngineError: PRODUCER_SEQUENCE_GAP, with the metadata expected_sequence, and PRODUCER_SEQUENCE_PAST.
        """
        if not producer_id:
            return None
        last = self._sequences.get(producer_id) or _first(producer_id)
        if sequence == last + 1:
            return None
        if sequence > last or last == 0:
            error = EngineError(
                f"producer {producer_id!r} sent sequence {sequence}; expected {last + 1}",
                reason="PRODUCER_SEQUENCE_GAP",
            )
            raise with_metadata(error, expected_sequence=str(last + 1))
        answer = self._answers.get(producer_id) if sequence == last else None
        if answer is None:
            raise EngineError(
                f"sequence {sequence} of producer {producer_id!r} was already applied, and its answer is no longer "
                f"kept; continue with {last + 1}",
                reason="PRODUCER_SEQUENCE_PAST",
            )
        return answer + _IS_REPEAT

    def applied(self, producer_id: str, sequence: int, answer: bytes) -> None:
        """Keeps the answer of a call that has been applied."""
        if not producer_id:
            return
        self._sequences[producer_id] = sequence
        self._sequences.move_to_end(producer_id)
        if len(self._sequences) > _PRODUCERS_MAX:
            self._sequences.popitem(last=False)
        if before := self._answers.pop(producer_id, b""):
            self._answer_bytes -= len(before) + _ANSWER_BYTES_EACH
        if answer and len(answer) < _ANSWER_BYTES_MAX // 4:
            self._answers[producer_id] = answer
            self._answer_bytes += len(answer) + _ANSWER_BYTES_EACH
            while self._answer_bytes > _ANSWER_BYTES_MAX:
                _, oldest = self._answers.popitem(last=False)
                self._answer_bytes -= len(oldest) + _ANSWER_BYTES_EACH

    def marks(self) -> Iterator[ProducerMark]:
        """The last sequence and answer of each producer, for a checkpoint; encoded as they are read."""
        sequences, answers = list(self._sequences.items()), dict(self._answers)
        return (
            ProducerMark(producer_id=producer_id, sequence=sequence, answer=answers.get(producer_id, b""))
            for producer_id, sequence in sequences
        )

    def take_over(self, marks: Iterable[ProducerMark]) -> None:
        """Restores the producers of a checkpoint."""
        for mark in marks:
            self.applied(mark.producer_id, mark.sequence, mark.answer)


def _first(producer_id: str) -> int:
    """The state of a producer that has sent nothing yet."""
    if not 1 <= len(producer_id.encode()) <= 64:
        raise InvalidArgument(f"producer id {producer_id!r} must have 1 to 64 bytes", reason="NAME_INVALID")
    return 0
