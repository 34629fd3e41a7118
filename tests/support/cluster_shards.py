"""Several shards of one service over a PostgreSQL pair, each with candidates of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from alphaforge_core.placement import Shard, placed

from tests.support.cluster import Cluster, cluster_command, running_cluster

__all__ = ["Shards", "running_cluster_shards"]


class Shards:
    """The shards of one noun."""

    def __init__(self, dsn: str, noun: str, each: Sequence[Cluster]) -> None:
        self.dsn = dsn
        self.noun = noun
        self.each = each

    def seeds(self, number: int) -> str:
        """The addresses of a shard's candidates."""
        return self.each[number].target(self.noun)

    @property
    def targets(self) -> list[str]:
        """The list of targets, with the candidates of each."""
        return [f"{self.noun}-{number}={self.seeds(number)}" for number in range(len(self.each))]

    def place_of(self, client: object) -> int:
        """The shard that a client calls."""
        target = str(getattr(client, "target"))  # noqa: B009 - whichever client
        return next(number for number in range(len(self.each)) if self.seeds(number) == target)

    def winner(self, name: str, partitions: int = 1, *, of: int | None = None) -> list[int]:
        """Returns the shards where rendezvous hashing over the first `of` shards places a new engine's partitions."""
        names = [Shard(f"{self.noun}-{number}", "") for number in range(of or len(self.each))]
        return [names.index(shard) for shard in placed(name, partitions, names)]

    def table(self) -> dict[str, int]:
        """Returns the shard of each engine, from `alphaforge cluster status`."""
        done = cluster_command(self.dsn, "status", "--engines")
        assert done.returncode == 0, done.stderr
        found = [line.split(" is in ") for line in done.stdout.splitlines() if " is in " in line]
        prefix = f"{self.noun}/"
        return {
            engine.removeprefix(prefix): int(shard.rpartition("-")[2])
            for engine, shard in found
            if engine.startswith(prefix)
        }

    def move(self, engine: str, to: int) -> None:
        done = cluster_command(self.dsn, "move", f"{self.noun}/{engine}", "--to", f"{self.noun}-{to}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout == f"{self.noun}/{engine} is placed in {self.noun}-{to}\n"


@contextmanager
def running_cluster_shards(
    dsn: str, folder: Path, noun: str, candidates: Sequence[int], arguments: Sequence[str] = ()
) -> Iterator[Shards]:
    """Shards 0, 1, ... with the given number of candidates each, once each has a primary."""
    with ExitStack() as exits:
        made = []
        for number, count in enumerate(candidates):
            place = folder / f"{noun}-{number}"
            place.mkdir()
            running = running_cluster(
                place, dsn, noun, count=count, is_made=number > 0, **{noun: ("--shard", str(number), *arguments)}
            )
            made.append(exits.enter_context(running))
        for each in made:
            each.primary(noun)
        yield Shards(dsn, noun, made)
