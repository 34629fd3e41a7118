"""The services that a client may call, and the service of each engine."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alphaforge_core.placement import DEFAULT_NAME, Shard, placed, shards_of

from alphaforge_client._grpc.endpoint import DEFAULT_TARGETS, Endpoint
from alphaforge_client._grpc.seeds import checked_read_from
from alphaforge_client.credentials import Credentials
from alphaforge_client.errors import InvalidArgument, UnsupportedValue

__all__ = ["Placement", "listed_shards"]


def listed_shards(
    noun: str,
    target: str | None = None,
    targets: Sequence[str] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> tuple[Shard, ...]:
    """The shards of a service: the arguments, else the environment's list or single target, else the default target.

    Raises InvalidArgument where both a target and a list are given.
    """
    variable = f"ALPHAFORGE_{noun.upper()}_TARGET"
    if isinstance(targets, str):
        raise UnsupportedValue("targets must be a list of targets, not a str", reason="TYPE_UNSUPPORTED")
    where = "target= and targets="
    if target is None and targets is None:
        where = f"{variable} and {variable}S"
        target, text = environment.get(variable) or None, environment.get(f"{variable}S") or None
        targets = None if text is None else text.split(",")
    if targets is None:
        target = DEFAULT_TARGETS[noun] if target is None else target
        return (Shard(target, target),)
    if target is not None:
        raise InvalidArgument(f"{where} are both given; give one of them", reason="SETTING_INVALID")
    return shards_of(targets)


@dataclass(frozen=True)
class Placement:
    """The shards of one service, each with its address and credentials."""

    shards: Mapping[Shard, Endpoint] = field(repr=False)

    @classmethod
    def of(
        cls,
        noun: str,
        target: str | None,
        targets: Sequence[str] | None,
        credentials: Credentials | None,
        read_from: str = "primary",
    ) -> Placement:
        """Uses the arguments, else the environment. Raises InvalidArgument as `listed_shards` and `Endpoint.of` do."""
        anywhere = checked_read_from(read_from)
        shards = listed_shards(noun, target, targets)
        if credentials is None:
            credentials = Credentials.from_environment()
        return cls({shard: Endpoint.of(noun, shard.target, credentials, reads_anywhere=anywhere) for shard in shards})

    def endpoints(self, engine: str | None, partitions: int) -> list[Endpoint]:
        """The endpoint of each partition of the engine."""
        return [self.shards[shard] for shard in placed(engine or DEFAULT_NAME, partitions, tuple(self.shards))]

    @property
    def everywhere(self) -> list[Endpoint]:
        """All shards, in the order of the list."""
        return list(self.shards.values())
