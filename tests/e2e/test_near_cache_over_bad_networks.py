"""A near cache keeps its guarantees while the network delays, drops and resets, and services restart."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from alphaforge_client.cache import GenericCache, NearCache
from alphaforge_client.errors import DeadlineExceeded, Unavailable

from tests.support.proxy import Proxy, proxied
from tests.support.stack import Stack
from tests.support.waiting import let_pass, until

MAX_AGE = 1.0
KEYS = [f"key{number}" for number in range(5)]


@pytest.fixture
def own_stack(own_stack: Stack) -> Stack:
    own_stack.serve("cache")
    return own_stack


@pytest.fixture
def proxy(own_stack: Stack) -> Iterator[Proxy]:
    with proxied(own_stack.target("cache")) as proxy:
        yield proxy


class Writer(threading.Thread):
    """Puts increasing numbers, and records when each was acknowledged."""

    def __init__(self, cache: GenericCache, stop: threading.Event) -> None:
        super().__init__()
        self._cache = cache
        self._ends = stop
        self._random = random.Random(1)
        self.acknowledged: dict[str, list[tuple[float, int]]] = {key: [] for key in KEYS}

    def run(self) -> None:
        number = 0
        while not self._ends.is_set():
            number += 1
            key = self._random.choice(KEYS)
            with suppress(Unavailable, DeadlineExceeded):
                self._cache.put(key, number)
                self.acknowledged[key].append((time.monotonic(), number))
            let_pass(self._random.random() * 0.005)


class Reader(threading.Thread):
    """Reads, and records every broken guarantee."""

    def __init__(self, cache: GenericCache, writer: Writer, stop: threading.Event, seed: int) -> None:
        super().__init__()
        self._cache = cache
        self._writer = writer
        self._ends = stop
        self._random = random.Random(seed)
        self.broken: list[str] = []
        self.reads = 0

    def run(self) -> None:
        last = dict.fromkeys(KEYS, 0)
        while not self._ends.is_set():
            key = self._random.choice(KEYS)
            began = time.monotonic()
            with suppress(Unavailable, DeadlineExceeded):
                # None: the value has not been written yet.
                self.judge(key, self._cache.get(key) or 0, began, last)
            let_pass(0.0005)

    def judge(self, key: str, value: int, began: float, last: dict[str, int]) -> None:
        self.reads += 1
        if value < last[key]:
            self.broken.append(f"{key} went back from {last[key]} to {value}")
        last[key] = value
        # A write acknowledged more than max_age ago must be visible.
        known = 0
        for acknowledged, number in reversed(self._writer.acknowledged[key]):
            if acknowledged < began - MAX_AGE:
                known = number
                break
        if value < known:
            self.broken.append(f"{key} was {value} more than max_age after {known} was acknowledged")


class OwnWriter(Reader):
    """Writes through the near cache and reads its own writes."""

    def run(self) -> None:
        number = 0
        while not self._ends.is_set():
            number += 1
            with suppress(Unavailable, DeadlineExceeded):
                self._cache.put("own", number)
                value = self._cache.get("own")
                self.reads += 1
                if value != number:
                    self.broken.append(f"wrote {number} and read {value}")
            let_pass(0.001)


@pytest.mark.files("caches start empty after a takeover")
def test_promises_hold_over_delays_cuts_resets_and_restarts(own_stack: Stack, proxy: Proxy) -> None:
    stop = threading.Event()
    target = own_stack.target("cache")
    with (
        GenericCache(name="c", target=proxy.address, timeout=1.0, near_cache=NearCache(max_age=MAX_AGE)) as near,
        GenericCache(name="c", target=target, timeout=1.0) as direct,
    ):
        near.wait_ready()
        writer = Writer(direct, stop)
        readers = [Reader(near, writer, stop, seed) for seed in range(3)] + [OwnWriter(near, writer, stop, 9)]
        for thread in (writer, *readers):
            thread.start()
        try:
            disturb(own_stack, proxy)
            proxy.mend()
            until(lambda: direct.statistics().near_hits > 100)
        finally:
            proxy.mend()
            stop.set()
            for thread in (writer, *readers):
                thread.join()
        assert [broken for reader in readers for broken in reader.broken] == []
        assert all(reader.reads > 100 for reader in readers)


def disturb(stack: Stack, proxy: Proxy) -> None:
    chance = random.Random(2)
    for _ in range(2):
        for trouble in chance.sample(["slow", "cut", "cut and reset", "reset", "stop", "kill"], 6):
            let_pass(0.4)
            if trouble == "slow":
                proxy.delay_seconds = 0.05
                let_pass(0.7)
                proxy.delay_seconds = 0.0
            elif trouble in ("cut", "cut and reset"):
                proxy.cut()
                let_pass(0.7)
                if trouble == "cut and reset":
                    proxy.reset()
                proxy.mend()
            elif trouble == "reset":
                proxy.reset()
            else:
                (stack.kill if trouble == "kill" else stack.stop)("cache")
                stack.start("cache")


def test_with_the_stream_cut_nothing_is_served_beyond_its_age(own_stack: Stack, proxy: Proxy) -> None:
    with (
        GenericCache(name="c", target=proxy.address, timeout=0.3, near_cache=NearCache(max_age=MAX_AGE)) as near,
        GenericCache(name="c", target=own_stack.target("cache")) as direct,
    ):
        near.wait_ready()
        direct.put("key", "old")
        while not (near.get("key") and near._near[0] and near._near[0].store.copies.contains("key")):
            pass
        proxy.cut()
        direct.put("key", "new")
        changed = time.monotonic()
        served_at = changed
        while time.monotonic() < changed + 2 * MAX_AGE:
            began = time.monotonic()
            with suppress(Unavailable, DeadlineExceeded):
                assert near.get("key") == "old"
                served_at = began
        assert served_at < changed + MAX_AGE
        proxy.mend()
        while near.get("key", timeout=5.0) != "new":
            pass
