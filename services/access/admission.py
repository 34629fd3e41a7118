"""Admission: a call that could not be answered in time is refused immediately, and if large, before it is read.

Under overload, every call would wait behind all others, and most would be executed after their callers had given up. So
the service tracks its backlog, the calls in progress, and its pace. A call that would wait for more than half of its
remaining time is refused with OVERLOADED and the delay before a retry.

The backlog includes calls whose requests are still arriving. Otherwise all callers could send at the same time, each so
slowly that all calls come too late. Until a request has arrived, it counts with the usual size for its method.

A server handles calls in order of arrival, including calls whose callers have given up. If more calls arrive than it
has time to look at, every call has expired by its turn, and none is answered or even refused in time. So expired calls
are dropped as cheaply as gRPC allows, and while there are many of them, fewer calls are admitted.

The maximum pace is known only when the service is busy; otherwise the pace is that of the arriving calls. So the pace
is the best amount of work done in a tenth of a second, and decreases only while calls are late. Until a call is late,
only the limits refuse calls.
"""

from __future__ import annotations

from math import inf

from alphaforge_core.errors import ResourceExhausted

from services.base.errors import with_retry_after

__all__ = ["NEVER_REFUSED", "Admission", "Ticket", "Usual"]

# Calls that reduce the load, or renew sessions.
NEVER_REFUSED = frozenset(
    ("KeepSession", "CloseSession", "CancelOrder", "CancelOrders", "CancelAllOrders", "CancelMatchingOrders", "Halt")
)

# The fixed cost of a call, in bytes: a single order takes about as long as 8 KiB of a batch of orders.
CALL_BYTES = 8 * 1024

# Maximum backlog of one lane. Decoded requests take several times as much memory.
UNDER_WAY_BYTES_MAX = 256 << 20

# Minimum number of calls admitted, so that the pace can be measured.
ALWAYS_ADMITTED = 8

# Minimum number of calls admitted while others arrive too late to be refused in time.
CALLS_MIN = 4

# A call without a deadline is treated as one with the client's default.
DEFAULT_SECONDS = 5.0

_SHARE = 0.5
_USUAL_SHARE = 0.1
_WINDOW_SECONDS = 0.1
_ARRIVING_SECONDS_MAX = 1.0
_EXPIRED_SHARE_MAX, _DEAF_SHARE, _DEAF_CALLS = 0.05, 0.5, 20
_FEWER, _MORE = 0.5, 1.3
_CALLS_MAX = 10_000
_LATE_SECONDS_MIN = 0.05
_LATE_SHARE_MIN = 0.1
_RETRY_SECONDS_MIN = 0.02
_RETRY_SECONDS_MAX = 5.0
# Each refusal takes time from the calls that are answered, so callers come back no faster than one refusal for four
# answers.
_REFUSED_PER_ANSWER = 0.25
# The retry delay rises immediately and falls slowly; otherwise all callers would come back together.
_RETRY_LESS, _RETRY_MORE = 0.95, 2.0


class Usual:
    """The usual size and duration of the calls of one method."""

    def __init__(self) -> None:
        self.bytes = 0.0
        self.seconds = 0.0


class Ticket:
    """A call in progress, counted with `size`. Created for every call, so it has no initializer."""

    __slots__ = ("began", "seconds", "size", "usual")

    usual: Usual
    size: int
    began: float
    seconds: float


class Admission:
    """The calls in progress in one lane, such as all writes. Used on the event loop only."""

    def __init__(self, now: float) -> None:
        self.calls = 0
        self.bytes = 0
        """The backlog: the sizes of the requests in progress, plus CALL_BYTES for each."""
        self.refused = 0
        self.expired = 0
        """Number of calls that had expired by their turn."""
        self.pace = inf
        """Bytes handled per second; infinite until a call has been late."""
        self.calls_max = inf
        """Maximum number of calls in progress; infinite unless calls arrive that have already expired."""
        self._arriving: dict[int, Ticket] = {}
        """Calls whose requests are not read yet, in order of arrival."""
        self.retry_seconds = _RETRY_SECONDS_MIN
        """The delay suggested to refused calls, which grows with the number of refused calls per answered call."""
        self._error: ResourceExhausted | None = None
        self._refused_this_window = 0
        self._begin_window(now)

    # Runs on every call, so it avoids further function calls. `now` is of the monotonic clock.

    def enter(self, usual: Usual, seconds: float | None, now: float, size: int | None = None) -> Ticket | None:
        """Admits a call with `seconds` left to answer it, whose request has `size` bytes.

        A request that is not read yet has None, and counts with the usual size. Returns None if no time is left: nobody
        waits for the answer any more. Raises ResourceExhausted OVERLOADED.
        """
        if now >= self._window_ends:
            self._turn_window(now)
        self._came += 1
        if seconds is None:
            seconds = DEFAULT_SECONDS
        if seconds <= 0:
            self.expired += 1
            self._expired += 1
            self._refused_this_window += 1
            return None
        cost = CALL_BYTES + (round(usual.bytes) if size is None else size)
        calls = self.calls
        if calls >= self.calls_max:
            raise self._refusal()
        # One call is always admitted: however large, since max_message_bytes bounds it, and however slow earlier calls
        # were, since otherwise the service could not find out that it has become faster.
        if calls:
            if self.bytes + cost > UNDER_WAY_BYTES_MAX:
                raise self._refusal()
            if self.calls_max < inf and seconds < usual.seconds:
                raise self._refusal()
            if calls >= ALWAYS_ADMITTED and self.bytes / self.pace > _SHARE * seconds:
                raise self._refusal()
        ticket = Ticket()
        ticket.usual, ticket.size, ticket.began, ticket.seconds = usual, cost, now, seconds
        self.calls = calls + 1
        self.bytes += cost
        if size is None:
            self._arriving[id(ticket)] = ticket
        return ticket

    def received(self, ticket: Ticket, size: int) -> None:
        """Called when an admitted call's request was read. Raises ResourceExhausted if the backlog is too large."""
        ticket.usual.bytes += _USUAL_SHARE * (size - ticket.usual.bytes)
        if self._arriving.pop(id(ticket), None) is None:
            self.calls += 1
        self.bytes += size + CALL_BYTES - ticket.size
        ticket.size = size + CALL_BYTES
        if self.calls > 1 and self.bytes > UNDER_WAY_BYTES_MAX:
            raise self._refusal()

    def leave(self, ticket: Ticket, now: float, *, answered: bool) -> None:
        """Called when the call was answered or cancelled."""
        seconds = now - ticket.began
        size = ticket.size
        self._ended += 1
        if answered:
            usual = ticket.usual
            self._answered_bytes += size
            self._answered += 1
            usual.seconds += _USUAL_SHARE * (seconds - usual.seconds)
        if self._arriving:
            self._arriving.pop(id(ticket), None)
        if size:
            self.calls -= 1
            self.bytes -= size
        if seconds > _LATE_SECONDS_MIN and seconds > _SHARE * ticket.seconds:
            self._late += 1
        if now >= self._window_ends:
            self._turn_window(now)

    def _refusal(self) -> ResourceExhausted:
        """The error of the current window. All refusals in a window are equal, so the error is encoded once."""
        self.refused += 1
        self._refused_this_window += 1
        if self._error is None:
            self._error = with_retry_after(
                ResourceExhausted(
                    f"nothing was done: the service is overloaded ({self.calls:,} calls with {self.bytes >> 20:,} MiB "
                    f"in progress); retry in {self.retry_seconds:.2g} s, or send smaller requests",
                    reason="OVERLOADED",
                ),
                self.retry_seconds,
            )
        return self._error.with_traceback(None)

    # --- The pace.

    def _begin_window(self, now: float) -> None:
        self._window_ends = now + _WINDOW_SECONDS
        self._window_began = now
        self._error = None
        self._came = self._expired = self._refused_this_window = 0
        self._ended = self._answered = self._answered_bytes = self._late = 0

    def _turn_window(self, now: float) -> None:
        elapsed = now - self._window_began
        pace = self._answered_bytes / elapsed
        if self._late and self._late >= _LATE_SHARE_MIN * self._ended:
            self.pace = pace if self.pace == inf else max(pace, 0.7 * self.pace + 0.3 * pace)
        elif pace > self.pace:
            self.pace = pace
        self.pace = max(self.pace, 1.0)
        self._adjust_calls_max()
        self._adjust_retry()
        self._pass_over_slow_callers(now)
        self._begin_window(now)

    def _pass_over_slow_callers(self, now: float) -> None:
        """Removes requests that arrive slowly from the backlog: until they have arrived, they cause no work."""
        slow = []
        for ticket in self._arriving.values():
            if now - ticket.began < _ARRIVING_SECONDS_MAX:
                break
            slow.append(ticket)
        for ticket in slow:
            del self._arriving[id(ticket)]
            self.calls -= 1
            self.bytes -= ticket.size
            ticket.size = 0

    def _adjust_calls_max(self) -> None:
        """Limits calls in progress, so that there is time to refuse others before they expire."""
        if self._expired > _EXPIRED_SHARE_MAX * self._came:
            # While most calls have expired, admits none until the expired ones are handled.
            is_deaf = self._expired > _DEAF_SHARE * self._came and self._came >= _DEAF_CALLS
            least = 0 if is_deaf else CALLS_MIN
            self.calls_max = max(least, _FEWER * min(self.calls_max, max(self.calls, least)))
        elif self.calls_max < _CALLS_MAX:
            self.calls_max = max(CALLS_MIN, _MORE * self.calls_max)
        else:
            self.calls_max = inf

    def _adjust_retry(self) -> None:
        """Makes refused callers come back later while more calls are refused than _REFUSED_PER_ANSWER."""
        if self._refused_this_window:
            ratio = self._refused_this_window / max(_REFUSED_PER_ANSWER * self._answered, 1)
            wanted = self.retry_seconds * min(max(ratio, _RETRY_LESS), _RETRY_MORE)
        else:
            wanted = self.retry_seconds * _RETRY_LESS
        self.retry_seconds = min(max(wanted, _RETRY_SECONDS_MIN), _RETRY_SECONDS_MAX)
