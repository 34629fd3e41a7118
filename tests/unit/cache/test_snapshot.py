"""A cache that is saved and loaded goes on as it was."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alphaforge_core.cache_wire import CacheEngine, encode_value
from alphaforge_core.errors import InvalidArgument

SECOND = 1_000_000_000
ONE = encode_value(1)


@contextmanager
def opened(path: Path, flags: int) -> Iterator[int]:
    file = os.open(path, flags, 0o600)
    try:
        yield file
    finally:
        os.close(file)


def save(engine: CacheEngine, path: Path, wall_ns: int = 0) -> int:
    with opened(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as file:
        return engine.save(file, wall_ns)


def load(path: Path, wall_ns: int = 0, max_size: int = 100_000) -> CacheEngine:
    engine = CacheEngine(max_size, clock=lambda: 7 * SECOND)
    with opened(path, os.O_RDONLY) as file:
        engine.load(file, wall_ns)
    return engine


def test_entries_versions_order_and_counters_are_kept(tmp_path: Path) -> None:
    engine = CacheEngine(100_000, clock=lambda: 0)
    for number in range(50_000):
        engine.put(f"key{number}", encode_value("x" * (number % 200)), None)
    engine.delete("key5")
    engine.get("key0")
    assert save(engine, tmp_path / "cache") == 49_999
    again = load(tmp_path / "cache")
    again.validate()
    assert again.statistics().as_dict() | {"estimated_memory_bytes": 0} == (
        engine.statistics().as_dict() | {"estimated_memory_bytes": 0}
    )
    assert again.get("key1234") == engine.get("key1234")
    assert again.put("new", ONE, None) == 50_002
    again.resize(2)
    assert sorted(again.keys_page("", 10, "")[0]) == ["key1234", "new"]


def test_where_the_new_bounds_are_smaller_the_entries_used_last_stay(tmp_path: Path) -> None:
    engine = CacheEngine()
    for name in "abcde":
        engine.put(name, ONE, None)
    engine.get("a")
    save(engine, tmp_path / "cache")
    again = load(tmp_path / "cache", max_size=2)
    assert sorted(again.keys_page("", 10, "")[0]) == ["a", "e"]
    assert again.statistics().evictions == 0


@pytest.mark.parametrize(("passed", "left"), [(0, 10), (4, 6), (-100, 10), (10, None), (1000, None)])
def test_times_to_live_go_on_while_nobody_runs(tmp_path: Path, passed: int, left: int | None) -> None:
    engine = CacheEngine(clock=lambda: 5 * SECOND)
    engine.put("ever", ONE, None)
    engine.put("short", ONE, 10 * SECOND)
    save(engine, tmp_path / "cache", wall_ns=1_000 * SECOND)
    again = load(tmp_path / "cache", wall_ns=(1_000 + passed) * SECOND)
    assert again.ttl_ns("ever") == (True, None)
    assert again.ttl_ns("short") == ((True, left * SECOND) if left else (False, None))


def test_an_empty_cache_is_a_snapshot_too(tmp_path: Path) -> None:
    assert save(CacheEngine(), tmp_path / "cache") == 0
    assert load(tmp_path / "cache").size() == 0


def test_a_damaged_file_is_noticed_wherever_the_damage_is(tmp_path: Path) -> None:
    engine = CacheEngine()
    for number in range(300):
        engine.put(f"key{number}", ONE, None)
    save(engine, tmp_path / "cache")
    good = (tmp_path / "cache").read_bytes()
    rng = random.Random(5)
    cuts = [good[:size] for size in (0, 1, 15, 16, len(good) // 2, len(good) - 1)]
    flips = [bytearray(good) for _ in range(200)]
    for damaged in flips:
        damaged[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
    for damaged in [*cuts, *flips]:
        (tmp_path / "cache").write_bytes(damaged)
        with pytest.raises(InvalidArgument, match="damaged snapshot") as refusal:
            load(tmp_path / "cache")
        assert refusal.value.reason == "MESSAGE_MALFORMED"


def test_what_the_system_refuses_is_an_os_error(tmp_path: Path) -> None:
    engine = CacheEngine()
    (tmp_path / "cache").touch()
    with opened(tmp_path / "cache", os.O_RDONLY) as file, pytest.raises(OSError):
        engine.save(file, 0)
    with opened(tmp_path, os.O_RDONLY) as file, pytest.raises(IsADirectoryError):
        engine.load(file, 0)
