"""Existing engines, with the partitions that they have: commands that read or stop an engine never create one."""

from __future__ import annotations

from contextlib import closing
from typing import Any, TypeVar

from alphaforge_client.cache import EngineSummary, GenericCache
from alphaforge_client.data import DataEngine
from alphaforge_client.execution import ExecutionEngine
from alphaforge_core.errors import EngineError
from alphaforge_core.placement import split_name

__all__ = ["existing", "names_of", "opened"]

_NAMES_SHOWN = 20

E = TypeVar("E", bound=GenericCache | DataEngine | ExecutionEngine)


def existing(kind: type[E], name: str, timeout: float = 5.0, **options: Any) -> E:
    """A client of the engine of that name.

    Raises EngineError ENGINE_UNKNOWN, which lists the existing names, and the errors of the call.
    """
    client, is_there = _found(kind, (), name, timeout, options)
    if is_there:
        return client
    with closing(client):
        names = _names(client)
    noun = "cache" if issubclass(kind, GenericCache) else "engine"
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
    raise EngineError(f"no {noun} {name}; there are: {shown or 'none'}", reason="ENGINE_UNKNOWN")


def names_of(kind: type[E], timeout: float = 5.0) -> list[str]:
    """The names of the existing engines of all shards; an engine with partitions is listed once."""
    with closing(kind(timeout=timeout)) as client:
        return _names(client)


def opened(
    kind: type[E], *arguments: Any, name: str, partitions: int | None = None, timeout: float = 5.0, **options: Any
) -> E:
    """A client of the engine of that name; its first call creates a missing engine, with `partitions` partitions.

    partitions: another number than the engine has is refused by the first call; None: the engine's, or 1.
    """
    if partitions is not None:
        return kind(*arguments, name=name, timeout=timeout, partitions=partitions, **options)
    return _found(kind, arguments, name, timeout, options)[0]


def _found(kind: type[E], arguments: Any, name: str, timeout: float, options: dict[str, Any]) -> tuple[E, bool]:
    client = kind(*arguments, name=name, timeout=timeout, **options)
    try:
        found = next((each for each in _listed(client) if each.name == name), None)
        if found is not None and found.target != client.target and not _has_moved(client, found):
            raise EngineError(
                f"{name} is on the service at {found.target}, but the list of targets places it on {client.target}: "
                "use the list with which it was created; shards keep their names (rule 5.8)",
                reason="SETTINGS_DIFFER",
            )
    except BaseException:
        client.close()
        raise
    partitions = 1 if found is None else found.partitions
    if partitions == 1:
        return client, found is not None
    client.close()
    return kind(*arguments, name=name, timeout=timeout, partitions=partitions, **options), True


def _has_moved(client: GenericCache | DataEngine | ExecutionEngine, found: EngineSummary) -> bool:
    """Whether the engine's shard by the list says that the engine has moved to the shard where it was found."""
    if isinstance(client, GenericCache):
        return False
    try:
        client._parts.first.call_by_name("GetStatistics", b"")
    except EngineError:
        return False
    return not {*client.target.split(",")}.isdisjoint(found.target.split(","))


def _names(client: GenericCache | DataEngine | ExecutionEngine) -> list[str]:
    return sorted({split_name(each.name)[0] for each in _listed(client)})


def _listed(client: GenericCache | DataEngine | ExecutionEngine) -> list[EngineSummary]:
    return client.list_caches() if isinstance(client, GenericCache) else client.list_engines()
