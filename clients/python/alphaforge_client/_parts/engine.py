# Generated from aio/_parts/engine.py by `make gen`; edit that file.
"""The common part of the three clients."""

from __future__ import annotations

from types import TracebackType
from typing import NoReturn, Self

from alphaforge_client._calls.connection import Connection
from alphaforge_client._parts.parts import Parts

__all__ = ["RemoteEngine"]


class RemoteEngine:
    """A named engine on a service, shared by all clients that use the name.

    Creating it sends nothing: the first call connects and opens the engine. May be used by many tasks or threads at
    once; a forked child gets its own connection. Each call ends within its timeout (seconds).
    """

    def __init__(self, name: str | None, parts: Parts) -> None:
        self._name = "default" if name is None else name
        self._parts = parts

    @property
    def name(self) -> str:
        """The engine's name on the service."""
        return self._name

    @property
    def target(self) -> str:
        """The address of the service; of an engine with partitions, the addresses of its shards."""
        return ",".join(dict.fromkeys(each.endpoint.target for each in self._parts.connections))

    @property
    def partitions(self) -> int:
        """The number of the engine's partitions."""
        return self._parts.count

    @property
    def lag_seconds(self) -> float:
        """With read_from="any": how old the last answers to reads may have been, in seconds; 0 from the primary."""
        return max(each.lag_seconds for each in self._parts.connections)

    @property
    def _connection(self) -> Connection:
        return self._parts.first

    def wait_ready(self, timeout: float | None = None) -> None:
        """Connects and opens the engine, retrying for `timeout` seconds (None: the client's timeout).

        Raises Unavailable (a ConnectionError) or DeadlineExceeded (a TimeoutError) if the service does not answer in
        time, and EngineError (a RuntimeError, SETTINGS_DIFFER) if the engine has other settings.
        """
        self._parts.open(timeout)

    def close(self) -> None:
        """Closes the connection; the engine stays. Later calls raise EngineError (CLIENT_CLOSED)."""
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        partitions = f", partitions={self.partitions}" if self.partitions > 1 else ""
        return f"{type(self).__name__}(name={self._name!r}, target={self.target!r}{partitions})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a client can't be pickled; create a {type(self).__name__} in each process")
