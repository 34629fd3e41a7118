"""`life_of_services FOLDER TRACE ACKS SEED LIFE BOOT END`: the services start, are used, and end by `stop` or `kill`.

Acknowledgements are appended to ACKS, one JSON object per line, with the length of the trace at that time.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from alphaforge.cache.v1 import caches_pb2, entries_pb2
from alphaforge.data.v1 import engines_pb2 as data_engines
from alphaforge.data.v1.settings_pb2 import DataEngineSettings
from alphaforge.execution.v1 import engines_pb2 as execution_engines
from alphaforge.execution.v1 import orders_pb2
from alphaforge.execution.v1.settings_pb2 import ExecutionEngineSettings
from alphaforge.type.v1.durability_pb2 import DURABILITY_FSYNC, DURABILITY_OS
from alphaforge_core.cache_wire import encode_put
from alphaforge_core.data_wire import ProcessRequest
from alphaforge_core.execution import Order, OrderSide, TimeInForce
from alphaforge_core.execution_wire import encode_submit_orders
from alphaforge_core.model import TradeTick, TradeTickBatch

from services.cache import cache_files
from services.journal import suspects, writer
from services.journal.files import store_sqlite
from tests.support.in_process import Serving, serving

ENGINES = {"data": data_engines, "execution": execution_engines}
SETTINGS = {"data": DataEngineSettings, "execution": ExecutionEngineSettings}
NAMES = {"data": ("fsync", "os"), "execution": ("fsync", "os"), "cache": ("os",)}
DURABILITY = {"fsync": DURABILITY_FSYNC, "os": DURABILITY_OS}
_GTC = TimeInForce.GoodTillCancel
STEPS = 60


class Bytes:
    """A request that is encoded already."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def SerializeToString(self) -> bytes:  # noqa: N802
        return self._data


class Life:
    """The services, and what they have acknowledged."""

    def __init__(self, trace: Path, acks: Path, seed: int, life: int) -> None:
        self.services: dict[str, Serving] = {}
        self._trace = trace
        self._acks = acks.open("a")
        self._chance = random.Random(f"{seed} {life}")
        self._number = life * 1_000_000
        self._epochs: dict[tuple[str, str], int] = {}

    def _say(self, noun: str, name: str, what: str, **more: Any) -> None:
        line = {"at": self._trace.stat().st_size, "noun": noun, "name": name, "what": what, **more}
        self._acks.write(json.dumps(line) + "\n")
        self._acks.flush()

    async def step(self) -> None:
        """Takes a random step with a random engine."""
        noun = self._chance.choice(sorted(NAMES))
        name = self._chance.choice(NAMES[noun])
        if (noun, name) not in self._epochs:
            await self._open(noun, name)
        what = self._chance.choices(("use", "reset", "drop", "checkpoint", "open"), (40, 1, 1, 3, 1))[0]
        if what == "use":
            await self._use(noun, name)
        elif what == "checkpoint":
            await self._checkpoint(noun, name)
        elif what == "open":
            await self._open(noun, name)
        else:
            await self._end(noun, name, what)

    async def _open(self, noun: str, name: str) -> None:
        self._say(noun, name, "opens")
        if noun == "cache":
            answer: Any = await self.services[noun].call(
                "OpenCache", caches_pb2.OpenCacheRequest(cache=name), caches_pb2.OpenCacheResponse
            )
        else:
            messages = ENGINES[noun]
            request = messages.OpenEngineRequest(engine=name, settings=SETTINGS[noun](durability=DURABILITY[name]))
            answer = await self.services[noun].call("OpenEngine", request, messages.OpenEngineResponse)
        self._epochs[noun, name] = answer.epoch
        self._say(noun, name, "open", epoch=answer.epoch)

    async def _use(self, noun: str, name: str) -> None:
        self._number += 1
        number, epoch = self._number, self._epochs[noun, name]
        size = self._chance.choice((1, 1, 1, 100))
        if noun == "cache":
            head = entries_pb2.PutRequest(cache=name, epoch=epoch).SerializeToString()
            await self.services[noun].call("Put", Bytes(head + encode_put(str(number), "x" * size, math.inf)))
        elif noun == "data":
            ticks = [TradeTick("X", 100, 1, "BUY", f"{number}-{each}", number) for each in range(size)]
            wire = ProcessRequest(TradeTickBatch.from_ticks(ticks), engine=name, epoch=epoch).to_wire()
            await self.services[noun].call("ProcessTradeTicks", Bytes(wire))
        else:
            orders = [
                Order.limit(
                    "X",
                    OrderSide.Buy,
                    1,
                    1,
                    TimeInForce.GoodTillCancel,
                    "s",
                    order_id=f"{number}-{each}",
                    created_at=number,
                )
                for each in range(size)
            ]
            head = orders_pb2.SubmitOrdersRequest(engine=name, epoch=epoch).SerializeToString()
            await self.services[noun].call("SubmitOrders", Bytes(head + encode_submit_orders(orders)))
        self._say(noun, name, "used", epoch=epoch, number=number, size=size)

    async def _end(self, noun: str, name: str, what: str) -> None:
        self._say(noun, name, "ends")
        if noun == "cache":
            kind = caches_pb2.ResetCacheRequest if what == "reset" else caches_pb2.DropCacheRequest
            answer = await self.services[noun].call(
                "ResetCache" if what == "reset" else "DropCache", kind(cache=name), caches_pb2.ResetCacheResponse
            )
        else:
            messages = ENGINES[noun]
            kind = messages.ResetEngineRequest if what == "reset" else messages.DropEngineRequest
            method = "ResetEngine" if what == "reset" else "DropEngine"
            answer = await self.services[noun].call(method, kind(engine=name), messages.ResetEngineResponse)
        if what == "reset":
            self._epochs[noun, name] = answer.epoch
            self._say(noun, name, "open", epoch=answer.epoch)
        else:
            del self._epochs[noun, name]
            self._say(noun, name, "dropped")

    async def _checkpoint(self, noun: str, name: str) -> None:
        service = self.services[noun]
        if noun == "cache":
            await service.service._look_after_files()
        else:
            await service.engine(name).checkpoint()


async def live(life: Life, folder: Path, end: str) -> None:
    async with AsyncExitStack() as stack:
        for noun in NAMES:
            life.services[noun] = await stack.enter_async_context(serving(noun, folder))
        for _ in range(STEPS):
            await life.step()
        if end == "kill":
            os._exit(0)


def main() -> None:
    folder, trace, acks, seed, number, boot, end = sys.argv[1:]
    store_sqlite.boot_id = suspects.boot_id = cache_files.boot_id = lambda: boot
    writer._MARK_SECONDS = 0.05
    cache_files._FILE_BYTES_MIN = 5_000
    asyncio.run(live(Life(Path(trace), Path(acks), int(seed), int(number)), Path(folder), end))


if __name__ == "__main__":
    main()
