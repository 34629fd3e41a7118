"""A client's connection to an engine: connecting, opening, deadlines, retries and errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import randrange
from typing import TypeVar

from grpc import RpcError

from alphaforge_client._base.errors import moved_to, translated
from alphaforge_client._calls.attempts import Attempts, Pause, checked_timeout
from alphaforge_client._grpc.endpoint import DEFAULT_TARGETS, Endpoint
from alphaforge_client._grpc.seeds import READS, SILENCE_SECONDS_MAX, WATCH_SECONDS
from alphaforge_client._wire.opening import Opening
from alphaforge_client.aio._grpc.transport import (
    CALL_FAILED,
    Channel,
    Mutex,
    Permits,
    ResponseStream,
    UnaryCall,
    being_cancelled,
    has_ended,
    scope,
    sleep,
)
from alphaforge_client.errors import AlphaForgeError, DeadlineExceeded, EngineError, Unauthenticated, Unavailable

__all__ = ["Connection"]

T = TypeVar("T")

# The pause before the next attempt once the primary is found, and while it is still sought.
_FOUND_SECONDS, _SEEK_SECONDS = 0.02, 0.2
# After this many failed calls to the shard that an engine has moved to, its home shard is called again.
_FAILURES_AWAY_MAX = 3
# Streams of a connection that may wait for their first message at a time. Thousands at once would keep the client too
# busy to answer the service's pings, and the connection with all of them would be lost.
_STREAMS_STARTING_MAX = 32
# A timeout above 0 for calls that begin at their deadline.
_MOMENT_SECONDS = 0.001


class _Session:
    """The state of a connection in one process and event loop; forked children and other loops have their own.

    `header` is None until the engine has been opened, and after its epoch has changed.
    """

    __slots__ = ("at", "calls", "channels", "endpoint", "epoch", "header", "mutex", "read_at", "scope", "starts")

    def __init__(self, endpoint: Endpoint) -> None:
        self.scope = scope()
        self.endpoint = endpoint
        self.at = 0
        """The index of the endpoint's address that is called."""
        self.read_at = randrange(len(endpoint.seeds))
        """The index of the address for reads that any candidate may answer."""
        self.channels = {0: Channel(endpoint)}
        self.mutex = Mutex()
        self.starts = Permits(_STREAMS_STARTING_MAX)
        self.calls: dict[tuple[int, str], UnaryCall] = {}
        self.header: bytes | None = None
        self.epoch = 0

    @property
    def channel(self) -> Channel:
        return self.channels[self.at]

    def channel_to(self, seed: int) -> Channel:
        """The channel to one of the endpoint's addresses."""
        found = self.channels.get(seed)
        if found is None:
            found = self.channels[seed] = Channel(self.endpoint, seed)
        return found


class Connection:
    """One client's connection to one engine. Nothing is sent before the first call."""

    def __init__(self, endpoint: Endpoint, opening: Opening, timeout: float, after: Connection | None = None) -> None:
        self.endpoint = endpoint
        # Where the list of targets places the engine. After the engine has moved, `endpoint` differs.
        self._home = endpoint
        self._failures_away = 0
        # Another engine that is opened before this one.
        self._after = after
        self.timeout = checked_timeout(timeout)
        self._opening = opening
        self._session: _Session | None = None
        # Sessions of other event loops and of a parent process; each closes its channel when it is garbage collected.
        self._other_sessions: list[_Session] = []
        self._closed = False
        self.lag_seconds = 0.0
        """The maximum age of the last answer to a read."""

    async def call(
        self,
        method: str,
        body: bytes,
        timeout: float | None = None,
        *,
        attempts: Attempts | None = None,
        reopen: bool = True,
        number: bytes = b"",
    ) -> bytes:
        """Sends a request (engine and epoch, `body` and `number`, in this order) and returns the response.

        The request is repeated while the service is unavailable, and after reopening the engine, until the deadline
        (that of `attempts` if given). It must therefore be idempotent. Without `reopen`, EPOCH_CHANGED is raised.
        """
        attempts = attempts or self.attempts(timeout)
        if self.endpoint.reads_anywhere and method in READS:
            answer = await self._read(method, body, attempts)
            if answer is not None:
                return answer

        def send(session: _Session, header: bytes) -> Awaitable[bytes]:
            return self._unary(session, method)(b"".join((header, body, number)), attempts.remaining())

        return await self._repeat(method, send, attempts, reopen=reopen)

    async def call_by_name(self, method: str, body: bytes, timeout: float | None = None) -> bytes:
        """The response to a request about the engine of that name, without opening or creating it."""
        attempts = self.attempts(timeout)
        request = self._opening.header(None) + body

        def send(session: _Session, _: bytes) -> Awaitable[bytes]:
            return self._unary(session, method)(request, attempts.remaining())

        return await self._repeat(method, send, attempts, opens=False)

    async def open(self, timeout: float | None = None) -> int:
        """Connects and opens the engine if needed; returns its epoch."""

        async def epoch(session: _Session, _: bytes) -> int:
            return session.epoch

        return await self._repeat(self._opening.method, epoch, self.attempts(timeout))

    @property
    def starts(self) -> Permits:
        """Permits to start a stream, held until its first message."""
        return self._current_session().starts

    async def stream(self, method: str, body: Callable[[int], bytes]) -> ResponseStream:
        """Starts a subscription, after opening the engine; `body` creates the request for its epoch.

        Raises grpc's exceptions: the caller decides whether to retry.
        """
        session = self._current_session()
        header = session.header or await self._open(session, Attempts(self.timeout))
        request = header + body(session.epoch)
        if not self.endpoint.reads_anywhere:
            return session.channel.stream(self._path(method), request)
        # Each attempt asks another candidate: the previous one may be gone, or not know the epoch.
        session.read_at = (session.read_at + 1) % len(self.endpoint.seeds)
        return session.channel_to(session.read_at).stream(self._path(method), request, reads_anywhere=True)

    async def _read(self, method: str, body: bytes, attempts: Attempts) -> bytes | None:
        """A candidate's answer to a read; None if only the primary can answer."""
        await self.open(attempts.remaining())
        session = self._current_session()
        count = len(self.endpoint.seeds)
        for _ in range(count):
            header = session.header
            if header is None:
                return None
            read = session.channel_to(session.read_at).unary_read(self._path(method), self._note_lag)
            try:
                return await read(header + body, min(WATCH_SECONDS, attempts.remaining() / (count + 1)))
            except CALL_FAILED as error:
                problem = self.explained(error, method)
            if not isinstance(problem, (Unavailable, DeadlineExceeded)):
                if problem.reason in ("EPOCH_CHANGED", "OVERLOADED"):
                    return None
                raise problem
            session.read_at = (session.read_at + 1) % count
        return None

    def _note_lag(self, seconds: float) -> None:
        self.lag_seconds = seconds

    def attempts(self, timeout: float | None) -> Attempts:
        """The attempts of a call with this timeout in seconds (None: the client's)."""
        return Attempts(self.timeout if timeout is None else checked_timeout(timeout))

    @property
    def epoch(self) -> int:
        """The last known epoch of the engine; 0 before the first call."""
        return 0 if self._session is None else self._session.epoch

    @property
    def is_closed(self) -> bool:
        return self._closed

    def adopt_epoch(self, epoch: int) -> None:
        """Adopts the epoch that a call of this client has started, so that the engine need not be reopened."""
        session = self._current_session()
        session.epoch = epoch
        session.header = self._opening.header(epoch)

    def forget_epoch(self, epoch: int) -> None:
        """Forgets an outdated epoch: the next call reopens the engine."""
        session = self._session
        if session is not None and session.epoch == epoch:
            session.header = None

    async def pause(self, pause: Pause) -> None:
        """Waits before the next attempt; returns early once the service is connected, or found elsewhere."""
        if self._has_seeds:
            seconds = pause.asleep_seconds + pause.connecting_seconds
            is_found = await self.find_primary()
            await sleep(min(seconds, _FOUND_SECONDS if is_found else _SEEK_SECONDS))
            return
        await sleep(pause.asleep_seconds)
        if pause.connecting_seconds <= 0.0:
            return
        session = self._session
        if session is None:
            await sleep(pause.connecting_seconds)
            return
        try:
            await session.channel.await_connection(pause.connecting_seconds)
        except CALL_FAILED:
            # Closed in the meantime, so the next attempt raises the error.
            if not self._closed or being_cancelled():
                raise

    @property
    def _has_seeds(self) -> bool:
        return len(self.endpoint.seeds) > 1

    async def find_primary(self) -> bool:
        """Asks each candidate, the current one last, whether it is serving; later calls go to the first that is."""
        return await self._find_primary(asks_current=True)

    async def _is_elsewhere(self) -> bool:
        return await self._find_primary(asks_current=False)

    async def _find_primary(self, *, asks_current: bool) -> bool:
        session = self._current_session()
        count = len(self.endpoint.seeds)
        for step in range(1, count + asks_current):
            seed = (session.at + step) % count
            if await session.channel_to(seed).serves(self._opening.service):
                session.at = seed
                return True
        return False

    def silence(self, seconds: float) -> float:
        """How long a stream may be silent: `seconds` if there is one candidate, less with several."""
        return min(seconds, SILENCE_SECONDS_MAX) if self._has_seeds else seconds

    async def close(self) -> None:
        """Closes the connection; calls in progress and later ones fail. May be called more than once."""
        self._closed = True
        session, self._session = self._session, None
        self._other_sessions = []
        if session is not None and session.scope is scope():
            for channel in session.channels.values():
                await channel.close()

    async def _repeat(
        self,
        method: str,
        send: Callable[[_Session, bytes], Awaitable[T]],
        attempts: Attempts,
        *,
        opens: bool = True,
        reopen: bool = True,
    ) -> T:
        """The result of `send`, called with the session and the engine's header; opens the engine if `opens`."""
        while True:
            header = None
            try:
                session = self._current_session()
                header = (session.header or await self._open(session, attempts)) if opens else b""
                return await send(session, header)
            except CALL_FAILED as error:
                problem = self.explained(error, method, attempts.count)
            except Unavailable as error:
                problem = error
            if problem.reason == "EPOCH_CHANGED":
                if session.header == header:
                    session.header = None
                if not reopen:
                    raise problem
            await self.pause(attempts.pause_after(problem))

    def _current_session(self) -> _Session:
        session = self._session
        if session is not None and session.scope is scope():
            return session
        return self._change_session()

    def _change_session(self) -> _Session:
        """The session of this process and event loop. Drops those of closed loops, and their channels with
        them."""
        if self._closed:
            raise EngineError(f"this {self.endpoint.noun} client is closed; create a new one", reason="CLIENT_CLOSED")
        sessions = [one for one in (self._session, *self._other_sessions) if one is not None]
        here = next((one for one in sessions if one.scope is scope()), None)
        self._other_sessions = [one for one in sessions if one is not here and not has_ended(one.scope)]
        self._session = here = here or _Session(self.endpoint)
        return here

    async def _open(self, session: _Session, attempts: Attempts) -> bytes:
        if not await session.mutex.acquire(attempts.remaining()):
            raise DeadlineExceeded(
                f"{self.endpoint} did not open the engine in time",
                reason="DEADLINE_EXCEEDED",
            )
        try:
            # Another caller may have opened it meanwhile.
            if session.header is None:
                if self._after is not None and session.epoch == 0:
                    await self._after.open(max(attempts.remaining(), _MOMENT_SECONDS))
                answer = await self._unary(session, self._opening.method)(self._opening.request, attempts.remaining())
                session.epoch = self._opening.epoch(answer)
                session.header = self._opening.header(session.epoch)
            return session.header
        finally:
            session.mutex.release()

    def _unary(self, session: _Session, method: str) -> UnaryCall:
        call = session.calls.get((session.at, method))
        if call is None:
            path, channel = self._path(method), session.channel
            call = channel.unary_watched(path, self._is_elsewhere) if self._has_seeds else channel.unary(path)
            session.calls[session.at, method] = call
        return call

    def _drop_old_credentials(self) -> bool:
        """Whether credentials files have changed; then the next attempt creates a new channel.

        Calls in progress finish on the old one.
        """
        session = self._session
        if session is None or session.channel.access.stamps == self.endpoint.credentials.stamps():
            return False
        self._session = None
        return True

    def _follow(self, problem: Unavailable) -> None:
        """From now on, calls the service to which the engine has moved; if that can't be reached, the home service."""
        target = moved_to(problem)
        self._failures_away = 0 if target else self._failures_away + 1
        if target is None and self._failures_away < _FAILURES_AWAY_MAX:
            return
        try:
            endpoint = self._home if target is None else self._home.at(target)
        except (AlphaForgeError, TypeError):
            # Not an address, or not one to which the token may be sent.
            return
        self._failures_away = 0
        if endpoint.target != self.endpoint.target:
            self.endpoint = endpoint
            self._session = None

    def _path(self, method: str) -> str:
        return f"/{self._opening.service}/{method}"

    def explained(self, error: BaseException, method: str, attempt: int = 1) -> AlphaForgeError:
        """The AlphaForge error, with the address of the service and the number of attempts.

        Raises `error` itself if it is not a failure of the call.
        """
        if self._closed and not being_cancelled():
            return EngineError(f"this {self.endpoint.noun} client was closed during {method}", reason="CLIENT_CLOSED")
        if not isinstance(error, RpcError):
            raise error
        problem = translated(error)
        if isinstance(problem, (Unavailable, Unauthenticated)) and self._drop_old_credentials():
            problem = Unavailable(f"{problem}; the credentials have changed", reason="UNAVAILABLE")
        where = str(self.endpoint)
        if isinstance(problem, Unavailable):
            self._follow(problem)
            return Unavailable(f"{where} can't be reached: {problem} (attempt {attempt})", reason=problem.reason)
        if isinstance(problem, DeadlineExceeded):
            return DeadlineExceeded(
                f"{where} did not answer {method} in time (attempt {attempt})", reason=problem.reason
            )
        if problem.reason == "UNIMPLEMENTED":
            noun = self.endpoint.noun
            remedy = f"give the {noun} service's address by target= or ALPHAFORGE_{noun.upper()}_TARGET"
            return EngineError(
                f"{where} has no method {method}: {problem}; {remedy} (default {DEFAULT_TARGETS[noun]})",
                reason=problem.reason,
            )
        return problem
