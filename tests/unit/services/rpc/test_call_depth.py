"""The number of the services' functions that a lone call runs, from the handler's entry to the answer's bytes."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import grpc
import pytest
from alphaforge_core.data_wire import ProcessRequest
from alphaforge_core.execution import Order, OrderSide, TimeInForce
from alphaforge_core.execution_wire import encode_submit_orders
from alphaforge_core.model import TradeTick

from tests.support.in_process import grpc_target, serving

# Not counted: timers, and admission's work ten times a second, which coincide with more calls on a slow machine.
BESIDE = (
    *("Periodic.", "LiveClock.", "Registry.engines"),
    *("Admission._turn_window", "Admission._adjust", "Admission._pass_over", "Admission._begin_window"),
)
START_NS = 1_700_000_000_000_000_000


class Calls:
    """Counts calls of functions in `services`, and resumptions of coroutines, in the threads in which it is set."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.counts = False

    def note(self, frame: FrameType, event: str, _argument: Any) -> None:
        if self.counts and event == "call" and frame.f_globals.get("__name__", "").startswith("services."):
            self.made.append(frame.f_code.co_qualname)


def tick(number: int) -> bytes:
    ticks = TradeTick("BTC", 100, 1, "BUY", str(number), START_NS + number)
    return ProcessRequest(ticks, producer_id="feed", producer_sequence=number).to_wire()


def order(number: int) -> bytes:
    each = Order.limit(
        "BTC", OrderSide.Buy, 1, 90, TimeInForce.GoodTillCancel, "s", order_id=f"o{number}", created_at=START_NS
    )
    return encode_submit_orders([each])


@pytest.mark.parametrize(("durability", "most"), [("none", 16), ("os", 20)])
@pytest.mark.parametrize(
    ("noun", "method", "request_of"), [("data", "ProcessTradeTick", tick), ("execution", "SubmitOrder", order)]
)
def test_a_lone_call_goes_through_few_functions(
    noun: str, method: str, request_of: Any, durability: str, most: int, tmp_path: Path
) -> None:
    calls = Calls()
    each: list[list[str]] = []

    async def run() -> None:
        async with (
            serving(noun, tmp_path, durability=durability) as service,
            grpc_target(service.service) as target,
            grpc.aio.insecure_channel(target) as channel,
        ):
            call = channel.unary_unary(f"/{service.service.descriptor.full_name}/{method}")
            calls.counts = True
            for number in range(1, 100):
                calls.made.clear()
                await call(request_of(number))
                made = calls.made[calls.made.index("_unary.<locals>.call") :]
                each.append([name for name in made if not name.startswith(BESIDE)])
                if len(each[-1]) <= most:
                    break
            calls.counts = False

    # The journal's writer is a thread that starts with the service.
    threading.setprofile(calls.note)
    sys.setprofile(calls.note)
    try:
        asyncio.run(run())
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    made = min(each, key=len)
    assert len(made) <= most, "\n".join(made)
