"""A service killed at any step of a checkpoint recovers its state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from alphaforge_core.execution import Order, OrderSide, TimeInForce
from alphaforge_core.execution_wire import encode_submit_orders

from services.engines import state
from services.journal import journal
from services.journal.files.parts import Parts
from services.journal.store import Part
from tests.support.in_process import Serving, as_killed, serving
from tests.unit.services.engines.test_recovery import Bytes, tick, ticks_request


async def more_orders(service: Serving, first: int, count: int) -> None:
    orders = [
        Order.limit(
            "X", OrderSide.Buy, 1, 1 + number % 9, TimeInForce.GoodTillCancel, "s",
            order_id=f"o{number}", created_at=number,
        )
        for number in range(first, first + count)
    ]  # fmt: skip
    await service.call("SubmitOrders", Bytes(encode_submit_orders(orders)))
    await service.call("ProcessTradeTicks", ticks_request([tick(first, "X", 5)]))


async def more_ticks(service: Serving, first: int, count: int) -> None:
    ticks = [tick(number, "AB"[number % 2], 1 + number % 9) for number in range(first, first + count)]
    await service.call("ProcessTradeTicks", ticks_request(ticks))


MORE: dict[str, Callable[[Serving, int, int], Awaitable[None]]] = {"execution": more_orders, "data": more_ticks}


@pytest.mark.parametrize("noun", MORE)
def test_a_kill_at_any_step_of_a_checkpoint_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noun: str
) -> None:
    monkeypatch.setattr(journal, "PART_BYTES_MAX", 4_096)
    monkeypatch.setattr(state, "_PIECE_BYTES", 1_000)
    folder, killed = tmp_path / "served", dict[Path, int]()
    write = Parts.write

    async def run() -> None:
        loop = asyncio.get_running_loop()
        async with serving(noun, folder) as service:
            await MORE[noun](service, 0, 300)

            async def step(name: str) -> None:
                await MORE[noun](service, 1_000 * (len(killed) + 1), 5)
                killed[as_killed(folder, tmp_path / name)] = service.engine().core.state_hash()

            def write_then_kill(self: Parts, generation: int, number: int, pieces: Sequence[memoryview]) -> Part:
                part = write(self, generation, number, pieces)
                asyncio.run_coroutine_threadsafe(step(f"part-{number}"), loop).result()
                return part

            monkeypatch.setattr(Parts, "write", write_then_kill)
            await service.engine().checkpoint()
            monkeypatch.setattr(Parts, "write", write)
            await step("committed")
        for copy, state_hash in killed.items():
            async with serving(noun, copy) as service:
                assert service.engine().core.state_hash() == state_hash, copy.name

    asyncio.run(run())
    assert len(killed) > 3
