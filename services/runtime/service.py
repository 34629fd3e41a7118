"""A service whose engines are journalled: the calls on the service itself, and its background work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any, Generic, TypeVar

from alphaforge_core.errors import Unavailable
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from prometheus_client.registry import Collector

from services.base.messages import fill, given
from services.engines.answers import Answers, first_answer
from services.engines.checkpoints import Checkpoints
from services.engines.engine import NamedEngine
from services.engines.live_clock import LiveClock
from services.engines.registry import Registry
from services.engines.rows import Table
from services.journal.journals import Journals, SharedJournal
from services.metrics.rpc_metrics import EngineCollector
from services.metrics.service_metrics import (
    CheckpointCollector,
    JournalCollector,
    RecoveryCollector,
    RefusalCollector,
    StreamCollector,
)
from services.rpc.health import SetHealth
from services.runtime.candidates import candidate_of
from services.runtime.cluster_metrics import ClusterCollector
from services.runtime.settings import JournalSettings
from services.streams.feed import Subscribers

__all__ = ["JournalledService"]

N = TypeVar("N", bound=NamedEngine)


class JournalledService(Generic[N]):
    """The engines of a data or an execution service."""

    descriptor: ServiceDescriptor
    table: Table
    description = ""
    messages: ModuleType
    """The module of the messages about engines: OpenEngineResponse, EngineSummary, ..."""
    settings_message: type[Message]
    counters: Sequence[tuple[str, str, str, str]]

    def __init__(self, settings: JournalSettings, placed: Callable[[N], None] = lambda _engine: None) -> None:
        """`placed` is called with every engine that becomes available to calls."""
        self.answers = Answers()
        self.subscribers = Subscribers(settings.max_subscribers, settings.heartbeat_seconds)
        self.candidate = candidate_of(settings)
        if self.candidate is None:
            self._journals = Journals(settings.data_dir, settings.service, settings.journal_size_bytes_max)
        else:
            self._journals = SharedJournal(self.candidate.journal)
        self.engines: Registry[N] = Registry(settings.service, self.build, self._journals, placed=placed)
        self._checkpoints = Checkpoints(
            self.engines.engines, settings.journal_checkpoint_bytes, settings.journal_checkpoint_seconds
        )
        self._clock = LiveClock(self.engines.engines)

    def build(self, name: str, epoch: int, settings: Mapping[str, Any]) -> N:
        """Creates an empty engine with the given settings and the service's defaults for the rest."""
        raise NotImplementedError

    def summary(self, engine: N) -> Mapping[str, Any]:
        """The fields of ListEngines besides name, epoch and settings. Runs in a thread."""
        raise NotImplementedError

    @property
    def collectors(self) -> Sequence[Collector]:
        """The metrics of engines, streams and journals."""
        noun = self.engines.noun
        cluster = [] if self.candidate is None else [ClusterCollector(self.candidate)]
        return [
            *cluster,
            EngineCollector(noun, self.counters, lambda: ((each.name, each.core) for each in self._served())),
            RefusalCollector(noun, lambda: ((each.name, each.refused) for each in self._served())),
            StreamCollector(self.subscribers),
            JournalCollector(self._journals.statistics),
            CheckpointCollector(self._checkpoints.statistics),
            RecoveryCollector(self.engines.recovery),
        ]

    # --- From start to stop.

    def _served(self) -> list[N]:
        """The engines whose series are shown: only the primary's, so that no sum counts one twice."""
        return self.engines.engines() if self.candidate is None or self.candidate.is_serving else []

    async def start(self, health: SetHealth) -> None:
        """Recovers the engines, or becomes a candidate. `health` sets the health of a part of the service."""
        if self.candidate is not None:
            await self.candidate.start(self, self.engines, health=health)
            return
        await self.engines.recover()
        self._restore_answers()

    async def begin_primary(self) -> None:
        """Called when the candidate has become the primary."""
        self._restore_answers()
        self.start_primary()

    async def end_primary(self) -> None:
        """Called when the candidate is no longer the primary."""
        await self._checkpoints.stop()
        await self._clock.stop()

    async def checkpoint_all(self) -> None:
        """Checkpoints every engine that has changed, for candidates that can't have followed it."""
        await self._checkpoints.finish()

    def _restore_answers(self) -> None:
        # A repeated reset or drop finds its first answer where this engine, or the next of its name, keeps it.
        kept = {
            each.DESCRIPTOR.full_name for each in (self.messages.ResetEngineRequest, self.messages.DropEngineRequest)
        }
        for engine in self.engines.engines():
            self.answers.restore(each for each in engine.answers.saved() if each.message in kept)
        self.answers.restore(self.engines.dropped_answers())

    def start_primary(self) -> None:
        """Starts background work: checkpoints and the live clock."""
        self._checkpoints.start()
        self._clock.start()

    async def stop_primary(self) -> None:
        """Stops background work and checkpoints every engine that has changed."""
        await self._clock.stop()
        await self._checkpoints.finish()

    def stop_streams(self) -> None:
        """Ends every stream, so that clients reconnect elsewhere."""
        self.engines.close(Unavailable("the service is stopping", reason="SHUTTING_DOWN"))

    async def close(self) -> None:
        """Closes the journals."""
        await self._journals.close()

    # --- Calls on the service.

    async def open_engine(self, message: Any) -> bytes:
        """Opens an engine, or creates it."""
        settings = given(message.settings)
        engine, created = await self.engines.open(message.engine, settings, reconfigure=message.reconfigure)
        answer = self.messages.OpenEngineResponse(
            epoch=engine.epoch, settings=fill(self.settings_message(), engine.described), created=created
        )
        return bytes(answer.SerializeToString())

    async def list_engines(self, message: Any) -> bytes:
        """All engines, by name."""
        engines = sorted(self.engines.engines(), key=lambda each: each.name)
        # A long call may hold an engine's lock, and the event loop must not wait for it.
        summaries = await asyncio.to_thread(lambda: [self.summary(each) for each in engines])
        listed = [
            self.messages.EngineSummary(
                engine=each.name,
                epoch=each.epoch,
                settings=fill(self.settings_message(), each.described),
                **summary,
            )
            for each, summary in zip(engines, summaries, strict=True)
        ]
        return bytes(self.messages.ListEnginesResponse(engines=listed).SerializeToString())

    async def reset_engine(self, message: Any) -> bytes:
        """Resets an engine."""
        epoch = message.epoch if message.HasField("epoch") else None
        engine = await self.engines.reset(message.engine, epoch, partial(self.first_reset_answer, message))
        return bytes(self.messages.ResetEngineResponse(epoch=engine.epoch).SerializeToString())

    def first_reset_answer(self, message: Any, epoch: int) -> bytes:
        """The first answer that the reset's input carries, for a repeat after a restart; empty without a request id."""
        return _first_answer(message, self.messages.ResetEngineResponse(epoch=epoch))

    async def drop_engine(self, message: Any) -> bytes:
        """Drops an engine."""
        first = _first_answer(message, self.messages.DropEngineResponse(dropped=True))
        dropped = await self.engines.drop(message.engine, message.epoch if message.HasField("epoch") else None, first)
        return bytes(self.messages.DropEngineResponse(dropped=dropped).SerializeToString())


def _first_answer(message: Any, answer: Message) -> bytes:
    if not message.request_id:
        return b""
    return first_answer(
        message, message.SerializeToString(), answer.SerializeToString(), time.time_ns()
    ).SerializeToString()
