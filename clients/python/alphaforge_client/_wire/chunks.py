"""Splits a large batch of ticks into chunks, so that other callers of the service don't wait for long."""

from __future__ import annotations

from collections.abc import Sequence

from alphaforge.data.v1 import ticks_pb2
from alphaforge_core.data import BarList
from alphaforge_core.data_wire import ProcessResponse, encode_ticks_request
from alphaforge_core.model import TradeTickBatch

from alphaforge_client._wire.answer import malformed, reads_answer
from alphaforge_client._wire.ticks import CHUNK_TICKS_MAX

__all__ = ["TickChunks"]

# The field of a request that asks for the ticks behind the bars.
_WITH_PLACES = ticks_pb2.ProcessTradeTicksRequest(with_tick_indexes=True).SerializeToString()


class TickChunks:
    """The requests of a batch, one after the other, and the combined result of their responses.

    Call next(), then answered(), until there is no next. In between, while a chunk is in progress, prepare() decodes
    the response to the previous chunk and encodes the next one, so that client and service work at the same time.
    """

    def __init__(self, batch: TradeTickBatch, bar_types: Sequence[str], *, with_places: bool = False) -> None:
        # The index of the tick behind each bar, with `with_places`.
        self.places: list[int] = []
        self._suffix = _WITH_PLACES if with_places else b""
        self._batch = batch
        self._bar_types = bar_types
        self._start = 0
        self._prepared: tuple[int, bytes] | None = None
        self._unread: tuple[int, ProcessResponse] | None = None
        self._result = BarList()

    def next(self) -> bytes | None:
        """The request for the next ticks; None once the service has applied all."""
        if self._start >= len(self._batch):
            return None
        if self._prepared is not None and self._prepared[0] == self._start:
            return self._prepared[1]
        # The first chunk, or the one after a response that left ticks over.
        return self._piece(self._start)

    @property
    def are_several(self) -> bool:
        """Whether there is anything for prepare() to do."""
        return self._unread is not None or self._start + CHUNK_TICKS_MAX < len(self._batch)

    def prepare(self) -> None:
        """Does the work that is possible while a chunk is in progress."""
        self._read()
        after = self._start + CHUNK_TICKS_MAX
        if after < len(self._batch):
            self._prepared = after, self._piece(after)

    def answered(self, answer: bytes) -> None:
        """Takes the response to the chunk in progress, of which the service has applied all ticks or the first."""
        sent = min(CHUNK_TICKS_MAX, len(self._batch) - self._start)
        response = _process_response(answer)
        if not 0 <= response.left_count < sent:
            raise malformed(f"leaves {response.left_count:,} of {sent:,} ticks unprocessed")
        self._unread = self._start, response
        self._start += sent - response.left_count

    def result(self) -> BarList:
        """The combined result of all responses."""
        self._read()
        return self._result

    def _piece(self, start: int) -> bytes:
        request = encode_ticks_request(self._batch, start, start + CHUNK_TICKS_MAX, self._bar_types)
        return request + self._suffix

    def _read(self) -> None:
        if self._unread is None:
            return
        start, response = self._unread
        self._unread = None
        bars = response.bars
        self._result.extend(bars)
        self.places.extend(start + index for index in response.tick_indexes)
        self._result.rejected.extend((start + index, reason) for index, reason in bars.rejected)
        self._result.duplicates.extend(start + index for index in bars.duplicates)


@reads_answer
def _process_response(answer: bytes) -> ProcessResponse:
    return ProcessResponse.from_wire(answer)
