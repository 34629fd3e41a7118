"""Services without a process: their handlers over real journals, and the journals as kill -9 would leave them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from services.data.servicer import DataServicer
from services.data.settings import DataServiceSettings
from services.execution.servicer import ExecutionServicer
from services.execution.settings import ExecutionServiceSettings

SERVICERS: dict[str, tuple[Any, Any]] = {
    "data": (DataServicer, DataServiceSettings),
    "execution": (ExecutionServicer, ExecutionServiceSettings),
}


async def no_health(part: str, *, serving: bool) -> None:
    """Nobody asks for it here."""


class Serving:
    """A servicer that has started."""

    def __init__(self, servicer: Any) -> None:
        self.servicer = servicer

    async def call(self, method: str, request: Any, answer: Any = None) -> Any:
        """Calls a handler; `answer` is the message that its bytes are."""
        response = await self.servicer.handlers[method](request.SerializeToString())
        return response if answer is None else answer.FromString(response)

    def engine(self, name: str = "default") -> Any:
        """The engine as the service has it, `.core` being that of alphaforge_core."""
        return next(engine for engine in self.servicer._engines.engines() if engine.name == name)


@asynccontextmanager
async def serving(noun: str, folder: Path, **settings: Any) -> AsyncIterator[Serving]:
    """A service over the journals in `folder`, stopped in order at the end."""
    kind, model = SERVICERS[noun]
    if noun == "execution":
        settings = {"market_data": "off", **settings}
    servicer = kind(model(data_dir=folder, **settings))
    await servicer.start(no_health)
    try:
        yield Serving(servicer)
    finally:
        await servicer.close()


def as_killed(folder: Path, copy: Path) -> Path:
    """What is on the disk at this moment, into another folder."""
    shutil.copytree(folder, copy)
    return copy
