"""The gRPC methods of a service, for grpc.aio.

The pipeline is independent of gRPC: the gate, metrics, the audit log and the mapping of errors to statuses are here,
without interceptors.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from time import monotonic
from typing import Any, NamedTuple, Protocol, TypeAlias

import grpc
from alphaforge_core.errors import AlphaForgeError, Unavailable
from google.protobuf.descriptor import ServiceDescriptor

from services.access.admission import Admission, Ticket, Usual
from services.access.audit import Audit, MethodAudit
from services.access.gate import Gate, caller_name
from services.access.roles import Role
from services.base.errors import failure_of
from services.engines.rows import Row, Runs, ServedBy, settled
from services.metrics.rpc_metrics import MethodMetrics
from services.rpc.pipeline import Service, StreamHandler, UnaryHandler, handler_of

__all__ = ["Methods", "Replica"]

Context: TypeAlias = grpc.aio.ServicerContext[bytes, bytes]

_OK = grpc.StatusCode.OK
_UNANSWERED = (grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED)


# The metadata of callers that read from any candidate; a follower's answer tells them its maximum age.
_READ_FROM_ANY = ("alphaforge-read-from", "any")
_LAG = "alphaforge-lag-ms"
# A follower may be behind the caller, so it must not answer with these reasons.
_MAY_BE_BEHIND = frozenset(("EPOCH_CHANGED", "ENGINE_UNKNOWN", "BAR_TYPE_UNKNOWN", "JOURNAL_DAMAGED"))

# The prefix of the product's methods; others, such as health, have their own handlers.
_OURS = "/alphaforge."
_METHOD_CHARACTERS_MAX = 200


class Replica(Protocol):
    """What a candidate may answer now."""

    def refusal(self) -> AlphaForgeError | None:
        """Why this candidate answers nothing; None if it is the primary."""

    def read_refusal(self) -> AlphaForgeError | None:
        """Why a follower doesn't answer reads; None if it does."""

    def lag_seconds(self) -> float:
        """The maximum age of a follower's answers, in seconds."""


class _Method(NamedTuple):
    handler: grpc.RpcMethodHandler[bytes, bytes]
    reader: grpc.RpcMethodHandler[bytes, bytes] | None
    """For callers that read from any candidate."""
    metrics: MethodMetrics
    audit: MethodAudit | None
    role: Role
    is_open: bool
    """Whether there is nothing to check before a call: no tokens, no audit log, no candidate."""


class Methods(grpc.GenericRpcHandler):
    """Serves the rows of `service`. Other AlphaForge methods get UNIMPLEMENTED with the name of this service."""

    def __init__(
        self,
        descriptor: ServiceDescriptor,
        rows: Iterable[Row],
        service: Service,
        gate: Gate,
        audit: Audit | None,
        replica: Replica | None = None,
        description: str = "",
    ) -> None:
        """`replica`: this process's candidate, if any. `description` is for callers of another service."""
        self._replica = replica
        self.metrics: list[MethodMetrics] = []
        noun = descriptor.full_name.split(".")[1]
        self._description = description or f"the {noun} service ({descriptor.full_name})"
        self._gate = gate
        self._methods: dict[str, _Method] = {}
        for row in rows:
            assert row.role is not None, row.name
            streaming = row.runs is Runs.STREAM
            metrics = MethodMetrics(row.name, streaming=streaming)
            log = audit.of(descriptor.methods_by_name[row.name]) if audit is not None and row.audited else None
            # A call that waits for other callers is not load.
            waits = streaming or row.runs is Runs.WAIT
            lane = None if waits else gate.lane(row.name, row.role)
            # The row determines the kind of handler; the type system can't express it.
            handler: Any = handler_of(row, service)
            reader = None
            if replica is not None:
                if row.served_by is ServedBy.ANY:
                    held: Any = (_read_stream if streaming else _read)(handler, replica)
                    lag = replica.lag_seconds
                    reader = (
                        _stream(row, held, metrics, gate, lag)
                        if streaming
                        else _unary(row, held, metrics, log, gate, lane, lag)
                    )
                # A journalled call is answered once confirmed; any other answer counts only while this is the primary.
                handler = _held_stream(handler, replica.refusal) if streaming else _held(handler, replica.refusal, row)
            served = (
                _stream(row, handler, metrics, gate) if streaming else _unary(row, handler, metrics, log, gate, lane)
            )
            is_open = gate.is_open and log is None and replica is None
            self._methods[f"/{descriptor.full_name}/{row.name}"] = _Method(
                served, reader, metrics, log, row.role, is_open
            )
            self.metrics.append(metrics)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """The handler of a call, chosen before its request is read; a refusing handler if the gate refuses the call."""
        method = self._methods.get(details.method)
        if method is None:
            return _unimplemented(self._description, details.method) if details.method.startswith(_OURS) else None
        if method.is_open:
            return method.handler
        try:
            self._gate.enter(details.invocation_metadata, method.role, method.metrics.method)
            if self._replica is not None and (refusal := self._replica.refusal()) is not None:
                if method.reader is None or _READ_FROM_ANY not in map(tuple, details.invocation_metadata):
                    raise refusal
                if self._replica.read_refusal() is not None:
                    raise refusal
                return method.reader
            if method.audit is not None:
                method.audit.check()
        except AlphaForgeError as error:
            self._gate.count(error)
            return _refusal(error, method, self._gate)
        return method.handler


def _held(handler: UnaryHandler, refusal: Callable[[], AlphaForgeError | None], row: Row) -> UnaryHandler:
    """The handler of a candidate. Unless the call is journalled, its answer counts only if it is still the primary."""

    async def call(request: bytes) -> bytes:
        answer = await settled(await handler(request))
        if row.number is None and (error := refusal()) is not None:
            if row.role is not Role.READ:
                raise Unavailable("the service stopped being the primary during the call", reason="OUTCOME_UNKNOWN")
            raise error
        return answer

    return call


def _held_stream(handler: StreamHandler, refusal: Callable[[], AlphaForgeError | None]) -> StreamHandler:
    async def call(request: bytes) -> AsyncGenerator[bytes]:
        async with aclosing(handler(request)) as responses:
            async for response in responses:
                if (error := refusal()) is not None:
                    raise error
                yield response

    return call


def _read(handler: UnaryHandler, replica: Replica) -> UnaryHandler:
    """The handler of a candidate that also answers reads as a follower."""

    async def call(request: bytes) -> bytes:
        try:
            answer = await settled(await handler(request))
        except AlphaForgeError as error:
            raise _of_follower(error, replica) from None
        if (refusal := replica.refusal()) is not None and replica.read_refusal() is not None:
            raise refusal
        return answer

    return call


def _read_stream(handler: StreamHandler, replica: Replica) -> StreamHandler:
    async def call(request: bytes) -> AsyncGenerator[bytes]:
        try:
            async with aclosing(handler(request)) as responses:
                async for response in responses:
                    if (refusal := replica.refusal()) is not None and replica.read_refusal() is not None:
                        raise refusal
                    yield response
        except AlphaForgeError as error:
            raise _of_follower(error, replica) from None

    return call


def _of_follower(error: AlphaForgeError, replica: Replica) -> AlphaForgeError:
    """Replaces errors of a follower that is behind: it can't know that an engine has another epoch, or is gone."""
    refusal = replica.refusal()
    return refusal if refusal is not None and error.reason in _MAY_BE_BEHIND else error


def _unimplemented(description: str, method: str) -> grpc.RpcMethodHandler[bytes, bytes]:
    """Answers calls meant for another AlphaForge service, or for a later release, with this service's name."""

    async def refuse(_: object, context: Context) -> None:
        message = f"this is {description}, which has no method {method[:_METHOD_CHARACTERS_MAX]}"
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, message)

    return grpc.stream_stream_rpc_method_handler(refuse)


def _refusal(error: AlphaForgeError, method: _Method, gate: Gate) -> grpc.RpcMethodHandler[bytes, bytes]:
    """Returns an error without reading the request: as a request-stream handler, which reads only on demand."""
    began = monotonic()
    code, message, trailers = failure_of(error, method.metrics.method)

    async def refuse(_: object, context: Context) -> None:
        method.metrics.started += 1
        method.metrics.end(code, 0.0)
        if method.audit is not None:
            is_known = code is not grpc.StatusCode.UNAUTHENTICATED
            method.audit.refused(caller_name(context), code.name, message, is_known=is_known)
        _refuse(context, code, message, trailers, gate, began)

    return grpc.stream_stream_rpc_method_handler(refuse)


def _refuse(
    context: Context,
    code: grpc.StatusCode,
    message: str,
    trailers: tuple[tuple[str, bytes], ...],
    gate: Gate,
    began: float,
) -> None:
    """Sets the status of a call that has done nothing, without `abort`, which takes 50% more CPU."""
    context.set_code(code)
    context.set_details(message)
    context.set_trailing_metadata(trailers)
    gate.refusals.add(monotonic() - began)


def _unary(
    row: Row,
    handler: UnaryHandler,
    metrics: MethodMetrics,
    audit: MethodAudit | None,
    gate: Gate,
    lane: Admission | None,
    lag: Callable[[], float] | None = None,
) -> grpc.RpcMethodHandler[bytes, bytes]:
    usual = Usual()
    admits_unread, bytes_max = row.admits_unread, row.bytes_max

    async def call(request: Any, context: Context) -> bytes:
        started = monotonic()
        metrics.started += 1
        code = _OK
        ticket: Ticket | None = None
        is_admitted = False
        try:
            if lane is not None:
                size = None if admits_unread else len(request)
                ticket = lane.enter(usual, context.time_remaining(), started, size)
                if ticket is None:
                    # The call has expired; gRPC cancels it and sends nothing.
                    raise asyncio.CancelledError
            if admits_unread:
                request = await context.read()
                if not isinstance(request, bytes):
                    # The client has disconnected. A client that stays but sends nothing waits until its deadline.
                    raise asyncio.CancelledError
                started = monotonic()
                if lane is not None and ticket is not None:
                    lane.received(ticket, len(request))
            is_admitted = True
            if len(request) > bytes_max:
                raise row.too_large(request)
            answer = await handler(request)
            # settled(), inlined: this runs on every call.
            while not isinstance(answer, bytes):
                answer = await asyncio.shield(answer)
            if lag is not None:
                await _send_lag(context, lag())
            if audit is not None:
                audit.done(caller_name(context), request, answer)
            return answer
        except Exception as error:
            code, message, trailers = failure_of(error, metrics.method)
            if isinstance(error, AlphaForgeError):
                gate.count(error)
            if audit is not None:
                if is_admitted:
                    audit.failed(caller_name(context), request, code.name, message)
                else:
                    audit.refused(caller_name(context), code.name, message, is_known=True)
            if is_admitted:
                await context.abort(code, message, trailers)
            _refuse(context, code, message, trailers, gate, started)
            return b""
        except asyncio.CancelledError:
            code = _cancelled(context)
            if audit is not None and is_admitted:
                audit.failed(caller_name(context), request, code.name, "the caller has gone")
            raise
        finally:
            now = monotonic()
            if lane is not None and ticket is not None:
                lane.leave(ticket, now, answered=code not in _UNANSWERED)
            metrics.end(code, now - started)

    # gRPC reads the request of a unary handler before it calls it, and that of a handler of request streams on demand.
    if admits_unread:
        return grpc.stream_unary_rpc_method_handler(call)
    return grpc.unary_unary_rpc_method_handler(call)


async def _send_lag(context: Context, seconds: float) -> None:
    await context.send_initial_metadata(((_LAG, str(int(seconds * 1000))),))


def _stream(
    row: Row,
    handler: StreamHandler,
    metrics: MethodMetrics,
    gate: Gate,
    lag: Callable[[], float] | None = None,
) -> grpc.RpcMethodHandler[bytes, bytes]:
    async def call(request: bytes, context: Context) -> None:
        started = monotonic()
        metrics.started += 1
        code = _OK
        try:
            if len(request) > row.bytes_max:
                raise row.too_large(request)
            if lag is not None:
                await _send_lag(context, lag())
            with gate.stream(caller_name(context)):
                async with aclosing(handler(request)) as responses:
                    async for response in responses:
                        gate.check()
                        await context.write(response)
                        metrics.messages_sent += 1
        except Exception as error:
            code, message, trailers = failure_of(error, metrics.method)
            if isinstance(error, AlphaForgeError):
                gate.count(error)
            await context.abort(code, message, trailers)
        except asyncio.CancelledError:
            code = _cancelled(context)
            raise
        finally:
            metrics.end(code, monotonic() - started)

    return grpc.unary_stream_rpc_method_handler(call)


def _cancelled(context: Context) -> grpc.StatusCode:
    """Why grpc.aio cancelled a handler: the deadline passed, or the client cancelled."""
    remaining = context.time_remaining()
    late = remaining is not None and remaining <= 0
    return grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED
