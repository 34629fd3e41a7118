"""The core and protobuf read each other's messages of the data service."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from alphaforge.data.v1.queries_pb2 import GetBarsResponse
from alphaforge.data.v1.subscriptions_pb2 import SubscribeBarsResponse, SubscribeTradesResponse
from alphaforge.data.v1.ticks_pb2 import (
    ProcessTradeTickRequest,
    ProcessTradeTickResponse,
    ProcessTradeTicksRequest,
    ProcessTradeTicksResponse,
)
from alphaforge.type.v1.error_pb2 import ErrorReason
from alphaforge.type.v1.market_pb2 import InstrumentColumn, SparseDecimal, TradeTickColumns
from alphaforge.type.v1.market_pb2 import TradeTick as TradeTickMessage
from alphaforge.type.v1.stream_pb2 import Gap, GapReason
from alphaforge_core.data import DataEngine, DataEngineConfig
from alphaforge_core.data_wire import (
    BarsResponse,
    ProcessRequest,
    ProcessResponse,
    ServiceEngine,
    TradesResponse,
    decode_bars_page,
    encode_bars,
    encode_producer,
    encode_tick_request,
)
from alphaforge_core.errors import AlphaForgeError, InvalidArgument
from alphaforge_core.model import Bar, Price, Quantity, TradeTick, TradeTickBatch
from hypothesis import given
from hypothesis import strategies as st

TICKS = st.builds(
    TradeTick,
    instrument_id=st.sampled_from(("A", "BTC-€", "x" * 64)),
    price=st.integers(-(2**63), 2**63 - 1).map(lambda n: Price(f"{n}e-9")),
    quantity=st.sampled_from((0, 1, 2**63 - 1, 2**63, 2**127 - 1)).map(lambda n: Quantity(f"{n}e-9")),
    aggressor_side=st.sampled_from(("BUY", "SELL", "NONE")),
    trade_id=st.sampled_from(("", "1", "ä" * 32)),
    ts_event=st.integers(-(2**63), 2**63 - 1),
    ts_init=st.integers(-(2**63), 2**63 - 1),
)


def ticks_of(batch: TradeTickBatch) -> list[TradeTick]:
    return [batch[row] for row in range(len(batch))]


@given(st.lists(TICKS, max_size=20))
def test_columns_survive_the_way_over_the_wire(ticks: list[TradeTick]) -> None:
    message = TradeTickBatch.from_ticks(ticks).to_wire()
    assert ticks_of(TradeTickBatch.from_wire(message)) == ticks
    # Through protobuf, which chooses the order of fields and the packing.
    again = TradeTickColumns.FromString(message).SerializeToString()
    assert ticks_of(TradeTickBatch.from_wire(again)) == ticks


@given(TICKS)
def test_one_tick_survives_the_way_over_the_wire(tick: TradeTick) -> None:
    message = ProcessRequest(tick, engine="e", epoch=2**64 - 1, producer_id="p", producer_sequence=7).to_wire()
    parsed = ProcessTradeTickRequest.FromString(message)
    assert (parsed.engine, parsed.epoch, parsed.producer_id, parsed.producer_sequence) == ("e", 2**64 - 1, "p", 7)
    assert parsed.tick.instrument_id == tick.instrument_id
    assert parsed.tick.price == str(tick.price)
    assert ProcessRequest.from_wire(parsed.SerializeToString(), single=True).ticks[0] == tick


@given(TICKS, st.text(max_size=64), st.integers(0, 2**64 - 1))
def test_parts_that_are_joined_are_one_request(tick: TradeTick, producer_id: str, sequence: int) -> None:
    whole = ProcessRequest(tick, producer_id=producer_id, producer_sequence=sequence).to_wire()
    parts = encode_tick_request(tick) + encode_producer(producer_id, sequence)
    assert ProcessTradeTickRequest.FromString(parts) == ProcessTradeTickRequest.FromString(whole)


def test_each_request_has_the_bar_types_that_it_names() -> None:
    def named(*bar_types: str) -> list[str]:
        return ProcessRequest.from_wire(ProcessTradeTicksRequest(bar_types=bar_types).SerializeToString()).bar_types

    for _ in range(2):
        assert named("60s", "5tick") == ["1min", "5tick"]
        assert named("60s") == ["1min"]
        with pytest.raises(AlphaForgeError, match="7parsec"):
            named("60s", "7parsec")
        assert named("60s") == ["1min"]
        assert named() == []


def test_a_tick_without_ts_init_and_side_has_defaults() -> None:
    request = ProcessTradeTickRequest(tick=TradeTickMessage(instrument_id="A", price="1", quantity="2", ts_event_ns=5))
    tick = ProcessRequest.from_wire(request.SerializeToString(), single=True).ticks[0]
    assert tick == TradeTick("A", Price(1), Quantity(2), "NONE", "", 5, 5)


def test_each_instrument_has_exponents_of_its_own_and_overflows_replace_mantissas() -> None:
    columns = TradeTickColumns(
        instruments=[
            InstrumentColumn(instrument_id="A", price_exponent=2, quantity_exponent=3),
            InstrumentColumn(instrument_id="B", price_exponent=0, quantity_exponent=9),
        ],
        instrument_index=[0, 1, 1, 0],
        price_mantissas=[4500001, 7, 8, 2**63 - 1],
        quantity_mantissas=[1500, 1, -5, 2**62],
        ts_event_ns=[1, 2, 3, 4],
        aggressor_sides=["AGGRESSOR_SIDE_BUY", "AGGRESSOR_SIDE_SELL", "AGGRESSOR_SIDE_NONE", "AGGRESSOR_SIDE_BUY"],
        price_overflows=[SparseDecimal(index=3, value="0.000000001")],
        quantity_overflows=[SparseDecimal(index=2, value="100000000000000000000")],
    )
    ticks = ticks_of(TradeTickBatch.from_wire(columns.SerializeToString()))
    assert [str(tick.price) for tick in ticks] == ["45000.01", "7.00", "8.00", "0.000000001"]
    quantities = ["1.5", "0.000000001", "100000000000000000000", f"{2**62 // 1000}.{2**62 % 1000}"]
    assert [str(tick.quantity) for tick in ticks] == quantities
    assert [tick.ts_init for tick in ticks] == [1, 2, 3, 4]


def columns(**changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "instruments": [InstrumentColumn(instrument_id="A")],
        "price_mantissas": [1, 2],
        "quantity_mantissas": [1, 2],
        "ts_event_ns": [1, 2],
    }
    return TradeTickColumns(**{**fields, **changes}).SerializeToString()


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (columns(quantity_mantissas=[1]), "COLUMNS_UNEQUAL"),
        (columns(ts_event_ns=[1, 2, 3]), "COLUMNS_UNEQUAL"),
        (columns(ts_init_ns=[1]), "COLUMNS_UNEQUAL"),
        (columns(trade_ids=["1"]), "COLUMNS_UNEQUAL"),
        (columns(aggressor_sides=[1]), "COLUMNS_UNEQUAL"),
        (columns(instrument_index=[0]), "COLUMNS_UNEQUAL"),
        (columns(instruments=[]), "NAME_INVALID"),
        (columns(instruments=[InstrumentColumn(instrument_id="")]), "NAME_INVALID"),
        (columns(instruments=[InstrumentColumn(instrument_id="A\n")]), "NAME_INVALID"),
        (columns(trade_ids=["x" * 65, ""]), "NAME_INVALID"),
        (columns(aggressor_sides=[1, 0]), "ENUM_UNKNOWN"),
        (columns(aggressor_sides=[1, 258]), "ENUM_UNKNOWN"),
        (columns(instrument_index=[0, 1]), "NUMBER_OUT_OF_RANGE"),
        (columns(instruments=[InstrumentColumn(instrument_id="A", price_exponent=10)]), "NUMBER_OUT_OF_RANGE"),
        (columns(price_mantissas=[1, 2**62]), "NUMBER_OUT_OF_RANGE"),
        (columns(quantity_mantissas=[1, -1]), "NUMBER_OUT_OF_RANGE"),
        (columns(quantity_mantissas=[1, -(2**63)]), "NUMBER_OUT_OF_RANGE"),
        (columns(price_overflows=[SparseDecimal(index=2, value="1")]), "MESSAGE_MALFORMED"),
        (columns(price_overflows=[SparseDecimal(index=1, value="1")] * 2), "MESSAGE_MALFORMED"),
        (columns(price_overflows=[SparseDecimal(index=1, value="1e10")]), "NUMBER_OUT_OF_RANGE"),
        (columns(price_overflows=[SparseDecimal(index=1, value="x")]), "NUMBER_MALFORMED"),
        (columns()[:-1], "MESSAGE_MALFORMED"),
        (b"\xff", "MESSAGE_MALFORMED"),
    ],
)
def test_an_invalid_batch_is_refused_whole(message: bytes, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        TradeTickBatch.from_wire(message)
    assert isinstance(caught.value, AlphaForgeError)
    assert caught.value.reason == reason


@given(st.binary(max_size=200))
def test_any_bytes_are_a_batch_or_a_value_error(message: bytes) -> None:
    try:
        batch = TradeTickBatch.from_wire(message)
    except ValueError:
        return
    assert ticks_of(TradeTickBatch.from_wire(batch.to_wire())) == ticks_of(batch)


def request(**kwargs: Any) -> ProcessRequest:
    ticks = TradeTickBatch.from_columns(
        instrument_id="A",
        prices=["100.5", "0", "101", "101", "103"],
        quantities=[1, 1, 2, 2, "0.000000001"],
        ts_event=np.array([1, 2, 3, 3, 60_000_000_000]),
        trade_ids=["1", "2", "3", "3", "4"],
        sides=["BUY", "BUY", "SELL", "SELL", "NONE"],
    )
    return ProcessRequest(ticks, **kwargs)


def test_an_answer_says_what_became_of_each_tick() -> None:
    engine = ServiceEngine(DataEngineConfig(bar_types=["1min", "1tick"]))
    asked = ProcessRequest.from_wire(request(producer_sequence=3, bar_types=["60s"]).to_wire())
    assert asked.bar_types == ["1min"]
    outcome = engine.process_request(asked)
    assert (outcome.processed_count, outcome.duplicate_count) == (3, 1)
    assert (outcome.tick_sequence, outcome.bar_sequence) == (3, 4)
    assert [tick.trade_id for tick in ticks_of(outcome.accepted)] == ["1", "3", "4"]
    assert [str(bar.bar_type) for bar in outcome.bars] == ["1tick", "1tick", "1min", "1tick"]

    parsed = ProcessTradeTicksResponse.FromString(outcome.to_wire(epoch=9))
    assert [bar.bar_type for bar in parsed.bars] == ["1min"]
    assert [(tick.index, tick.reason, tick.message) for tick in parsed.rejected] == [
        (1, ErrorReason.ERROR_REASON_PRICE_NOT_POSITIVE, "price 0.00 is not above 0")
    ]
    assert (parsed.producer_sequence, parsed.epoch, parsed.is_repeat) == (3, 9, False)
    assert (parsed.processed_count, parsed.duplicate_count, list(parsed.duplicate_indexes)) == (3, 1, [3])

    answer = ProcessResponse.from_wire(parsed.SerializeToString())
    assert answer.bars == [outcome.bars[2]]
    assert answer.bars.rejected == [(1, "PRICE_NOT_POSITIVE")]
    assert answer.bars.duplicates == [3]
    assert (answer.producer_sequence, answer.epoch, answer.is_repeat) == (3, 9, False)
    assert (answer.processed_count, answer.duplicate_count) == (3, 1)


def test_ticks_are_left_when_those_before_fill_the_answer() -> None:
    ticks = TradeTickBatch.from_columns(
        instrument_id="A", prices=[1] * 13, quantities=[10_000] * 13, ts_event=range(13)
    )
    outcome = ServiceEngine(DataEngineConfig(bar_types=["1volume"])).process_request(ProcessRequest(ticks))
    assert (outcome.processed_count, outcome.left_count) == (5, 8)
    assert [tick.ts_event for tick in ticks_of(outcome.accepted)] == list(range(5))
    answer = outcome.to_wire(epoch=9)
    assert len(answer) < 64 * 2**20
    assert ProcessTradeTicksResponse.FromString(answer).left_count == ProcessResponse.from_wire(answer).left_count == 8


def test_a_batch_that_was_accepted_whole_is_passed_on_as_it_is() -> None:
    ticks = TradeTickBatch.from_columns(instrument_id="A", prices=[1], quantities=[1], ts_event=[1])
    asked = ProcessRequest(ticks)
    assert ServiceEngine().process_request(asked).accepted is asked.ticks


def test_requests_of_many_ticks_are_what_protobuf_reads() -> None:
    parsed = ProcessTradeTicksRequest.FromString(request(engine="e", epoch=1, bar_types=["1min"]).to_wire())
    assert (parsed.engine, parsed.epoch, list(parsed.bar_types)) == ("e", 1, ["1min"])
    assert list(parsed.ticks.trade_ids) == ["1", "2", "3", "3", "4"]


BARS = st.builds(
    Bar,
    instrument_id=st.just("A"),
    bar_type=st.sampled_from(("1min", "0.5volume")),
    open=st.just(Price("45000.01")),
    high=st.integers(1, 2**63 - 1).map(lambda n: Price(f"{n}e-9")),
    low=st.just(Price("-0.000000001")),
    close=st.just(Price(0)),
    volume=st.sampled_from((Quantity(0), Quantity("0.1"), Quantity(10**20))),
    value=st.sampled_from(("0", "0.000000000000000001", "900000000.5")),
    trade_count=st.integers(0, 2**63 - 1),
    buy_volume=st.just(Quantity("0.1")),
    sell_volume=st.just(Quantity(0)),
    ts_open=st.integers(-(2**63), 2**63 - 1),
    ts_event=st.integers(0, 2**63 - 1),
    ts_init=st.integers(0, 2**63 - 1),
    sequence=st.integers(0, 2**63 - 1),
    is_partial=st.booleans(),
    is_gap_fill=st.booleans(),
    is_oversize=st.booleans(),
    revision=st.integers(0, 2**31 - 1),
)


@given(st.lists(BARS, max_size=3))
def test_bars_survive_the_way_over_the_wire(bars: list[Bar]) -> None:
    parsed = ProcessTradeTickResponse.FromString(encode_bars(bars, 1))
    for bar, message in zip(bars, parsed.bars, strict=True):
        assert (message.bar_type, message.high, message.value) == (str(bar.bar_type), str(bar.high), f"{bar.value:f}")
        assert message.HasField("vwap") == (bar.vwap is not None)
        assert not bar.vwap or message.vwap == str(bar.vwap)
    assert ProcessResponse.from_wire(parsed.SerializeToString()).bars == bars


def test_messages_of_subscriptions_are_read_at_once_as_protobuf_reads_them() -> None:
    engine = DataEngine(DataEngineConfig(bar_types=["1tick", "1min"]))
    closed = engine.process_trade_ticks(instrument_id="A", prices=[1, 2, 3], quantities=[1, 1, 1], ts_event=[1, 2, 3])
    message = SubscribeBarsResponse(
        epoch=2**64 - 1,
        sequence=9,
        previous_sequence=6,
        sequences=[7, 9],
        is_snapshot=True,
        gap=Gap(first_sequence=1, last_sequence=5, reason=GapReason.GAP_REASON_NOT_RETAINED),
    )
    # Open bars before closed ones, since protobuf allows any order of fields.
    encoded = encode_bars(engine.open_bars("A"), 8) + message.SerializeToString() + encode_bars(closed, 4)
    bars = BarsResponse.from_wire(encoded)
    assert bars.bars == [*closed, *engine.open_bars("A")]
    assert (bars.epoch, bars.sequence, bars.previous_sequence) == (2**64 - 1, 9, 6)
    assert (bars.sequences, bars.is_snapshot) == ([7, 9], True)
    assert bars.gap is not None
    assert Gap.FromString(bars.gap) == message.gap

    batch = TradeTickBatch.from_ticks([TradeTick("A", 1, 2, "BUY", "t", 3)])
    trades = TradesResponse.from_wire(
        SubscribeTradesResponse(
            epoch=3, sequence=4, previous_sequence=2, ticks=TradeTickColumns.FromString(batch.to_wire())
        ).SerializeToString()
    )
    assert ticks_of(trades.ticks) == ticks_of(batch)
    assert (trades.epoch, trades.sequence, trades.previous_sequence) == (3, 4, 2)
    assert (trades.sequences, trades.gap) == ([], None)
    heartbeat = TradesResponse.from_wire(SubscribeTradesResponse(epoch=3, sequence=4).SerializeToString())
    assert (len(heartbeat.ticks), heartbeat.sequence) == (0, 4)


@given(st.binary(max_size=60))
def test_hostile_messages_of_subscriptions_are_refused_and_never_crash(noise: bytes) -> None:
    for read in (BarsResponse.from_wire, TradesResponse.from_wire, decode_bars_page):
        with suppress(InvalidArgument):
            read(noise)


def test_bars_are_paged_backwards_by_their_sequence() -> None:
    engine = ServiceEngine(DataEngineConfig(bar_types=["1tick"], max_bars_per_instrument=8))
    engine.process_trade_ticks(instrument_id="A", prices=[1] * 10, quantities=[1] * 10, ts_event=range(10))
    kept = engine.get_bars("A", "1tick")
    assert [bar.sequence for bar in kept] == list(range(3, 11))
    found: list[Bar] = []
    before: int | None = None
    has_more = True
    while has_more:
        encoded = engine.get_bars_wire("A", "1tick", 3, before_sequence=before)
        assert GetBarsResponse.FromString(encoded).has_more == decode_bars_page(encoded)[1]
        page, has_more = decode_bars_page(encoded)
        found[:0] = page
        before = page[0].sequence
    assert found == kept
    for before, count in ((0, 0), (3, 0), (4, 1), (11, 8), (2**64 - 1, 8)):
        assert len(decode_bars_page(engine.get_bars_wire("A", "1tick", 10, before_sequence=before))[0]) == count
    assert decode_bars_page(engine.get_bars_wire("A", "1tick", 10, 4, 6, 7)) == (kept[2:4], False)
    assert decode_bars_page(engine.get_bars_wire("B", "1tick", 10)) == ([], False)
