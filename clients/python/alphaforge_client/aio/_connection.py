"""The line from one client to one engine on a service: connecting, opening, deadlines, repeats and errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from grpc import RpcError

from alphaforge_client._attempts import Attempts, checked_timeout
from alphaforge_client._endpoint import Endpoint
from alphaforge_client._errors import translated
from alphaforge_client.aio._transport import (
    CALL_FAILED,
    Channel,
    Mutex,
    ResponseStream,
    UnaryCall,
    being_cancelled,
    scope,
    sleep,
)
from alphaforge_client.errors import AlphaForgeError, DeadlineExceeded, EngineError, Unauthenticated, Unavailable

__all__ = ["Connection", "Opening"]

# As often as that may a call be repeated that fails at once.
_MOMENT_SECONDS = 0.05


@dataclass(frozen=True)
class Opening:
    """How an engine is opened: the names of its service and method, the request, and what to read from the answer."""

    service: str
    method: str
    request: bytes
    epoch: Callable[[bytes], int]
    # The fields that every later request begins with: the engine's name and its epoch, None for any.
    header: Callable[[int | None], bytes]


class _Session:
    """What belongs to one process and one event loop: a forked child and a second loop get a session of their own.

    `header` is None until the engine has been opened, and again when its epoch turns out to be an old one.
    """

    __slots__ = ("calls", "channel", "epoch", "header", "mutex", "scope")

    def __init__(self, endpoint: Endpoint) -> None:
        self.scope = scope()
        self.channel = Channel(endpoint)
        self.mutex = Mutex()
        self.calls: dict[str, UnaryCall] = {}
        self.header: bytes | None = None
        self.epoch = 0


# A session of a former process or loop is kept and never touched again: to take it down would wait for threads that are
# not there any more.
_abandoned: list[_Session] = []


class Connection:
    """One engine on one service, as one client sees it. Nothing is sent before the first call."""

    def __init__(self, endpoint: Endpoint, opening: Opening, timeout: float) -> None:
        self.endpoint = endpoint
        self.timeout = checked_timeout(timeout)
        self._opening = opening
        self._session: _Session | None = None
        self._closed = False

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
        """The answer to one request, whose engine and epoch are put before `body` here, and its number behind.

        Repeats while the service is unavailable and after the engine was opened anew, inside the deadline, which is
        that of `attempts` where they have begun; so `body` must be one that the service carries out once however often
        it arrives. Without `reopen`, EPOCH_CHANGED is raised.
        """
        attempts = attempts or self.attempts(timeout)
        while True:
            header = None
            try:
                session = self._current_session()
                header = session.header or await self._open(session, attempts)
                call = session.calls.get(method) or self._unary(session, method)
                # At once, since a body may be long.
                return await call(b"".join((header, body, number)), attempts.remaining())
            except CALL_FAILED as error:
                problem = self.explained(error, method, attempts.count)
            if problem.reason == "EPOCH_CHANGED":
                if session.header == header:
                    session.header = None
                if not reopen:
                    raise problem
            await self.pause(attempts.pause_after(problem), problem)

    async def call_by_name(self, method: str, body: bytes, timeout: float | None = None) -> bytes:
        """The answer to a request about the engine of that name, which is neither opened nor made for it."""
        attempts = self.attempts(timeout)
        request = self._opening.header(None) + body
        while True:
            try:
                session = self._current_session()
                call = session.calls.get(method) or self._unary(session, method)
                return await call(request, attempts.remaining())
            except CALL_FAILED as error:
                problem = self.explained(error, method, attempts.count)
            await self.pause(attempts.pause_after(problem), problem)

    async def open(self, timeout: float | None = None) -> int:
        """Connects and opens the engine if that has not happened yet; returns its epoch."""
        attempts = self.attempts(timeout)
        while True:
            try:
                session = self._current_session()
                if session.header is None:
                    await self._open(session, attempts)
                return session.epoch
            except CALL_FAILED as error:
                problem = self.explained(error, self._opening.method, attempts.count)
            await self.pause(attempts.pause_after(problem), problem)

    async def stream(self, method: str, body: Callable[[int], bytes]) -> ResponseStream:
        """Begins one subscription, opening the engine first; `body` makes the request for its epoch.

        Raises what grpc raises: the caller decides on repeats.
        """
        session = self._current_session()
        header = session.header or await self._open(session, Attempts(self.timeout))
        return session.channel.stream(self._path(method), header + body(session.epoch))

    def attempts(self, timeout: float | None) -> Attempts:
        """Those of a call that may take so many seconds, as many as the client's calls do if None."""
        return Attempts(self.timeout if timeout is None else checked_timeout(timeout))

    @property
    def epoch(self) -> int:
        """The engine's epoch as last learnt; 0 before the first call."""
        return 0 if self._session is None else self._session.epoch

    @property
    def is_closed(self) -> bool:
        return self._closed

    def adopt_epoch(self, epoch: int) -> None:
        """The engine got a new epoch by this client's own doing, so that there is nothing to open again."""
        session = self._current_session()
        session.epoch = epoch
        session.header = self._opening.header(epoch)

    def forget_epoch(self, epoch: int) -> None:
        """The service said that `epoch` is not the engine's any more: the next call opens it anew."""
        session = self._session
        if session is not None and session.epoch == epoch:
            session.header = None

    async def pause(self, seconds: float, problem: AlphaForgeError | None = None) -> None:
        """Waits before the next attempt; where the service was not reached, hardly longer than until it is."""
        session = self._session
        if problem is not None and problem.reason == "EPOCH_CHANGED":
            # It is there, and will open the engine.
            seconds = min(seconds, _MOMENT_SECONDS)
        if session is None or problem is None or problem.reason != "UNAVAILABLE":
            await sleep(seconds)
            return
        # A moment in any case: what is between may be reached, and refuse each call at once.
        moment = min(seconds, _MOMENT_SECONDS)
        await sleep(moment)
        try:
            await session.channel.await_connection(seconds - moment)
        except CALL_FAILED:
            # Closed meanwhile: the next attempt says so.
            if not self._closed or being_cancelled():
                raise

    async def close(self) -> None:
        """Ends the connection; calls under way fail, and so do later ones. Closing twice is allowed."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None and session.scope is scope():
            await session.channel.close()

    def _current_session(self) -> _Session:
        session = self._session
        if session is not None and session.scope is scope():
            return session
        if self._closed:
            raise EngineError(f"this {self.endpoint.noun} client is closed; make a new one", reason="CLIENT_CLOSED")
        if session is not None:
            _abandoned.append(session)
        self._session = session = _Session(self.endpoint)
        return session

    async def _open(self, session: _Session, attempts: Attempts) -> bytes:
        if not await session.mutex.acquire(attempts.remaining()):
            raise DeadlineExceeded(
                f"the {self.endpoint.noun} service at {self.endpoint.target} did not open the engine in time",
                reason="DEADLINE_EXCEEDED",
            )
        try:
            # Others may have waited here for the one that opens.
            if session.header is None:
                answer = await self._unary(session, self._opening.method)(self._opening.request, attempts.remaining())
                session.epoch = self._opening.epoch(answer)
                session.header = self._opening.header(session.epoch)
            return session.header
        finally:
            session.mutex.release()

    def _unary(self, session: _Session, method: str) -> UnaryCall:
        call = session.calls[method] = session.channel.unary(self._path(method))
        return call

    def _drop_old_credentials(self) -> bool:
        """Whether files of credentials changed since the channel was made; then the next attempt makes a new one.

        Calls under way end on the old one.
        """
        session = self._session
        if session is None or session.channel.access.stamps == self.endpoint.credentials.stamps():
            return False
        self._session = None
        return True

    def _path(self, method: str) -> str:
        return f"/{self._opening.service}/{method}"

    def explained(self, error: BaseException, method: str, attempt: int = 1) -> AlphaForgeError:
        """The error of the tree, with what the service can't know: who was called, and how often.

        Raises `error` itself where it is no failure of the call.
        """
        if self._closed and not being_cancelled():
            return EngineError(f"this {self.endpoint.noun} client was closed during {method}", reason="CLIENT_CLOSED")
        if not isinstance(error, RpcError):
            raise error
        problem = translated(error)
        if isinstance(problem, (Unavailable, Unauthenticated)) and self._drop_old_credentials():
            problem = Unavailable(f"{problem}; the credentials have changed", reason="UNAVAILABLE")
        where = f"the {self.endpoint.noun} service at {self.endpoint.target}"
        if isinstance(problem, Unavailable):
            return Unavailable(f"{where} can't be reached: {problem} (attempt {attempt})", reason=problem.reason)
        if isinstance(problem, DeadlineExceeded):
            return DeadlineExceeded(
                f"{where} did not answer {method} in time (attempt {attempt})", reason=problem.reason
            )
        return problem
