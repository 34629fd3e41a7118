"""A client of a broken or lying service: every call ends with an answer or an AlphaForgeError."""

from __future__ import annotations

import inspect
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from alphaforge.cache.v1 import caches_pb2, entries_pb2, leases_pb2
from alphaforge.data.v1 import queries_pb2, subscriptions_pb2, ticks_pb2
from alphaforge.execution.v1 import accounts_pb2, engines_pb2, events_pb2, instruments_pb2, market_data_pb2, orders_pb2
from alphaforge.type.v1 import market_pb2
from alphaforge_client._grpc.endpoint import CHANNEL_OPTIONS
from alphaforge_client._wire import pages

# Imported first, since it configures grpc.
from alphaforge_client.cache import GenericCache, NearCache
from alphaforge_client.data import DataEngine
from alphaforge_client.errors import AlphaForgeError, EngineError, ResourceExhausted
from alphaforge_client.execution import ExecutionEngine, Instrument, Order, OrderChange, OrderSide, TimeInForce
from alphaforge_client.model import TradeTick, TradeTickBatch
from google.protobuf.message import Message

Answer = Callable[[bytes], bytes]

EPOCH = 7
TRUTHS: dict[str, bytes] = {
    "OpenCache": caches_pb2.OpenCacheResponse(epoch=EPOCH).SerializeToString(),
    "OpenEngine": engines_pb2.OpenEngineResponse(epoch=EPOCH).SerializeToString(),
    "Start": b"",
    "Stop": b"",
}
GARBAGE = b"\x0a\xff\xff\xff\xff\x0f\x08"


class Liar(grpc.GenericRpcHandler):
    """A server that opens, starts and stops engines, and answers anything else as `answers` says, by method."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.streams: dict[str, Callable[[bytes], Iterator[bytes]]] = {}
        self.otherwise: Answer | None = None
        self._server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_send_message_length", -1)])
        self._server.add_generic_rpc_handlers((self,))
        self.target = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        name = details.method.rpartition("/")[2]
        if stream := self.streams.get(name):
            return grpc.unary_stream_rpc_method_handler(lambda request, _: stream(request))
        answer = self.answers.get(name)
        if answer is None and name in TRUTHS:
            return grpc.unary_unary_rpc_method_handler(lambda *_: TRUTHS[name])
        lie = answer or self.otherwise
        return None if lie is None else grpc.unary_unary_rpc_method_handler(lambda request, _: lie(request))

    def close(self) -> None:
        self._server.stop(None).wait()


@pytest.fixture
def liar() -> Iterator[Liar]:
    liar = Liar()
    yield liar
    liar.close()


TICK = TradeTick("BTCUSD", 45000, 1, "BUY", "", ts_event=1)
ORDER = Order.limit("BTCUSD", OrderSide.Buy, 1, 100, TimeInForce.Day, "s")
GROUP = Order.bracket("BTCUSD", OrderSide.Buy, 1, "s", take_profit=110, stop_loss=90)

# Every call of each client, by the name of its method.
CALLS: dict[type, dict[str, Callable[[Any], object]]] = {
    GenericCache: {
        "put": lambda it: it.put("key", 1),
        "get": lambda it: it.get("key"),
        "get_entry": lambda it: it.get_entry("key"),
        "delete": lambda it: it.delete("key"),
        "contains": lambda it: it.contains("key"),
        "size": lambda it: it.size(),
        "clear": lambda it: it.clear(),
        "put_many": lambda it: it.put_many({"key": 1}),
        "warm_cache": lambda it: it.warm_cache({"key": 1}),
        "get_many": lambda it: it.get_many(["key", "other"]),
        "delete_many": lambda it: it.delete_many(["key"]),
        "put_if_absent": lambda it: it.put_if_absent("key", 1),
        "compare_and_swap": lambda it: it.compare_and_swap("key", 1, 2),
        "increment": lambda it: it.increment("key"),
        "touch": lambda it: it.touch("key"),
        "ttl": lambda it: it.ttl("key"),
        "keys": lambda it: it.keys(),
        "get_or_compute": lambda it: it.get_or_compute("key", lambda: 1),
        "statistics": lambda it: it.statistics(),
        "reset": lambda it: it.reset(),
        "list_caches": lambda it: it.list_caches(),
        "drop": lambda it: it.drop(),
    },
    DataEngine: {
        "start": lambda it: it.start(),
        "stop": lambda it: it.stop(),
        "process_trade_tick": lambda it: it.process_trade_tick(TICK),
        "process_batch": lambda it: it.process_batch(TradeTickBatch.from_ticks([TICK] * 3)),
        "process_trade_ticks": lambda it: it.process_trade_ticks([TICK] * 3),
        "advance_time": lambda it: it.advance_time(1),
        "get_bars": lambda it: it.get_bars("BTCUSD", "1min"),
        "open_bars": lambda it: it.open_bars("BTCUSD"),
        "instruments": lambda it: it.instruments(),
        "statistics": lambda it: it.statistics(),
        "reset": lambda it: it.reset(),
        "list_engines": lambda it: it.list_engines(),
        "drop": lambda it: it.drop(),
        "producer_state": lambda it: it.producer_state("me"),
    },
    ExecutionEngine: {
        "submit_order": lambda it: it.submit_order(ORDER),
        "submit_orders": lambda it: it.submit_orders([ORDER]),
        "submit_order_group": lambda it: it.submit_order_group(GROUP),
        "cancel_order": lambda it: it.cancel_order("id"),
        "cancel_all_orders": lambda it: it.cancel_all_orders(),
        "cancel_orders": lambda it: it.cancel_orders(["id"]),
        "modify_orders": lambda it: it.modify_orders([OrderChange("id", price=1)]),
        "modify_order": lambda it: it.modify_order("id", price=1),
        "get_order": lambda it: it.get_order("id"),
        "get_active_orders": lambda it: it.get_active_orders("s"),
        "get_orders": lambda it: it.get_orders(),
        "get_fills": lambda it: it.get_fills(),
        "get_positions": lambda it: it.get_positions(),
        "register_instruments": lambda it: it.register_instruments([Instrument("BTCUSD")]),
        "get_instruments": lambda it: it.get_instruments(),
        "get_accounts": lambda it: it.get_accounts(),
        "resume_strategy": lambda it: it.resume_strategy("s"),
        "process_trade_tick": lambda it: it.process_trade_tick(TICK),
        "process_batch": lambda it: it.process_batch(TradeTickBatch.from_ticks([TICK] * 3)),
        "process_trade_ticks": lambda it: it.process_trade_ticks([TICK] * 3),
        "advance_time": lambda it: it.advance_time(1),
        "cancel_on_disconnect": lambda it: it.cancel_on_disconnect("s"),
        "halt": lambda it: it.halt(),
        "resume": lambda it: it.resume(),
        "events": lambda it: it.events(1),
        "statistics": lambda it: it.statistics(),
        "validate": lambda it: it.validate(),
        "state_hash": lambda it: it.state_hash(),
        "reset": lambda it: it.reset(),
        "list_engines": lambda it: it.list_engines(),
        "drop": lambda it: it.drop(),
    },
}
EVERY_CALL = [pytest.param(kind, name, id=f"{kind.__name__}.{name}") for kind, calls in CALLS.items() for name in calls]

# Calls whose response has no field that is read.
SILENT = {"put", "clear", "put_many", "warm_cache", "start", "stop", "halt", "resume"} | {
    "ExecutionEngine.process_trade_tick",
    "ExecutionEngine.advance_time",
    "ExecutionEngine.register_instruments",
}


@pytest.mark.parametrize("kind", CALLS)
def test_every_call_of_the_client_is_listed_here(kind: type) -> None:
    methods = {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}
    assert methods - {"close", "wait_ready"} == CALLS[kind].keys() | {
        name for name in methods if name.startswith("subscribe_")
    }


@pytest.mark.parametrize(("kind", "name"), EVERY_CALL)
def test_a_response_that_cannot_be_read_is_an_error_of_the_tree(liar: Liar, kind: type, name: str) -> None:
    liar.otherwise = lambda _: GARBAGE
    with_client = kind(target=liar.target, name="lies")
    try:
        if name in SILENT or f"{kind.__name__}.{name}" in SILENT:
            CALLS[kind][name](with_client)
            return
        with pytest.raises(EngineError) as caught:
            CALLS[kind][name](with_client)
        assert caught.value.reason == "ANSWER_MALFORMED"
    finally:
        with_client.close()


@pytest.mark.parametrize(("kind", "name"), EVERY_CALL)
def test_whatever_the_response_is_a_call_returns_or_raises_an_error_of_the_tree(
    liar: Liar, kind: type, name: str
) -> None:
    chance = random.Random(f"{kind.__name__}.{name}")
    liar.otherwise = lambda _: chance.randbytes(chance.choice((1, 2, 3, 8, 40)))
    client = kind(target=liar.target, name="lies", timeout=0.5)
    for _ in range(60):
        try:
            found = CALLS[kind][name](client)
        except AlphaForgeError:
            continue
        # It keeps a session alive in the background; the client is closed before the first renewal.
        assert found is None or found is not client
    client.close()


@pytest.mark.parametrize("kind", CALLS)
def test_an_opening_that_cannot_be_read_is_an_error_of_the_tree(liar: Liar, kind: type) -> None:
    liar.answers = {"OpenCache": lambda _: GARBAGE, "OpenEngine": lambda _: GARBAGE}
    with pytest.raises(EngineError) as caught, kind(target=liar.target, name="lies") as client:
        client.wait_ready()
    assert caught.value.reason == "ANSWER_MALFORMED"


BAR = market_pb2.Bar(instrument_id="BTCUSD", bar_type="1min", sequence=5)

# Each list, and a page of it that points to the given position.
LISTS: dict[str, tuple[type, str, str, Callable[[int], Message]]] = {
    "keys": (
        GenericCache,
        "keys",
        "ListKeys",
        lambda place: entries_pb2.ListKeysResponse(keys=["k"], next_cursor=str(place)),
    ),
    "instruments": (
        DataEngine,
        "instruments",
        "ListInstruments",
        lambda place: queries_pb2.ListInstrumentsResponse(next_page_token=str(place)),
    ),
    "orders": (
        ExecutionEngine,
        "get_orders",
        "ListOrders",
        lambda place: orders_pb2.ListOrdersResponse(next_page_token=str(place)),
    ),
    "fills": (
        ExecutionEngine,
        "get_fills",
        "ListFills",
        lambda place: orders_pb2.ListFillsResponse(next_page_token=str(place)),
    ),
    "positions": (
        ExecutionEngine,
        "get_positions",
        "ListPositions",
        lambda place: orders_pb2.ListPositionsResponse(next_page_token=str(place)),
    ),
    "registered instruments": (
        ExecutionEngine,
        "get_instruments",
        "ListInstruments",
        lambda place: instruments_pb2.ListInstrumentsResponse(next_page_token=str(place)),
    ),
    "accounts": (
        ExecutionEngine,
        "get_accounts",
        "ListAccounts",
        lambda place: accounts_pb2.ListAccountsResponse(next_page_token=str(place)),
    ),
    "events": (
        ExecutionEngine,
        "events",
        "ListOrderEvents",
        lambda place: events_pb2.ListOrderEventsResponse(next_sequence=place),
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_pages_that_lead_in_a_circle_are_an_error(liar: Liar, name: str) -> None:
    kind, call, method, page = LISTS[name]
    liar.answers[method] = lambda _: page(3).SerializeToString()
    with kind(target=liar.target, name="lies") as client, pytest.raises(EngineError) as caught:
        CALLS[kind][call](client)
    assert caught.value.reason == "ANSWER_MALFORMED"
    assert "page that was already read" in str(caught.value)


@pytest.mark.parametrize("name", LISTS)
def test_pages_without_end_are_an_error(liar: Liar, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, call, method, page = LISTS[name]
    monkeypatch.setattr(pages, "PAGES_MAX", 50)
    places = iter(range(1, 1_000))
    liar.answers[method] = lambda _: page(next(places)).SerializeToString()
    with kind(target=liar.target, name="lies") as client, pytest.raises(ResourceExhausted) as caught:
        CALLS[kind][call](client)
    assert caught.value.reason == "LIMIT_EXCEEDED"
    assert next(places) == 51


def test_bars_whose_pages_do_not_go_back_are_an_error(liar: Liar) -> None:
    liar.answers["GetBars"] = lambda _: queries_pb2.GetBarsResponse(bars=[BAR], has_more=True).SerializeToString()
    with DataEngine(target=liar.target) as engine, pytest.raises(EngineError) as caught:
        engine.get_bars("BTCUSD", "1min")
    assert caught.value.reason == "ANSWER_MALFORMED"


def test_bars_without_a_page_that_are_said_to_go_on_are_an_error(liar: Liar) -> None:
    liar.answers["GetBars"] = lambda _: queries_pb2.GetBarsResponse(has_more=True).SerializeToString()
    with DataEngine(target=liar.target) as engine, pytest.raises(EngineError) as caught:
        engine.get_bars("BTCUSD", "1min")
    assert caught.value.reason == "ANSWER_MALFORMED"


def test_more_items_than_asked_for_are_an_error(liar: Liar) -> None:
    liar.answers["ListKeys"] = lambda _: entries_pb2.ListKeysResponse(keys=["a", "b", "c"]).SerializeToString()
    with GenericCache(target=liar.target, name="lies") as cache, pytest.raises(EngineError) as caught:
        cache.keys(limit=2)
    assert caught.value.reason == "ANSWER_MALFORMED"


def test_a_service_that_takes_no_tick_of_a_batch_does_not_get_it_again_for_ever(liar: Liar) -> None:
    answer = ticks_pb2.ProcessTradeTicksResponse(left_count=3).SerializeToString()
    liar.answers["ProcessTradeTicks"] = lambda _: answer
    with DataEngine(target=liar.target) as engine, pytest.raises(EngineError) as caught:
        engine.process_trade_ticks([TICK] * 3)
    assert caught.value.reason == "ANSWER_MALFORMED"


def test_too_few_results_for_orders_that_travel_together_reach_every_caller(liar: Liar) -> None:
    under_way, go_on = threading.Event(), threading.Event()

    def first(_: bytes) -> bytes:
        under_way.set()
        go_on.wait(10.0)
        return orders_pb2.SubmitOrderResponse(order_id="first").SerializeToString()

    liar.answers["SubmitOrder"] = first
    liar.answers["SubmitOrders"] = lambda _: b""
    with ExecutionEngine(target=liar.target) as engine, ThreadPoolExecutor(3) as threads:
        alone = threads.submit(engine.submit_order, ORDER)
        assert under_way.wait(10.0)
        together = [threads.submit(engine.submit_order, ORDER) for _ in range(2)]
        while len(engine._orders[0]._queue.waiting) < 2:
            assert not any(call.done() for call in together)
        go_on.set()
        assert alone.result() == "first"
        for call in together:
            with pytest.raises(EngineError) as caught:
                call.result(10.0)
            assert caught.value.reason == "ANSWER_MALFORMED"


def test_a_group_with_other_results_than_orders_is_an_error(liar: Liar) -> None:
    results = [orders_pb2.SubmitResult(order_id=order_id) for order_id in GROUP.order_ids[:2]]
    answer = orders_pb2.SubmitOrderGroupResponse(results=results).SerializeToString()
    liar.answers["SubmitOrderGroup"] = lambda _: answer
    with ExecutionEngine(target=liar.target) as engine, pytest.raises(EngineError, match="2 results") as caught:
        engine.submit_order_group(GROUP)
    assert caught.value.reason == "ANSWER_MALFORMED"


def test_an_answer_longer_than_the_limit_is_refused(liar: Liar) -> None:
    limit = dict(CHANNEL_OPTIONS)["grpc.max_receive_message_length"]
    assert 0 < limit <= 256 * 2**20
    liar.answers["GetSize"] = lambda _: bytes(limit + 1)
    with GenericCache(target=liar.target, name="lies") as cache, pytest.raises(ResourceExhausted):
        cache.size(timeout=60.0)


def test_a_service_that_keeps_callers_waiting_is_not_asked_in_a_busy_loop(liar: Liar) -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        asked.append(request)
        if len(asked) < 6:
            return b""
        return leases_pb2.AcquireLeaseResponse(lease=leases_pb2.Lease(lease_id=1)).SerializeToString()

    liar.answers["AcquireLease"] = answer
    liar.answers["FulfillLease"] = lambda _: b""
    with GenericCache(target=liar.target, name="lies") as cache:
        pauses: list[object] = []
        cache._connection.pause = pauses.append  # type: ignore[method-assign, assignment]  # instead of waiting
        assert cache.get_or_compute("key", lambda: 5) == 5
    assert len(pauses) == 5


@pytest.mark.parametrize(
    ("subscribe", "method", "message"),
    [
        pytest.param(lambda it: it.subscribe_bars(), "SubscribeBars", GARBAGE, id="bars"),
        pytest.param(lambda it: it.subscribe_trades(), "SubscribeTrades", GARBAGE, id="trades"),
        pytest.param(
            lambda it: it.subscribe_bars(),
            "SubscribeBars",
            subscriptions_pb2.SubscribeBarsResponse(epoch=EPOCH, sequence=3, sequences=[1, 2, 3]).SerializeToString(),
            id="numbers without bars",
        ),
    ],
)
def test_a_message_of_a_stream_that_cannot_be_read_is_raised_to_its_reader(
    liar: Liar, subscribe: Callable[[DataEngine], Iterator[object]], method: str, message: bytes
) -> None:
    liar.streams[method] = lambda _: iter([message])
    with DataEngine(target=liar.target) as engine, pytest.raises(EngineError) as caught:
        next(subscribe(engine))
    assert caught.value.reason == "ANSWER_MALFORMED"


def test_a_near_cache_reads_from_the_service_while_changes_cannot_be_read(liar: Liar) -> None:
    liar.streams["SubscribeInvalidations"] = lambda _: iter([GARBAGE])
    liar.answers["Get"] = lambda _: entries_pb2.GetResponse().SerializeToString()
    with GenericCache(target=liar.target, name="lies", near_cache=NearCache()) as cache:
        assert [cache.get("key") for _ in range(20)] == [None] * 20


def test_names_of_a_later_release_are_given_by_their_numbers(liar: Liar) -> None:
    rejected = market_data_pb2.ProcessTradeTicksResponse()
    rejected.MergeFromString(b"")
    item = rejected.rejected.add(index=0)
    item.MergeFromString(b"\x10\xe7\x07")
    liar.answers["ProcessTradeTicks"] = lambda _: rejected.SerializeToString()
    with ExecutionEngine(target=liar.target) as engine:
        assert engine.process_trade_ticks([TICK]).rejected == [(0, "999")]
