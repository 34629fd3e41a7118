"""The native reader of request heads agrees with protobuf."""

from __future__ import annotations

import pytest
from alphaforge.cache.v1 import batches_pb2
from alphaforge.data.v1 import ticks_pb2
from alphaforge.execution.v1 import orders_pb2
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.rpc_wire import read_head
from hypothesis import given
from hypothesis import strategies as st

NAME_AND_EPOCH = b"\x0a\x03abc" + b"\x11" + (7).to_bytes(8, "little")


@given(
    name=st.text(max_size=40),
    epoch=st.none() | st.integers(0, 2**64 - 1),
    request_id=st.text(max_size=40),
    order_id=st.text(max_size=5),
)
def test_the_head_is_the_one_that_protobuf_reads(name: str, epoch: int | None, request_id: str, order_id: str) -> None:
    request = orders_pb2.CancelOrderRequest(engine=name, epoch=epoch, request_id=request_id, order_id=order_id)
    encoded = request.SerializeToString()
    assert read_head(encoded, True) == (name, epoch, request_id)
    assert read_head(encoded, False) == (name, epoch, "")


def test_fields_come_in_any_order_and_the_last_of_a_kind_counts() -> None:
    body = orders_pb2.CancelOrderRequest(request_id="first").SerializeToString()
    tail = orders_pb2.CancelOrderRequest(engine="last", epoch=0, request_id="second").SerializeToString()
    assert read_head(body + NAME_AND_EPOCH + tail, True) == ("last", 0, "second")


def test_an_epoch_of_zero_is_not_an_epoch_that_is_absent() -> None:
    assert read_head(b"", True) == ("", None, "")
    assert read_head(ticks_pb2.ProcessTradeTickRequest(epoch=0).SerializeToString(), False) == ("", 0, "")


def test_field_3_is_skipped_where_it_is_no_id() -> None:
    keys = batches_pb2.GetManyRequest(cache="prices", keys=["a", "b"]).SerializeToString()
    other = NAME_AND_EPOCH + b"\x18\x05" + keys  # a varint where an id would be
    assert read_head(other, False) == ("prices", 7, "")
    with pytest.raises(InvalidArgument):
        read_head(other, True)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x0a",  # a tag without a field
        b"\x0a\x05abc",  # text longer than the message
        b"\x08\x01",  # a name that is a varint
        b"\x0a\x01\xff",  # a name that is not UTF-8
        b"\x12\x08" + bytes(8),  # an epoch that is bytes
        b"\x11" + bytes(7),  # half an epoch
        b"\x1a\x02\xc3\x28",  # an id that is not UTF-8
        b"\x1d" + bytes(4),  # an id that is a fixed32
        b"\x00",  # field 0
        b"\x23\x24",  # a group
        b"\x25\x00",  # a truncated field that is skipped
        b"\x20" + b"\x80" * 10,  # a varint that doesn't end
        b"\xff" * 11,
    ],
)
def test_malformed_requests_are_refused(request_bytes: bytes) -> None:
    with pytest.raises(InvalidArgument) as raised:
        read_head(NAME_AND_EPOCH + request_bytes, True)
    assert raised.value.reason == "MESSAGE_MALFORMED"
