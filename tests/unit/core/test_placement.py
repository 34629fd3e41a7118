"""Placement is the same in every process and release; docs/reference/wire.md has the same examples."""

from __future__ import annotations

from collections import Counter

import pytest
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.placement import (
    checked_partitions,
    partition_name,
    partition_of,
    placed,
    shards_of,
    split_name,
)

ABC = shards_of("a=host:1,b=host:2,c=host:3")


@pytest.mark.parametrize(("engine", "shard"), [("default", "b"), ("binance", "c"), ("px", "b")])
def test_an_engine_is_where_it_was_in_every_release(engine: str, shard: str) -> None:
    assert [one.name for one in placed(engine, 1, ABC)] == [shard]


def test_partitions_are_where_they_were_in_every_release() -> None:
    assert [one.name for one in placed("binance", 8, ABC)] == list("cbcbcbaa")


@pytest.mark.parametrize(
    ("key", "parts"),
    [("BTCUSDT", (1, 0, 3, 3)), ("SPY", (1, 1, 7, 15)), ("é", (0, 2, 6, 14)), ("price:AAPL", (1, 2, 3, 11))],
)
def test_a_key_is_in_the_partition_it_was_in_every_release(key: str, parts: tuple[int, ...]) -> None:
    assert tuple(partition_of(key, count) for count in (2, 3, 8, 16)) == parts
    assert partition_of(key, 1) == 0


def test_neither_the_order_of_the_list_nor_an_address_moves_an_engine() -> None:
    other = shards_of(["c=elsewhere:9", "b=host:2", "a=host:1"])
    for engine in map(str, range(200)):
        assert [one.name for one in placed(engine, 5, ABC)] == [one.name for one in placed(engine, 5, other)]


def test_a_shard_may_be_a_group_of_candidates_which_needs_a_name() -> None:
    assert shards_of("a=host:1|other:1, b = host:2 | other:2 ") == (("a", "host:1,other:1"), ("b", "host:2,other:2"))
    assert placed("binance", 3, shards_of("a=host:1|other:1,b=host:2,c=host:3"))[0].name == "c"
    with pytest.raises(InvalidArgument, match="give the shard a name"):
        shards_of("host:1|other:1,host:2")


def test_a_shard_that_is_added_takes_its_share_and_moves_no_other_engine() -> None:
    more = (*ABC, *shards_of("d=host:4"))
    before = {engine: placed(engine, 1, ABC)[0].name for engine in map(str, range(2000))}
    after = {engine: placed(engine, 1, more)[0].name for engine in before}
    moved = [engine for engine in before if before[engine] != after[engine]]
    assert {after[engine] for engine in moved} == {"d"}
    assert 350 < len(moved) < 650


@pytest.mark.parametrize("partitions", [2, 7, 8, 256])
def test_partitions_are_spread_evenly(partitions: int) -> None:
    for engine in map(str, range(20)):
        counts = Counter(placed(engine, partitions, ABC))
        assert max(counts.values()) <= -(-partitions // len(ABC))


def test_the_first_partition_is_where_the_engine_is() -> None:
    for engine in map(str, range(50)):
        assert placed(engine, 8, ABC)[0] == placed(engine, 1, ABC)[0]


def test_instruments_are_spread_evenly() -> None:
    counts = Counter(partition_of(f"SYM{number}", 8) for number in range(10_000))
    assert all(1_150 < count < 1_350 for count in counts.values())


def test_names_of_partitions_lead_back_to_their_engine() -> None:
    assert [partition_name("px", index) for index in range(3)] == ["px", "px~1", "px~2"]
    assert [split_name(name) for name in ("px", "px~1", "a~b~12")] == [("px", 0), ("px", 1), ("a~b", 12)]


@pytest.mark.parametrize(
    ("listed", "problem"),
    [
        ("", "1 to 256"), (" , ", "1 to 256"), ("a=h:1,a=h:2", "twice"), ("h:1,h:1", "twice"), ("a=h:1,b=h:1", "twice"),
        ("=h:1", "name=host:port"), ("a b=h:1", "name=host:port"),
    ],
)  # fmt: skip
def test_a_list_that_makes_no_sense_is_refused(listed: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        shards_of(listed)


@pytest.mark.parametrize("partitions", [0, -1, 257])
def test_a_number_of_partitions_out_of_range_is_refused(partitions: int) -> None:
    with pytest.raises(ValueError, match="1 to 256"):
        checked_partitions("px", partitions)


@pytest.mark.parametrize("partitions", [True, 2.0, "2", None])
def test_a_number_of_partitions_that_is_no_int_is_refused(partitions: object) -> None:
    with pytest.raises(TypeError):
        checked_partitions("px", partitions)


@pytest.mark.parametrize("engine", ["px~1", "x" * 63])
def test_a_name_that_partitions_can_not_have_is_refused(engine: str) -> None:
    assert checked_partitions(engine, 1) == 1
    with pytest.raises(ValueError, match="name"):
        checked_partitions(engine, 2)
