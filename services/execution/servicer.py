"""ExecutionService over the core's engines: decode, call, encode."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from alphaforge.execution.v1 import execution_service_pb2
from alphaforge.execution.v1.engines_pb2 import (
    DropEngineRequest,
    DropEngineResponse,
    EngineSummary,
    GetEngineStatusRequest,
    GetStatisticsRequest,
    ListEnginesRequest,
    ListEnginesResponse,
    OpenEngineRequest,
    OpenEngineResponse,
    ResetEngineRequest,
    ResetEngineResponse,
    ValidateEngineRequest,
)
from alphaforge.execution.v1.events_pb2 import ListOrderEventsRequest, SubscribeOrderEventsRequest
from alphaforge.execution.v1.market_data_pb2 import (
    AdvanceTimeRequest,
    GetProducerStateRequest,
)
from alphaforge.execution.v1.orders_pb2 import (
    GetOrderRequest,
    ListFillsRequest,
    ListOrdersRequest,
    ListPositionsRequest,
)
from alphaforge.execution.v1.sessions_pb2 import CloseSessionRequest, KeepSessionRequest, OpenSessionRequest
from alphaforge.execution.v1.settings_pb2 import ExecutionEngineSettings
from alphaforge_core.errors import Unavailable
from alphaforge_core.execution import COUNTERS
from prometheus_client.registry import Collector

from services.common.calls import Calls
from services.common.checkpoints import Checkpoints
from services.common.journals import Journals
from services.common.live_clock import LiveClock
from services.common.messages import fill, given
from services.common.metrics import EngineCollector
from services.common.registry import DEFAULT_NAME, Registry
from services.common.rpc import Handler
from services.common.server import Health
from services.common.service_metrics import JournalCollector, RecoveryCollector, StreamCollector
from services.common.streams import Subscribers
from services.execution import queries
from services.execution.engine import (
    ADVANCE_TIME,
    BEGIN_SESSION,
    CANCEL_ALL_ORDERS,
    CANCEL_ORDER,
    HALT,
    MODIFY_ORDER,
    PROCESS_TICK,
    PROCESS_TICKS,
    RESUME,
    SUBMIT_ORDER,
    SUBMIT_ORDERS,
    NamedExecutionEngine,
)
from services.execution.market_data import MarketDataLinks
from services.execution.sessions import SessionWatch, begun, closed
from services.execution.settings import ExecutionServiceSettings
from services.execution.wire import event_filter

__all__ = ["ExecutionServicer"]


class ExecutionServicer:
    """The engines of an execution service and its RPCs."""

    descriptor = execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"]

    def __init__(self, settings: ExecutionServiceSettings) -> None:
        self._settings = settings
        self._subscribers = Subscribers(settings.max_subscribers, settings.heartbeat_seconds)
        self._links = MarketDataLinks(
            settings.data_target, settings.data_files, enabled=settings.market_data == "subscribe"
        )
        self._journals = Journals(settings.data_dir, settings.service, settings.journal_size_bytes_max)
        self._engines = Registry("execution", self._build, self._journals, placed=self._links.follow)
        self._calls = Calls(self._engines)
        self._checkpoints = Checkpoints(
            self._engines.engines, settings.journal_checkpoint_bytes, settings.journal_checkpoint_seconds
        )
        self._session_watch = SessionWatch(self._engines.engines)
        self._clock = LiveClock(self._engines.engines, ADVANCE_TIME, AdvanceTimeRequest)

    def _build(self, name: str, epoch: int, settings: Mapping[str, Any]) -> NamedExecutionEngine:
        defaults = {"live_clock": self._settings.live_clock, "durability": self._settings.durability}
        return NamedExecutionEngine(
            name, epoch, {**defaults, **settings}, self._subscribers, self._settings.event_backlog
        )

    @property
    def handlers(self) -> dict[str, Handler]:
        """Each RPC by its name."""
        calls = self._calls
        return {
            "OpenEngine": self._open_engine,
            "ListEngines": self._list_engines,
            "ResetEngine": calls.once(ResetEngineRequest, self._reset_engine),
            "DropEngine": calls.once(DropEngineRequest, self._drop_engine),
            "SubmitOrder": calls.input(SUBMIT_ORDER, head=GetStatisticsRequest),
            "SubmitOrders": calls.input(SUBMIT_ORDERS, head=GetStatisticsRequest),
            "CancelOrder": calls.input(CANCEL_ORDER),
            "CancelAllOrders": calls.input(CANCEL_ALL_ORDERS),
            "ModifyOrder": calls.input(MODIFY_ORDER),
            "GetOrder": calls.queued(GetOrderRequest, queries.get_order),
            "ListOrders": calls.queued(ListOrdersRequest, queries.list_orders),
            "ListFills": calls.queued(ListFillsRequest, queries.list_fills),
            "ListPositions": calls.queued(ListPositionsRequest, queries.list_positions),
            "ListOrderEvents": calls.queued(ListOrderEventsRequest, queries.list_order_events),
            "SubscribeOrderEvents": self._subscribe_order_events,
            "ProcessTradeTick": calls.ticks(PROCESS_TICK),
            "ProcessTradeTicks": calls.ticks(PROCESS_TICKS),
            "AdvanceTime": calls.input(ADVANCE_TIME),
            "GetProducerState": calls.queued(GetProducerStateRequest, queries.producer_state),
            "OpenSession": calls.once(OpenSessionRequest, self._open_session),
            "KeepSession": calls.direct(KeepSessionRequest, lambda engine, message: engine.sessions.keep(message)),
            "CloseSession": calls.once(CloseSessionRequest, self._close_session),
            "Halt": calls.input(HALT),
            "Resume": calls.input(RESUME),
            "GetStatistics": calls.queued(GetStatisticsRequest, queries.statistics),
            "GetEngineStatus": calls.queued(GetEngineStatusRequest, queries.status),
            "ValidateEngine": calls.queued(ValidateEngineRequest, queries.validate),
        }

    @property
    def collectors(self) -> Sequence[Collector]:
        """The counters of each engine, and how its market data are."""
        counters = EngineCollector(
            "execution", COUNTERS, lambda: ((each.name, each.core) for each in self._engines.engines())
        )
        return [
            counters,
            StreamCollector(self._subscribers),
            JournalCollector(self._journals.statistics),
            RecoveryCollector(self._engines.recovery),
            self._links,
        ]

    async def start(self, health: Health) -> None:
        """Recovers the engines; starts the links to the data service, the clock, the watch and the checkpoints."""
        await self._engines.recover()
        self._links.start(health)
        self._checkpoints.start()
        self._clock.start()
        self._session_watch.start()

    def stop_streams(self) -> None:
        """Ends every stream, so that clients go elsewhere."""
        self._engines.close(Unavailable("the service is stopping", reason="SHUTTING_DOWN"))

    async def close(self) -> None:
        """Stops the links, the watch and the clock, checkpoints every engine, closes the journals."""
        await self._links.close()
        await self._session_watch.stop()
        await self._clock.stop()
        await self._checkpoints.stop()
        await self._journals.close()

    async def _open_engine(self, request: bytes) -> bytes:
        message = OpenEngineRequest.FromString(request)
        engine, created = await self._engines.open(
            message.engine, given(message.settings), reconfigure=message.reconfigure
        )
        self._links.adjust(engine)
        settings = fill(ExecutionEngineSettings(), engine.settings)
        return OpenEngineResponse(epoch=engine.epoch, settings=settings, created=created).SerializeToString()

    async def _list_engines(self, request: bytes) -> bytes:
        ListEnginesRequest.FromString(request)
        summaries = [
            EngineSummary(
                engine=each.name,
                epoch=each.epoch,
                settings=fill(ExecutionEngineSettings(), each.settings),
                orders_open=each.core.statistics().orders_open,
                halted=each.core.is_halted,
            )
            for each in sorted(self._engines.engines(), key=lambda each: each.name)
        ]
        return ListEnginesResponse(engines=summaries).SerializeToString()

    async def _reset_engine(self, request: bytes) -> bytes:
        engine = await self._engines.reset(ResetEngineRequest.FromString(request))
        return ResetEngineResponse(epoch=engine.epoch).SerializeToString()

    async def _drop_engine(self, request: bytes) -> bytes:
        message = DropEngineRequest.FromString(request)
        dropped = await self._engines.drop(message)
        if dropped:
            self._links.leave(message.engine or DEFAULT_NAME)
        return DropEngineResponse(dropped=dropped).SerializeToString()

    async def _open_session(self, request: bytes) -> bytes:
        message = OpenSessionRequest.FromString(request)
        engine = await self._engines.of(message)
        return await engine.take(BEGIN_SESSION, begun(message).SerializeToString())

    async def _close_session(self, request: bytes) -> bytes:
        message = CloseSessionRequest.FromString(request)
        engine = await self._engines.of(message)
        return await engine.end_session(closed(message))

    async def _subscribe_order_events(self, request: bytes) -> AsyncGenerator[bytes]:
        message = SubscribeOrderEventsRequest.FromString(request)
        engine = await self._engines.of(message)
        from_sequence = message.from_sequence if message.HasField("from_sequence") else None
        async with aclosing(engine.events.subscribe(from_sequence, event_filter(message))) as responses:
            async for response in responses:
                yield response
