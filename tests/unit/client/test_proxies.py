"""Proxy variables never apply to local targets, and errors name a proxy that interferes."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from alphaforge_client._base.target import is_local, proxy_of
from alphaforge_client._calls.connection import Connection
from alphaforge_client._grpc.endpoint import Endpoint
from alphaforge_client._wire.opening import Opening
from alphaforge_client.aio._calls import connection as aio_connection
from alphaforge_client.errors import Unavailable

from .conftest import Server

VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy", "no_proxy", "NO_PROXY")


def opening() -> Opening:
    return Opening("test.Service", "Open", b"open", int, lambda epoch: b"%d:" % (epoch or 0))


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The variables of a proxy with a password, at an address where nothing listens."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://user:secret@127.0.0.1:{free.getsockname()[1]}")
    return monkeypatch


def serve(server: Server) -> Server:
    server.calls = {"Open": lambda *_: b"7", "Echo": lambda request, _: request}
    return server.start()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "ipv4:127.0.0.1", "dns:///localhost"])
def test_a_target_on_this_machine_is_reached_without_the_proxy(server: Server, host: str) -> None:
    serve(server)
    connection = Connection(Endpoint("data", f"{host}:{server.port}"), opening(), 5.0)
    assert connection.call("Echo", b"a") == b"7:a"
    connection.close()


def test_an_asyncio_client_does_the_same(server: Server) -> None:
    serve(server)

    async def call() -> bytes:
        connection = aio_connection.Connection(Endpoint("data", server.target), opening(), 5.0)
        try:
            return await connection.call("Echo", b"a")
        finally:
            await connection.close()

    assert asyncio.run(call()) == b"7:a"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("localhost:1", True),
        ("127.0.0.2:1", True),
        ("[::1]:1", True),
        ("ipv6:[::1]:1", True),
        ("dns:///localhost:1", True),
        ("unix:/run/cache.sock", True),
        ("unix-abstract:cache", True),
        ("10.0.0.1:1", False),
        ("cache.example:1", False),
        ("localhost.example:1", False),
    ],
)
def test_which_targets_are_on_this_machine(target: str, expected: bool) -> None:
    assert is_local(target) is expected


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize("names", ["example", "service.example", ".example", "*", "other, service.example"])
def test_no_proxy_is_heeded_in_either_case(environment: pytest.MonkeyPatch, variable: str, names: str) -> None:
    environment.setenv(variable, names)
    assert proxy_of("service.example:50051") is None
    assert ("grpc.enable_http_proxy", 0) in Endpoint("data", "service.example:50051").options


def test_a_target_that_no_proxy_does_not_name_keeps_the_proxy(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NO_PROXY", "other.example")
    assert "grpc.enable_http_proxy" not in dict(Endpoint("data", "service.example:50051").options)


def test_the_error_names_the_proxy_and_not_its_password() -> None:
    connection = Connection(Endpoint("data", "service.example:50051"), opening(), 0.3)
    with pytest.raises(Unavailable) as caught:
        connection.call("Echo", b"a")
    assert "service.example:50051 through the proxy 127.0.0.1:" in str(caught.value)
    assert "secret" not in str(caught.value)
    connection.close()


def test_another_target_is_reached_through_the_proxy(server: Server, environment: pytest.MonkeyPatch) -> None:
    serve(server)
    with tunnel(server.port) as (port, asked):
        environment.setenv("http_proxy", f"http://127.0.0.1:{port}")
        connection = Connection(Endpoint("data", "service.example:50051"), opening(), 5.0)
        assert connection.call("Echo", b"a") == b"7:a"
        connection.close()
    assert asked[0].startswith(b"CONNECT service.example:50051 ")


def test_a_unix_socket_is_reached_without_the_proxy(tmp_path: Path) -> None:
    import grpc

    server = grpc.server(ThreadPoolExecutor(2))
    methods = {
        "Open": grpc.unary_unary_rpc_method_handler(lambda *_: b"7"),
        "Echo": grpc.unary_unary_rpc_method_handler(lambda request, _: request),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", methods),))
    target = f"unix:{tmp_path}/service.sock"
    server.add_insecure_port(target)
    server.start()
    connection = Connection(Endpoint("data", target), opening(), 5.0)
    assert connection.call("Echo", b"a") == b"7:a"
    connection.close()
    server.stop(None).wait()


@contextmanager
def tunnel(port: int) -> Iterator[tuple[int, list[bytes]]]:
    """Runs an HTTP proxy that leads every CONNECT to `port`; yields its own port, and the requests it got."""
    asked: list[bytes] = []
    sockets: list[socket.socket] = []

    def copy(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65_536):
                sink.sendall(piece)

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            asked.append(near.recv(65_536))
            far = socket.create_connection(("127.0.0.1", port))
            sockets.extend((near, far))
            near.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            for pair in ((near, far), (far, near)):
                threading.Thread(target=copy, args=pair, daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    sockets.append(listener)
    thread = threading.Thread(target=serve, args=(listener,), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], asked
    finally:
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        thread.join(10.0)
