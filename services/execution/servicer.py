"""ExecutionService over the core's engines: decode, call, encode."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any

from alphaforge.execution.v1 import execution_service_pb2
from alphaforge.execution.v1.engines_pb2 import (
    DropEngineRequest,
    DropEngineResponse,
    EngineSummary,
    GetEngineStatusRequest,
    GetStatisticsRequest,
    HaltRequest,
    ListEnginesRequest,
    ListEnginesResponse,
    OpenEngineRequest,
    OpenEngineResponse,
    ResetEngineRequest,
    ResetEngineResponse,
    ResumeRequest,
    ValidateEngineRequest,
)
from alphaforge.execution.v1.events_pb2 import ListOrderEventsRequest, SubscribeOrderEventsRequest
from alphaforge.execution.v1.market_data_pb2 import (
    AdvanceTimeRequest,
    GetProducerStateRequest,
)
from alphaforge.execution.v1.orders_pb2 import (
    CancelAllOrdersRequest,
    CancelOrderRequest,
    GetOrderRequest,
    ListFillsRequest,
    ListOrdersRequest,
    ListPositionsRequest,
    ModifyOrderRequest,
)
from alphaforge.execution.v1.settings_pb2 import ExecutionEngineSettings
from alphaforge_core.data import ProcessRequest
from alphaforge_core.errors import Unavailable
from alphaforge_core.execution import COUNTERS
from prometheus_client.registry import Collector

from services.common.calls import Calls
from services.common.messages import fill, given
from services.common.metrics import EngineCollector
from services.common.registry import DEFAULT_NAME, Registry
from services.common.rpc import Handler
from services.common.server import Health
from services.common.service_metrics import JournalCollector, StreamCollector
from services.common.streams import Subscribers
from services.execution.engine import NamedExecutionEngine
from services.execution.market_data import MarketDataLinks
from services.execution.settings import ExecutionServiceSettings
from services.execution.wire import event_filter

__all__ = ["ExecutionServicer"]

# How often engines with a live clock are told the time.
_CLOCK_SECONDS = 0.05


class ExecutionServicer:
    """The engines of an execution service and its RPCs."""

    descriptor = execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"]

    def __init__(self, settings: ExecutionServiceSettings) -> None:
        self._settings = settings
        self._subscribers = Subscribers(settings.max_subscribers, settings.heartbeat_seconds)
        self._engines = Registry("execution", self._build)
        self._calls = Calls(self._engines)
        self._links = MarketDataLinks(settings.data_target, enabled=settings.market_data == "subscribe")
        self._clock: asyncio.Task[None] | None = None

    def _build(self, name: str, epoch: int, settings: Mapping[str, Any]) -> NamedExecutionEngine:
        settings = {"live_clock": self._settings.live_clock, **settings}
        engine = NamedExecutionEngine(name, epoch, settings, self._subscribers, self._settings.event_backlog)
        self._links.follow(engine)
        return engine

    @property
    def handlers(self) -> dict[str, Handler]:
        """Each RPC by its name."""
        calls, engine = self._calls, NamedExecutionEngine
        return {
            "OpenEngine": self._open_engine,
            "ListEngines": self._list_engines,
            "ResetEngine": calls.once(ResetEngineRequest, self._reset_engine),
            "DropEngine": calls.once(DropEngineRequest, self._drop_engine),
            "SubmitOrder": calls.raw(GetStatisticsRequest, engine.submit_order, engine.publish),
            "SubmitOrders": calls.raw(GetStatisticsRequest, engine.submit_orders, engine.publish),
            "CancelOrder": calls.once(
                CancelOrderRequest, calls.queued(CancelOrderRequest, engine.cancel_order, engine.publish)
            ),
            "CancelAllOrders": calls.once(
                CancelAllOrdersRequest, calls.queued(CancelAllOrdersRequest, engine.cancel_all_orders, engine.publish)
            ),
            "ModifyOrder": calls.once(
                ModifyOrderRequest, calls.queued(ModifyOrderRequest, engine.modify_order, engine.publish)
            ),
            "GetOrder": calls.queued(GetOrderRequest, engine.get_order),
            "ListOrders": calls.queued(ListOrdersRequest, engine.list_orders),
            "ListFills": calls.queued(ListFillsRequest, engine.list_fills),
            "ListPositions": calls.queued(ListPositionsRequest, engine.list_positions),
            "ListOrderEvents": calls.queued(ListOrderEventsRequest, engine.list_order_events),
            "SubscribeOrderEvents": self._subscribe_order_events,
            "ProcessTradeTick": self._process_trade_tick,
            "ProcessTradeTicks": self._process_trade_ticks,
            "AdvanceTime": calls.queued(AdvanceTimeRequest, engine.advance_time, engine.publish),
            "GetProducerState": calls.queued(GetProducerStateRequest, engine.producer_state),
            "Halt": calls.queued(HaltRequest, engine.halt),
            "Resume": calls.queued(ResumeRequest, engine.resume),
            "GetStatistics": calls.queued(GetStatisticsRequest, engine.statistics),
            "GetEngineStatus": calls.queued(GetEngineStatusRequest, engine.status),
            "ValidateEngine": calls.queued(ValidateEngineRequest, engine.validate),
        }

    @property
    def collectors(self) -> Sequence[Collector]:
        """The counters of each engine, and how its market data are."""
        counters = EngineCollector(
            "execution", COUNTERS, lambda: ((each.name, each.engine) for each in self._engines.engines())
        )
        return [counters, StreamCollector(self._subscribers), JournalCollector(list), self._links]

    async def start(self, health: Health) -> None:
        """Starts the live clock and the links to the data service."""
        self._clock = asyncio.ensure_future(self._run_clock())
        self._links.start(health)

    def stop_streams(self) -> None:
        """Ends every stream, so that clients go elsewhere."""
        self._engines.close(Unavailable("the service is stopping", reason="SHUTTING_DOWN"))

    async def close(self) -> None:
        """Stops the live clock and the links."""
        await self._links.close()
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

    async def _open_engine(self, request: bytes) -> bytes:
        message = OpenEngineRequest.FromString(request)
        engine, created = self._engines.open(message.engine, given(message.settings), reconfigure=message.reconfigure)
        settings = fill(ExecutionEngineSettings(), engine.settings)
        return OpenEngineResponse(epoch=engine.epoch, settings=settings, created=created).SerializeToString()

    async def _list_engines(self, request: bytes) -> bytes:
        ListEnginesRequest.FromString(request)
        summaries = [
            EngineSummary(
                engine=each.name,
                epoch=each.epoch,
                settings=fill(ExecutionEngineSettings(), each.settings),
                orders_open=each.engine.statistics().orders_open,
                halted=each.engine.is_halted,
            )
            for each in sorted(self._engines.engines(), key=lambda each: each.name)
        ]
        return ListEnginesResponse(engines=summaries).SerializeToString()

    async def _reset_engine(self, request: bytes) -> bytes:
        engine = self._engines.replace(self._engines.existing_of(ResetEngineRequest.FromString(request)))
        return ResetEngineResponse(epoch=engine.epoch).SerializeToString()

    async def _drop_engine(self, request: bytes) -> bytes:
        message = DropEngineRequest.FromString(request)
        dropped = self._engines.drop(message)
        if dropped:
            self._links.leave(message.engine or DEFAULT_NAME)
        return DropEngineResponse(dropped=dropped).SerializeToString()

    async def _process_trade_tick(self, request: bytes) -> bytes:
        return await self._process(ProcessRequest.from_wire(request, single=True), len(request))

    async def _process_trade_ticks(self, request: bytes) -> bytes:
        return await self._process(ProcessRequest.from_wire(request), len(request))

    async def _process(self, request: ProcessRequest, size: int) -> bytes:
        # The data service's request, field by field; a test holds the two together.
        engine = self._engines.get(request.engine, request.epoch)
        return await engine.apply(engine.process, request, size, engine.publish_ticks)

    async def _subscribe_order_events(self, request: bytes) -> AsyncGenerator[bytes]:
        message = SubscribeOrderEventsRequest.FromString(request)
        engine = self._engines.of(message)
        from_sequence = message.from_sequence if message.HasField("from_sequence") else None
        async with aclosing(engine.events.subscribe(from_sequence, event_filter(message))) as responses:
            async for response in responses:
                yield response
