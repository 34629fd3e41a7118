"""The rules that every message of the wire follows, checked by walking all descriptors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alphaforge.cache.v1 import cache_service_pb2, caches_pb2
from alphaforge.data.v1 import data_service_pb2, settings_pb2, statistics_pb2
from alphaforge.execution.v1 import execution_service_pb2, order_pb2
from alphaforge.execution.v1 import settings_pb2 as execution_settings_pb2
from alphaforge.execution.v1 import statistics_pb2 as execution_statistics_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

SERVICES = [
    cache_service_pb2.DESCRIPTOR.services_by_name["CacheService"],
    data_service_pb2.DESCRIPTOR.services_by_name["DataService"],
    execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"],
]
METHODS = [pytest.param(method, id=method.full_name) for service in SERVICES for method in service.methods]
STREAMS = [pytest.param(*case.values, id=case.id) for case in METHODS if case.values[0].server_streaming]

# Calls of the whole service, which name no engine.
LISTS_OF_ENGINES = {"ListCaches", "ListEngines"}
# Calls that return the epoch that all other calls carry.
OPENINGS = {"OpenCache", "OpenEngine"}

# Calls that would answer a repeat differently.
REPEATS_MATTER = {
    "CacheService": {
        *("ResetCache", "DropCache", "Delete", "DeleteMany", "Clear", "PutIfAbsent", "CompareAndSwap", "Increment"),
        *("AcquireLease", "FulfillLease", "ReleaseLease"),
    },
    "DataService": {"ResetEngine", "DropEngine", "AdvanceTime", "Start", "Stop"},
    "ExecutionService": {
        *("ResetEngine", "DropEngine", "CancelOrder", "CancelAllOrders", "ModifyOrder"),
        *("CancelOrders", "CancelMatchingOrders", "ModifyOrders"),
        *("OpenSession", "CloseSession", "Halt", "Resume", "RegisterInstruments", "ResumeStrategy"),
    },
}


def numbers(message: Descriptor) -> dict[str, int]:
    return {field.name: field.number for field in message.fields}


def reachable(message: Descriptor, seen: set[str]) -> Iterator[Descriptor]:
    if message.full_name not in seen:
        seen.add(message.full_name)
        yield message
        for field in message.fields:
            if field.message_type:
                yield from reachable(field.message_type, seen)


def all_fields() -> list[FieldDescriptor]:
    seen: set[str] = set()
    methods = [method for service in SERVICES for method in service.methods]
    ends = [end for method in methods for end in (method.input_type, method.output_type)]
    return [field for end in ends for message in reachable(end, seen) for field in message.fields]


@pytest.mark.parametrize("method", METHODS)
def test_every_request_names_its_engine_first_and_its_epoch_second(method: MethodDescriptor) -> None:
    request = numbers(method.input_type)
    noun = "cache" if method.containing_service.name == "CacheService" else "engine"
    if method.name in LISTS_OF_ENGINES:
        assert request == {}
        return
    assert request[noun] == 1
    if method.name in OPENINGS:
        assert "epoch" not in request
        return
    epoch = method.input_type.fields_by_name["epoch"]
    assert (epoch.number, epoch.type, epoch.has_presence) == (2, FieldDescriptor.TYPE_FIXED64, True)


@pytest.mark.parametrize("method", METHODS)
def test_calls_whose_answer_a_repeat_would_change_carry_a_request_id(method: MethodDescriptor) -> None:
    wanted = method.name in REPEATS_MATTER[method.containing_service.name]
    assert (numbers(method.input_type).get("request_id") == 3) == wanted


@pytest.mark.parametrize("method", STREAMS)
def test_every_stream_says_where_it_is_and_what_is_missing(method: MethodDescriptor) -> None:
    response = method.output_type
    assert {"epoch": 1, "sequence": 2, "previous_sequence": 3}.items() <= numbers(response).items()
    assert response.fields_by_name["gap"].message_type.name == "Gap"
    assert method.input_type.fields_by_name["from_sequence"].has_presence


def test_times_are_integer_nanoseconds() -> None:
    times = [field for field in all_fields() if field.name.endswith("_ns") and "latency" not in field.name]
    assert {field.type for field in times} == {FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SFIXED64}
    others = ("_ms", "_s", "_secs", "_seconds", "_time")
    assert [field.full_name for field in all_fields() if field.name.endswith(others)] == [
        "alphaforge.execution.v1.ExecutionStatistics.avg_execution_latency_ms",  # its documented name
    ]


def test_doubles_appear_only_where_nothing_exact_is_meant() -> None:
    inexact = (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT)
    assert {field.full_name.removeprefix("alphaforge.") for field in all_fields() if field.type in inexact} == {
        "cache.v1.CacheStatistics.hit_ratio",
        "cache.v1.Value.double_value",
        "data.v1.DataEngineStatistics.avg_processing_latency_ns",
        "data.v1.DataEngineStatistics.processing_rate",
        "execution.v1.ExecutionStatistics.avg_execution_latency_ms",
        "execution.v1.ExecutionStatistics.fill_ratio",
    }


def test_every_enumeration_starts_unspecified() -> None:
    enums = {field.enum_type for field in all_fields() if field.enum_type}
    assert enums
    assert all(enum.values_by_number[0].name.endswith("_UNSPECIFIED") for enum in enums)


@pytest.mark.parametrize(
    "settings",
    [
        caches_pb2.CacheSettings.DESCRIPTOR,
        settings_pb2.DataEngineSettings.DESCRIPTOR,
        execution_settings_pb2.ExecutionEngineSettings.DESCRIPTOR,
    ],
    ids=lambda message: message.name,
)
def test_every_setting_says_whether_it_was_given(settings: Descriptor) -> None:
    assert all(field.has_presence or field.is_repeated for field in settings.fields)


@pytest.mark.parametrize(
    ("statistics", "documented"),
    [
        (
            caches_pb2.CacheStatistics.DESCRIPTOR,
            "total_operations hits misses hit_ratio evictions estimated_memory_bytes expirations entries",
        ),
        (
            statistics_pb2.DataEngineStatistics.DESCRIPTOR,
            "ticks_processed bars_generated processing_rate avg_processing_latency_ns memory_usage_bytes "
            "ticks_rejected late_ticks duplicate_ticks instruments",
        ),
        (
            execution_statistics_pb2.ExecutionStatistics.DESCRIPTOR,
            "orders_submitted orders_filled orders_cancelled fill_ratio avg_execution_latency_ms total_volume "
            "total_commission orders_rejected orders_open orders_partially_filled total_notional",
        ),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_every_documented_counter_is_on_the_wire(statistics: Descriptor, documented: str) -> None:
    assert set(documented.split()) <= numbers(statistics).keys()


def test_an_order_carries_the_fields_it_was_submitted_with_under_the_same_numbers() -> None:
    assert numbers(order_pb2.NewOrder.DESCRIPTOR).items() <= numbers(order_pb2.Order.DESCRIPTOR).items()


@pytest.mark.parametrize("service", SERVICES[1:], ids=lambda service: service.name)
def test_one_tick_is_answered_in_the_same_shape_as_many(service: object) -> None:
    one, many = (service.methods_by_name[name] for name in ("ProcessTradeTick", "ProcessTradeTicks"))
    assert numbers(one.output_type).items() <= numbers(many.output_type).items()


def test_both_engines_answer_ticks_in_the_same_shape() -> None:
    data, execution = (service.methods_by_name["ProcessTradeTicks"].output_type for service in SERVICES[1:])
    assert numbers(execution).items() <= numbers(data).items()
