"""Several services of each noun, each in its own process, with a list of targets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.stack import NOUNS, Stack, running_stack


@dataclass
class Shards:
    """The stacks; each is one shard of each noun."""

    stacks: list[Stack]

    def targets(self, noun: str) -> list[str]:
        """The list of targets of a noun; a shard keeps its name."""
        return [f"{noun}-{index}={stack.target(noun)}" for index, stack in enumerate(self.stacks)]

    def serve(self, *nouns: str) -> None:
        """Starts the services that don't run yet."""
        for stack in self.stacks:
            stack.serve(*nouns)

    def environment(self) -> dict[str, str]:
        """What a client process needs to find them."""
        return {f"ALPHAFORGE_{noun.upper()}_TARGETS": ",".join(self.targets(noun)) for noun in NOUNS}


@contextmanager
def running_shards(folder: Path, count: int) -> Iterator[Shards]:
    """Places for `count` shards; each service starts when a test first needs it."""
    with ExitStack() as exits:
        stacks = []
        for index in range(count):
            place = folder / f"shard-{index}"
            place.mkdir()
            stacks.append(exits.enter_context(running_stack(place)))
        shards = Shards(stacks)
        for stack in stacks:
            stack.data_targets = ",".join(shards.targets("data"))
        yield shards
