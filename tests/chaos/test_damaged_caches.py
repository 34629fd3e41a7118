"""Whatever happens to a cache's file, a start serves what was acknowledged, begins a new epoch or reports an error.

A hundred damages by seed, some 450 in a full run, to the files that a stop or a kill left.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from alphaforge_core.cache_wire import CacheEngine, encode_value

from services.cache import cache_files
from services.cache.cache_files import CacheFiles
from services.cache.engine import NamedCache
from services.cache.memory import Memory
from services.engines.rows import Table
from services.streams.feed import Subscribers
from tests.support.chaos import many
from tests.support.damage import damage

NAMES = ("large", "small", "rewritten")
ENDS = ("closed", "killed")
OPERATIONS = ("flip", "truncate", "delete", "older", "moved", "zero")

State = dict[str, bytes]


@dataclass
class History:
    """The states that each cache had, in order, and which of them the last mark has."""

    folder: Path
    states: dict[str, list[State]] = field(default_factory=dict)
    marked: dict[str, int] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)


def build(name: str, epoch: int, settings: Mapping[str, Any], core: CacheEngine | None = None) -> NamedCache:
    return NamedCache(name, epoch, settings, Table([]), Subscribers(10, 1.0), Memory(2**30, "evict"), core)


class Writer:
    """Caches in use, and their history."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.files = CacheFiles(folder, "os", warm_restart=True)
        self.history = History(folder)
        self.chance = chance
        self.caches = {}
        for epoch, name in enumerate(NAMES, start=1):
            self.caches[name] = build(name, epoch, {})
            self.files.begin(self.caches[name], None)
            self.history.states[name] = [{}]
            self.history.epochs[name] = epoch

    def change(self, name: str, count: int) -> None:
        cache, states = self.caches[name], self.history.states[name]
        for _ in range(count):
            state, key = dict(states[-1]), str(self.chance.randrange(30))
            if self.chance.random() < 0.2:
                cache.core.delete(key)
                state.pop(key, None)
            else:
                state[key] = encode_value("x" * self.chance.randint(0, 2_000))
                cache.core.put(key, state[key], None)
            states.append(state)

    def mark(self, *, is_closed: bool = False) -> None:
        self.files.note_progress(self.caches.values(), is_closed=is_closed)
        self.history.marked = {name: len(states) - 1 for name, states in self.history.states.items()}


async def make_history(folder: Path, older: Path, chance: random.Random, *, is_closed: bool) -> History:
    """The files of caches that were closed, or killed, and in `older` a copy of them from some time before."""
    live = folder.with_name(folder.name + "-live")
    writer = Writer(live, chance)
    for name in NAMES:
        writer.change(name, 40)
    writer.mark()
    shutil.copytree(live, older)
    for name, count in (("large", 60), ("small", 1), ("rewritten", 30)):
        writer.change(name, count)
    await writer.files.rewrite_large([writer.caches["rewritten"]])
    writer.change("rewritten", 5)
    writer.mark()
    # Records after the last mark.
    writer.change("large", 3)
    if is_closed:
        writer.files.close(writer.caches.values())
        writer.history.marked = {name: len(states) - 1 for name, states in writer.history.states.items()}
        shutil.copytree(live, folder)
    else:
        shutil.copytree(live, folder)
        writer.files.close(writer.caches.values())
    writer.history.folder = folder
    return writer.history


def state_of(cache: NamedCache) -> State:
    found = ((str(key), cache.core.get(str(key))) for key in range(30))
    return {key: entry[0] for key, entry in found if entry is not None}


def look_at(history: History, damaged: Path) -> dict[str, int]:
    """Starts a service; raises AssertionError if it serves neither the acknowledged state nor a new epoch."""
    files = CacheFiles(history.folder, "os", warm_restart=True)
    try:
        found = {cache.name: cache for cache in files.load(build)}
        for name in NAMES:
            if name not in found:
                assert damaged.stem == name, f"{name} is gone, {damaged.name} was damaged"
                continue
            cache, states = found[name], history.states[name]
            state = state_of(cache)
            if cache.epoch != history.epochs[name]:
                assert damaged.stem in (name, "caches"), f"{name} has another epoch, {damaged.name} was damaged"
            elif damaged.stem == name:
                assert state in states[history.marked[name] :], f"{name} lost what was acknowledged, silently"
            else:
                assert state == states[-1], f"{name} has changed, {damaged.name} was damaged"
        return {name: cache.epoch for name, cache in found.items()}
    finally:
        files._lock.close()


@pytest.fixture(scope="module")
def histories(folder: Path) -> dict[str, History]:
    """Caches that were closed, and caches that were killed."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cache_files, "_FILE_BYTES_MIN", 1_000)
        return {
            end: asyncio.run(
                make_history(folder / end, folder / f"{end}-older", random.Random(end), is_closed=end == "closed")
            )
            for end in ENDS
        }


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("seed", range(many(10, 45)))
def test_a_damaged_file_of_caches_is_found(
    folder: Path,
    histories: dict[str, History],
    seed: int,
    operation: str,
    end: str,
    record_property: Callable[[str, object], None],
) -> None:
    chance = random.Random(f"{seed} {operation} {end}")
    history = History(folder / "now", histories[end].states, histories[end].marked, histories[end].epochs)
    shutil.copytree(histories[end].folder, history.folder)
    try:
        files = sorted(path for path in history.folder.iterdir() if path.is_file())
        path = files[seed % len(files)]
        if damage(path, folder / f"{end}-older" / path.name, operation, chance):
            record_property("damages", 1)
            epochs = look_at(history, path)
            # The next start reports the damage too.
            again = look_at(history, path)
            for name in NAMES:
                told = epochs.get(name) != history.epochs[name]
                assert not told or again.get(name) != history.epochs[name], name
    finally:
        shutil.rmtree(history.folder)


@pytest.mark.parametrize("end", ENDS)
def test_undamaged_caches_are_served(folder: Path, histories: dict[str, History], end: str) -> None:
    history = History(folder / f"{end}-whole", histories[end].states, histories[end].marked, histories[end].epochs)
    shutil.copytree(histories[end].folder, history.folder)
    for _ in range(2):
        assert look_at(history, history.folder / "none") == history.epochs
