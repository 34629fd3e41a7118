"""Services in this process: their handlers over real journals, and the journals as kill -9 would leave them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from services.access.gate import Gate
from services.cache.rpcs import CacheService
from services.cache.settings import CacheServiceSettings
from services.data.rpcs import DataService
from services.data.settings import DataServiceSettings
from services.engines.rows import Runs, settled
from services.execution.rpcs import ExecutionService
from services.execution.settings import ExecutionServiceSettings
from services.rpc.methods import Methods
from services.rpc.pipeline import handler_of

SERVICES: dict[str, tuple[Any, Any]] = {
    "cache": (CacheService, CacheServiceSettings),
    "data": (DataService, DataServiceSettings),
    "execution": (ExecutionService, ExecutionServiceSettings),
}


async def no_health(part: str, *, serving: bool) -> None:
    """Does nothing: these tests don't ask for the health."""


class Serving:
    """A service that has started."""

    def __init__(self, service: Any) -> None:
        self.service = service

    def handler(self, method: str) -> Any:
        """The handler of an RPC, from bytes to bytes."""
        row = self.service.table[method]
        handler: Any = handler_of(row, self.service)

        async def settling(request: bytes) -> bytes:
            return await settled(await handler(request))

        return handler if row.runs is Runs.STREAM else settling

    async def call(self, method: str, request: Any, answer: Any = None) -> Any:
        """Calls a handler and parses its answer as a message of type `answer`."""
        response = await self.handler(method)(request.SerializeToString())
        return response if answer is None else answer.FromString(response)

    def engine(self, name: str = "default") -> Any:
        """Returns the service's engine; its `.core` is alphaforge_core's."""
        return next(engine for engine in self.service.engines.engines() if engine.name == name)


@asynccontextmanager
async def serving(noun: str, folder: Path, **settings: Any) -> AsyncIterator[Serving]:
    """A service over the journals in `folder`, stopped cleanly at the end."""
    kind, model = SERVICES[noun]
    if noun == "execution":
        settings = {"market_data": "off", **settings}
    service = kind(model(data_dir=folder, **settings))
    await service.start(no_health)
    service.start_primary()
    try:
        yield Serving(service)
    finally:
        await service.stop_primary()
        await service.close()


@asynccontextmanager
async def grpc_target(service: Any, gate: Gate | None = None) -> AsyncIterator[str]:
    """A gRPC server of the service, on a free port."""
    server = grpc.aio.server()
    gate = gate or Gate(None, streams_per_caller=1)
    methods = Methods(service.descriptor, service.table.rpcs, service, gate, None)
    server.add_generic_rpc_handlers((methods,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def as_killed(folder: Path, copy: Path) -> Path:
    """Copies the folder's current files into another folder, which may be inside the first."""
    while True:
        before = _files(folder, copy)
        try:
            shutil.copytree(folder, copy, ignore=lambda _, names: {copy.name} & set(names))
        except shutil.Error:  # a file was removed meanwhile
            pass
        else:
            if _files(folder, copy) == before:
                return copy
        shutil.rmtree(copy)


def _files(folder: Path, copy: Path) -> dict[Path, tuple[int, int, int]]:
    found = {}
    for path in folder.rglob("*"):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        if copy != path and copy not in path.parents:
            found[path] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found
