"""What the three clients have in common."""

from __future__ import annotations

from types import TracebackType
from typing import NoReturn, Self

from alphaforge_client.aio._connection import Connection

__all__ = ["RemoteEngine"]


class RemoteEngine:
    """An engine of that name on a service; all clients that use the name share it.

    Nothing is sent when it is made: the first call connects and opens the engine. Safe to use from many tasks or
    threads at once; a forked child gets a connection of its own. Each call ends within its timeout (seconds).
    """

    def __init__(self, name: str | None, connection: Connection) -> None:
        self._name = "default" if name is None else name
        self._connection = connection

    @property
    def name(self) -> str:
        """The engine's name on the service."""
        return self._name

    @property
    def target(self) -> str:
        """The address of the service."""
        return self._connection.endpoint.target

    async def wait_ready(self, timeout: float | None = None) -> None:
        """Connects and opens the engine, trying until `timeout` seconds have passed (the client's timeout if None).

        Raises Unavailable (a ConnectionError) or DeadlineExceeded (a TimeoutError) when the service does not answer by
        then, and EngineError (a RuntimeError, SETTINGS_DIFFER) when the engine has other settings.
        """
        await self._connection.open(timeout)

    async def close(self) -> None:
        """Ends the connection; the engine lives on. A call after it raises EngineError (CLIENT_CLOSED)."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self._name!r}, target={self.target!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a connection can't be pickled; make a {type(self).__name__} in each process")
