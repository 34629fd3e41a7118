"""Each RPC has one row; properties of all rows."""

from __future__ import annotations

import pytest
from alphaforge_client._grpc.seeds import READS
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from services.access.roles import Role
from services.cache.rpcs import CacheService
from services.data.rpcs import DataService
from services.engines.rows import Finds, Row, Runs, ServedBy
from services.execution.rpcs import ExecutionService

SERVICES = [CacheService, DataService, ExecutionService]
ROWS = [
    pytest.param(service, row, id=f"{service.__name__}.{row.name}")
    for service in SERVICES
    for row in service.table.values()
]
RPCS = [each for each in ROWS if each.values[1].role is not None]

# Released numbers. One is never given to another input, and never taken away.
JOURNAL_NUMBERS = {
    CacheService: {"EngineOpened": 1, "EpochBegun": 3, "EngineDropped": 4, "CacheChanged": 5},
    DataService: {
        "EngineOpened": 1, "SettingsChanged": 2, "EpochBegun": 3, "EngineDropped": 4,
        "ProcessTradeTick": 16, "ProcessTradeTicks": 17, "AdvanceTime": 18, "Start": 19, "Stop": 20,
    },
    ExecutionService: {
        "EngineOpened": 1, "SettingsChanged": 2, "EpochBegun": 3, "EngineDropped": 4,
        "SubmitOrder": 16, "SubmitOrders": 17, "CancelOrder": 18, "CancelAllOrders": 19, "ModifyOrder": 20,
        "ProcessTradeTick": 21, "ProcessTradeTicks": 22, "AdvanceTime": 23, "Halt": 24, "Resume": 25,
        "TradesFollowed": 26, "MarketDataWatched": 27, "SessionBegun": 28, "SessionEnded": 29,
        "SubmitOrderGroup": 30,
        "CancelOrders": 31, "CancelMatchingOrders": 32, "ModifyOrders": 33,
        "RegisterInstruments": 34, "ResumeStrategy": 35,
    },
}  # fmt: skip


@pytest.mark.parametrize("service", SERVICES)
def test_every_method_of_the_protos_has_exactly_one_row(service: type) -> None:
    rows = [row.name for row in service.table.rpcs]
    assert sorted(rows) == sorted(service.descriptor.methods_by_name)


@pytest.mark.parametrize("service", [DataService, ExecutionService])
def test_clients_read_from_followers_what_followers_may_answer(service: type) -> None:
    anywhere = {row.name for row in service.table.rpcs if row.served_by is ServedBy.ANY}
    # A producer's state numbers the calls that follow, which are for the primary.
    assert anywhere - READS == {"GetProducerState"}


@pytest.mark.parametrize(("service", "row"), RPCS)
def test_a_row_says_of_its_request_what_the_proto_says(service: type, row: Row) -> None:
    method = service.descriptor.methods_by_name[row.name]
    assert (row.runs is Runs.STREAM) == method.server_streaming
    if hasattr(row.request, "DESCRIPTOR"):
        assert row.request.DESCRIPTOR is method.input_type
    if hasattr(row.request, "ListFields"):
        assert row.request is GetMessageClass(method.input_type)
        repeated = {field.name for field in method.input_type.fields if field.is_repeated}
        assert row.items_max.keys() <= repeated
    if row.finds is Finds.ENGINE:
        # The fields that the pipeline reads from every request without decoding it.
        one, two = (method.input_type.fields_by_number[number] for number in (1, 2))
        assert one.name == ("cache" if service is CacheService else "engine")
        assert (one.type, two.type) == (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_FIXED64)
        assert two.name == "epoch"
    request_id = method.input_type.fields_by_name.get("request_id")
    assert row.once == (request_id is not None)
    assert request_id is None or request_id.number == 3


@pytest.mark.parametrize("service", JOURNAL_NUMBERS)
def test_numbers_in_journals_are_those_that_were_released(service: type) -> None:
    numbers = {row.name: row.number for row in service.table.values() if row.number is not None}
    assert numbers == JOURNAL_NUMBERS[service]
    assert len(set(numbers.values())) == len(numbers)


@pytest.mark.parametrize(("service", "row"), RPCS)
def test_readers_change_nothing_that_is_kept_and_commands_of_admins_are_audited(service: type, row: Row) -> None:
    assert row.number is None or row.role is not Role.READ
    assert row.audited or row.role is not Role.ADMIN
    assert not row.audited or row.role is not Role.READ


def test_everything_about_orders_is_audited() -> None:
    audited = {row.name for row in ExecutionService.table.rpcs if row.audited}
    assert audited >= {
        *(
            "SubmitOrder",
            "SubmitOrders",
            "SubmitOrderGroup",
            "CancelOrder",
            "CancelAllOrders",
            "ModifyOrder",
            "CancelOrders",
            "CancelMatchingOrders",
            "ModifyOrders",
            "OpenSession",
            "CloseSession",
        ),
        *("ResetEngine", "DropEngine", "Halt", "Resume", "ValidateEngine", "RegisterInstruments", "ResumeStrategy"),
    }
