"""The start and stop of service processes, and features of all three services."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from alphaforge.cache.v1 import cache_service_pb2, caches_pb2
from alphaforge.data.v1 import data_service_pb2
from alphaforge.data.v1 import engines_pb2 as data_engines_pb2
from alphaforge.execution.v1 import engines_pb2 as execution_engines_pb2
from alphaforge.execution.v1 import execution_service_pb2
from alphaforge_core import cache, data, execution
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from prometheus_client.parser import text_string_to_metric_families

from services.metrics.rpc_metrics import series_of
from tests.support.service import Service, command, environment, running_service

NOUNS = ("cache", "data", "execution")
SERVICES: dict[str, ServiceDescriptor] = {
    "cache": cache_service_pb2.DESCRIPTOR.services_by_name["CacheService"],
    "data": data_service_pb2.DESCRIPTOR.services_by_name["DataService"],
    "execution": execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"],
}
COUNTERS = {"cache": cache.COUNTERS, "data": data.COUNTERS, "execution": execution.COUNTERS}

# A field of type string, cut short.
HOSTILE = b"\x0a\xff\xff\xff\xff"


@pytest.fixture(scope="module", params=NOUNS)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    arguments = ["--market-data", "off"] if request.param == "execution" else []
    with running_service(request.param, tmp_path_factory.mktemp(request.param), *arguments) as running:
        yield running


def name_of(service: Service) -> str:
    return SERVICES[service.noun].full_name


def call(service: Service, method: str, request: bytes) -> bytes:
    descriptor = SERVICES[service.noun].methods_by_name[method]
    path = f"/{descriptor.containing_service.full_name}/{method}"
    if not descriptor.server_streaming:
        unary: Callable[..., bytes] = service.channel.unary_unary(path)
        return unary(request, timeout=10)
    stream: Callable[..., Iterator[bytes]] = service.channel.unary_stream(path)
    return next(iter(stream(request, timeout=10)))


def request_of(method: MethodDescriptor, **fields: object) -> bytes:
    return bytes(message_factory.GetMessageClass(method.input_type)(**fields).SerializeToString())


def good_fields(method: MethodDescriptor) -> dict[str, object]:
    """What a request needs in order to be understood at all."""
    tick = {"instrument_id": "X", "price": "1", "quantity": "1"}
    good = {"key": "k", "value": {"bool_value": True}, "tick": tick}
    return {name: value for name, value in good.items() if name in method.input_type.fields_by_name}


def reason_of(error: grpc.RpcError) -> str:
    metadata: Any = error.trailing_metadata()
    status = status_pb2.Status.FromString(dict(metadata)["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "alphaforge"
    return str(info.reason)


def list_engines(service: Service) -> Any:
    method = SERVICES[service.noun].methods_by_name["ListCaches" if service.noun == "cache" else "ListEngines"]
    response: Any = message_factory.GetMessageClass(method.output_type).FromString(call(service, method.name, b""))
    return response.caches if service.noun == "cache" else response.engines


def scrape(service: Service) -> str:
    with urllib.request.urlopen(service.metrics, timeout=10) as response:
        return str(response.read().decode())


def test_a_service_says_that_it_serves(service: Service) -> None:
    health = health_pb2_grpc.HealthStub(service.channel)
    for name in ("", name_of(service)):
        answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError, match="NOT_FOUND"):
        health.Check(health_pb2.HealthCheckRequest(service="other"), timeout=10)


def test_a_foreign_client_finds_the_service_by_reflection(service: Service) -> None:
    database = ProtoReflectionDescriptorDatabase(service.channel)
    assert name_of(service) in database.get_services()
    assert database.FindFileContainingSymbol(name_of(service)).name.endswith("_service.proto")


def test_its_log_is_json_and_begins_with_its_settings(service: Service) -> None:
    lines = service.log_lines()
    assert lines[0]["message"] == "settings"
    settings = lines[0]["settings"]
    assert isinstance(settings, dict)
    assert settings["host"] == "127.0.0.1"
    assert any(line["message"] == "ready" and line["address"] == service.address for line in lines)


def test_a_scrape_has_every_counter_of_the_engine_and_every_method(service: Service) -> None:
    families = {family.name: family for family in text_string_to_metric_families(scrape(service))}
    for name, kind, unit, text in COUNTERS[service.noun]:
        series, _ = series_of(service.noun, name, kind, unit)
        assert families[series].documentation == text
        assert families[series].type == kind
        assert any(sample.labels == {"engine": "default"} for sample in families[series].samples)
    methods = {sample.labels["grpc_method"] for sample in families["grpc_server_started"].samples}
    assert methods == set(SERVICES[service.noun].methods_by_name)


def test_promtool_accepts_a_scrape(service: Service) -> None:
    promtool = shutil.which("promtool", path=f"{Path(__file__).parents[2] / '.tools/bin'}:{os.environ['PATH']}")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian's package prometheus has it)")
    result = subprocess.run((promtool, "check", "metrics"), input=scrape(service), text=True, capture_output=True)
    assert result.returncode == 0, result.stdout + result.stderr


def open_default(service: Service) -> None:
    call(service, "OpenCache" if service.noun == "cache" else "OpenEngine", b"")


def test_calls_are_counted_by_their_status(service: Service) -> None:
    def handled(code: str) -> float:
        families = {family.name: family for family in text_string_to_metric_families(scrape(service))}
        wanted = {"grpc_method": "GetStatistics", "grpc_code": code}
        samples = families["grpc_server_handled"].samples
        return sum(sample.value for sample in samples if wanted.items() <= sample.labels.items())

    open_default(service)
    before = handled("OK"), handled("INVALID_ARGUMENT")
    call(service, "GetStatistics", b"")
    with pytest.raises(grpc.RpcError):
        call(service, "GetStatistics", HOSTILE)
    assert (handled("OK"), handled("INVALID_ARGUMENT")) == (before[0] + 1, before[1] + 1)


def test_hostile_bytes_are_an_invalid_argument_of_every_method(service: Service) -> None:
    for method in set(SERVICES[service.noun].methods_by_name):
        with pytest.raises(grpc.RpcError) as caught:
            call(service, method, HOSTILE)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, method
        assert reason_of(caught.value) == "MESSAGE_MALFORMED", method


def test_an_epoch_that_is_not_the_engines_is_refused_everywhere(service: Service) -> None:
    for name, method in SERVICES[service.noun].methods_by_name.items():
        if "epoch" not in method.input_type.fields_by_name:
            continue
        # A reset and a drop have nothing to refuse where there is no engine; here there is one.
        open_default(service)
        with pytest.raises(grpc.RpcError) as caught:
            call(service, name, request_of(method, epoch=1, **good_fields(method)))
        assert reason_of(caught.value) == "EPOCH_CHANGED", name


def test_settings_that_differ_are_refused_with_both_values(service: Service) -> None:
    requests: dict[str, tuple[str, Callable[[int], bytes]]] = {
        "cache": (
            "OpenCache",
            lambda value: caches_pb2.OpenCacheRequest(cache="s", settings={"max_size": value}).SerializeToString(),
        ),
        "data": (
            "OpenEngine",
            lambda value: data_engines_pb2.OpenEngineRequest(
                engine="s", settings={"max_gap_bars": value}
            ).SerializeToString(),
        ),
        "execution": (
            "OpenEngine",
            lambda value: execution_engines_pb2.OpenEngineRequest(
                engine="s", settings={"max_events": value}
            ).SerializeToString(),
        ),
    }
    method, request = requests[service.noun]
    assert call(service, method, request(20))
    assert call(service, method, request(20))
    with pytest.raises(grpc.RpcError, match=r"is 20, not 30.*name=.*reconfigure=True") as caught:
        call(service, method, request(30))
    assert reason_of(caught.value) == "SETTINGS_DIFFER"


def test_a_thousand_engines_and_no_more(service: Service) -> None:
    method = SERVICES[service.noun].methods_by_name["OpenCache" if service.noun == "cache" else "OpenEngine"]
    field = "cache" if service.noun == "cache" else "engine"
    created = len(list_engines(service))
    for number in range(created, 1_000):
        call(service, method.name, request_of(method, **{field: f"engine-{number}"}))
    assert len(list_engines(service)) == 1_000
    with pytest.raises(grpc.RpcError) as caught:
        call(service, method.name, request_of(method, **{field: "one-more"}))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason_of(caught.value) == "ENGINE_LIMIT"
    assert f'engine="engine-{900}"' in scrape(service)


@pytest.mark.parametrize("noun", NOUNS)
def test_an_idle_service_is_small(noun: str, tmp_path: Path) -> None:
    with running_service(noun, tmp_path) as service:
        status = Path(f"/proc/{service.process.pid}/status").read_text()
        resident_kb = int(status.split("VmRSS:")[1].split()[0])
        assert resident_kb <= 80 * 1024


@pytest.mark.parametrize(("noun", "number"), [*((noun, signal.SIGTERM) for noun in NOUNS), ("cache", signal.SIGINT)])
def test_a_signal_stops_a_service_cleanly(noun: str, number: signal.Signals, tmp_path: Path) -> None:
    with running_service(noun, tmp_path) as service:
        health = health_pb2_grpc.HealthStub(service.channel)
        watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=10)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        # Watching the health must not hold up the stop.
        service.process.send_signal(number)
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert service.process.wait(10) == 0
        messages = [line["message"] for line in service.log_lines()]
        saved = ["caches saved"] if noun == "cache" else []
        assert messages[messages.index("ready") + 1 :] == ["stopping", *saved, "stopped"]


def test_streams_end_when_a_service_stops(tmp_path: Path) -> None:
    with running_service("execution", tmp_path, "--market-data", "off") as service:
        open_default(service)
        stream: Iterator[bytes] = service.channel.unary_stream(f"/{name_of(service)}/SubscribeOrderEvents")(
            b"", timeout=10
        )
        next(stream)
        service.process.terminate()
        with pytest.raises(grpc.RpcError) as caught:
            deque(stream, maxlen=0)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert reason_of(caught.value) == "SHUTTING_DOWN"
        assert service.process.wait(10) == 0


def test_a_service_listens_on_a_socket_file(tmp_path: Path) -> None:
    with running_service("cache", tmp_path, "--host", f"unix:{tmp_path}/cache.sock") as service:
        assert service.address == f"unix:{tmp_path}/cache.sock"
        open_default(service)
        assert call(service, "GetStatistics", b"")


def refused(tmp_path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("cache", *arguments),
        env=environment(PYTHONPATH=os.pathsep.join([os.getcwd()]), **variables),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.parametrize(
    ("arguments", "variables", "expected"),
    [
        ([], {"ALPHAFORGE_CACHE_PROT": "1"}, "unknown setting ALPHAFORGE_CACHE_PROT"),
        ([], {"ALPHAFORGE_DRAIN_SECONDS": "x"}, "unable to parse string as a number"),
        (["--host", "0.0.0.0"], {}, "--insecure"),
        (["--prot", "1"], {}, "unrecognized arguments"),
    ],
)
def test_settings_that_can_not_be_end_the_start_with_one_line(
    arguments: list[str], variables: dict[str, str], expected: str, tmp_path: Path
) -> None:
    result = refused(tmp_path, *arguments, **variables)
    assert result.returncode == 2
    assert expected in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_in_use_ends_the_start(tmp_path: Path) -> None:
    with running_service("cache", tmp_path) as service:
        result = refused(tmp_path, "--port", service.address.rpartition(":")[2])
    assert result.returncode == 1
    assert "can't start" in result.stderr
    assert "Traceback" not in result.stderr
