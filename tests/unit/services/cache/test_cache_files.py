"""The files of a service's caches: rewritten, restored, deleted, and read after a power loss."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
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

VALUE = encode_value("x" * 100)


def build(name: str, epoch: int, settings: Mapping[str, Any], core: CacheEngine | None = None) -> NamedCache:
    return NamedCache(name, epoch, settings, Table([]), Subscribers(10, 1.0), Memory(2**30, "evict"), core)


@contextmanager
def files_in(folder: Path) -> Iterator[CacheFiles]:
    """Opens the files like a process that is killed at the end."""
    files = CacheFiles(folder, "os", warm_restart=True)
    try:
        yield files
    finally:
        files._lock.close()


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asyncio.run(test(tmp_path, monkeypatch))

    run.__name__ = test.__name__
    return run


def begun(files: CacheFiles, name: str = "c", before: NamedCache | None = None) -> NamedCache:
    cache = build(name, 7, {})
    files.begin(cache, before)
    return cache


@in_loop
async def test_a_file_that_has_grown_becomes_small_and_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_files, "_FILE_BYTES_MIN", 10_000)
    with files_in(tmp_path) as files:
        cache = begun(files)
        sizes = []
        for number in range(1_000):
            cache.core.put(str(number % 20), VALUE, None)
            await files.rewrite_large([cache])
            sizes.append((tmp_path / "c.cache").stat().st_size)
        assert max(sizes) < 12_000
        assert files.statistics([cache])[0].checkpoints > 10
    with files_in(tmp_path) as files:
        (again,) = files.load(build)
        assert (again.name, again.epoch, again.core.size()) == ("c", 7, 20)


@in_loop
async def test_a_rewrite_that_ends_after_its_cache_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with files_in(tmp_path) as files:
        first = begun(files)
        first.core.put("old", VALUE, None)
        second = begun(files, before=first)
        second.core.put("new", VALUE, None)
        with pytest.raises(OSError, match="Operation canceled"):
            files._rewrite(first, [first.note()], [])
        written = files.statistics([second])[0]
        assert written.records >= 2, "what was written for a cache that is gone counts on"
        files.drop(second)
        with pytest.raises(OSError, match="Operation canceled"):
            files._rewrite(second, [second.note()], [])
        assert files.statistics([])[0].records == written.records
    assert sorted(path.name for path in tmp_path.iterdir()) == ["caches.lock"]


@pytest.mark.parametrize("damage", [b"", b"\0" * 5_000], ids=["none", "zeros at the end"])
def test_after_the_machine_went_down_a_new_epoch_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    async def run() -> None:
        with files_in(tmp_path) as files:
            begun(files).core.put("a", VALUE, None)
        with (tmp_path / "c.cache").open("ab") as file:
            file.write(damage)
        monkeypatch.setattr(cache_files, "boot_id", lambda: "a later start")
        with files_in(tmp_path) as files:
            (again,) = files.load(build)
            assert again.epoch != 7
            assert again.core.contains("a")
            epoch = again.epoch
            again.core.put("b", VALUE, None)
        with files_in(tmp_path) as files:
            (again,) = files.load(build)
            assert again.epoch == epoch
            assert again.core.contains("b")

    asyncio.run(run())


@in_loop
async def test_after_a_stop_the_machine_may_go_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = CacheFiles(tmp_path, "os", warm_restart=True)
    cache = begun(files)
    cache.core.put("a", VALUE, None)
    files.close([cache])
    monkeypatch.setattr(cache_files, "boot_id", lambda: "a later start")
    with files_in(tmp_path) as files:
        (again,) = files.load(build)
        assert again.epoch == 7
        assert again.core.contains("a")


@in_loop
async def test_what_was_written_at_a_stop_is_not_written_again_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_files, "_FILE_BYTES_MIN", 100)
    files = CacheFiles(tmp_path, "os", warm_restart=True)
    cache = begun(files)
    cache.core.put("a", VALUE, None)
    files.close([cache])
    with files_in(tmp_path) as files:
        caches = files.load(build)
        await files.rewrite_large(caches)
        assert files.statistics(caches)[0].checkpoints == 0


@in_loop
async def test_names_of_every_kind_are_names_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [".", "..", "a/b", "a.cache", "x.begun", "ü" * 32, "%2F", "*", " "]
    with files_in(tmp_path) as files:
        for name in names:
            begun(files, name)
    with files_in(tmp_path) as files:
        assert sorted(cache.name for cache in files.load(build)) == sorted(names)


def killed(tmp_path: Path) -> Path:
    """The files of caches `a` and `b` with ten entries each, and the mark after them, as kill -9 leaves them."""
    with files_in(tmp_path) as files:
        caches = [begun(files, name) for name in ("a", "b")]
        for cache in caches:
            for number in range(10):
                cache.core.put(str(number), VALUE, None)
        files.note_progress(caches)
    return tmp_path


@in_loop
async def test_a_file_that_lost_its_end_begins_a_new_epoch_with_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = killed(tmp_path) / "a.cache"
    path.write_bytes(path.read_bytes()[:-300])
    with files_in(tmp_path) as files:
        a, b = files.load(build)
        assert a.epoch != 7
        assert 0 < a.core.size() < 10
        assert (b.epoch, b.core.size()) == (7, 10)
    epoch = a.epoch
    with files_in(tmp_path) as files:
        assert [cache.epoch for cache in files.load(build)][1:] == [7]
        assert epoch != 7


@in_loop
async def test_a_file_put_back_from_an_older_copy_begins_a_new_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = killed(tmp_path) / "a.cache"
    older = path.read_bytes()
    with files_in(tmp_path) as files:
        caches = files.load(build)
        caches[0].core.put("more", VALUE, None)
        files.close(caches)
    path.write_bytes(older)
    with files_in(tmp_path) as files:
        a, b = files.load(build)
        assert (a.epoch == 7, a.core.size()) == (False, 10)
        assert b.epoch == 7


@in_loop
async def test_a_file_that_cant_be_read_keeps_only_its_cache_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = killed(tmp_path) / "a.cache"
    path.unlink()
    path.mkdir()  # opening it fails, as on a disk that does
    with files_in(tmp_path) as files:
        (b,) = files.load(build)
        assert (b.name, b.epoch, b.core.size()) == ("b", 7, 10)
        assert list(files.refused) == ["a"]
        assert files.refused["a"].reason == "JOURNAL_DAMAGED"
        assert str(path) in str(files.refused["a"])
