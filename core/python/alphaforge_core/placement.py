"""Maps an engine to a service of a list, and an instrument or a key to a partition of an engine.

The answers are the same in every process and release; docs/reference/wire.md has them for other languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple
from zlib import crc32

from alphaforge_core.errors import InvalidArgument, UnsupportedValue

__all__ = [
    "DEFAULT_NAME",
    "PARTITIONS_MAX",
    "SHARDS_MAX",
    "Shard",
    "checked_partitions",
    "partition_name",
    "partition_of",
    "placed",
    "shards_of",
    "split_name",
]

PARTITIONS_MAX = 256
SHARDS_MAX = 256
DEFAULT_NAME = "default"
_NAME_BYTES_MAX = 64
_SHARD_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_PARTITION = re.compile(r"~[0-9]+$")


class Shard(NamedTuple):
    """One service of a list. Engines are placed by its name, so its address may change.

    `target` is one address, or the comma-separated addresses of its candidates.
    """

    name: str
    target: str


def shards_of(listed: str | Iterable[str]) -> tuple[Shard, ...]:
    """The shards in a list of targets, which is a list of texts or one comma-separated text.

    Each is a target, or `name=target`; without a name, the target is the name. The candidates of a shard, which must
    have a name, are separated by `|`: `name=a:50052|b:50052`. Raises InvalidArgument (SETTING_INVALID) for an empty
    list, more than 256 shards, a shard that is listed twice, or candidates without a name.
    """
    entries = [entry.strip() for entry in (listed.split(",") if isinstance(listed, str) else listed)]
    shards = tuple(_shard(entry) for entry in entries if entry)
    if not 1 <= len(shards) <= SHARDS_MAX:
        raise InvalidArgument(
            f"a list of targets must have 1 to {SHARDS_MAX} targets, not {len(shards)}", reason="SETTING_INVALID"
        )
    for what, values in (("name", [one.name for one in shards]), ("target", [one.target for one in shards])):
        if twice := next((value for value in values if values.count(value) > 1), None):
            raise InvalidArgument(f"the {what} {twice!r} is listed twice; list it once", reason="SETTING_INVALID")
    return shards


def _shard(entry: str) -> Shard:
    name, is_named, target = entry.partition("=")
    if not is_named:
        if "|" in entry:
            raise InvalidArgument(
                f"{entry!r} has several candidates; give the shard a name, 'name={entry}', which stays the same when "
                "the candidates change",
                reason="SETTING_INVALID",
            )
        return Shard(entry, entry)
    if not _SHARD_NAME.fullmatch(name.strip()):
        raise InvalidArgument(
            f"a shard's name must have 1 to 64 letters, digits, '_', '.' or '-', not {name!r}; give 'name=host:port'",
            reason="SETTING_INVALID",
        )
    return Shard(name.strip(), ",".join(seed.strip() for seed in target.split("|")))


def placed(engine: str, partitions: int, shards: Sequence[Shard]) -> list[Shard]:
    """The shard of each partition of an engine: of the shards that are not full, the one with the greatest weight.

    A shard is full once it has its share of the partitions, rounded up, which spreads them evenly. Without partitions
    this is rendezvous hashing: a shard added to the list takes over some engines, and no others move.
    """
    share = -(-partitions // len(shards))
    counts = dict.fromkeys(shards, 0)
    found = []
    for index in range(partitions):
        name = partition_name(engine, index)
        open_ones = [shard for shard in shards if counts[shard] < share]
        best = max(open_ones, key=lambda shard: (_weight(shard.name, name), shard.name))
        counts[best] += 1
        found.append(best)
    return found


def _weight(shard: str, engine: str) -> int:
    return int.from_bytes(sha256(f"{shard}\n{engine}".encode()).digest()[:8], "big")


def partition_of(key: str, partitions: int) -> int:
    """The partition of an instrument, symbol or cache key: the CRC-32 of its UTF-8, modulo `partitions`."""
    return crc32(key.encode()) % partitions if partitions > 1 else 0


def partition_name(engine: str, index: int) -> str:
    """The name of a partition's engine: the first has the engine's name, the others append `~1`, `~2` and so on."""
    return f"{engine}~{index}" if index else engine


def split_name(name: str) -> tuple[str, int]:
    """The reverse of `partition_name`."""
    found = _PARTITION.search(name)
    return (name[: found.start()], int(name[found.start() + 1 :])) if found else (name, 0)


def _checked_name(engine: str, partitions: int) -> None:
    if _PARTITION.search(engine) or len(partition_name(engine, partitions - 1).encode()) > _NAME_BYTES_MAX:
        raise InvalidArgument(
            f"an engine with partitions can't have the name {engine!r}: the names of its partitions end with ~1, ~2, "
            f"... and must have at most {_NAME_BYTES_MAX} bytes",
            reason="NAME_INVALID",
        )


def checked_partitions(engine: str, partitions: object) -> int:
    """Checks and returns the number of partitions. Raises UnsupportedValue (a TypeError) or InvalidArgument."""
    if isinstance(partitions, bool) or not isinstance(partitions, int):
        raise UnsupportedValue(f"partitions must be an int, not {type(partitions).__name__}", reason="TYPE_UNSUPPORTED")
    if not 1 <= partitions <= PARTITIONS_MAX:
        raise InvalidArgument(f"partitions is {partitions}; it must be 1 to {PARTITIONS_MAX}", reason="SETTING_INVALID")
    if partitions > 1:
        _checked_name(engine, partitions)
    return partitions
