"""The core decodes a message as Google's parser does, or refuses it; it never decodes it differently.

Messages are mutated by seed: flipped, cut and doubled bytes, changed wire types, concatenated messages.
DIFFERENTIAL_MESSAGES says how many of each kind; docs/reference/wire.md says what is refused though protobuf reads it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from alphaforge.cache.v1 import batches_pb2, entries_pb2, value_pb2
from alphaforge.data.v1 import ticks_pb2
from alphaforge.execution.v1 import order_pb2, orders_pb2
from alphaforge.type.v1 import market_pb2
from alphaforge_core.cache_wire import CacheEngine, GetManyRequest, PutManyRequest, PutRequest, encode_value
from alphaforge_core.data_wire import ProcessRequest
from alphaforge_core.errors import AlphaForgeError
from alphaforge_core.execution import Fill, Order
from alphaforge_core.execution_wire import ServiceEngine, SubmitRequest
from alphaforge_core.model import BarType, TradeTick
from google.protobuf.message import DecodeError, Message

COUNT = int(os.environ.get("DIFFERENTIAL_MESSAGES", "3000"))
SIDES = {0: "NONE", 1: "NONE", 2: "BUY", 3: "SELL"}

Reader = Callable[[bytes], Any]  # the fields that are read from a message, or the reader's error


def mutated(rng: random.Random, message: bytes, others: list[bytes]) -> bytes:
    out = bytearray(message)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(out) + 1)
        end = min(len(out), at + rng.randint(1, 12))
        match rng.randrange(8):
            case 0 if at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(out):
                out[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, 0xC0, 0xED, rng.randrange(256)))
            case 2:
                del out[at:end]
            case 3:
                out[at:at] = out[at:end]
            case 4:
                out += rng.choice(others)
            case 5 if at < len(out):  # another wire type
                out[at] = out[at] & 0xF8 | rng.randrange(8)
            case 6:
                out[at:at] = bytes([0x80] * rng.randint(1, 10))
            case _:
                out[at:at] = bytes([rng.randrange(1, 15) << 3 | rng.choice((0, 1, 2, 5)), rng.randrange(4)])
    return bytes(out)


def tick_of(tick: market_pb2.TradeTick) -> tuple[Any, ...]:
    ts_init = tick.ts_init_ns if tick.HasField("ts_init_ns") else tick.ts_event_ns
    return (
        tick.instrument_id, Fraction(tick.price), Fraction(tick.quantity), SIDES[tick.aggressor_side],
        tick.trade_id, tick.ts_event_ns, ts_init,
    )  # fmt: skip


def native_tick_of(tick: TradeTick) -> tuple[Any, ...]:
    return (
        tick.instrument_id, Fraction(tick.price.as_decimal()), Fraction(tick.quantity.as_decimal()),
        str(tick.aggressor_side), tick.trade_id, tick.ts_event, tick.ts_init,
    )  # fmt: skip


def ticks_of(columns: market_pb2.TradeTickColumns) -> list[tuple[Any, ...]]:
    price_overflows = {each.index: Fraction(each.value) for each in columns.price_overflows}
    quantity_overflows = {each.index: Fraction(each.value) for each in columns.quantity_overflows}

    def ticks(row: int) -> tuple[Any, ...]:
        instrument = columns.instruments[columns.instrument_index[row] if columns.instrument_index else 0]
        price = Fraction(columns.price_mantissas[row], 10**instrument.price_exponent)
        quantity = Fraction(columns.quantity_mantissas[row], 10**instrument.quantity_exponent)
        return (
            instrument.instrument_id,
            price_overflows.get(row, price),
            quantity_overflows.get(row, quantity),
            SIDES[columns.aggressor_sides[row]] if columns.aggressor_sides else "NONE",
            columns.trade_ids[row] if columns.trade_ids else "",
            columns.ts_event_ns[row],
            columns.ts_init_ns[row] if columns.ts_init_ns else columns.ts_event_ns[row],
        )

    return [ticks(row) for row in range(len(columns.price_mantissas))]


def request_head(message: Any) -> tuple[Any, ...]:
    return (
        message.engine,
        message.epoch if message.HasField("epoch") else None,
        message.producer_id,
        message.producer_sequence,
        list(dict.fromkeys(str(BarType(name)) for name in message.bar_types)),
        getattr(message, "with_tick_indexes", False),
    )


def native_head(request: ProcessRequest) -> tuple[Any, ...]:
    return (
        request.engine, request.epoch, request.producer_id, request.producer_sequence, list(request.bar_types),
        request.with_tick_indexes,
    )  # fmt: skip


def core_tick(data: bytes) -> Any:
    request = ProcessRequest.from_wire(data, single=True)
    return native_head(request)[:-1], [native_tick_of(tick) for tick in request.ticks]


def google_tick(data: bytes) -> Any:
    message = ticks_pb2.ProcessTradeTickRequest.FromString(data)
    return request_head(message)[:-1], [tick_of(message.tick)]


def core_ticks(data: bytes) -> Any:
    request = ProcessRequest.from_wire(data)
    return native_head(request), [native_tick_of(tick) for tick in request.ticks]


def google_ticks(data: bytes) -> Any:
    message = ticks_pb2.ProcessTradeTicksRequest.FromString(data)
    return request_head(message), ticks_of(message.ticks)


def plain(message: Message) -> Message:
    message.DiscardUnknownFields()
    return message


def core_put(data: bytes) -> Any:
    engine, request = CacheEngine(clock=lambda: 0), PutRequest.FromString(data)
    engine.put_wire(request)
    (key,), _ = engine.keys_page("", 9, "")
    entry = engine.get(key)
    assert entry is not None
    epoch = request.epoch if request.HasField("epoch") else None
    return request.cache, epoch, key, plain(value_pb2.Value.FromString(entry[0]))


def google_put(data: bytes) -> Any:
    message = entries_pb2.PutRequest.FromString(data)
    epoch = message.epoch if message.HasField("epoch") else None
    return message.cache, epoch, message.key, plain(message.value)


def core_put_many(data: bytes) -> Any:
    engine, request = CacheEngine(clock=lambda: 0), PutManyRequest.FromString(data)
    engine.put_many_wire(request)
    keys, _ = engine.keys_page("", 99, "")
    return {key: plain(value_pb2.Value.FromString(engine.get(key)[0])) for key in keys}  # type: ignore[index]


def google_put_many(data: bytes) -> Any:
    message = batches_pb2.PutManyRequest.FromString(data)
    return {key: plain(value) for key, value in zip(message.keys, message.values, strict=True)}


def core_get_many(data: bytes) -> Any:
    request = GetManyRequest.FromString(data)
    answer = batches_pb2.GetManyResponse.FromString(STORED.get_many_wire(request))
    return request.cache, [value.int_value for value in answer.values], list(answer.indexes)


def google_get_many(data: bytes) -> Any:
    message = batches_pb2.GetManyRequest.FromString(data)
    found = [(index, STORED_KEYS[key]) for index, key in enumerate(message.keys) if key in STORED_KEYS]
    indexes = [index for index, _ in found] if len(found) != len(message.keys) else []
    return message.cache, [value for _, value in found], indexes


def member(number: int) -> int:
    """Returns the core's value of an enum number: 255 for any that it can't know."""
    return number if 0 <= number <= 255 else 255


def order_of(order: Any) -> tuple[Any, ...]:
    return (
        order.order_id, order.instrument_id, member(order.side), member(order.order_type),
        Fraction(order.quantity or 0),
        Fraction(order.price) if order.HasField("price") else None,
        Fraction(order.stop_price) if order.HasField("stop_price") else None,
        member(order.time_in_force), order.strategy_id, order.created_at_ns, order.post_only,
    )  # fmt: skip


def core_orders(data: bytes) -> Any:
    engine = ServiceEngine()
    engine.halt()  # each order is stored as received
    answer = orders_pb2.SubmitOrdersResponse.FromString(engine.submit_request(SubmitRequest.from_wire(data)))
    placed = {order.order_id: order_of(order_pb2.Order.FromString(order.to_wire())) for order in engine.get_orders()}
    return [None if each.error_reason or each.is_repeat else placed[each.order_id] for each in answer.results]


def google_orders(data: bytes) -> Any:
    return list(orders_pb2.SubmitOrdersRequest.FromString(data).orders)


def core_order(data: bytes) -> Any:
    return order_of(order_pb2.Order.FromString(Order.from_wire(data).to_wire()))


def google_order(data: bytes) -> Any:
    return order_of(order_pb2.Order.FromString(data))


def core_fill(data: bytes) -> Any:
    fill = order_pb2.Fill.FromString(Fill.from_wire(data).to_wire())
    return fill.order_id, fill.trade_id, fill.sequence, Fraction(fill.price or 0)


def google_fill(data: bytes) -> Any:
    fill = order_pb2.Fill.FromString(data)
    return fill.order_id, fill.trade_id, fill.sequence, Fraction(fill.price or 0)


STORED_KEYS = {"a": 1, "b": 2, "ü": 3}
STORED = CacheEngine()
for _key, _number in STORED_KEYS.items():
    STORED.put(_key, encode_value(_number), None)

TICK = market_pb2.TradeTick(
    instrument_id="A", price="10.5", quantity="2", aggressor_side=2, trade_id="t", ts_event_ns=7, ts_init_ns=8
)
COLUMNS = market_pb2.TradeTickColumns(
    instruments=[
        market_pb2.InstrumentColumn(instrument_id="A", price_exponent=1, quantity_exponent=9),
        market_pb2.InstrumentColumn(instrument_id="B"),
    ],
    instrument_index=[0, 1, 0],
    price_mantissas=[105, 7, 9],
    quantity_mantissas=[2, 0, 4],
    ts_event_ns=[5, 6, 7],
    ts_init_ns=[5, 6, 7],
    aggressor_sides=[1, 2, 3],
    trade_ids=["x", "y", ""],
    quantity_overflows=[market_pb2.SparseDecimal(index=1, value="99999999999.5")],
)
HEAD = {"engine": "e", "epoch": 5, "producer_id": "p", "producer_sequence": 3, "bar_types": ["1min", "60s"]}
VALUES = [
    value_pb2.Value.FromString(encode_value(value))
    for value in (None, 1, 2**70, "ü", b"\xff", [1, {"a": (2.5, None)}], {"k": {1, 2}}, 1.5)
]
NEW_ORDER = order_pb2.NewOrder(
    order_id="o", instrument_id="X", side=1, order_type=2, quantity="1.5", price="9", time_in_force=2, strategy_id="s",
    created_at_ns=3, post_only=True,
)  # fmt: skip
FILL = order_pb2.Fill(
    fill_id="o-1", order_id="o", strategy_id="s", instrument_id="X", side=1, price="9", quantity="1", commission="0.1",
    liquidity_side=1, ts_event_ns=4, trade_id="t", sequence=6,
)  # fmt: skip
ORDER = order_pb2.Order(
    order_id="o", instrument_id="X", side=1, order_type=2, quantity="1.5", price="9", time_in_force=2, status=3,
    filled_quantity="1", leaves_quantity="0.5", commission="0", submitted_at_ns=4, updated_at_ns=5, fills=[FILL],
    fill_count=1,
)  # fmt: skip

KINDS: dict[str, tuple[list[Message], Reader, Reader]] = {
    "tick": ([ticks_pb2.ProcessTradeTickRequest(tick=TICK, **HEAD)], core_tick, google_tick),
    "ticks": ([ticks_pb2.ProcessTradeTicksRequest(ticks=COLUMNS, **HEAD)], core_ticks, google_ticks),
    "put": ([entries_pb2.PutRequest(cache="c", epoch=1, key="ü", value=each) for each in VALUES], core_put, google_put),
    "put many": (
        [batches_pb2.PutManyRequest(cache="c", keys=["a", "b"], values=VALUES[:2], ttl_ns=5)],
        core_put_many,
        google_put_many,
    ),
    "get many": ([batches_pb2.GetManyRequest(cache="c", keys=["a", "x", "ü"])], core_get_many, google_get_many),
    "orders": ([orders_pb2.SubmitOrdersRequest(orders=[NEW_ORDER])], core_orders, google_orders),
    "order": ([ORDER], core_order, google_order),
    "fill": ([FILL], core_fill, google_fill),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_core_reads_what_google_reads_or_refuses_it(kind: str) -> None:
    seeds, core, google = KINDS[kind]
    rng, messages, accepted = random.Random(kind), [seed.SerializeToString() for seed in seeds], 0
    for number in range(COUNT):
        data = mutated(rng, rng.choice(messages), messages)
        try:
            ours = core(data)
        except AlphaForgeError:
            continue
        accepted += 1
        try:
            theirs = google(data)
        except DecodeError:
            if kind == "orders" and not all(ours):
                continue  # reading stops at an order that is refused for its own numbers
            raise AssertionError(f"{number}: only the core reads {data!r} as {ours}") from None
        if kind == "orders":
            theirs = [order_of(each) if mine is not None else None for each, mine in zip(theirs, ours, strict=True)]
        if kind == "order" and 255 in ours:
            continue  # an enum number that the core can't know
        assert ours == theirs, (number, data)
    assert accepted > COUNT // 50


REFUSED = {
    "a known field of another wire type": b"\x0d\0\0\0\0",
    "an embedded message given twice": b"\x22\0\x22\0",
    "a group": b"\x7b\x7c",
    "a text that is not UTF-8": b"\x0a\x01\xff",
    "an overlong field number": b"\x8a\x80\x80\x80\x80\x00\x00",
    "a number of more than 64 bits": b"\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("single", [True, False])
def test_what_is_malformed_is_said_to_be(what: str, single: bool) -> None:
    with pytest.raises(AlphaForgeError) as caught:
        ProcessRequest.from_wire(REFUSED[what], single=single)
    assert caught.value.reason == "MESSAGE_MALFORMED"


def test_a_null_with_content_is_no_value() -> None:
    put = entries_pb2.PutRequest(key="a").SerializeToString() + b"\x2a\x03\x0a\x01\x07"
    with pytest.raises(AlphaForgeError) as caught:
        PutRequest.FromString(put)
    assert caught.value.reason == "VALUE_MALFORMED"
