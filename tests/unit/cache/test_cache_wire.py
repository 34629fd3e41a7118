"""The native codecs of the cache's hot messages and the generated protobuf classes read each other's bytes."""

from __future__ import annotations

import math
from typing import Any

import pytest
from alphaforge.cache.v1 import batches_pb2, entries_pb2, invalidations_pb2
from alphaforge.cache.v1.value_pb2 import Value
from alphaforge_core import cache_wire
from alphaforge_core.cache_wire import CacheEngine, GetManyRequest, GetRequest, PutManyRequest, PutRequest
from alphaforge_core.errors import EngineError, InvalidArgument, UnsupportedValue

SECOND = 1_000_000_000


def value(number: float) -> Value:
    return Value(double_value=number)


def refused(kind: Any, message: Any) -> str:
    with pytest.raises(InvalidArgument) as refusal:
        kind.FromString(message if isinstance(message, bytes) else message.SerializeToString())
    return refusal.value.reason


def test_a_request_tells_its_cache_and_epoch() -> None:
    request = GetRequest.FromString(entries_pb2.GetRequest(cache="prices", epoch=7, key="a").SerializeToString())
    assert (request.cache, request.epoch, request.HasField("epoch")) == ("prices", 7, True)
    request = GetRequest.FromString(entries_pb2.GetRequest(key="a").SerializeToString())
    assert (request.cache, request.epoch, request.HasField("epoch")) == ("", 0, False)


def test_put_and_get_speak_protobuf() -> None:
    now = 5 * SECOND
    engine = CacheEngine(clock=lambda: now)
    put = entries_pb2.PutRequest(key="a", value=value(1.5), ttl_ns=2 * SECOND)
    answer = engine.put_wire(PutRequest.FromString(put.SerializeToString()))
    assert entries_pb2.PutResponse.FromString(answer).version == 1

    get = entries_pb2.GetRequest(key="a", with_details=True).SerializeToString()
    response = entries_pb2.GetResponse.FromString(engine.get_wire(GetRequest.FromString(get)))
    assert response.value.double_value == 1.5
    assert (response.details.version, response.details.ttl_ns, response.sequence) == (1, 2 * SECOND, 1)
    plain = entries_pb2.GetRequest(key="a").SerializeToString()
    response = entries_pb2.GetResponse.FromString(engine.get_wire(GetRequest.FromString(plain)))
    assert not response.HasField("details")

    now += 2 * SECOND
    response = entries_pb2.GetResponse.FromString(engine.get_wire(GetRequest.FromString(get)))
    assert not response.HasField("value")


@pytest.mark.parametrize(
    ("expiry", "ttl_ns"), [({}, 3600 * SECOND), ({"ttl_ns": 1}, 1), ({"never_expires": True}, None)]
)
def test_an_expiry_is_an_hour_unless_given(expiry: dict[str, Any], ttl_ns: int | None) -> None:
    engine = CacheEngine(clock=lambda: 0)
    put = entries_pb2.PutRequest(key="a", value=value(1), **expiry).SerializeToString()
    engine.put_wire(PutRequest.FromString(put))
    assert engine.ttl_ns("a") == (True, ttl_ns)


def test_batches_speak_protobuf() -> None:
    engine = CacheEngine()
    put = batches_pb2.PutManyRequest(keys=["a", "b", "c"], values=[value(1), value(2), Value(string_value="x" * 300)])
    answer = engine.put_many_wire(PutManyRequest.FromString(put.SerializeToString()))
    assert batches_pb2.PutManyResponse.FromString(answer).last_version == 3

    get = batches_pb2.GetManyRequest(keys=["c", "none", "a"], with_details=True).SerializeToString()
    response = batches_pb2.GetManyResponse.FromString(engine.get_many_wire(GetManyRequest.FromString(get)))
    assert [each.WhichOneof("kind") for each in response.values] == ["string_value", "double_value"]
    assert list(response.indexes) == [0, 2]
    assert [each.version for each in response.details] == [3, 1]
    assert response.sequence == 3
    every = batches_pb2.GetManyRequest(keys=["a", "b"]).SerializeToString()
    response = batches_pb2.GetManyResponse.FromString(engine.get_many_wire(GetManyRequest.FromString(every)))
    assert (list(response.indexes), len(response.details)) == ([], 0)


def test_what_the_client_writes_is_protobuf() -> None:
    head = entries_pb2.PutRequest(cache="prices", epoch=7).SerializeToString()
    put = entries_pb2.PutRequest.FromString(head + cache_wire.encode_put("a", None, 1.5))
    assert (put.cache, put.epoch, put.key, put.value.WhichOneof("kind")) == ("prices", 7, "a", "null_value")
    assert put.ttl_ns == 1_500_000_000
    assert entries_pb2.PutRequest.FromString(cache_wire.encode_put("a", 1, math.inf)).never_expires
    get = entries_pb2.GetRequest.FromString(cache_wire.encode_get("a", with_details=True))
    assert (get.key, get.with_details) == ("a", True)


def test_a_batch_is_cut_by_keys_and_by_bytes() -> None:
    items = {f"key{n}": "x" * n for n in range(100)}
    requests = cache_wire.encode_put_many(items, 60.0, keys_max=30, bytes_max=1000)
    parsed = [batches_pb2.PutManyRequest.FromString(request) for request in requests]
    assert {
        key: each.string_value for request in parsed for key, each in zip(request.keys, request.values, strict=True)
    } == items
    assert all(len(request.keys) <= 30 and request.ttl_ns == 60 * SECOND for request in parsed)
    assert max(map(len, requests)) <= 1010
    assert cache_wire.encode_put_many({}, 1.0) == []
    large = cache_wire.encode_put_many({"a": "x" * 5000, "b": 1}, 1.0, bytes_max=1000)
    assert [len(batches_pb2.PutManyRequest.FromString(request).keys) for request in large] == [1, 1]


def test_a_batch_goes_through_client_and_service() -> None:
    engine = CacheEngine()
    items: dict[str, Any] = {f"key{n}": float(n) for n in range(1000)}
    for request in cache_wire.encode_put_many(items, 60.0, keys_max=300):
        engine.put_many_wire(PutManyRequest.FromString(request))
    found: dict[str, Any] = {}
    wanted = [key for pair in zip(items, (f"none{n}" for n in range(1000)), strict=True) for key in pair]
    for request, keys in cache_wire.encode_get_many(wanted, keys_max=300):
        cache_wire.decode_get_many(engine.get_many_wire(GetManyRequest.FromString(request)), keys, found)
    assert found == items


def test_a_single_entry_goes_through_client_and_service() -> None:
    engine = CacheEngine(clock=lambda: 0)
    engine.put_wire(PutRequest.FromString(cache_wire.encode_put("a", {"b": [1]}, 60.0)))
    plain, detailed, none = (cache_wire.encode_get(*args) for args in (("a", False), ("a", True), ("b", True)))
    assert cache_wire.decode_get(engine.get_wire(GetRequest.FromString(plain))) == {"b": [1]}
    assert cache_wire.decode_get_entry(engine.get_wire(GetRequest.FromString(detailed))) == ({"b": [1]}, 1, 60.0, 1)
    assert cache_wire.decode_get(engine.get_wire(GetRequest.FromString(none))) is None
    assert cache_wire.decode_get_entry(engine.get_wire(GetRequest.FromString(none))) is None


@pytest.mark.parametrize(
    ("kind", "message", "reason"),
    [
        (PutRequest, b"\x22", "MESSAGE_MALFORMED"),
        (PutRequest, entries_pb2.PutRequest(key="a"), "VALUE_MALFORMED"),
        (PutRequest, entries_pb2.PutRequest(value=value(1)), "KEY_INVALID"),
        (PutRequest, entries_pb2.PutRequest(key="x" * 1025, value=value(1)), "KEY_INVALID"),
        (PutRequest, b"\x22\x01\xff" + entries_pb2.PutRequest(value=value(1)).SerializeToString(), "KEY_INVALID"),
        (PutRequest, entries_pb2.PutRequest(key="a", value=value(1), ttl_ns=0), "TTL_INVALID"),
        (PutRequest, entries_pb2.PutRequest(key="a", value=value(1), ttl_ns=-1), "TTL_INVALID"),
        (PutRequest, b"\x22\x01a\x2a\x03\x2a\x01\xff", "VALUE_MALFORMED"),
        (PutRequest, entries_pb2.PutRequest(key="a", value=Value(bytes_value=bytes(2**22))), "VALUE_TOO_LARGE"),
        (PutManyRequest, batches_pb2.PutManyRequest(keys=["a", "b"], values=[value(1)]), "COLUMNS_UNEQUAL"),
        (PutManyRequest, batches_pb2.PutManyRequest(keys=["a", ""], values=[value(1)] * 2), "KEY_INVALID"),
        (GetManyRequest, batches_pb2.GetManyRequest(keys=["a"] * 100_001), "LIMIT_EXCEEDED"),
        (GetRequest, b"\x0a\x01\xff\x22\x01a", "MESSAGE_MALFORMED"),
    ],
)
def test_what_is_no_request_is_refused_with_its_reason(kind: Any, message: Any, reason: str) -> None:
    assert refused(kind, message) == reason


def test_unknown_fields_are_passed_over() -> None:
    request = entries_pb2.GetRequest(key="a").SerializeToString() + b"\xf8\x07\x01\xfa\x07\x01x\xf9\x07" + bytes(8)
    assert CacheEngine().get_wire(GetRequest.FromString(request)) == b""


@pytest.mark.parametrize(
    "response",
    [
        batches_pb2.GetManyResponse(values=[value(1)], indexes=[2]),
        batches_pb2.GetManyResponse(values=[value(1)] * 2, indexes=[1, 0]),
        batches_pb2.GetManyResponse(values=[value(1)], indexes=[0, 1]),
        batches_pb2.GetManyResponse(values=[value(1)] * 3),
    ],
)
def test_an_answer_that_fits_no_request_is_refused(response: batches_pb2.GetManyResponse) -> None:
    with pytest.raises(InvalidArgument):
        cache_wire.decode_get_many(response.SerializeToString(), ["a", "b"], {})


def test_a_swap_tells_the_version_that_is_there() -> None:
    engine = CacheEngine()
    one, two = cache_wire.encode_value(1), cache_wire.encode_value(2)
    assert engine.swap("a", 0, one, None) == (True, 1)
    assert engine.swap("a", 0, two, None) == (False, 1)
    assert engine.swap("a", 9, two, None) == (False, 1)
    assert engine.swap("b", 9, two, None) == (False, 0)
    assert engine.swap("a", 1, two, None) == (True, 2)
    assert engine.get("a") == (two, 2, None)


def test_numbers_are_added_in_their_encoding() -> None:
    engine = CacheEngine()
    amount = cache_wire.encode_value(2**62)
    for version in (1, 2, 3):
        total, at = engine.increment("n", amount, None)
        assert (cache_wire.decode_value(total), at) == (version * 2**62, version)
    with pytest.raises(UnsupportedValue) as refusal:
        engine.increment("n", cache_wire.encode_value(1.5), None)
    assert refusal.value.reason == "VALUE_NOT_NUMERIC"
    engine.put("text", cache_wire.encode_value("abc"), None)
    with pytest.raises(EngineError) as failure:
        engine.increment("text", amount, None)
    assert failure.value.reason == "VALUE_NOT_NUMERIC"


def test_every_change_has_its_place_in_one_sequence() -> None:
    now = 0
    engine = CacheEngine(2, clock=lambda: now)
    engine.keep_changes()
    data = cache_wire.encode_value(1)
    engine.put("a", data, 10)
    engine.put("b", data, None)
    engine.touch("b", 20)
    engine.put("c", data, None)
    engine.delete("b")
    engine.clear()
    engine.put("d", data, 5)
    now = 5
    engine.release_expired()
    keys, sequences, causes, next_sequence, has_gap = engine.read_changes(1, 100)
    cause = invalidations_pb2.InvalidationCause.Name
    assert [(key, cause(each).removeprefix("INVALIDATION_CAUSE_")) for key, each in zip(keys, causes, strict=True)] == [
        ("a", "PUT"), ("b", "PUT"), ("b", "TOUCH"), ("a", "EVICTION"), ("c", "PUT"), ("b", "DELETE"), ("", "CLEAR"),
        ("d", "PUT"), ("d", "EXPIRATION"),
    ]  # fmt: skip
    assert sequences == list(range(1, 10))
    assert (next_sequence, has_gap, engine.sequence) == (10, False, 9)
    assert engine.read_changes(8, 1) == (["d"], [8], [1], 9, False)


def test_changes_that_are_no_longer_kept_are_told_as_a_gap() -> None:
    engine = CacheEngine()
    data = cache_wire.encode_value(1)
    engine.put("before", data, None)
    engine.keep_changes(changes_max=3)
    for name in "abcde":
        engine.put(name, data, None)
    keys, sequences, _, next_sequence, has_gap = engine.read_changes(1, 100)
    assert (keys, sequences, next_sequence, has_gap) == (["c", "d", "e"], [4, 5, 6], 7, True)
    assert engine.read_changes(4, 100)[4] is False
    assert engine.read_changes(7, 100) == ([], [], [], 7, False)
    assert engine.read_changes(8, 100)[4] is True
    engine.keep_changes(0)
    assert engine.read_changes(7, 100) == ([], [], [], 7, False)


def test_what_a_near_cache_served_is_used() -> None:
    engine = CacheEngine(3)
    data = cache_wire.encode_value(1)
    for name in "abc":
        engine.put(name, data, None)
    engine.report_near_hits(["a", "gone", "b"], 40)
    engine.put("d", data, None)
    engine.put("e", data, None)
    assert sorted(engine.keys_page("", 10, "")[0]) == ["b", "d", "e"]
    statistics = engine.statistics()
    assert (statistics.near_hits, statistics.hits, statistics.total_operations) == (40, 0, 5)
