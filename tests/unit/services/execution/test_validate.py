"""Checking an engine delays none of its other calls."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alphaforge.execution.v1.engines_pb2 import ValidateEngineRequest, ValidateEngineResponse
from alphaforge_core.execution import Order, OrderSide, TimeInForce
from alphaforge_core.execution_wire import encode_submit_orders

from tests.support.in_process import serving
from tests.support.waiting import turns


def submission(order_id: str) -> bytes:
    gtc = TimeInForce.GoodTillCancel
    return encode_submit_orders([Order.limit("X", OrderSide.Buy, 1, 1, gtc, "s", order_id=order_id, created_at=1)])


def test_other_calls_are_answered_while_an_engine_is_checked(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving("execution", tmp_path) as service:
            submit = service.handler("SubmitOrders")
            await submit(submission("first"))
            engine = service.engine()
            # As during a checkpoint: the check waits for its end, and no call waits for the check.
            async with engine.walking:
                checked = asyncio.ensure_future(
                    service.call("ValidateEngine", ValidateEngineRequest(), ValidateEngineResponse)
                )
                await turns(10)
                await submit(submission("second"))
                assert not checked.done()
            answer = await checked
            assert list(answer.violations) == []
            assert answer.state_hash == engine.core.state_hash()
            assert engine.core.get_order("second") is not None

    asyncio.run(run())
