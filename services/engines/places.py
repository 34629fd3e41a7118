"""Interfaces by which a registry locates engines: in files, and on the other shards of a cluster."""

from __future__ import annotations

from typing import Protocol, TypeVar

from alphaforge_core.errors import AlphaForgeError

from services.engines.engine import NamedEngine

__all__ = ["HERE", "Files", "Places"]

M_contra = TypeVar("M_contra", bound=NamedEngine, contravariant=True)


class Files(Protocol[M_contra]):
    """Storage with one file per engine. All calls raise EngineError JOURNAL_FAILED."""

    def begin(self, engine: M_contra, before: M_contra | None, /) -> None:
        """Creates the file of a new engine; replaces the file of `before`, the engine it replaces."""

    def drop(self, engine: M_contra, /) -> None:
        """Deletes an engine's file."""

    def forget(self, name: str, /) -> None:
        """Deletes the file of an engine that could not be read."""


class Places(Protocol):
    """The places of engines in a cluster, where other shards of this noun have engines too."""

    async def elsewhere(self, name: str, partitions: int | None = None) -> AlphaForgeError | None:
        """Why an engine that is missing here is not here; None if it does not exist.

        With `partitions`, the engine is about to be created: None only if it should be created here.
        """

    async def claim(self, name: str) -> None:
        """Reserves a new engine for this shard. Raises Unavailable if it was created elsewhere."""

    async def give_up(self, name: str) -> None:
        """Forgets the place of an engine without a journal that was dropped. Raises Unavailable."""


class _Here:
    """The places of a service on its own."""

    async def elsewhere(self, _name: str, _partitions: int | None = None) -> AlphaForgeError | None:
        return None

    async def claim(self, _name: str) -> None:
        return None

    async def give_up(self, _name: str) -> None:
        return None


HERE: Places = _Here()
