"""DataService over the core's engines: decode, call, encode."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
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
)
from alphaforge.data.v1.queries_pb2 import (
    GetBarsRequest,
    GetOpenBarsRequest,
    GetStatisticsRequest,
    ListInstrumentsRequest,
)
from alphaforge.data.v1.settings_pb2 import DataEngineSettings
from alphaforge.data.v1.subscriptions_pb2 import SubscribeBarsRequest, SubscribeTradesRequest
from alphaforge.data.v1.ticks_pb2 import AdvanceTimeRequest, GetProducerStateRequest
from alphaforge.journal.v1.inputs_pb2 import EpochBegun
from alphaforge_core.data import COUNTERS
from alphaforge_core.errors import Unavailable
from prometheus_client.registry import Collector

from services.common.calls import Calls
from services.common.checkpoints import Checkpoints
from services.common.engine import BEGIN_EPOCH, new_epoch
from services.common.journals import Journals
from services.common.live_clock import LiveClock
from services.common.messages import fill, given
from services.common.metrics import EngineCollector
from services.common.registry import Registry
from services.common.rpc import Handler
from services.common.server import Health
from services.common.service_metrics import JournalCollector, RecoveryCollector, StreamCollector
from services.common.streams import Subscribers
from services.data import queries
from services.data.engine import ADVANCE_TIME, PROCESS_TICK, PROCESS_TICKS, START, STOP, NamedDataEngine
from services.data.settings import DataServiceSettings
from services.data.wire import bar_filter, trade_filter

__all__ = ["DataServicer"]


class DataServicer:
    """The engines of a data service and its RPCs."""

    descriptor = data_service_pb2.DESCRIPTOR.services_by_name["DataService"]

    def __init__(self, settings: DataServiceSettings) -> None:
        self._settings = settings
        self._subscribers = Subscribers(settings.max_subscribers, settings.heartbeat_seconds)
        self._journals = Journals(settings.data_dir, settings.service, settings.journal_size_bytes_max)
        self._engines = Registry("data", self._build, self._journals)
        self._calls = Calls(self._engines)
        self._checkpoints = Checkpoints(
            self._engines.engines, settings.journal_checkpoint_bytes, settings.journal_checkpoint_seconds
        )
        self._clock = LiveClock(self._engines.engines, ADVANCE_TIME, AdvanceTimeRequest)

    def _build(self, name: str, epoch: int, settings: Mapping[str, Any]) -> NamedDataEngine:
        return NamedDataEngine(name, epoch, {**self._settings.engine_defaults, **settings}, self._subscribers)

    @property
    def handlers(self) -> dict[str, Handler]:
        """Each RPC by its name."""
        calls = self._calls
        return {
            "OpenEngine": self._open_engine,
            "ListEngines": self._list_engines,
            "ResetEngine": calls.once(ResetEngineRequest, self._reset_engine),
            "DropEngine": calls.once(DropEngineRequest, self._drop_engine),
            "Start": calls.input(START),
            "Stop": calls.input(STOP),
            "ProcessTradeTick": calls.ticks(PROCESS_TICK),
            "ProcessTradeTicks": calls.ticks(PROCESS_TICKS),
            "AdvanceTime": calls.input(ADVANCE_TIME),
            "GetProducerState": calls.queued(GetProducerStateRequest, queries.producer_state),
            "GetBars": calls.queued(GetBarsRequest, queries.get_bars),
            "GetOpenBars": calls.queued(GetOpenBarsRequest, queries.open_bars),
            "ListInstruments": calls.queued(ListInstrumentsRequest, queries.list_instruments),
            "GetStatistics": calls.queued(GetStatisticsRequest, queries.statistics),
            "SubscribeBars": self._subscribe_bars,
            "SubscribeTrades": self._subscribe_trades,
        }

    @property
    def collectors(self) -> Sequence[Collector]:
        """The counters of each engine, of streams and of journals."""
        return [
            EngineCollector("data", COUNTERS, lambda: ((each.name, each.core) for each in self._engines.engines())),
            StreamCollector(self._subscribers),
            JournalCollector(self._journals.statistics),
            RecoveryCollector(self._engines.recovery),
        ]

    async def start(self, health: Health) -> None:
        """Recovers the engines; starts the live clock and the checkpoints."""
        await self._engines.recover()
        self._checkpoints.start()
        self._clock.start()

    def stop_streams(self) -> None:
        """Ends every stream, so that clients go elsewhere."""
        self._engines.close(Unavailable("the service is stopping", reason="SHUTTING_DOWN"))

    async def close(self) -> None:
        """Stops the live clock, checkpoints every engine, closes the journals."""
        await self._clock.stop()
        await self._checkpoints.stop()
        await self._journals.close()

    # --- Engines.

    async def _open_engine(self, request: bytes) -> bytes:
        message = OpenEngineRequest.FromString(request)
        engine, created = await self._engines.open(
            message.engine, given(message.settings), reconfigure=message.reconfigure
        )
        settings = fill(DataEngineSettings(), engine.settings)
        return OpenEngineResponse(epoch=engine.epoch, settings=settings, created=created).SerializeToString()

    async def _list_engines(self, request: bytes) -> bytes:
        ListEnginesRequest.FromString(request)
        summaries = [
            EngineSummary(
                engine=each.name,
                epoch=each.epoch,
                settings=fill(DataEngineSettings(), each.settings),
                memory_usage_bytes=each.core.statistics().memory_usage_bytes,
            )
            for each in sorted(self._engines.engines(), key=lambda each: each.name)
        ]
        return ListEnginesResponse(engines=summaries).SerializeToString()

    async def _reset_engine(self, request: bytes) -> bytes:
        message = ResetEngineRequest.FromString(request)
        engine = self._engines.existing_of(message)
        if message.HasField("instrument_id"):
            begun = EpochBegun(epoch=new_epoch(), instrument_id=message.instrument_id)
            await engine.take(BEGIN_EPOCH, begun.SerializeToString())
        else:
            engine = await self._engines.reset(message)
        return ResetEngineResponse(epoch=engine.epoch).SerializeToString()

    async def _drop_engine(self, request: bytes) -> bytes:
        message = DropEngineRequest.FromString(request)
        return DropEngineResponse(dropped=await self._engines.drop(message)).SerializeToString()

    # --- Streams.

    async def _subscribe_bars(self, request: bytes) -> AsyncGenerator[bytes]:
        message = SubscribeBarsRequest.FromString(request)
        engine = self._engines.existing_of(message)
        from_sequence = message.from_sequence if message.HasField("from_sequence") else None
        if message.snapshot_bars:
            # Taken in one step, so that what follows begins exactly where it ends.
            snapshot, from_sequence = queries.snapshot(engine, message), engine.bars.last + 1
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
