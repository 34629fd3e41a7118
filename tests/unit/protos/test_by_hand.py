"""JSON typed by hand in a generic gRPC client is understood."""

from __future__ import annotations

from alphaforge.cache.v1 import entries_pb2
from alphaforge.data.v1 import ticks_pb2
from alphaforge.execution.v1 import order_pb2, orders_pb2
from google.protobuf import json_format


def test_a_nested_value_is_typed_by_hand() -> None:
    text = """{"key": "user_config", "neverExpires": true, "value": {"mapValue": {"entries": [
        {"key": {"stringValue": "theme"}, "value": {"stringValue": "dark"}},
        {"key": {"stringValue": "timeout"}, "value": {"intValue": "30"}},
        {"key": {"stringValue": "seen"}, "value": {"nullValue": {}}}]}}}"""
    request = json_format.Parse(text, entries_pb2.PutRequest())
    entries = request.value.map_value.entries
    assert [entry.value.WhichOneof("kind") for entry in entries] == ["string_value", "int_value", "null_value"]
    assert request.WhichOneof("expiry") == "never_expires"
    assert not request.HasField("epoch")


def test_an_order_is_typed_by_hand() -> None:
    text = """{"order": {"orderId": "by-hand-1", "instrumentId": "BTCUSD", "side": "ORDER_SIDE_BUY",
        "orderType": "ORDER_TYPE_LIMIT", "quantity": "0.1", "price": "45000.01",
        "timeInForce": "TIME_IN_FORCE_GOOD_TILL_CANCEL", "strategyId": "me"}}"""
    order = json_format.Parse(text, orders_pb2.SubmitOrderRequest()).order
    assert (order.price, order.HasField("stop_price")) == ("45000.01", False)
    assert order.order_type == order_pb2.ORDER_TYPE_LIMIT


def test_a_trade_is_typed_by_hand() -> None:
    text = """{"tick": {"instrumentId": "BTCUSD", "price": "45000.01", "quantity": "0.5",
        "aggressorSide": "AGGRESSOR_SIDE_BUY", "tsEventNs": "1640995200000000000"}}"""
    tick = json_format.Parse(text, ticks_pb2.ProcessTradeTickRequest()).tick
    assert (tick.ts_event_ns, tick.HasField("ts_init_ns")) == (1_640_995_200_000_000_000, False)
