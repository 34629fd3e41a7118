"""A server between the execution service and the data service that refuses subscriptions on request."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2

_SUBSCRIBE = "/alphaforge.data.v1.DataService/SubscribeTrades"


class DataFront(grpc.GenericRpcHandler):
    """Forwards calls as bytes; `refuse` ends the open subscriptions and refuses the next one."""

    def __init__(self, target: str) -> None:
        self.subscriptions = 0
        """How many subscriptions were passed on."""
        self.refused = 0
        self._channel = grpc.insecure_channel(target)
        self._refusals: list[tuple[grpc.StatusCode, str]] = []
        self._open: list[Any] = []
        self._server = grpc.server(ThreadPoolExecutor(8))
        self._server.add_generic_rpc_handlers((self,))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def refuse(self, code: grpc.StatusCode, reason: str) -> None:
        """Makes the next subscription fail with this status and reason; an empty reason is a proxy's refusal."""
        self._refusals.append((code, reason))
        for call in self._open:
            call.cancel()

    def close(self) -> None:
        self._server.stop(0).wait()
        self._channel.close()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        method = details.method
        if method == _SUBSCRIBE:
            return grpc.unary_stream_rpc_method_handler(self._subscribe)
        return grpc.unary_unary_rpc_method_handler(lambda request, _: self._channel.unary_unary(method)(request))

    def _subscribe(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        if self._refusals:
            code, reason = self._refusals.pop(0)
            self.refused += 1
            _abort(context, code, reason)
        call = self._channel.unary_stream(_SUBSCRIBE)(request)
        self._open.append(call)
        context.add_callback(call.cancel)
        self.subscriptions += 1
        try:
            yield from call
        except grpc.RpcError as error:
            failure: Any = error
            context.set_trailing_metadata(failure.trailing_metadata() or ())
            context.abort(failure.code(), failure.details())
        finally:
            self._open.remove(call)


def _abort(context: grpc.ServicerContext, code: grpc.StatusCode, reason: str) -> None:
    if reason:
        detail = AnyMessage()
        detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="alphaforge"))
        status = status_pb2.Status(code=code.value[0], message="refused", details=[detail])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, "refused")


@contextmanager
def data_front(target: str) -> Iterator[DataFront]:
    """A front before the data service at `target`."""
    front = DataFront(target)
    try:
        yield front
    finally:
        front.close()
