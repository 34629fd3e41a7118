# Generated from aio/_subscription.py by `make gen`; edit that file.
"""Subscriptions that survive the loss of their connection."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from alphaforge_client._attempts import Backoff
from alphaforge_client._chunk import Chunk
from alphaforge_client._connection import Connection
from alphaforge_client._gap import Gap
from alphaforge_client._transport import CALL_FAILED, ResponseStream
from alphaforge_client.errors import AlphaForgeError, DeadlineExceeded, Unavailable

__all__ = ["Subscription"]

T = TypeVar("T")

_PAUSE_SECONDS_FIRST = 0.05
_PAUSE_SECONDS_MAX = 2.0

# What passes by itself, beside a service that can't be reached: a reset, a disconnection for slowness (what was not
# read is still kept), and a server that stops.
_RESUMABLE = {"EPOCH_CHANGED", "SUBSCRIBER_TOO_SLOW", "CANCELLED"}


class Subscription(Generic[T]):
    """The events of an engine, in order, each once.

    An iterator that never ends by itself: when the service can't be reached it waits for it and goes on after
    the last event it has read. What the service can't deliver comes as a `Gap`. Use it in one task or thread only;
    `close()` may be called from any, and ends the iteration.

    Raises Unavailable (a ConnectionError) when the service can't be reached at the beginning, within the client's
    timeout, and InvalidArgument, PermissionDenied and the like when it refuses the subscription.
    """

    def __init__(
        self,
        connection: Connection,
        method: str,
        request: Callable[[int | None], bytes],
        chunk: Callable[[bytes], Chunk[T]],
        *,
        from_sequence: int | None,
        silence_seconds_max: float,
    ) -> None:
        self._connection = connection
        self._method = method
        self._request = request
        self._chunk = chunk
        self._next_sequence = from_sequence
        self._epoch = 0
        self._silence_seconds_max = silence_seconds_max
        self._ready: deque[T | Gap] = deque()
        self._backoff = Backoff(_PAUSE_SECONDS_FIRST, _PAUSE_SECONDS_MAX)
        self._stream: ResponseStream | None = None
        self._closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T | Gap:
        while not self._ready:
            if self._closed:
                raise StopIteration
            self._receive()
        return self._ready.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def next_sequence(self) -> int | None:
        """Where the next message will begin, for a later `from_sequence`; None before the first message."""
        return self._next_sequence

    def close(self) -> None:
        """Ends the subscription and the iteration."""
        self._closed = True
        self._drop_stream()

    def _receive(self) -> None:
        """Reads one message into `_ready`, or loses the stream and waits a moment."""
        if self._epoch == 0:
            self._epoch = self._connection.open()
        try:
            stream = self._stream
            if stream is None:
                stream = self._stream = self._connection.stream(self._method, self._resumed)
            message = stream.read(self._silence_seconds_max)
        except TimeoutError:
            # A peer that vanished without a word: heartbeats come oftener than that.
            message = None
        except CALL_FAILED as error:
            self._drop_stream()
            if not self._closed:
                self._recover(self._connection.explained(error, self._method))
            return
        if message is None:
            self._drop_stream()
            if not self._closed:
                self._connection.pause(self._backoff.pause())
        else:
            self._backoff.reset()
            self._accept(self._chunk(message))

    def _resumed(self, epoch: int) -> bytes:
        """The request that goes on where this subscription stopped, in the epoch that the engine has now."""
        if epoch != self._epoch:
            # What was read belongs to a state that is gone: all of the new one is wanted.
            self._ready.append(Gap(epoch, self._next_sequence or 1, None, "EPOCH_CHANGED"))
            self._epoch = epoch
            self._next_sequence = 1
        return self._request(self._next_sequence)

    def _recover(self, problem: AlphaForgeError) -> None:
        if not isinstance(problem, (Unavailable, DeadlineExceeded)) and problem.reason not in _RESUMABLE:
            raise problem
        if problem.reason == "EPOCH_CHANGED":
            self._connection.forget_epoch(self._epoch)
        self._connection.pause(self._backoff.pause(), problem)

    def _accept(self, chunk: Chunk[T]) -> None:
        if self._next_sequence is not None and not chunk.is_snapshot and chunk.previous_sequence >= self._next_sequence:
            # No service should do that; but if a message is lost, it is not lost in silence.
            self._ready.append(Gap(chunk.epoch, self._next_sequence, chunk.previous_sequence, "MISSED"))
        if chunk.gap is not None:
            self._ready.append(chunk.gap)
        self._ready.extend(chunk.items)
        if not chunk.is_snapshot:
            self._next_sequence = chunk.sequence + 1

    def _drop_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()
