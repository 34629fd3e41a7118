"""A copy of a running service's journals is consistent, and a service restored from it continues under new epochs."""

from __future__ import annotations

import asyncio
import contextlib
import io
from pathlib import Path
from typing import Any

import pytest
from alphaforge.execution.v1 import engines_pb2, orders_pb2
from alphaforge_core.execution import Order, OrderSide, TimeInForce
from alphaforge_core.execution_wire import encode_submit_orders

from services.journal.__main__ import main
from tests.support.in_process import Serving, serving


class Bytes:
    """A request that is encoded already."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def SerializeToString(self) -> bytes:  # noqa: N802
        return self._data


async def submit(service: Serving, number: int) -> None:
    order = Order.limit("BTC", OrderSide.Buy, 1, 90, TimeInForce.GoodTillCancel, "s", order_id=f"o{number}")
    answer: Any = await service.call(
        "SubmitOrder", Bytes(encode_submit_orders([order])), orders_pb2.SubmitOrderResponse
    )
    assert answer is not None


def run(*arguments: str) -> tuple[int, str]:
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(output):
        status = main(arguments)
    return status, output.getvalue()


def orders_of(service: Serving) -> list[str]:
    return sorted(order.order_id for order in service.engine().core.get_active_orders("s"))


def test_restore_drill(tmp_path: Path) -> None:
    async def drill() -> None:
        async with serving("execution", tmp_path / "data", durability="os") as service:
            for number in range(10):
                await submit(service, number)
            await service.engine().checkpoint()
            epoch = service.engine().epoch
            copying = asyncio.ensure_future(
                asyncio.to_thread(run, "backup", str(tmp_path / "data"), str(tmp_path / "copy"))
            )
            number = 10
            while not copying.done():
                await submit(service, number)
                number += 1
            assert (await copying)[0] == 0
            assert run("verify", str(tmp_path / "data"))[0] == 1, "a journal in use is not read"
            everything = orders_of(service)
        assert run("verify", str(tmp_path / "data"))[0] == 0
        status, lines = run("verify", str(tmp_path / "copy"))
        assert (status, lines.count("good")) == (0, 1), lines
        async with serving("execution", tmp_path / "copy", durability="os") as service:
            restored = orders_of(service)
            assert len(restored) >= 10
            assert set(restored) <= set(everything)
            assert restored == sorted(f"o{n}" for n in range(len(restored))), "a prefix of what was acknowledged"
            assert service.engine().epoch != epoch, "clients may have seen more"
            await submit(service, 1_000_000)

    asyncio.run(drill())


def test_damage_of_a_backup_is_told(tmp_path: Path) -> None:
    async def make() -> None:
        async with serving("execution", tmp_path / "data", durability="os") as service:
            await service.call("OpenEngine", engines_pb2.OpenEngineRequest(engine="other"))
            await submit(service, 1)

    asyncio.run(make())
    assert run("backup", str(tmp_path / "data"), str(tmp_path / "copy"))[0] == 0
    assert run("verify", str(tmp_path / "copy"))[0] == 0
    part = next(path for path in (tmp_path / "copy").rglob("*.part"))
    part.write_bytes(part.read_bytes()[:-1])
    status, lines = run("verify", str(tmp_path / "copy"))
    assert status == 1
    assert lines.count("good") == 1
    assert str(part) in lines


@pytest.mark.parametrize("what", ["a full folder", "no journals"])
def test_what_cant_be_copied_is_refused(tmp_path: Path, what: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "copy").mkdir()
    if what == "a full folder":
        (tmp_path / "copy" / "file").touch()
    status, output = run("backup", str(tmp_path / "data"), str(tmp_path / "copy"))
    assert (status, what.split()[-1] in output or "empty" in output) == (1, True)
