"""A large batch of ticks travels in pieces, so that other callers of the service do not wait for long."""

from __future__ import annotations

from collections.abc import Sequence

from alphaforge_core.data import BarList, ProcessResponse, encode_ticks_request
from alphaforge_core.model import TradeTickBatch

__all__ = ["PIECE_TICKS_MAX", "Pieces"]

# The engine takes a piece of so many ticks in about a millisecond; what a call costs beside is that of some thousand.
PIECE_TICKS_MAX = 32_768


class Pieces:
    """The requests that a batch makes, one after the other, and the one result of their answers.

    next(), then answered(), until there is no next. In between, while a piece is under way, prepare() reads the answer
    to the piece before and writes the piece after: so client and service work at the same time.
    """

    def __init__(self, batch: TradeTickBatch, bar_types: Sequence[str]) -> None:
        self._batch = batch
        self._bar_types = bar_types
        self._start = 0
        self._prepared: tuple[int, bytes] | None = None
        self._unread: tuple[int, ProcessResponse] | None = None
        self._result = BarList()

    def next(self) -> bytes | None:
        """The request for the ticks that go now; None when the service has taken all."""
        if self._start >= len(self._batch):
            return None
        if self._prepared is not None and self._prepared[0] == self._start:
            return self._prepared[1]
        # The first one, or the one after an answer that left ticks over.
        return self._piece(self._start)

    @property
    def are_several(self) -> bool:
        """Whether there is anything for prepare() to do."""
        return self._unread is not None or self._start + PIECE_TICKS_MAX < len(self._batch)

    def prepare(self) -> None:
        """What can be done while a piece is under way."""
        self._read()
        after = self._start + PIECE_TICKS_MAX
        if after < len(self._batch):
            self._prepared = after, self._piece(after)

    def answered(self, answer: bytes) -> None:
        """The answer to the piece under way: the service has taken its ticks, or the first ones of them."""
        response = ProcessResponse.from_wire(answer)
        self._unread = self._start, response
        self._start += min(PIECE_TICKS_MAX, len(self._batch) - self._start) - response.left_count

    def result(self) -> BarList:
        """Of all answers."""
        self._read()
        return self._result

    def _piece(self, start: int) -> bytes:
        return encode_ticks_request(self._batch, start, start + PIECE_TICKS_MAX, self._bar_types)

    def _read(self) -> None:
        if self._unread is None:
            return
        start, response = self._unread
        self._unread = None
        bars = response.bars
        self._result.extend(bars)
        self._result.rejected.extend((start + index, reason) for index, reason in bars.rejected)
        self._result.duplicates.extend(start + index for index in bars.duplicates)
