"""The execution service: one row per call and internal input, and the calls on the service itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from alphaforge.execution.v1 import engines_pb2, execution_service_pb2
from alphaforge.execution.v1.accounts_pb2 import ListAccountsRequest, ResumeStrategyRequest
from alphaforge.execution.v1.engines_pb2 import (
    DropEngineRequest,
    GetEngineStatusRequest,
    GetStatisticsRequest,
    HaltRequest,
    ListEnginesRequest,
    OpenEngineRequest,
    ResetEngineRequest,
    ResumeRequest,
    ValidateEngineRequest,
)
from alphaforge.execution.v1.events_pb2 import ListOrderEventsRequest, SubscribeOrderEventsRequest
from alphaforge.execution.v1.instruments_pb2 import ListInstrumentsRequest
from alphaforge.execution.v1.market_data_pb2 import AdvanceTimeRequest, GetProducerStateRequest
from alphaforge.execution.v1.orders_pb2 import (
    CancelAllOrdersRequest,
    CancelMatchingOrdersRequest,
    CancelOrderRequest,
    CancelOrdersRequest,
    GetOrderRequest,
    ListFillsRequest,
    ListOrdersRequest,
    ListPositionsRequest,
    ModifyOrderRequest,
)
from alphaforge.execution.v1.sessions_pb2 import CloseSessionRequest, KeepSessionRequest, OpenSessionRequest
from alphaforge.execution.v1.settings_pb2 import ExecutionEngineSettings
from alphaforge.journal.v1.inputs_pb2 import MarketDataWatched, SessionBegun, SessionEnded
from alphaforge_core.execution import COUNTERS
from alphaforge_core.execution_wire import ServiceEngine
from prometheus_client.registry import Collector

from services.access.roles import Role
from services.engines.engine import DROPPED, EPOCH_BEGUN, OPENED
from services.engines.registry import DEFAULT_NAME
from services.engines.rows import BATCH_BYTES_MAX, Row, Runs, Table, on_service, query, stream
from services.engines.ticks import FollowedTrades, TickRequest, TicksRequest
from services.execution import queries
from services.execution.account_metrics import AccountCollector
from services.execution.engine import NamedExecutionEngine
from services.execution.market_data import MarketDataLinks
from services.execution.position_metrics import PositionCollector
from services.execution.sessions import SessionWatch, Watched
from services.execution.settings import ExecutionServiceSettings
from services.execution.wire import ModifyRequest, OrderGroupRequest, OrderRequest, OrdersRequest, RegisterRequest
from services.rpc.health import SetHealth
from services.runtime.service import JournalledService

__all__ = ["ExecutionService"]


class ExecutionService(JournalledService[NamedExecutionEngine]):
    """The engines of an execution service, and their links to the data service."""

    descriptor = execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"]
    messages = engines_pb2
    settings_message = ExecutionEngineSettings
    counters = COUNTERS

    def __init__(self, settings: ExecutionServiceSettings) -> None:
        subscribes = settings.market_data == "subscribe"
        self._links = MarketDataLinks(settings.data_shards, settings.data_files, enabled=subscribes)
        super().__init__(settings, placed=self._follow)
        self.engines.left = self._links.leave
        self._defaults = {name: getattr(settings, name) for name in ("live_clock", "durability", "max_time_jump_ns")}
        self._event_backlog = settings.event_backlog
        self._metrics_positions_max = settings.metrics_positions_max
        candidate = self.candidate
        self._session_watch = SessionWatch(
            lambda: [Watched(each.sessions, partial(each.take, "SessionEnded")) for each in self.engines.engines()],
            is_serving=lambda: candidate is None or candidate.shard.is_primary,
        )

    def _follow(self, engine: NamedExecutionEngine) -> None:
        if self.candidate is None or self.candidate.is_serving:
            self._links.follow(engine)

    def build(self, name: str, epoch: int, settings: Mapping[str, Any]) -> NamedExecutionEngine:
        settings = {**self._defaults, **settings}
        return NamedExecutionEngine(name, epoch, settings, self.table, self.subscribers, self._event_backlog)

    def summary(self, engine: NamedExecutionEngine) -> Mapping[str, Any]:
        return {"orders_open": engine.core.statistics().orders_open, "halted": engine.core.is_halted}

    @property
    def collectors(self) -> Sequence[Collector]:
        """The metrics of engines, streams, journals, market data links and positions."""
        most = self._metrics_positions_max

        def cores() -> Iterator[tuple[str, ServiceEngine]]:
            return ((each.name, each.core) for each in self._served())

        return [*super().collectors, self._links, PositionCollector(most, cores), AccountCollector(most, cores)]

    async def start(self, health: SetHealth) -> None:
        """Recovers the engines; starts the links to the data service."""
        await super().start(health)
        self._links.start(health)

    def start_primary(self) -> None:
        super().start_primary()
        self._session_watch.start()

    async def begin_primary(self) -> None:
        await super().begin_primary()
        for engine in self.engines.engines():
            self._links.follow(engine)

    async def end_primary(self) -> None:
        for engine in self.engines.engines():
            self._links.leave(engine.name)
        await self._session_watch.stop()
        await super().end_primary()

    async def stop_primary(self) -> None:
        await self._links.close()
        await self._session_watch.stop()
        await super().stop_primary()

    async def open_engine(self, message: OpenEngineRequest) -> bytes:
        """Opens an engine, or creates it; starts or ends its link according to its settings."""
        answer = await super().open_engine(message)
        if (engine := self.engines.find(message.engine, None)) is not None:
            self._links.adjust(engine)
        return answer

    async def drop_engine(self, message: DropEngineRequest) -> bytes:
        """Drops an engine and ends its link."""
        answer = await super().drop_engine(message)
        if self.engines.find(message.engine, None) is None:
            self._links.leave(message.engine or DEFAULT_NAME)
        return answer


_READ, _WRITE, _ADMIN = Role
_Engine, _Service = NamedExecutionEngine, ExecutionService
_order = partial(Row, publish=_Engine.publish, role=_WRITE, audited=True)
_orders = partial(_order, bytes_max=BATCH_BYTES_MAX, admits_unread=True)
_many = partial(_orders, once=True)
# There may be a million orders to cancel.
_cancel_all = partial(_order, runs=Runs.THREAD, once=True)
_ticks = partial(Row, publish=_Engine.publish_ticks, role=_WRITE)
# Audited because the end of a session can cancel orders.
_session = partial(Row, role=_WRITE, runs=Runs.TASK, once=True, audited=True)
_command = partial(Row, publish=_Engine.publish, role=_ADMIN, audited=True)
_own = partial(Row, publish=_Engine.publish)
# Pages of up to 10,000 items.
lists = partial(query, runs=Runs.THREAD)

# Name, request, method; the rest by keyword (engines/rows.py).
ExecutionService.table = Table(
    [
        # The service.
        on_service("OpenEngine", OpenEngineRequest, _Service.open_engine, role=_READ),
        on_service("ListEngines", ListEnginesRequest, _Service.list_engines, role=_READ),
        on_service("ResetEngine", ResetEngineRequest, _Service.reset_engine, role=_ADMIN, once=True, audited=True),
        on_service("DropEngine", DropEngineRequest, _Service.drop_engine, role=_ADMIN, once=True, audited=True),
        # Orders.
        _order("SubmitOrder", OrderRequest, _Engine.submit_orders, number=16),
        _orders("SubmitOrders", OrdersRequest, _Engine.submit_orders, number=17),
        _order("SubmitOrderGroup", OrderGroupRequest, _Engine.submit_orders, number=30),
        _order("CancelOrder", CancelOrderRequest, _Engine.cancel_order, number=18, once=True),
        _cancel_all("CancelAllOrders", CancelAllOrdersRequest, _Engine.cancel_all_orders, number=19),
        _order("ModifyOrder", ModifyOrderRequest, _Engine.modify_order, number=20, once=True),
        _many("CancelOrders", CancelOrdersRequest, _Engine.cancel_orders, number=31, items_max={"order_ids": 100_000}),
        _cancel_all("CancelMatchingOrders", CancelMatchingOrdersRequest, _Engine.cancel_matching, number=32),
        _many("ModifyOrders", ModifyRequest, _Engine.modify_orders, number=33),
        # Market data.
        _ticks("ProcessTradeTick", TickRequest, _Engine.process, number=21),
        _ticks(
            "ProcessTradeTicks",
            TicksRequest,
            _Engine.process,
            number=22,
            bytes_max=BATCH_BYTES_MAX,
            admits_unread=True,
        ),
        Row("AdvanceTime", AdvanceTimeRequest, _Engine.advance_time, _Engine.publish, role=_WRITE, number=23),
        # Sessions.
        _session("OpenSession", OpenSessionRequest, _Engine.open_session),
        _session("CloseSession", CloseSessionRequest, _Engine.close_session),
        Row("KeepSession", KeepSessionRequest, _Engine.keep_session, role=_WRITE, runs=Runs.LOOP),
        # The engine.
        _command(
            "RegisterInstruments",
            RegisterRequest,
            _Engine.register_instruments,
            number=34,
            once=True,
            bytes_max=BATCH_BYTES_MAX,
            items_max={"instruments": 100_000},
        ),
        _command("Halt", HaltRequest, _Engine.halt, number=24, once=True),
        _command("Resume", ResumeRequest, _Engine.resume, number=25, once=True),
        _command("ResumeStrategy", ResumeStrategyRequest, _Engine.resume_strategy, number=35, once=True),
        Row("ValidateEngine", ValidateEngineRequest, queries.validate, role=_ADMIN, runs=Runs.TASK, audited=True),
        # Queries.
        query("GetOrder", GetOrderRequest, queries.get_order),
        lists("ListOrders", ListOrdersRequest, queries.list_orders, items_max={"statuses": 100}),
        lists("ListFills", ListFillsRequest, queries.list_fills),
        lists("ListPositions", ListPositionsRequest, queries.list_positions),
        lists("ListAccounts", ListAccountsRequest, queries.list_accounts),
        lists("ListInstruments", ListInstrumentsRequest, queries.list_instruments),
        lists("ListOrderEvents", ListOrderEventsRequest, queries.list_order_events),
        query("GetProducerState", GetProducerStateRequest, queries.producer_state),
        query("GetStatistics", GetStatisticsRequest, queries.statistics),
        query("GetEngineStatus", GetEngineStatusRequest, queries.status),
        # Streams.
        stream("SubscribeOrderEvents", SubscribeOrderEventsRequest, queries.subscribe_order_events),
        # Internal inputs.
        OPENED,
        DROPPED,
        _own("SettingsChanged", ExecutionEngineSettings, _Engine.change_settings, number=2),
        EPOCH_BEGUN,
        _own("TradesFollowed", FollowedTrades, _Engine.follow, number=26),
        _own("MarketDataWatched", MarketDataWatched, _Engine.watch, number=27),
        _own("SessionBegun", SessionBegun, _Engine.begin_session, number=28),
        _own("SessionEnded", SessionEnded, _Engine.end_session, number=29),
    ]
)
