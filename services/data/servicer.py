"""DataService over the core's engines: decode, call, encode."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any

from alphaforge.data.v1 import data_service_pb2
from alphaforge.data.v1.engines_pb2 import (
    DropEngineRequest,
    DropEngineResponse,
    EngineSummary,
    ListEnginesRequest,
    ListEnginesResponse,
    OpenEngineRequest,
    OpenEngineResponse,
    ResetEngineRequest,
    ResetEngineResponse,
    StartRequest,
    StopRequest,
)
from alphaforge.data.v1.queries_pb2 import (
    GetBarsRequest,
    GetOpenBarsRequest,
    GetStatisticsRequest,
    ListInstrumentsRequest,
)
from alphaforge.data.v1.settings_pb2 import DataEngineSettings
from alphaforge.data.v1.subscriptions_pb2 import SubscribeBarsRequest, SubscribeTradesRequest
from alphaforge.data.v1.ticks_pb2 import (
    AdvanceTimeRequest,
    GetProducerStateRequest,
)
from alphaforge_core.data import COUNTERS, ProcessRequest
from alphaforge_core.errors import Unavailable
from prometheus_client.registry import Collector

from services.common.calls import Calls
from services.common.messages import fill, given
from services.common.metrics import EngineCollector
from services.common.registry import Registry
from services.common.rpc import Handler
from services.common.server import Health
from services.common.service_metrics import JournalCollector, StreamCollector
from services.common.streams import Subscribers
from services.data.engine import NamedDataEngine
from services.data.settings import DataServiceSettings
from services.data.wire import bar_filter, trade_filter

__all__ = ["DataServicer"]

# How often engines with a live clock are told the time.
_CLOCK_SECONDS = 0.05


class DataServicer:
    """The engines of a data service and its RPCs."""

    descriptor = data_service_pb2.DESCRIPTOR.services_by_name["DataService"]

    def __init__(self, settings: DataServiceSettings) -> None:
        self._settings = settings
        self._subscribers = Subscribers(settings.max_subscribers, settings.heartbeat_seconds)
        self._engines = Registry("data", self._build)
        self._calls = Calls(self._engines)
        self._clock: asyncio.Task[None] | None = None

    def _build(self, name: str, epoch: int, settings: Mapping[str, Any]) -> NamedDataEngine:
        return NamedDataEngine(name, epoch, {**self._settings.engine_defaults, **settings}, self._subscribers)

    @property
    def handlers(self) -> dict[str, Handler]:
        """Each RPC by its name."""
        calls, engine = self._calls, NamedDataEngine
        return {
            "OpenEngine": self._open_engine,
            "ListEngines": self._list_engines,
            "ResetEngine": calls.once(ResetEngineRequest, self._reset_engine),
            "DropEngine": calls.once(DropEngineRequest, self._drop_engine),
            "Start": calls.queued(StartRequest, engine.start),
            "Stop": calls.queued(StopRequest, engine.stop, engine.publish),
            "ProcessTradeTick": self._process_trade_tick,
            "ProcessTradeTicks": self._process_trade_ticks,
            "AdvanceTime": calls.once(
                AdvanceTimeRequest, calls.queued(AdvanceTimeRequest, engine.advance_time, engine.publish)
            ),
            "GetProducerState": calls.queued(GetProducerStateRequest, engine.producer_state),
            "GetBars": calls.queued(GetBarsRequest, engine.get_bars),
            "GetOpenBars": calls.queued(GetOpenBarsRequest, engine.open_bars),
            "ListInstruments": calls.queued(ListInstrumentsRequest, engine.list_instruments),
            "GetStatistics": calls.queued(GetStatisticsRequest, engine.statistics),
            "SubscribeBars": self._subscribe_bars,
            "SubscribeTrades": self._subscribe_trades,
        }

    @property
    def collectors(self) -> Sequence[Collector]:
        """The counters of each engine."""
        return [
            EngineCollector("data", COUNTERS, lambda: ((each.name, each.engine) for each in self._engines.engines())),
            StreamCollector(self._subscribers),
            JournalCollector(list),
        ]

    async def start(self, health: Health) -> None:
        """Starts the live clock."""
        self._clock = asyncio.ensure_future(self._run_clock())

    def stop_streams(self) -> None:
        """Ends every stream, so that clients go elsewhere."""
        self._engines.close(Unavailable("the service is stopping", reason="SHUTTING_DOWN"))

    async def close(self) -> None:
        """Stops the live clock."""
        if self._clock is not None:
            self._clock.cancel()
            with suppress(asyncio.CancelledError):
                await self._clock

    async def _run_clock(self) -> None:
        while True:
            await asyncio.sleep(_CLOCK_SECONDS)
            for engine in self._engines.engines():
                if engine.settings["live_clock"]:
                    now = max(0, time.time_ns() - engine.settings["close_grace_ns"])
                    await engine.apply(engine.advance_time, AdvanceTimeRequest(now_ns=now), 0, engine.publish)

    # --- Engines.

    async def _open_engine(self, request: bytes) -> bytes:
        message = OpenEngineRequest.FromString(request)
        engine, created = self._engines.open(message.engine, given(message.settings), reconfigure=message.reconfigure)
        settings = fill(DataEngineSettings(), engine.settings)
        return OpenEngineResponse(epoch=engine.epoch, settings=settings, created=created).SerializeToString()

    async def _list_engines(self, request: bytes) -> bytes:
        ListEnginesRequest.FromString(request)
        summaries = [
            EngineSummary(
                engine=each.name,
                epoch=each.epoch,
                settings=fill(DataEngineSettings(), each.settings),
                memory_usage_bytes=each.engine.statistics().memory_usage_bytes,
            )
            for each in sorted(self._engines.engines(), key=lambda each: each.name)
        ]
        return ListEnginesResponse(engines=summaries).SerializeToString()

    async def _reset_engine(self, request: bytes) -> bytes:
        message = ResetEngineRequest.FromString(request)
        engine = self._engines.existing_of(message)
        if message.HasField("instrument_id"):
            await engine.apply(engine.forget, message, 0, bytes)
        else:
            engine = self._engines.replace(engine)
        return ResetEngineResponse(epoch=engine.epoch).SerializeToString()

    async def _drop_engine(self, request: bytes) -> bytes:
        message = DropEngineRequest.FromString(request)
        return DropEngineResponse(dropped=self._engines.drop(message)).SerializeToString()

    # --- Ticks.

    async def _process_trade_tick(self, request: bytes) -> bytes:
        return await self._process(ProcessRequest.from_wire(request, single=True), len(request))

    async def _process_trade_ticks(self, request: bytes) -> bytes:
        return await self._process(ProcessRequest.from_wire(request), len(request))

    async def _process(self, request: ProcessRequest, size: int) -> bytes:
        engine = self._engines.get(request.engine, request.epoch)
        return await engine.apply(engine.process, request, size, engine.publish)

    # --- Streams.

    async def _subscribe_bars(self, request: bytes) -> AsyncGenerator[bytes]:
        message = SubscribeBarsRequest.FromString(request)
        engine = self._engines.existing_of(message)
        from_sequence = message.from_sequence if message.HasField("from_sequence") else None
        if message.snapshot_bars:
            # Taken in one step, so that what follows begins exactly where it ends.
            snapshot, from_sequence = engine.snapshot(message), engine.bars.last + 1
            for response in snapshot:
                yield response
        async with aclosing(engine.bars.subscribe(from_sequence, bar_filter(message))) as responses:
            async for response in responses:
                yield response

    async def _subscribe_trades(self, request: bytes) -> AsyncGenerator[bytes]:
        message = SubscribeTradesRequest.FromString(request)
        engine = self._engines.existing_of(message)
        from_sequence = message.from_sequence if message.HasField("from_sequence") else None
        async with aclosing(engine.trades.subscribe(from_sequence, trade_filter(message))) as responses:
            async for response in responses:
                yield response
