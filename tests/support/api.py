"""The documented modules, in process or over the services, as tests use them."""

from __future__ import annotations

import importlib
import uuid
from contextlib import ExitStack
from types import ModuleType
from typing import Any

from tests.support.shards import Shards
from tests.support.stack import Stack

MODULES = ("cache", "data", "errors", "execution", "model", "time")


class Api:
    """`cache`, `data`, `execution`, `model`, `time` and `errors` are the documented modules.

    The methods that make engines hide the one difference between the transports: in process, an engine belongs to its
    object. On a service it has a name, so each engine made here gets its own name.
    """

    def __init__(self, package: str, stack: Stack | None, shards: Shards | None = None, partitions: int = 1) -> None:
        self.stack = stack
        self.shards = shards
        self.partitions = partitions
        self.cleanup = ExitStack()
        self.package = package

    def __getattr__(self, name: str) -> ModuleType:
        if name not in MODULES:
            raise AttributeError(name)
        return importlib.import_module(f"{self.package}.{name}")

    @property
    def remote(self) -> bool:
        return self.stack is not None or self.shards is not None

    def place(self, noun: str, name: str | None = None) -> dict[str, Any]:
        """Returns the constructor keywords that select the engine; a new name unless one is given."""
        if self.shards is not None:
            self.shards.serve(noun)
            place = {"targets": self.shards.targets(noun), "partitions": self.partitions}
            return {"name": name or f"test-{uuid.uuid4()}", **place}
        if self.stack is None:
            return {}
        self.stack.serve(noun)
        return {"name": name or f"test-{uuid.uuid4()}", "target": self.stack.target(noun)}

    def make_cache(self, **settings: Any) -> Any:
        return self._closing(self.cache.GenericCache(**settings, **self.place("cache")))

    def make_data_engine(self, **settings: Any) -> Any:
        config = self.data.DataEngineConfig(**settings)
        return self._closing(self.data.DataEngine(config, **self.place("data")))

    def make_execution_engine(self, **settings: Any) -> Any:
        config = self.execution.ExecutionEngineConfig(**settings)
        return self._closing(self.execution.ExecutionEngine(config, **self.place("execution")))

    def _closing(self, engine: Any) -> Any:
        if self.remote:
            self.cleanup.callback(engine.close)
        return engine
