"""A copy of a cache, to which its changes are applied, has its entries, versions and sequence."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass, field

from alphaforge_core.cache_wire import CacheEngine, encode_value
from hypothesis import given
from hypothesis import strategies as st

UNBOUNDED = 4_000_000_000
KEYS = "abcdefgh"
# So long that the time of day, by which the lives of a copy's entries continue, makes no difference during a test.
UNIT_NS = 10**12


@dataclass
class Clock:
    now_ns: int = 0

    def __call__(self) -> int:
        return self.now_ns


@dataclass
class Pair:
    """A bounded cache that collects its changes, and a copy."""

    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.cache = CacheEngine(4, None, self.clock)
        self.cache.collect_changes()
        self.blocks: list[bytes] = []
        self.copy = self.new_copy()

    def new_copy(self) -> CacheEngine:
        return CacheEngine(UNBOUNDED, None, self.clock)

    def take(self) -> list[bytes]:
        taken, sequence = self.cache.take_changes()
        assert sequence == self.cache.sequence
        self.blocks += taken
        return taken

    def follow(self) -> None:
        for block in self.take():
            assert self.copy.follow(block, time.time_ns()) == ([], None)

    def entries(self) -> bytes:
        """The entries as a checkpoint has them."""
        with tempfile.TemporaryFile() as file:
            size = self.cache.write_entries(file.fileno(), [], [])
            os.lseek(file.fileno(), 0, os.SEEK_SET)
            return os.read(file.fileno(), size)


def content(cache: CacheEngine) -> dict[str, tuple[bytes, int]]:
    found = {key: cache.get(key) for key in KEYS}
    return {key: entry[:2] for key, entry in found.items() if entry is not None}


def change(pair: Pair, kind: str, key: str, number: int) -> None:
    cache = pair.cache
    match kind:
        case "put":
            cache.put(key, encode_value(number), None)
        case "brief":
            cache.put(key, encode_value(number), (1_000 + number) * UNIT_NS)
        case "get":
            cache.get(key)
        case "delete":
            cache.delete(key)
        case "touch":
            cache.touch(key, 2_000 * UNIT_NS)
        case "increment":
            if cache.get(key) is None:
                cache.increment(key, encode_value(number), None)
        case "swap":
            cache.swap(key, 0, encode_value(number), None)
        case "clear":
            cache.clear()
        case "shrink":
            cache.shrink(cache.memory_bytes - 1)
        case "time":
            pair.clock.now_ns += number * UNIT_NS


CHANGES = st.tuples(
    st.sampled_from(["put", "brief", "get", "delete", "touch", "increment", "swap", "time", "put", "clear", "shrink"]),
    st.sampled_from(KEYS),
    st.integers(0, 3_000),
)


@given(st.lists(CHANGES, max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_a_copy_has_the_same_entries_versions_and_sequence(
    changes: list[tuple[str, str, int]], begun: int, written: int
) -> None:
    pair = Pair()
    before, entries = 0, b""
    for number, (kind, key, value) in enumerate(changes):
        if number == begun:
            pair.take()
            before = len(pair.blocks)
        if number == max(begun, written):
            # The entries of a checkpoint that began earlier have later changes.
            entries = pair.entries()
        change(pair, kind, key, value)
        pair.follow()
        assert pair.copy.sequence == pair.cache.sequence
    from_checkpoint = pair.new_copy()
    if entries:
        assert from_checkpoint.follow(entries, time.time_ns()) == ([], None)
    for block in pair.blocks[before if entries else 0 :]:
        assert from_checkpoint.follow(block, time.time_ns()) == ([], None)
    assert from_checkpoint.sequence == pair.cache.sequence
    expected = content(pair.cache)
    assert content(pair.copy) == content(from_checkpoint) == expected


def test_a_copy_takes_over_with_exact_bounds_and_the_next_version() -> None:
    pair = Pair()
    for number in range(10):
        pair.cache.put(str(number), encode_value(number), None)
    pair.follow()
    pair.copy.collect_changes()
    pair.copy.resize(4, None)
    assert pair.copy.take_changes() == ([], pair.cache.sequence)
    assert pair.copy.size() == 4
    assert pair.copy.put("a", encode_value(1), None) == pair.cache.put("a", encode_value(1), None)


def test_notes_are_among_the_changes_in_their_order() -> None:
    pair = Pair()
    pair.cache.hold()
    pair.cache.put("a", encode_value(1), None)
    assert pair.take() == []
    pair.cache.release(b"answer")
    pair.cache.note(b"settings")
    notes = [pair.copy.follow(block, time.time_ns())[0] for block in pair.take()]
    assert notes == [[b"answer"], [b"settings"]]
    assert content(pair.copy) == content(pair.cache)


def test_a_block_that_is_cut_off_or_damaged_is_reported() -> None:
    pair = Pair()
    pair.cache.put("a", encode_value(1), None)
    (block,) = pair.take()
    assert pair.copy.follow(block[:-1], time.time_ns())[1] == "a block is cut off"
    damage = pair.copy.follow(block[:-1] + b"\0", time.time_ns())[1]
    assert damage is not None
    assert "a checksum" in damage
    assert content(pair.copy) == {}
