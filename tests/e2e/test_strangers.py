"""Callers without a token, slow ones and vanished ones can't exhaust, block or stop a service."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from alphaforge.cache.v1.caches_pb2 import OpenCacheRequest
from alphaforge.cache.v1.invalidations_pb2 import SubscribeInvalidationsRequest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.rpc.health import MESSAGE_BYTES_MAX, WATCHES_MAX
from tests.support.attempts import new_token
from tests.support.proxy import proxied
from tests.support.service import Service, command, environment, running_service
from tests.support.waiting import until

HEALTH = "/grpc.health.v1.Health"
SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Service]:
    """A cache service with a tokens file."""
    tokens = tmp_path / "tokens"
    (tmp_path / "writer.token").write_text(new_token(tokens, "writer", "write") + "\n")
    with running_service("cache", tmp_path, "--tokens-file", str(tokens)) as service:
        yield service


def memory_bytes(service: Service) -> int:
    for line in Path(f"/proc/{service.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no peak of memory")


def failure(call: Any) -> tuple[grpc.StatusCode, str]:
    try:
        call()
    except grpc.RpcError as error:
        failed: Any = error
        return failed.code(), failed.details()
    raise AssertionError("it was not refused")


# --- Health.


def test_large_messages_to_health_are_refused_and_take_little_memory(guarded: Service) -> None:
    before = memory_bytes(guarded)
    large = health_pb2.HealthCheckRequest(service="x" * (60 << 20)).SerializeToString()
    with ExitStack() as stack:
        calls = []
        for number in range(24):
            options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
            channel = stack.enter_context(grpc.insecure_channel(guarded.address, options=options))
            method = ("Check", "Watch")[number % 2]
            calls.append(channel.unary_stream(f"{HEALTH}/{method}")(large, timeout=60))
        for call in calls:
            code, text = failure(lambda call=call: next(call))
            assert code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED), text
    # One request is received at a time; gRPC and Python each hold it for a while.
    assert memory_bytes(guarded) - before < 600 << 20
    answer = health_pb2_grpc.HealthStub(guarded.channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == SERVING


def test_a_request_of_the_longest_length_is_read(guarded: Service) -> None:
    health = health_pb2_grpc.HealthStub(guarded.channel)
    # Two bytes of field and one or two of length.
    longest = "x" * (MESSAGE_BYTES_MAX - 3)
    code, _ = failure(lambda: health.Check(health_pb2.HealthCheckRequest(service=longest), timeout=10))
    assert code is grpc.StatusCode.NOT_FOUND
    code, text = failure(lambda: health.Check(health_pb2.HealthCheckRequest(service=longest + "x"), timeout=10))
    assert (code, "the limit is 256" in text) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    watch = health.Watch(health_pb2.HealthCheckRequest(service=longest), timeout=10)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    malformed = guarded.channel.unary_unary(f"{HEALTH}/Check")
    assert failure(lambda: malformed(b"\xff", timeout=10))[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_watches_are_bounded_and_end_with_their_watchers(guarded: Service) -> None:
    with grpc.insecure_channel(guarded.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        watches = []
        # One after the other: requests that arrive at once have a limit of their own, and a lower one.
        for _ in range(WATCHES_MAX):
            watches.append(health.Watch(health_pb2.HealthCheckRequest(), timeout=60))
            assert next(watches[-1]).status == SERVING
        code, text = failure(lambda: next(health.Watch(health_pb2.HealthCheckRequest(), timeout=60)))
        assert (code, "the limit" in text) == (grpc.StatusCode.RESOURCE_EXHAUSTED, True)
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=10).status == SERVING
        for watch in watches:
            watch.cancel()

        def is_watched_again() -> bool:
            try:
                return bool(next(health.Watch(health_pb2.HealthCheckRequest(), timeout=10)).status == SERVING)
            except grpc.RpcError:
                return False

        until(is_watched_again)


# --- Readers that don't read, clients that are slow or gone.


def test_a_reader_of_the_log_that_does_not_read_stops_nothing(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    process = subprocess.Popen(
        command("cache", "--data-dir", str(tmp_path)),
        stdout=subprocess.PIPE, stderr=writer, text=True, cwd=tmp_path, env=environment(),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        with grpc.insecure_channel(ready["address"]) as channel:
            service = Service("cache", ready["address"], ready["metrics"], process, tmp_path, channel)
            request = OpenCacheRequest(cache="c").SerializeToString()
            channel.unary_unary("/alphaforge.cache.v1.CacheService/OpenCache")(request, timeout=10)
            assert service.series()["alphaforge_access_dropped_log_lines_total"] == 0
            assert service.stop() == 0
    finally:
        process.kill()
        process.communicate()
        for descriptor in (reader, writer):
            os.close(descriptor)


def test_a_client_that_vanished_is_noticed_and_its_stream_ends(tmp_path: Path) -> None:
    with (
        running_service("cache", tmp_path, "--heartbeat-seconds", "4.5") as service,
        proxied(service.address) as proxy,
        grpc.insecure_channel(proxy.address) as channel,
    ):
        open_cache = channel.unary_unary("/alphaforge.cache.v1.CacheService/OpenCache")
        open_cache(OpenCacheRequest(cache="c").SerializeToString(), timeout=10)
        subscribe = channel.unary_stream("/alphaforge.cache.v1.CacheService/SubscribeInvalidations")
        stream = subscribe(SubscribeInvalidationsRequest(cache="c").SerializeToString())
        next(stream)
        assert service.series()["alphaforge_stream_subscribers"] == 1
        proxy.cut()
        # Before the limit of gRPC's own pings was set this took a minute.
        until(lambda: service.series()["alphaforge_stream_subscribers"] == 0, "the end of the stream", seconds=25)
        proxy.mend()


def test_slow_connections_of_one_host_leave_places_at_metrics_for_others(tmp_path: Path) -> None:
    with running_service("cache", tmp_path, "--metrics-host", "127.0.0.1") as service, ExitStack() as stack:
        host, port = service.metrics.split("/")[2].rsplit(":", 1)
        slow = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(20)]
        for connection in slow:
            connection.sendall(b"GET /metrics HTTP/1.1\r\n")

        def open_connections() -> list[socket.socket]:
            found = []
            for connection in slow:
                try:
                    # Send a byte now and then, as an attacker would to keep the connection.
                    connection.sendall(b"X")
                    connection.setblocking(False)
                    if connection.recv(1) == b"":
                        continue
                except BlockingIOError:
                    found.append(connection)
                except OSError:
                    continue
                finally:
                    connection.setblocking(True)
            return found

        until(lambda: len(open_connections()) <= 12, "the refusal of more than 12 connections of one host")
        other = stack.enter_context(socket.create_connection((host, int(port)), source_address=("127.0.0.2", 0)))
        other.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert other.recv(64).startswith(b"HTTP/1.0 200 OK")
        # The service closes the connections although they stay busy.
        until(lambda: not open_connections(), "the end of the slow connections", every=0.5)
        assert service.series()["alphaforge_stream_subscribers"] == 0
