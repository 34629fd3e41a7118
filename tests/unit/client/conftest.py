"""A real gRPC server that a test can script, kill and start again on the same port."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

# Imported first, since it configures grpc.
import alphaforge_client  # noqa: F401
import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

Handler = Callable[[bytes, grpc.ServicerContext], bytes]
StreamHandler = Callable[[bytes, grpc.ServicerContext], Iterator[bytes]]


class Refusal(Exception):
    """Raised by a handler to answer with a status and a reason."""

    def __init__(self, code: grpc.StatusCode, reason: str | None, message: str = "refused") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message


def abort(context: grpc.ServicerContext, refusal: Refusal) -> None:
    if refusal.reason is None:
        context.abort(refusal.code, refusal.message)
    packed = any_pb2.Any()
    packed.Pack(error_details_pb2.ErrorInfo(reason=refusal.reason, domain="alphaforge"))
    status = status_pb2.Status(code=refusal.code.value[0], message=refusal.message, details=[packed])
    context.abort_with_status(rpc_status.to_status(status))


class Server:
    """Answers `/test.Service/<method>` by the functions in `calls` and `streams`, bytes in and bytes out."""

    def __init__(self) -> None:
        self.calls: dict[str, Handler] = {}
        self.streams: dict[str, StreamHandler] = {}
        self.port = _free_port()
        self._server: grpc.Server | None = None

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> Server:
        self._server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
        methods = {
            name: grpc.unary_unary_rpc_method_handler(self._unary(handler)) for name, handler in self.calls.items()
        }
        methods |= {
            name: grpc.unary_stream_rpc_method_handler(self._stream(handler)) for name, handler in self.streams.items()
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", methods),))
        assert self._server.add_insecure_port(self.target) == self.port
        self._server.start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    @staticmethod
    def _unary(handler: Handler) -> Handler:
        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                return handler(request, context)
            except Refusal as refusal:
                abort(context, refusal)
            return b""

        return answer

    @staticmethod
    def _stream(handler: StreamHandler) -> StreamHandler:
        def answer(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
            try:
                yield from handler(request, context)
            except Refusal as refusal:
                abort(context, refusal)

        return answer


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()
