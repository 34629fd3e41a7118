"""Access to PostgreSQL: hosts tried in turn, sessions with pinned settings, waits with timeouts.

A session is abandoned by closing its socket, never by a cancel, because PostgreSQL reports a cancelled wait for the
standby as success. The outcome of an abandoned statement, or of a statement with a warning, is unknown.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

from alphaforge_core.errors import EngineError

__all__ = ["PINNED", "PINNED_SINCE", "SCHEMA", "Database", "Session", "SessionLost", "check_facts", "problem"]

SCHEMA = "alphaforge"

CONNECT_SECONDS = 3.0
# How long a statement may take before its server is checked.
_PATIENCE_SECONDS = 3.0
_BYTES_PER_SECOND = 10e6

_CLOCK_SECONDS_MAX = 60.0
# The first minor releases in which no commit bypasses the standby just after a start.
_MINORS = {14: 18, 15: 13, 16: 9, 17: 5}

# Override the settings of the role and the database, and are verified.
PINNED = {
    "client_min_messages": "warning",
    "synchronous_commit": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "client_connection_check_interval": "1s",
    "search_path": SCHEMA,
}
# Those that a release introduced; an earlier one refuses a session that starts with them.
PINNED_SINCE = {17: {"transaction_timeout": "0"}}

_FACTS = """
SELECT pg_is_in_recovery() AS is_standby, current_setting('server_version_num')::int AS version,
       pg_postmaster_start_time()::text AS started, extract(epoch FROM clock_timestamp())::float8 AS time,
       pg_backend_pid() AS pid
"""

_POOLER = "this is a connection pooler; connect to PostgreSQL directly"

_SETTINGS = "SELECT name, current_setting(name) FROM unnest($1::text[]) name"


class SessionLost(Exception):
    """The session is lost; a statement in progress may or may not be committed."""


class _Server(NamedTuple):
    host: str
    started: str


def problem(why: str, reason: str = "SETTING_INVALID") -> EngineError:
    """Returns the error that says why this process can't use its PostgreSQL."""
    return EngineError(why, reason=reason)


class Session:
    """One connection, used for one statement at a time."""

    def __init__(self, connection: Any, server: _Server, is_gone: Callable[[_Server], Awaitable[bool]]) -> None:
        self._connection = connection
        self.server = server
        self._is_gone = is_gone
        self._lock = asyncio.Lock()
        self._warning: str | None = None
        connection.add_log_listener(self._note_warning)

    @property
    def is_lost(self) -> bool:
        """Whether the session can no longer be used."""
        return bool(self._connection.is_closed())

    def _note_warning(self, _: object, message: Any) -> None:
        if message.sqlstate == "01000":
            self._warning = str(message)

    async def execute(self, query: str, *arguments: Any, size: int = 0) -> int:
        """Runs a statement of `size` bytes; returns the number of rows that it changed.

        Raises SessionLost, and asyncpg's UniqueViolationError if a unique constraint refuses the statement.
        """
        status = await self._run(lambda: self._connection.execute(query, *arguments), size)
        return int(status.rpartition(" ")[2]) if status[-1:].isdigit() else 0

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """The rows of a query. Raises SessionLost."""
        rows: list[Any] = await self._run(lambda: self._connection.fetch(query, *arguments), 0)
        return rows

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Callable[..., Awaitable[list[Any]]]]:
        """Yields a function for queries in one snapshot; until the end, the session does nothing else.

        Raises SessionLost.
        """

        async def fetch(query: str, *arguments: Any) -> list[Any]:
            rows: list[Any] = await self._bounded(lambda: self._connection.fetch(query, *arguments), 0)
            return rows

        async with self._lock:
            transaction = self._connection.transaction(isolation="repeatable_read", readonly=True)
            await self._bounded(transaction.start, 0)
            try:
                yield fetch
            finally:
                if not self.is_lost:
                    await self._bounded(transaction.rollback, 0)

    async def change(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        """Runs a function that needs the connection itself. Raises SessionLost."""
        return await self._run(lambda: work(self._connection), 0)

    def terminate(self) -> None:
        """Closes the socket."""
        self._connection.terminate()

    async def _run(self, begin: Callable[[], Awaitable[Any]], size: int) -> Any:
        async with self._lock:
            return await self._bounded(begin, size)

    async def _bounded(self, begin: Callable[[], Awaitable[Any]], size: int) -> Any:
        import asyncpg

        self._warning = None
        work = asyncio.ensure_future(begin())
        # The waiting task may be cancelled.
        work.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait({work}, timeout=_PATIENCE_SECONDS + size / _BYTES_PER_SECOND)
        while not work.done():
            # A slow standby catches up, but a session with a lost server never recovers.
            if await self._is_gone(self.server):
                self.terminate()
                work.cancel()
            await asyncio.wait({work}, timeout=1.0)
        try:
            answer = work.result()
        except (asyncpg.UniqueViolationError, EngineError):
            raise
        except (Exception, asyncio.CancelledError) as error:
            self.terminate()
            raise SessionLost(f"{type(error).__name__}: {error}") from None
        if self._warning is not None:
            self.terminate()
            raise SessionLost(self._warning)
        return answer


class Database:
    """The PostgreSQL of a DSN, one server or several. Belongs to one event loop. Never shows the DSN."""

    def __init__(self, dsn: str, name: str) -> None:
        self._dsns = _split(dsn)
        self._name = name
        self._next = 0
        self._pinned: dict[str, dict[str, str]] = {}
        """By DSN: the settings that sessions with that server pin; they depend on its release."""

    async def connect(self, *, synchronous: bool = True) -> Session:
        """Opens a session with the server that accepts writes, trying first the host after the last one that failed.

        Raises EngineError: DATABASE_UNREACHABLE, or SETTING_INVALID if the server can't be used.
        """
        why = []
        for _ in self._dsns:
            host, dsn = self._dsns[self._next]
            try:
                connection, facts = await self._open(dsn, synchronous=synchronous)
            except EngineError:
                raise
            except Exception as error:
                why.append(f"{host}: {_one_line(error)}")
            else:
                if not facts["is_standby"]:
                    return Session(connection, _Server(host, facts["started"]), self._is_gone)
                connection.terminate()
                why.append(f"{host}: it is a standby, which accepts no writes")
            self._next = (self._next + 1) % len(self._dsns)
        raise problem("PostgreSQL can't be reached: " + "; ".join(why), "DATABASE_UNREACHABLE")

    async def _open(self, dsn: str, *, synchronous: bool) -> tuple[Any, Any]:
        try:
            import asyncpg
        except ImportError:
            raise problem("a journal in PostgreSQL needs asyncpg: install alphaforge-services[cluster]") from None
        settings = {
            **self._pinned.get(dsn, PINNED),
            "synchronous_commit": "on" if synchronous else "off",
            "application_name": f"alphaforge {self._name}"[:63],
        }
        try:
            connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, server_settings=settings)
        except BaseException:
            self._pinned.pop(dsn, None)
            raise
        pinned = _pinned(connection.get_server_version().major)
        if not pinned.keys() <= settings.keys():
            # They have to be in the first message of a session, which is sent before the release is known.
            connection.terminate()
            self._pinned[dsn] = pinned
            return await self._open(dsn, synchronous=synchronous)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                facts = (await connection.fetch(_FACTS))[0]
                if facts["pid"] != connection.get_server_pid():
                    # A pooler makes up the pid that it tells its clients.
                    raise problem(_POOLER)
                for name, found in await connection.fetch(_SETTINGS, list(settings)):
                    if found != settings[name]:
                        raise problem(
                            f"PostgreSQL has {name} = {found}, although this service set {settings[name]}; if there is "
                            "a connection pooler in between, connect to PostgreSQL directly"
                        )
            check_facts(facts)
        except (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError):
            # Another client of the pooler has used this session.
            connection.terminate()
            raise problem(_POOLER) from None
        except BaseException:
            connection.terminate()
            raise
        return connection, facts

    async def _is_gone(self, server: _Server) -> bool:
        """Whether a session with that server can't recover: the server is down, or another one accepts writes."""
        found = await asyncio.gather(*(self._look(host, dsn) for host, dsn in self._dsns))
        if [each for each in found if each is not None] == [server]:
            return False
        hosts = [host for host, _ in self._dsns]
        self._next = (hosts.index(server.host) + 1) % len(hosts)
        return True

    async def _look(self, host: str, dsn: str) -> _Server | None:
        with suppress(Exception):
            connection, facts = await self._open(dsn, synchronous=False)
            connection.terminate()
            if not facts["is_standby"]:
                return _Server(host, facts["started"])
        return None


def _pinned(major: int) -> dict[str, str]:
    """The settings that sessions with a release of PostgreSQL pin."""
    known = [settings for since, settings in PINNED_SINCE.items() if major >= since]
    return PINNED | {name: value for settings in known for name, value in settings.items()}


def check_facts(facts: Mapping[str, Any]) -> None:
    """Raises EngineError SETTING_INVALID for a release or a clock that can't be relied on."""
    major, minor = divmod(facts["version"], 10_000)
    if major < 14:
        raise problem(f"this is PostgreSQL {major}; a cluster needs 14 or later")
    if minor < _MINORS.get(major, 0):
        raise problem(
            f"PostgreSQL {major}.{minor} may confirm commits without its standby just after a start; "
            f"update it to {major}.{_MINORS[major]} or later"
        )
    offset = facts["time"] - time.time()
    if abs(offset) > _CLOCK_SECONDS_MAX:
        raise problem(
            f"this machine's clock and PostgreSQL's differ by {abs(offset):,.0f} s; synchronize both with NTP"
        )


def _split(dsn: str) -> list[tuple[str, str]]:
    """Host and DSN of each server. Raises EngineError SETTING_INVALID, which quotes nothing of the DSN."""
    match = re.fullmatch(r"(postgres(?:ql)?://)(?:([^@/]*)@)?([^/?]*)(/[^?]*)?(\?.*)?", dsn)
    if match is None:
        raise problem("the DSN of the journal must look like postgresql://user@host:5432/database")
    scheme, user, hosts, path, query = (part or "" for part in match.groups())
    kept = [part for part in query[1:].split("&") if part and not part.startswith("target_session_attrs=")]
    query = "?" + "&".join(kept) if kept else ""
    at = f"{user}@" if user else ""
    return [(host or "localhost", f"{scheme}{at}{host}{path}{query}") for host in hosts.split(",")]


def _one_line(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_SECONDS:g} s"
    # A detail or a hint of the server's would be further lines.
    text = (str(error) or type(error).__name__).splitlines()[0]
    if "startup parameter" in text:
        return f"{text}; connect to PostgreSQL itself, not to a pooler"
    return text
