"""Subscriptions that survive the loss of their connection."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Generic, Self, TypeVar

from alphaforge_client._attempts import Backoff
from alphaforge_client._chunk import Chunk
from alphaforge_client._gap import Gap
from alphaforge_client.aio._connection import Connection
from alphaforge_client.aio._transport import CALL_FAILED, Background, ResponseStream, invoke, report
from alphaforge_client.errors import AlphaForgeError, DeadlineExceeded, Unavailable

__all__ = ["Subscription"]

T = TypeVar("T")

_PAUSE_SECONDS_FIRST = 0.05
_PAUSE_SECONDS_MAX = 2.0

# What passes by itself, beside a service that can't be reached: a reset, a disconnection for slowness (what was not
# read is still kept), and a server that stops.
_RESUMABLE = {"EPOCH_CHANGED", "SUBSCRIBER_TOO_SLOW", "CANCELLED"}


class Subscription(Generic[T]):
    """The events of an engine, in order, each once: to be iterated over, or handed to a callback by `listen`.

    It never ends by itself: when the service can't be reached it waits for it and goes on after the last event it has
    got. What the service can't deliver comes as a `Gap`. It begins with the first read; entering a `with` block and
    `listen` begin it at once. Use it in one task or thread only; `close()` may be called from any.

    Raises Unavailable (a ConnectionError) or DeadlineExceeded (a TimeoutError) when the service can't be reached at the
    beginning, within the client's timeout, and InvalidArgument, PermissionDenied and the like when it refuses the
    subscription.

    >>> async with engine.subscribe_trades(["BTCUSD"]) as trades:
    ...     closed = await engine.process_trade_tick(tick)
    ...     (await anext(trades)).price
    ...     trades.next_sequence
    Price('45000.00')
    2
    """

    def __init__(
        self,
        connection: Connection,
        method: str,
        request: Callable[[int | None], bytes],
        chunk: Callable[[bytes], Chunk[T]],
        *,
        from_sequence: int | None,
        epoch: int | None = None,
        silence_seconds_max: float,
    ) -> None:
        self._connection = connection
        self._method = method
        self._request = request
        self._chunk = chunk
        self._silence_seconds_max = silence_seconds_max
        # Events that were received and not read yet, each with the sequence after it.
        self._ready: deque[tuple[int, T | Gap]] = deque()
        # How far the service has come with this subscription, and how far its reader.
        self._epoch = self._read_epoch = epoch or 0
        self._next_received = self._next_read = from_sequence
        # A snapshot is read when it is complete: one that breaks off comes anew.
        self._snapshot: list[T] = []
        self._backoff = Backoff(_PAUSE_SECONDS_FIRST, _PAUSE_SECONDS_MAX)
        self._begins_until: float | None = None
        self._has_begun = False
        self._stream: ResponseStream | None = None
        self._listener: Background | None = None
        self._error: Exception | None = None
        self._closed = False

    def __aiter__(self) -> Self:
        if self._listener is not None:
            raise RuntimeError("a callback gets the events of this subscription; make another one to iterate over")
        return self

    async def __anext__(self) -> T | Gap:
        event = await self._read()
        if event is None:
            raise StopAsyncIteration
        return event

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        try:
            await self.wait()
        except Exception:
            # The error that ends the block comes first.
            if error is None:
                raise

    @property
    def next_sequence(self) -> int | None:
        """The sequence after the last event that was read, for a later `from_sequence`; None before the beginning."""
        return self._next_read if self._ready else self._next_received

    @property
    def epoch(self) -> int:
        """The epoch to which `next_sequence` belongs, for a later `epoch`; 0 before the beginning."""
        return self._read_epoch

    async def listen(self, callback: Callable[[T | Gap], object]) -> Self:
        """Begins the subscription and calls `callback` with each event, one after another, until `close()`.

        It is called in a task or thread of the subscription's own, which does not keep the program from ending; where
        calls are awaited it may be a coroutine function. An error of its own ends the subscription, and so does a
        refusal by the service: it is reported at once (to the event loop's exception handler, or to
        threading.excepthook), and raised by `wait()` and at the end of a `with` block.

        >>> def on_bar(bar):
        ...     print(bar.close)
        ...     subscription.close()
        >>> async with await engine.subscribe_bars(["BTCUSD"]).listen(on_bar) as subscription:
        ...     closed = await engine.process_trade_tick(tick)
        ...     ended = await subscription.wait()
        45000.00
        """
        if self._listener is not None:
            raise RuntimeError("this subscription has a callback; make another one")
        await self._begin()
        self._listener = Background(lambda: self._hand_on(callback), "alphaforge-subscription")
        return self

    async def wait(self, timeout: float | None = None) -> bool:
        """Waits until the callback will not be called any more, by `close()` or an error, which is raised here.

        False if it still may be after `timeout` seconds. Closing the client ends it too.
        """
        if self._listener is not None and not await self._listener.wait(timeout):
            return False
        if self._error is not None:
            raise self._error
        return True

    def close(self) -> None:
        """Ends the subscription and the iteration; a callback that runs is not interrupted."""
        self._closed = True
        self._drop_stream()

    async def _begin(self) -> None:
        """Returns once the service has taken the subscription: what happens after that is not missed."""
        while not (self._has_begun or self._closed):
            await self._receive()

    async def _read(self) -> T | Gap | None:
        """The next event; None once the subscription is closed."""
        while not self._closed:
            if self._ready:
                self._next_read, event = self._ready.popleft()
                if isinstance(event, Gap):
                    self._read_epoch = event.epoch
                return event
            await self._receive()
        self._drop_stream()
        return None

    async def _hand_on(self, callback: Callable[[T | Gap], object]) -> None:
        try:
            while (event := await self._read()) is not None:
                await invoke(callback, event)
        except Exception as error:
            if not self._connection.is_closed:
                self._error = error
                report(error, f"{self._method} with a callback")
        finally:
            self.close()

    async def _receive(self) -> None:
        """Reads one message into `_ready`, or loses the stream and waits a moment."""
        if self._begins_until is None:
            begins_until = monotonic() + self._connection.timeout
            opened = await self._connection.open()
            self._epoch, self._begins_until = self._epoch or opened, begins_until
        try:
            stream = self._stream
            if stream is None:
                stream = self._stream = await self._connection.stream(self._method, self._resumed)
                if self._closed:
                    self._drop_stream()
                    return
            message = await stream.read(self._silence_seconds_max)
        except TimeoutError:
            # A peer that vanished without a word: heartbeats come oftener than that.
            message = None
        except CALL_FAILED as error:
            self._drop_stream()
            if not self._closed:
                await self._recover(self._connection.explained(error, self._method))
            return
        if message is None:
            self._drop_stream()
            if not self._closed:
                await self._connection.pause(self._backoff.pause())
        else:
            self._backoff.reset()
            self._accept(self._chunk(message))

    def _resumed(self, epoch: int) -> bytes:
        """The request that goes on where this subscription stopped, in the epoch that the engine has now."""
        if epoch != self._epoch:
            # What was read belongs to a state that is gone: all of the new one is wanted.
            self._ready.append((1, Gap(epoch, self._next_received or 1, None, "EPOCH_CHANGED")))
            self._epoch = epoch
            self._next_received = 1
        return self._request(self._next_received)

    async def _recover(self, problem: AlphaForgeError) -> None:
        is_lost = isinstance(problem, (Unavailable, DeadlineExceeded))
        if not is_lost and problem.reason not in _RESUMABLE:
            raise problem
        if not self._has_begun and self._begins_until is not None and monotonic() > self._begins_until:
            raise problem
        if problem.reason == "EPOCH_CHANGED":
            self._connection.forget_epoch(self._epoch)
        await self._connection.pause(self._backoff.pause(), problem)

    def _accept(self, chunk: Chunk[T]) -> None:
        if chunk.is_snapshot:
            self._snapshot += chunk.items
            return
        begin = chunk.previous_sequence + 1
        if not self._has_begun:
            self._has_begun = True
            self._read_epoch = self._read_epoch or chunk.epoch
            self._next_read = self._next_read or begin
        self._ready.extend((begin, item) for item in self._snapshot)
        self._snapshot = []
        if self._next_received is not None and begin > self._next_received:
            # No service should do that; but if a message is lost, it is not lost in silence.
            missed = Gap(chunk.epoch, self._next_received, chunk.previous_sequence, "MISSED")
            self._ready.append((begin, missed))
        if chunk.gap is not None:
            self._ready.append(((chunk.gap.last_sequence or chunk.previous_sequence) + 1, chunk.gap))
        self._ready.extend((sequence + 1, item) for sequence, item in chunk.numbered())
        self._next_received = chunk.sequence + 1

    def _drop_stream(self) -> None:
        self._snapshot = []
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()
