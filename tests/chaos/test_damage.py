"""After any damage, a start serves all acknowledged changes, refuses the engine by name, or begins a new epoch.

A hundred damages by seed, a thousand in a full run. The permitted results of each are computed before the journal is
opened, from what was acknowledged and which file was damaged.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from alphaforge_core.errors import EngineError

from services.journal.files.store_sqlite import SqliteStore
from services.journal.store import Append, Checkpoint, Commit, Drop, Durability, Manifest, Record, WriteRefused
from tests.support.chaos import many
from tests.support.damage import damage

STREAMS = ("checkpointed", "records only", "twice", "idle")
ENDS = ("closed", "killed")
OPERATIONS = ("flip", "truncate", "delete", "older", "zero")


@dataclass
class History:
    """What was acknowledged: each stream's state as a list of inputs, and how many of them the last mark covers."""

    folder: Path
    inputs: dict[str, list[bytes]] = field(default_factory=dict)
    marked: dict[str, int] = field(default_factory=dict)
    owners: dict[int, str] = field(default_factory=dict)  # of the checkpoints that count, by generation


def state_of(inputs: list[bytes]) -> bytes:
    return b"".join(len(each).to_bytes(4, "little") + each for each in inputs)


def inputs_of(state: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(state):
        size = int.from_bytes(state[at : at + 4], "little")
        found.append(state[at + 4 : at + 4 + size])
        at += 4 + size
    return found


class Writer:
    """A store in use, and its history."""

    def __init__(self, folder: Path, random: random.Random) -> None:
        self.history = History(folder)
        self.random = random
        self.store = SqliteStore(folder / "a-fsync.journal", Durability.FSYNC)
        self.store.ready()

    def append(self, stream: str, count: int) -> None:
        for _ in range(count):
            batch = [self.random.randbytes(self.random.randint(0, 3_000)) for _ in range(self.random.randint(1, 4))]
            self.store.write([Append(stream, 7, 1, payload) for payload in batch])
            self.history.inputs.setdefault(stream, []).extend(batch)

    def checkpoint(self, stream: str) -> None:
        inputs = self.history.inputs[stream]
        generation = self.store.checkpoint_begin(stream, len(inputs))
        manifest = Manifest()
        state = memoryview(state_of(inputs))
        for start in range(0, len(state), 20_000):
            part = self.store.checkpoint_part(generation, manifest.parts, [state[start : start + 20_000]])
            manifest = manifest.with_part(part)
        self.store.write([Commit(stream, generation, len(inputs), manifest)])
        self.history.owners = {number: name for number, name in self.history.owners.items() if name != stream}
        self.history.owners[generation] = stream

    def prune(self) -> None:
        while self.store.has_superfluous:
            self.store.prune()

    def mark(self) -> None:
        assert self.store.note_progress()
        self.history.marked = {name: len(inputs) for name, inputs in self.history.inputs.items()}

    def drop(self, stream: str) -> None:
        self.store.write([Drop(stream)])
        del self.history.inputs[stream]
        self.history.owners = {number: name for number, name in self.history.owners.items() if name != stream}


def make_history(folder: Path, older: Path, random: random.Random, *, is_closed: bool) -> History:
    """The files of a journal that was closed, or killed, and in `older` a copy of them from some time before."""
    live = folder.with_name(folder.name + "-live")
    live.mkdir()
    writer = Writer(live, random)
    writer.append("twice", 12)
    writer.append("idle", 3)
    writer.checkpoint("idle")
    for stream in STREAMS[:2]:
        writer.append(stream, 8)
    writer.checkpoint("twice")
    writer.mark()
    shutil.copytree(live, older)
    writer.drop("twice")
    writer.append("twice", 5)
    writer.checkpoint("checkpointed")
    writer.prune()
    for _ in range(random.randint(1, 6)):
        writer.append(random.choice(STREAMS[:3]), random.randint(1, 6))
    writer.mark()
    # Records after the last mark.
    writer.append("records only", random.randint(0, 3))
    writer.history.marked.setdefault("twice", 0)
    if is_closed:
        writer.prune()
        writer.store.close()
        writer.history.marked = {name: len(inputs) for name, inputs in writer.history.inputs.items()}
        shutil.copytree(live, folder)
    else:
        shutil.copytree(live, folder)
        writer.store.close()
    writer.history.folder = folder
    return writer.history


def allowed(history: History, path: Path, operation: str, stream: str) -> set[str]:
    """Returns the permitted states of a stream when a service starts with one damaged file."""
    if path.suffix == ".part":
        generation = int(path.name.split("-")[0])
        return {"refused"} if history.owners.get(generation) == stream else {"exact"}
    if path.suffix == ".mark":
        # The journal is intact. Without its mark, the start can't know that; an older mark covers fewer inputs.
        return {"exact", "new epoch", "refused"} if operation == "older" else {"new epoch"}
    if path.name.endswith("-wal"):
        return {"exact", "refused", "within a second"}
    return {"exact", "refused"}


def verdict(store: SqliteStore, history: History, stream: str) -> str:
    """Returns how a start serves a stream: exactly, refused, under a new epoch, or short of the last second."""
    inputs: list[bytes] = []
    try:
        for item in store.replay(stream):
            if isinstance(item, Checkpoint):
                inputs = inputs_of(item.payload)
                assert len(inputs) == item.sequence
            else:
                assert isinstance(item, Record)
                inputs.append(item.payload)
                assert item.sequence == len(inputs)
    except EngineError as error:
        if error.reason != "JOURNAL_DAMAGED" or "\n" in str(error):
            raise
        return "refused"
    truth = history.inputs[stream]
    assert inputs == truth[: len(inputs)], "what is served was never the state"
    if inputs != truth and not store.may_have_lost(stream):
        assert len(inputs) >= history.marked.get(stream, 0), f"{len(inputs)} of {len(truth)}, silently"
        return "within a second"
    return "new epoch" if store.may_have_lost(stream) else "exact"


def verdicts(history: History) -> dict[str, str]:
    """Returns how a start serves each stream."""
    try:
        store = SqliteStore(history.folder / "a-fsync.journal", Durability.FSYNC)
    except EngineError as error:
        if error.reason != "JOURNAL_DAMAGED":
            raise
        return dict.fromkeys(STREAMS, "refused")
    try:
        assert set(store.streams()) <= set(STREAMS)
        found = {name: verdict(store, history, name) for name in STREAMS if name in store.streams()}
        store.ready()
        # A damaged stream stays refused. The others accept writes, unless a page that a write needs is damaged: then
        # the write is refused, and reads work.
        for name, its_verdict in found.items():
            if its_verdict != "refused":
                with suppress(WriteRefused):
                    sequence = store.write([Append(name, 7, 1, b"after")])[0]
                    history.inputs[name] = [*history.inputs[name][: sequence - 1], b"after"]
        return {name: found.get(name, "gone") for name in STREAMS}
    finally:
        store.close()


@pytest.fixture(scope="module")
def histories(folder: Path) -> dict[str, History]:
    """A journal that was closed, and one that was killed."""
    return {
        end: make_history(folder / end, folder / f"{end}-older", random.Random(end), is_closed=end == "closed")
        for end in ENDS
    }


def copied(history: History, folder: Path) -> History:
    shutil.copytree(history.folder, folder)
    inputs = {name: list(inputs) for name, inputs in history.inputs.items()}
    return replace(history, folder=folder, inputs=inputs)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("seed", range(many(10, 120)))
def test_a_damaged_file_is_found(
    folder: Path,
    histories: dict[str, History],
    seed: int,
    operation: str,
    end: str,
    record_property: Callable[[str, object], None],
) -> None:
    chance = random.Random(f"{seed} {operation} {end}")
    history = copied(histories[end], folder / "now")
    try:
        files = sorted(path for path in history.folder.rglob("*") if path.is_file())
        path = files[seed % len(files)]
        older = folder / f"{end}-older" / path.relative_to(history.folder)
        if damage(path, older, operation, chance):
            record_property("damages", 1)
            look_at(history, path, operation)
    finally:
        shutil.rmtree(history.folder)


def look_at(history: History, path: Path, operation: str) -> None:
    before = {name: list(inputs) for name, inputs in history.inputs.items()}
    found = verdicts(history)
    for stream in STREAMS:
        assert found[stream] in allowed(history, path, operation, stream), (path.name, stream, Counter(found.values()))
    # The next start reports the damage too.
    again = verdicts(history)
    for stream in STREAMS:
        if found[stream] == "refused":
            assert again[stream] == "refused", (path.name, stream)
            assert history.inputs[stream] == before[stream]


@pytest.mark.parametrize("end", ENDS)
def test_without_damage_everything_is_served(folder: Path, histories: dict[str, History], end: str) -> None:
    history = copied(histories[end], folder / f"{end}-whole")
    assert verdicts(history) == dict.fromkeys(STREAMS, "exact")
    assert verdicts(history) == dict.fromkeys(STREAMS, "exact")


def test_a_whole_journal_put_back_from_an_older_copy_is_found_where_it_lost_something(
    folder: Path, histories: dict[str, History]
) -> None:
    history = copied(histories["closed"], folder / "put-back")
    for path in (folder / "closed-older").glob("a-fsync.journal*"):
        shutil.copy(path, history.folder)
    assert set(verdicts(history).values()) == {"refused"}
