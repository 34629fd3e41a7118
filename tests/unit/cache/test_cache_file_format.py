"""A cache's file has the cache's state at every moment, however its process ends."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alphaforge_core.cache_wire import CacheEngine, encode_value

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
ONE = encode_value(1)


def opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def kept(path: Path, max_size: int = 100_000, notes: tuple[bytes, ...] = ()) -> CacheEngine:
    """A new cache that writes to a new file."""
    engine = CacheEngine(max_size)
    file = opened(path)
    engine.keep_in(file, engine.write_entries(file, list(notes), []))
    return engine


class Loaded:
    """The content of a file."""

    def __init__(self, path: Path, wall_ns: int | None = None, brief_ns: int = MINUTE) -> None:
        self.engine = CacheEngine(4_000_000_000)
        file = opened(path)
        try:
            self.notes, self.valid_bytes, self.is_complete, self.damage, _ = self.engine.replay(
                file, time.time_ns() if wall_ns is None else wall_ns, brief_ns
            )
        finally:
            os.close(file)
        self.engine.validate()


def entries(engine: CacheEngine) -> dict[str, tuple[bytes, int]]:
    keys, cursor = engine.keys_page("", 100_000, "")
    assert cursor == ""
    found = {}
    for key in keys:
        entry = engine.get(key)
        assert entry is not None
        found[key] = entry[:2]
    return found


def test_each_kind_of_change_is_in_the_file_before_the_call_returns(tmp_path: Path) -> None:
    path = tmp_path / "c"
    engine = kept(path, 3)
    steps = (
        lambda: engine.put("a", ONE, None),
        lambda: engine.put("b", encode_value("x"), 100 * SECOND),
        lambda: engine.swap("c", 0, ONE, None),
        lambda: engine.increment("a", ONE, None),
        lambda: engine.touch("b", None),
        lambda: engine.put("d", ONE, None),  # evicts c, used longest ago
        lambda: engine.delete("a"),
        lambda: engine.resize(1),
        lambda: engine.clear(),
        lambda: engine.store("e", ONE, None),
        lambda: engine.shrink(0),
        lambda: engine.put("f", ONE, 1),  # expires at once
        lambda: engine.release_expired(),
    )
    for step in steps:
        step()
        assert entries(Loaded(path).engine) == entries(engine)
    assert Loaded(path).engine.ttl_ns("b") == (False, None)


def test_random_histories_agree_after_every_kind_of_end(tmp_path: Path) -> None:
    rng = random.Random(7)
    for number in range(30):
        path = tmp_path / str(number)
        engine = kept(path, rng.choice([3, 50, 100_000]))
        for _ in range(rng.randrange(400)):
            key = str(rng.randrange(100))
            choice = rng.randrange(20)
            if choice == 0:
                new = path.with_suffix(".new")
                engine.rewrite(opened(new), str(new), str(path), [], [])
            elif choice < 3:
                engine.delete(key)
            elif choice < 4:
                engine.touch(key, None)
            elif choice < 6:
                engine.increment(f"n{key}", ONE, None)
            else:
                engine.put(key, encode_value("v" * rng.randrange(200)), None)
        assert entries(Loaded(path).engine) == entries(engine)
        counted = engine.statistics()
        engine.end_file(sync=True)
        again = Loaded(path)
        assert again.is_complete
        assert again.engine.statistics().as_dict() | {"estimated_memory_bytes": 0} == (
            counted.as_dict() | {"estimated_memory_bytes": 0}
        )
        assert again.engine.sequence == engine.sequence


def test_order_of_use_goes_on_after_a_stop_and_counts_changes_after_a_kill(tmp_path: Path) -> None:
    engine = kept(tmp_path / "c")
    for name in "abcd":
        engine.put(name, ONE, None)
    engine.get("a")
    engine.touch("b", None)
    engine.resize(3)
    killed = Loaded(tmp_path / "c").engine
    killed.resize(1)
    assert list(entries(killed)) == ["b"]
    new = tmp_path / "new"
    engine.rewrite(opened(new), str(new), str(tmp_path / "c"), [], [])
    rewritten = Loaded(tmp_path / "c").engine
    rewritten.resize(2)
    assert sorted(entries(rewritten)) == ["a", "b"]


def test_after_a_kill_counters_begin_anew_and_the_sequence_leaps(tmp_path: Path) -> None:
    engine = kept(tmp_path / "c")
    version = engine.put("a", ONE, None)
    again = Loaded(tmp_path / "c")
    assert not again.is_complete
    assert again.engine.statistics().total_operations == 0
    assert again.engine.get("a") == (ONE, version, None)
    assert again.engine.sequence > engine.sequence + 1_000_000
    again.engine.keep_changes()
    assert again.engine.read_changes(engine.sequence + 1, 10)[4], "a subscriber gets a gap"


@pytest.mark.parametrize(("passed", "left"), [(0, 10), (4, 6), (-100, 10), (10, None), (1000, None)])
def test_times_to_live_go_on_while_nobody_runs(tmp_path: Path, passed: int, left: int | None) -> None:
    engine = kept(tmp_path / "c")
    engine.put("ever", ONE, None)
    engine.put("short", ONE, 10 * SECOND)
    again = Loaded(tmp_path / "c", wall_ns=time.time_ns() + passed * SECOND)
    assert again.engine.ttl_ns("ever") == (True, None)
    found, ttl_ns = again.engine.ttl_ns("short")
    assert found == (left is not None)
    if left is not None:
        assert ttl_ns is not None
        assert (left - 1) * SECOND < ttl_ns <= left * SECOND
    assert again.engine.statistics().expirations == (not found)


def test_what_was_touched_in_time_outlives_its_first_deadline(tmp_path: Path) -> None:
    engine = kept(tmp_path / "c")
    engine.put("a", ONE, 10 * SECOND)
    engine.touch("a", 100 * SECOND)
    assert Loaded(tmp_path / "c", wall_ns=time.time_ns() + 50 * SECOND).engine.contains("a")


def test_notes_come_back_in_order_and_brief_ones_for_a_while(tmp_path: Path) -> None:
    engine = kept(tmp_path / "c", notes=(b"first",))
    engine.note(b"second")
    engine.hold()
    engine.put("a", ONE, None)
    assert not Loaded(tmp_path / "c").engine.contains("a")
    engine.release(b"brief")
    again = Loaded(tmp_path / "c")
    assert again.notes == [b"first", b"second", b"brief"]
    assert again.engine.contains("a")
    later = Loaded(tmp_path / "c", wall_ns=time.time_ns() + 2 * MINUTE)
    assert later.notes == [b"first", b"second"]
    new = tmp_path / "new"
    engine.rewrite(opened(new), str(new), str(tmp_path / "c"), [b"again"], [b"brief too"])
    assert Loaded(tmp_path / "c").notes == [b"again", b"brief too"]


def filled(path: Path) -> bytes:
    engine = kept(path)
    for number in range(200):
        engine.put(f"key{number}", ONE, None)
    engine.end_file(sync=True)
    return path.read_bytes()


def test_a_file_that_was_cut_off_says_all_that_came_before(tmp_path: Path) -> None:
    good = filled(tmp_path / "c")
    rng = random.Random(5)
    for size in [0, 1, 15, 16, len(good) - 1, *(rng.randrange(len(good)) for _ in range(100))]:
        (tmp_path / "cut").write_bytes(good[:size])
        again = Loaded(tmp_path / "cut")
        assert (again.damage, again.is_complete) == (None, False)
        found = entries(again.engine)
        assert list(found) == [f"key{number}" for number in range(len(found))] or size < len(good)
        assert again.valid_bytes <= size
    assert Loaded(tmp_path / "c").is_complete


def test_damage_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    good = filled(tmp_path / "c")
    rng = random.Random(5)
    for _ in range(300):
        damaged = bytearray(good)
        place = rng.randrange(len(good))
        damaged[place] ^= 1 << rng.randrange(8)
        (tmp_path / "damaged").write_bytes(damaged)
        again = Loaded(tmp_path / "damaged")
        assert again.damage is not None
        assert again.damage.startswith("damaged cache file, at byte")
        assert again.valid_bytes <= place
        assert not again.is_complete


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Limits the size of files, as if the disk were full."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_write_that_fails_leaves_the_file_good_until_a_rewrite_heals_it(tmp_path: Path) -> None:
    path, new = tmp_path / "c", tmp_path / "new"
    engine = kept(path)
    for number in range(100):
        engine.put(str(number), ONE, None)
    size = path.stat().st_size
    with file_size_limit(size + 10):
        engine.put("lost", ONE, None)
        assert engine.file_error == "File too large"
        engine.put("lost too", ONE, None)
        assert path.stat().st_size == size
        again = Loaded(path)
        assert (again.damage, len(entries(again.engine))) == (None, 100)
        assert engine.contains("lost")
    with file_size_limit(100):
        file = opened(new)
        with pytest.raises(OSError, match="File too large"):
            engine.rewrite(file, str(new), str(path), [], [])
        os.close(file)
        new.unlink()
    engine.rewrite(opened(new), str(new), str(path), [], [])
    assert engine.file_error is None
    engine.put("more", ONE, None)
    assert entries(Loaded(path).engine) == entries(engine)
    writes, _, _, failures, file_bytes, rewrites = engine.file_statistics()
    assert (failures, rewrites) == (1, 1)
    assert file_bytes == path.stat().st_size
    assert writes == 101


def test_a_cache_whose_file_is_ended_writes_no_more(tmp_path: Path) -> None:
    path, new = tmp_path / "c", tmp_path / "new"
    engine = kept(path)
    engine.end_file(sync=False)
    size = path.stat().st_size
    engine.put("a", ONE, None)
    assert path.stat().st_size == size
    file = opened(new)
    with pytest.raises(OSError, match="Operation canceled"):
        engine.rewrite(file, str(new), str(path), [], [])
    os.close(file)
    assert Loaded(path).engine.size() == 0
