"""Numbered calls are applied once and in order, over reconnects and changes of the engine."""

from __future__ import annotations

import threading

import grpc
import pytest
from alphaforge.data.v1 import ticks_pb2
from alphaforge_client import errors
from alphaforge_client._calls.connection import Connection
from alphaforge_client._calls.producer import Producer
from alphaforge_client._grpc.endpoint import Endpoint
from alphaforge_client._wire.opening import Opening
from grpc import StatusCode

from tests.support.waiting import until

from .conftest import Refusal, Server


class Engine:
    """Applies the calls of producers once and in order, as the services do, until it loses its state."""

    def __init__(self, server: Server) -> None:
        self.epoch = 1
        self.last: dict[str, int] = {}
        self.applied: list[bytes] = []
        server.calls = {
            "Open": lambda *_: b"%d" % self.epoch,
            "Send": self.send,
            "Other": lambda request, _: self._body(request),
            "GetProducerState": self.state,
        }
        self.lose_answers = 0

    def forget(self) -> None:
        """Loses the state, like an engine without a journal after kill -9."""
        self.epoch += 1
        self.last = {}

    def send(self, request: bytes, _: object) -> bytes:
        message = ticks_pb2.ProcessTradeTicksRequest.FromString(self._body(request))
        producer, sequence = message.producer_id, message.producer_sequence
        last = self.last.get(producer, 0)
        if sequence == last + 1:
            self.last[producer] = sequence
            self.applied.append(message.bar_types[0].encode())
        elif sequence != last:
            raise Refusal(StatusCode.FAILED_PRECONDITION, "PRODUCER_SEQUENCE_GAP")
        if self.lose_answers:
            self.lose_answers -= 1
            raise Refusal(StatusCode.UNAVAILABLE, None)
        return b"done"

    def state(self, request: bytes, _: object) -> bytes:
        message = ticks_pb2.GetProducerStateRequest.FromString(self._body(request))
        last = self.last.get(message.producer_id, 0)
        return ticks_pb2.GetProducerStateResponse(last_sequence=last).SerializeToString()

    def _body(self, request: bytes) -> bytes:
        epoch, body = request.split(b":", 1)
        if int(epoch) != self.epoch:
            raise Refusal(StatusCode.FAILED_PRECONDITION, "EPOCH_CHANGED")
        return body


def body(text: str) -> bytes:
    """Returns a distinguishable request."""
    return ticks_pb2.ProcessTradeTicksRequest(bar_types=[text]).SerializeToString()


@pytest.fixture
def connection(server: Server) -> Connection:
    opening = Opening("test.Service", "Open", b"", lambda answer: int(answer), lambda epoch: b"%d:" % (epoch or 0))
    return Connection(Endpoint("data", server.target), opening, 5.0)


def test_a_call_whose_answer_was_lost_is_applied_once(server: Server, connection: Connection) -> None:
    engine = Engine(server)
    server.start()
    producer = Producer(connection, None)
    for text in "abc":
        engine.lose_answers = 2
        assert producer.send("Send", body(text), None) == b"done"
    assert engine.applied == [b"a", b"b", b"c"]
    connection.close()


def test_it_numbers_anew_in_a_new_epoch(server: Server, connection: Connection) -> None:
    engine = Engine(server)
    server.start()
    producer = Producer(connection, "p")
    producer.send("Send", body("a"), None)
    producer.send("Send", body("b"), None)
    engine.forget()
    producer.send("Send", body("c"), None)
    engine.forget()
    connection.forget_epoch(connection.epoch)
    connection.open()
    producer.send("Send", body("d"), None)
    assert engine.applied == [b"a", b"b", b"c", b"d"]
    assert engine.last == {"p": 1}
    connection.close()


def test_a_new_epoch_that_another_call_has_adopted_is_no_error(server: Server, connection: Connection) -> None:
    engine = Engine(server)
    serve = engine.send
    lost = threading.Event()

    def die_once(request: bytes, context: grpc.ServicerContext) -> bytes:
        if engine.last and not lost.is_set():
            lost.set()
            engine.forget()
            connection.call("Other", b"")
            raise Refusal(StatusCode.UNAVAILABLE, None)
        return serve(request, context)

    server.calls["Send"] = die_once
    server.start()
    producer = Producer(connection, None)
    producer.send("Send", body("a"), None)
    producer.send("Send", body("b"), None)
    assert lost.is_set()
    assert engine.applied == [b"a", b"b"]
    connection.close()


def test_a_gap_that_is_real_is_an_error(server: Server, connection: Connection) -> None:
    engine = Engine(server)
    server.start()
    producer = Producer(connection, "p")
    producer.send("Send", body("a"), None)
    engine.last["p"] = 7
    with pytest.raises(errors.EngineError) as caught:
        producer.send("Send", body("b"), None)
    assert caught.value.reason == "PRODUCER_SEQUENCE_GAP"
    assert engine.applied == [b"a"]
    connection.close()


def test_a_call_of_unknown_outcome_leaves_its_number_to_no_other(server: Server, connection: Connection) -> None:
    engine = Engine(server)
    serve = engine.send
    late = threading.Event()

    def hang(request: bytes, context: grpc.ServicerContext) -> bytes:
        late.wait(5)
        return serve(request, context)

    server.calls["Send"] = hang
    server.start()
    producer = Producer(connection, None)
    with pytest.raises(errors.DeadlineExceeded):
        producer.send("Send", body("a"), 0.2)
    late.set()
    assert producer.send("Send", body("b"), None) == b"done"
    until(lambda: len(engine.applied) == 2)
    assert sorted(engine.applied) == [b"a", b"b"]
    assert sorted(engine.last.values()) == [1, 1]
    connection.close()


def test_a_call_that_gets_its_turn_too_late_is_a_timeout_and_not_sent(server: Server, connection: Connection) -> None:
    engine = Engine(server)
    server.start()
    producer = Producer(connection, None)
    producer.send("Send", body("a"), None)
    assert producer._numbering is not None
    with pytest.raises(ValueError, match="timeout"):
        producer.send("Send", body("b"), 0.0)
    producer._numbering.mutex.acquire(1.0)
    with pytest.raises(errors.DeadlineExceeded):
        producer.send("Send", body("b"), 0.05)
    producer._numbering.mutex.release()
    assert engine.applied == [b"a"]
    connection.close()
