"""Periodic work starts immediately and continues after an error."""

from __future__ import annotations

import asyncio

from services.base.periodic import Periodic
from tests.support.waiting import let_pass_async, until_async


def test_it_looks_at_once_goes_on_after_an_error_and_ends_when_it_is_stopped() -> None:
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise ValueError

    async def run() -> None:
        periodic = Periodic(0.001, look)
        periodic.start()
        await until_async(lambda: looks >= 3)
        await periodic.stop()
        seen = looks
        await let_pass_async(0.01)
        assert looks == seen

    asyncio.run(run())
