"""Subscriptions that resume after a lost connection."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Generic, Self, TypeVar

from alphaforge_client._calls.attempts import Backoff
from alphaforge_client._wire.gap import Gap
from alphaforge_client._wire.stream_message import StreamMessage
from alphaforge_client.aio._calls.connection import Connection
from alphaforge_client.aio._grpc.transport import CALL_FAILED, Background, ResponseStream, invoke, report
from alphaforge_client.errors import AlphaForgeError, DeadlineExceeded, Unavailable

__all__ = ["Subscription"]

T = TypeVar("T")

_log = logging.getLogger("alphaforge_client")

_NAMES_LOGGED = 5

_PAUSE_SECONDS_FIRST = 0.05
_PAUSE_SECONDS_MAX = 2.0

# Temporary errors, besides an unreachable service: a reset, a disconnection for slowness (unread events are still
# kept), and a stopping server.
_RESUMABLE = {"EPOCH_CHANGED", "SUBSCRIBER_TOO_SLOW", "CANCELLED"}


class Subscription(Generic[T]):
    """The events of an engine, in order, each once: iterate over it, or pass a callback to `listen`.

    It never ends by itself: if the service can't be reached, it waits and resumes after the last event received. Events
    that the service can't deliver are reported as a `Gap`. It begins with the first read, or immediately on entering a
    `with` block and with `listen`. Use it in one task or thread only; `close()` may be called from any.

    Raises Unavailable (a ConnectionError) or DeadlineExceeded (a TimeoutError) if the service can't be reached at the
    beginning, within the client's timeout, and InvalidArgument, PermissionDenied and so on if it refuses the
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
        decode: Callable[[bytes], StreamMessage[T]],
        *,
        from_sequence: int | None,
        epoch: int | None = None,
        silence_seconds_max: float,
    ) -> None:
        self._connection = connection
        self._method = method
        self._request = request
        self._decode = decode
        self._silence_seconds_max = silence_seconds_max
        # Events received but not read yet, each with the sequence after it.
        self._ready: deque[tuple[int, T | Gap]] = deque()
        # The positions of the service and of the reader in this subscription.
        self._epoch = self._read_epoch = epoch or 0
        self._next_received = self._next_read = from_sequence
        # A snapshot is delivered once complete; an interrupted one is requested again.
        self._snapshot: list[T] = []
        self._waits_for: tuple[str, ...] = ()
        self._backoff = Backoff(_PAUSE_SECONDS_FIRST, _PAUSE_SECONDS_MAX)
        self._begins_until: float | None = None
        self._has_begun = False
        self._stream: ResponseStream | None = None
        self._listener: Background | None = None
        self._error: Exception | None = None
        self._closed = False

    def __aiter__(self) -> Self:
        if self._listener is not None:
            raise RuntimeError("this subscription has a callback, so it can't be iterated over; create another one")
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
            # The error that ended the block takes precedence.
            if error is None:
                raise

    @property
    def next_sequence(self) -> int | None:
        """The sequence after the last event read, for a later `from_sequence`; None before the subscription begins."""
        return self._next_read if self._ready else self._next_received

    @property
    def epoch(self) -> int:
        """The epoch of `next_sequence`, for a later `epoch`; 0 before the subscription begins."""
        return self._read_epoch

    @property
    def token(self) -> str | None:
        """The position after the last event read, as text, for a later `token`; None before the subscription begins."""
        sequence = self.next_sequence
        return None if sequence is None else f"1/{self.epoch:x}.{sequence}"

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The requested instruments that had no trade yet when the subscription began, at most 100.

        They are logged too, as a warning: their events come once there are trades, or never, if a name is wrong.
        """
        return self._waits_for

    async def listen(self, callback: Callable[[T | Gap], object]) -> Self:
        """Begins the subscription and calls `callback` with each event, one after another, until `close()`.

        The callback runs in a separate task or daemon thread; in a task it may be a coroutine function. An exception it
        raises, or a refusal by the service, ends the subscription. It is reported immediately (to the event loop's
        exception handler, or to threading.excepthook), and raised by `wait()` and at the end of a `with` block.

        >>> def on_bar(bar):
        ...     print(bar.close)
        ...     subscription.close()
        >>> async with await engine.subscribe_bars(["BTCUSD"]).listen(on_bar) as subscription:
        ...     closed = await engine.process_trade_tick(tick)
        ...     ended = await subscription.wait()
        45000.00
        """
        if self._listener is not None:
            raise RuntimeError("this subscription already has a callback; create another one")
        await self._begin()
        self._listener = Background(lambda: self._deliver(callback), "alphaforge-subscription")
        return self

    async def wait(self, timeout: float | None = None) -> bool:
        """Waits until the subscription has ended, by `close()`, by closing the client, or by an error, which is raised.

        Returns False if it has not ended after `timeout` seconds.
        """
        if self._listener is not None and not await self._listener.wait(timeout):
            return False
        if self._error is not None:
            raise self._error
        return True

    def close(self) -> None:
        """Ends the subscription and the iteration; does not interrupt a running callback."""
        self._closed = True
        self._drop_stream()

    async def _begin(self) -> None:
        """Waits until the service has accepted the subscription; later events are not missed."""
        while not (self._has_begun or self._closed):
            await self._receive()

    # For code that merges subscriptions.

    @property
    def mark(self) -> str:
        """A name of the last event read, the same in every process; order ids are derived from it."""
        return f"{self.epoch}|{self.next_sequence}"

    async def begin(self) -> None:
        """Begins the subscription."""
        await self._begin()

    async def take(self) -> list[tuple[int, T | Gap]] | None:
        """All events received and not read yet, each with the sequence after it. If there are none, the events of the
        next message, which may be empty. None once the subscription is closed."""
        if not (self._ready or self._closed):
            await self._receive()
        if self._closed:
            self._drop_stream()
            return None
        events = list(self._ready)
        self._ready.clear()
        for _, event in events:
            if isinstance(event, Gap):
                self._read_epoch = event.epoch
        return events

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

    async def _deliver(self, callback: Callable[[T | Gap], object]) -> None:
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
        """Reads one message into `_ready`; if the stream is lost, waits before reconnecting."""
        if self._begins_until is None:
            begins_until = monotonic() + self._connection.timeout
            opened = await self._connection.open()
            self._epoch, self._begins_until = self._epoch or opened, begins_until
        try:
            message = await self._next_message()
        except TimeoutError:
            # Heartbeats are more frequent than this timeout, so the peer has vanished.
            message = None
        except CALL_FAILED as error:
            self._drop_stream()
            if not self._closed:
                await self._recover(self._connection.explained(error, self._method))
            return
        if message is None:
            self._drop_stream()
            if not self._closed:
                if self._is_overdue:
                    raise DeadlineExceeded(
                        f"{self._connection.endpoint} did not start {self._method} in time", reason="DEADLINE_EXCEEDED"
                    )
                await self._connection.pause(self._backoff.pause())
        else:
            self._backoff.reset()
            self._accept(self._decode(message))

    async def _next_message(self) -> bytes | None:
        """The next message of the stream, which is started if there is none; None if it has ended.

        Raises TimeoutError if none comes in time.
        """
        seconds = self._connection.silence(self._silence_seconds_max)
        stream = self._stream
        if stream is not None:
            return await stream.read(seconds)
        if not self._has_begun and self._begins_until is not None:
            seconds = min(seconds, max(0.0, self._begins_until - monotonic()))
        starts = self._connection.starts
        if not await starts.acquire(seconds):
            raise TimeoutError
        try:
            stream = self._stream = await self._connection.stream(self._method, self._resumed)
            if self._closed:
                self._drop_stream()
                return None
            return await stream.read(seconds)
        finally:
            starts.release()

    @property
    def _is_overdue(self) -> bool:
        """Whether the time within which the subscription has to begin is over."""
        return not self._has_begun and self._begins_until is not None and monotonic() >= self._begins_until

    def _resumed(self, epoch: int) -> bytes:
        """The request that resumes this subscription in the engine's current epoch."""
        if epoch != self._epoch:
            # The epoch has changed: asks for all events of the new one.
            self._ready.append((1, Gap(epoch, self._next_received or 1, None, "EPOCH_CHANGED")))
            self._epoch = epoch
            self._next_received = 1
        return self._request(self._next_received)

    async def _recover(self, problem: AlphaForgeError) -> None:
        is_lost = isinstance(problem, (Unavailable, DeadlineExceeded))
        if not is_lost and problem.reason not in _RESUMABLE:
            raise problem
        if self._is_overdue:
            raise problem
        if problem.reason == "EPOCH_CHANGED":
            self._connection.forget_epoch(self._epoch)
        await self._connection.pause(self._backoff.pause(problem))

    def _accept(self, received: StreamMessage[T]) -> None:
        if received.is_snapshot:
            self._snapshot += received.items
            return
        begin = received.previous_sequence + 1
        if not self._has_begun:
            self._has_begun = True
            self._waits_for = tuple(received.waits_for)
            if self._waits_for:
                some = ", ".join(self._waits_for[:_NAMES_LOGGED])
                more = f" and {len(self._waits_for) - _NAMES_LOGGED} more" if self._waits_for[_NAMES_LOGGED:] else ""
                _log.warning("%s waits for the first trade of %s%s", self._method, some, more)
            self._read_epoch = self._read_epoch or received.epoch
            self._next_read = self._next_read or begin
        self._ready.extend((begin, item) for item in self._snapshot)
        self._snapshot = []
        if self._next_received is not None and begin > self._next_received:
            # Should not happen; but a lost message must be reported.
            missed = Gap(received.epoch, self._next_received, received.previous_sequence, "MISSED")
            self._ready.append((begin, missed))
        if received.gap is not None:
            self._ready.append(((received.gap.last_sequence or received.previous_sequence) + 1, received.gap))
        self._ready.extend((sequence + 1, item) for sequence, item in received.numbered())
        self._next_received = received.sequence + 1

    def _drop_stream(self) -> None:
        self._snapshot = []
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()
