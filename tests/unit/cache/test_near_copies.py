"""The copies of a near cache: bounded, evicted in order of use, expired in time, and independent."""

from __future__ import annotations

import gc
import os
import random
import sys
import threading
from collections import OrderedDict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from alphaforge_core.cache_wire import NearCopies
from alphaforge_core.model import Price

SECOND = 1_000_000_000


def test_random_histories_agree_with_an_ordered_dict() -> None:
    rng = random.Random(3)
    now_ns = 0
    copies = NearCopies(20, lambda: now_ns)
    model: OrderedDict[str, tuple[int, int]] = OrderedDict()
    served: dict[str, None] = {}
    hits = 0
    for _ in range(20_000):
        now_ns += rng.randrange(SECOND // 10)
        key = f"key{rng.randrange(40)}"
        match rng.randrange(10):
            case 0 | 1 | 2:
                value, seconds = rng.randrange(1000), rng.randrange(1, 5)
                copies.put(key, value, seconds)
                model.pop(key, None)
                if len(model) == 20:
                    model.popitem(last=False)
                model[key] = (value, now_ns + seconds * SECOND)
            case 3:
                copies.delete(key)
                model.pop(key, None)
            case 4 if rng.randrange(200) == 0:
                copies.clear()
                model.clear()
            case 5 if rng.randrange(20) == 0:
                keys, count = copies.report()
                assert (list(dict.fromkeys(keys)), count) == (list(served), hits)
                served, hits = {}, 0
            case 6:
                assert copies.contains(key) == (key in model and now_ns < model[key][1])
            case _:
                if key in model and now_ns >= model[key][1]:
                    del model[key]
                if key in model:
                    model.move_to_end(key)
                    served[key] = None
                    hits += 1
                assert copies.get(key) == (model[key][0] if key in model else None)


@pytest.mark.parametrize("value", [[1, [2]], {"a": [1]}, {1, 2}, ([1],), np.arange(3)], ids=repr)
def test_a_value_that_can_be_changed_is_each_caller_s_own(value: Any) -> None:
    copies = NearCopies(10)
    copies.put("k", value, 60)
    first, second = copies.get("k"), copies.get("k")
    assert repr(first) == repr(second) == repr(value)
    assert type(first) is type(value)
    assert first is not second
    assert first is not value


@pytest.mark.parametrize(
    "value",
    [True, 5, 2**200, 1.5, "ü", b"x", Decimal("1.50"), datetime(2024, 1, 1, tzinfo=UTC), Price("1.5")],
    ids=repr,
)
def test_a_value_that_can_not_is_kept_as_it_is(value: Any) -> None:
    copies = NearCopies(10)
    copies.put("k", value, 60)
    assert copies.get("k") is value


def test_what_is_no_key_or_no_value_is_refused_and_never_found() -> None:
    copies = NearCopies(10)
    with pytest.raises(TypeError):
        copies.put(5, 1, 60)
    with pytest.raises(TypeError):
        copies.put("k", object(), 60)
    with pytest.raises(ValueError, match="ttl"):
        copies.put("k", 1, 0)
    assert copies.get(5) is None
    assert copies.get("k") is None


def test_objects_are_freed_when_their_copies_go() -> None:
    copies = NearCopies(2)
    value = "a value of its own " * 3
    before = sys.getrefcount(value)
    copies.put("a", value, 60)
    copies.put("b", value, 60)
    copies.put("c", value, 60)
    assert sys.getrefcount(value) == before + 2
    copies.get("b")
    copies.delete("b")
    copies.clear()
    gc.collect()
    assert sys.getrefcount(value) == before


def test_a_forked_child_finds_nothing_in_its_parent_s() -> None:
    copies = NearCopies(10)
    copies.put("k", 1, 60)
    child = os.fork()
    if child == 0:
        own = NearCopies(10)
        own.put("k", 2, 60)
        os._exit(0 if copies.get("k") is None and own.get("k") == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert copies.get("k") == 1


def test_threads_find_whole_values_while_others_change_them() -> None:
    copies = NearCopies(50)
    wrong: list[object] = []
    ends = threading.Event()

    def work(number: int) -> None:
        rng = random.Random(number)
        while not ends.is_set():
            key = str(rng.randrange(100))
            match rng.randrange(4):
                case 0:
                    copies.put(key, [key] * 20, 60)
                case 1:
                    copies.delete(key)
                case _:
                    value = copies.get(key)
                    if value is not None and value != [key] * 20:
                        wrong.append(value)
        copies.report()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    ends.wait(1.0)
    ends.set()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert wrong == []
