"""The worst message of each RPC within the limits is refused or served; memory stays proportional.

A service's memory may grow by at most ten times the message's size plus 64 MiB. Each repeated field of each request is
filled with empty elements, and each text field with one long text. Further tests make small requests for large answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import grpc
import pytest
from alphaforge.cache.v1 import batches_pb2, cache_service_pb2, entries_pb2
from alphaforge.data.v1 import data_service_pb2, engines_pb2, queries_pb2, subscriptions_pb2, ticks_pb2
from alphaforge.execution.v1 import execution_service_pb2, instruments_pb2
from alphaforge_core.cache_wire import encode_value
from alphaforge_core.data_wire import ProcessRequest
from alphaforge_core.model import TradeTick, TradeTickBatch
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor

from tests.support.service import Service, running_service

MIB = 1024 * 1024
# Just below the limit of requests that carry no batch, and more.
SIZES = (1_000_000, 4 * MIB)
SERVICES = {
    "cache": cache_service_pb2.DESCRIPTOR.services_by_name["CacheService"],
    "data": data_service_pb2.DESCRIPTOR.services_by_name["DataService"],
    "execution": execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"],
}
SECOND = 1_000_000_000
TIMEOUT = 60


@pytest.fixture(scope="module", params=list(SERVICES))
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Service]:
    with running_service("cache", tmp_path) as running:
        yield running


@pytest.fixture
def execution(tmp_path: Path) -> Iterator[Service]:
    with running_service("execution", tmp_path) as running:
        yield running


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Service]:
    with running_service("data", tmp_path) as running:
        yield running


def memory_kib(service: Service, name: str) -> int:
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:"))


def call(service: Service, method: str, request: bytes, *, streams: bool = False) -> bytes | grpc.StatusCode:
    """Returns the last answer, or the error's status; of a stream, the responses that come immediately."""
    full_name = SERVICES[service.noun].full_name
    if not streams:
        one = service.channel.unary_unary(f"/{full_name}/{method}")
        try:
            answer: bytes = one(request, timeout=TIMEOUT)
        except grpc.RpcError as error:
            return error.code()
        return answer
    last = b""
    responses = service.channel.unary_stream(f"/{full_name}/{method}")(request, timeout=2)
    try:
        for last in responses:  # noqa: B007
            pass
    except grpc.RpcError as error:
        return last or error.code()
    return last


def grown_bytes(service: Service, method: str, request: bytes, *, streams: bool = False) -> int:
    """Returns by how much the service's memory peaked above its previous level during the call."""
    Path(f"/proc/{service.process.pid}/clear_refs").write_text("5")  # resets the peak
    before = memory_kib(service, "VmRSS")
    answer = call(service, method, request, streams=streams)
    assert answer is not grpc.StatusCode.INTERNAL
    assert answer is not grpc.StatusCode.UNKNOWN
    assert service.process.poll() is None
    return (memory_kib(service, "VmHWM") - before) * 1024


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, wire_type: int, content: bytes = b"") -> bytes:
    return varint(number << 3 | wire_type) + content


def message_of(number: int, content: bytes) -> bytes:
    return field(number, 2, varint(len(content)) + content)


def worst_of(each: FieldDescriptor, size: int) -> bytes:
    """Returns a message of this field alone, repeated as often or made as long as fits."""
    is_text = each.type in (each.TYPE_STRING, each.TYPE_BYTES)
    if not each.is_repeated:
        return message_of(each.number, b"x" * size) if is_text else b""
    if is_text or each.type == each.TYPE_MESSAGE:
        one = field(each.number, 2, b"\0")
        return one * (size // len(one))
    return message_of(each.number, b"\1" * size)


def worst_messages(method: MethodDescriptor, size: int) -> Iterator[tuple[str, bytes]]:
    for each in method.input_type.fields:
        if worst := worst_of(each, size):
            yield each.name, worst
        # Fields one level deeper, such as columns and orders.
        if each.type == each.TYPE_MESSAGE and not each.is_repeated:
            for inner in each.message_type.fields:
                if worst := worst_of(inner, size):
                    yield f"{each.name}.{inner.name}", message_of(each.number, worst)


def test_each_rpc_grows_in_proportion_to_its_worst_message(service: Service) -> None:
    tried = 0
    for method in SERVICES[service.noun].methods:
        for size in SIZES:
            for name, request in worst_messages(method, size):
                grown = grown_bytes(service, method.name, request, streams=method.server_streaming)
                assert grown <= 10 * len(request) + 64 * MIB, (method.name, name, size, grown // MIB)
                tried += 1
    assert tried > 20


def test_a_key_asked_for_very_often_is_answered_in_parts_or_not_at_all(cache: Service) -> None:
    value = encode_value(b"x" * 100_000)
    put = entries_pb2.PutRequest(key="a", value=entries_pb2.PutRequest().value.FromString(value))
    call(cache, "Put", put.SerializeToString())
    request = batches_pb2.GetManyRequest(keys=["a"] * 100_000).SerializeToString()
    assert grown_bytes(cache, "GetMany", request) <= 10 * len(request) + 64 * MIB
    assert call(cache, "GetMany", request) is grpc.StatusCode.RESOURCE_EXHAUSTED
    few = batches_pb2.GetManyRequest(keys=["a"] * 30).SerializeToString()
    answer = call(cache, "GetMany", few)
    assert isinstance(answer, bytes)
    assert len(batches_pb2.GetManyResponse.FromString(answer).values) == 30


def test_short_texts_of_many_sessions_are_refused_before_they_fill_the_memory(execution: Service) -> None:
    times = ",".join(f"0{hour}:00-0{hour}:30" for hour in range(8))
    instruments = [
        instruments_pb2.Instrument(instrument_id=f"I{number}", calendar=f"C{number} 1970-01-01x50000 {times}")
        for number in range(200)
    ]
    request = instruments_pb2.RegisterInstrumentsRequest(instruments=instruments).SerializeToString()
    assert grown_bytes(execution, "RegisterInstruments", request) <= 10 * len(request) + 64 * MIB
    assert call(execution, "RegisterInstruments", request) is grpc.StatusCode.RESOURCE_EXHAUSTED
    few = instruments_pb2.RegisterInstrumentsRequest(instruments=instruments[:1]).SerializeToString()
    assert call(execution, "RegisterInstruments", few) == b""


def engine_with_bars(data: Service, instruments: int, bar_types: list[str], **settings: int) -> None:
    settings_message = engines_pb2.OpenEngineRequest().settings
    settings_message.bar_types.extend(bar_types)
    for name, value in settings.items():
        setattr(settings_message, name, value)
    opened = engines_pb2.OpenEngineRequest(settings=settings_message)
    assert isinstance(call(data, "OpenEngine", opened.SerializeToString()), bytes)
    rows = range(2 * instruments)
    ticks = TradeTickBatch.from_ticks(
        [TradeTick(f"i{row % instruments}", 1, 1, "NONE", "", (row // instruments) * 60 * SECOND) for row in rows]
    )
    assert isinstance(call(data, "ProcessTradeTicks", ProcessRequest(ticks).to_wire()), bytes)


def test_a_great_leap_of_time_closes_its_bars_in_parts(data: Service) -> None:
    types = ["1s", "2s", "5s", "10s", "15s", "20s", "30s", "1min"]
    engine_with_bars(data, 200, types, fill_gaps=True, max_time_jump_ns=0)
    closed, sequences = 0, {}
    request = ticks_pb2.AdvanceTimeRequest(now_ns=7_000_000_000 * SECOND).SerializeToString()
    for _ in range(100):
        assert grown_bytes(data, "AdvanceTime", request) <= 10 * len(request) + 64 * MIB + 64 * MIB * (closed == 0)
        answer = call(data, "AdvanceTime", request)
        assert isinstance(answer, bytes)
        response = ticks_pb2.AdvanceTimeResponse.FromString(answer)
        for bar in response.bars:
            sequences[bar.instrument_id, bar.bar_type] = bar.sequence
        closed += len(response.bars)
        if not response.has_more:
            break
    assert not response.has_more
    # 1,000 flat bars after the last trade of each instrument and type.
    bars = queries_pb2.GetBarsRequest(instrument_id="i0", bar_type="1s", limit=2).SerializeToString()
    answer = call(data, "GetBars", bars)
    assert isinstance(answer, bytes)
    assert queries_pb2.GetBarsResponse.FromString(answer).bars[-1].sequence >= 1_000


def test_names_and_types_that_are_repeated_count_once_in_a_subscription(data: Service) -> None:
    engine_with_bars(data, 50, ["1s", "3tick"])
    request = subscriptions_pb2.SubscribeBarsRequest(
        instrument_ids=["i1"] * 20_000, bar_types=["1s"] * 1_000, snapshot_bars=1_000
    ).SerializeToString()
    assert grown_bytes(data, "SubscribeBars", request, streams=True) <= 10 * len(request) + 64 * MIB
    responses = data.channel.unary_stream("/alphaforge.data.v1.DataService/SubscribeBars")(request, timeout=TIMEOUT)
    first = subscriptions_pb2.SubscribeBarsResponse.FromString(next(responses))
    assert first.is_snapshot
    assert len({(bar.bar_type, bar.sequence) for bar in first.bars}) == len(first.bars) > 0
    responses.cancel()


def test_bar_types_that_are_repeated_count_once(data: Service) -> None:
    engine_with_bars(data, 10, ["1s", "1tick"])
    ticks = TradeTickBatch.from_ticks([TradeTick("i0", 1, 1, "NONE", "", 90 * SECOND)] * 1_000)
    message = ProcessRequest(ticks, bar_types=["1tick"]).to_wire() + message_of(7, b"1tick") * 500_000
    assert grown_bytes(data, "ProcessTradeTicks", message) <= 10 * len(message) + 64 * MIB
    many = ProcessRequest(ticks).to_wire() + b"".join(message_of(7, b"%dtick" % number) for number in range(1, 34))
    assert call(data, "ProcessTradeTicks", many) is grpc.StatusCode.INVALID_ARGUMENT
    with suppress(grpc.RpcError):
        data.channel.close()
