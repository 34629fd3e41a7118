"""The data service: one row per call and internal input, and the calls on the service itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from alphaforge.data.v1 import data_service_pb2, engines_pb2
from alphaforge.data.v1.engines_pb2 import (
    DropEngineRequest,
    ListEnginesRequest,
    OpenEngineRequest,
    ResetEngineRequest,
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
from alphaforge.data.v1.ticks_pb2 import AdvanceTimeRequest, GetProducerStateRequest
from alphaforge.journal.v1.inputs_pb2 import EpochBegun
from alphaforge_core.data import COUNTERS

from services.access.roles import Role
from services.data import queries
from services.data.engine import NamedDataEngine
from services.data.settings import DataServiceSettings
from services.engines.engine import DROPPED, EPOCH_BEGUN, OPENED, new_epoch
from services.engines.rows import BATCH_BYTES_MAX, Row, Runs, Table, on_service, query, stream
from services.engines.ticks import TickRequest, TicksRequest
from services.runtime.service import JournalledService

__all__ = ["BARS_MAX", "TRADES_MAX", "DataService"]

# Maximum number of items in a subscription's request.
BARS_MAX = {"instrument_ids": 100_000, "bar_types": 1_000}
TRADES_MAX = {"instrument_ids": 100_000}


class DataService(JournalledService[NamedDataEngine]):
    """The engines of a data service."""

    descriptor = data_service_pb2.DESCRIPTOR.services_by_name["DataService"]
    messages = engines_pb2
    settings_message = DataEngineSettings
    counters = COUNTERS

    def __init__(self, settings: DataServiceSettings) -> None:
        super().__init__(settings)
        self._defaults = settings.engine_defaults

    def build(self, name: str, epoch: int, settings: Mapping[str, Any]) -> NamedDataEngine:
        return NamedDataEngine(name, epoch, {**self._defaults, **settings}, self.table, self.subscribers)

    def summary(self, engine: NamedDataEngine) -> Mapping[str, Any]:
        return {"memory_usage_bytes": engine.core.statistics().memory_usage_bytes}

    async def reset_engine(self, message: ResetEngineRequest) -> bytes:
        """Resets an engine or one of its instruments; both start a new epoch."""
        if not message.HasField("instrument_id"):
            return await super().reset_engine(message)
        epoch = message.epoch if message.HasField("epoch") else None
        engine = await self.engines.get(message.engine, epoch, creates=False)
        begun = EpochBegun(epoch=new_epoch(), instrument_id=message.instrument_id)
        begun.first_answer = self.first_reset_answer(message, begun.epoch)
        await engine.take("EpochBegun", begun)
        return engines_pb2.ResetEngineResponse(epoch=engine.epoch).SerializeToString()


_READ, _WRITE, _ADMIN = Role
_Engine, _Service = NamedDataEngine, DataService
_change = partial(Row, publish=_Engine.publish, role=_WRITE)

# Name, request, method; the rest by keyword (engines/rows.py).
DataService.table = Table(
    [
        # The service.
        on_service("OpenEngine", OpenEngineRequest, _Service.open_engine, role=_READ),
        on_service("ListEngines", ListEnginesRequest, _Service.list_engines, role=_READ),
        on_service("ResetEngine", ResetEngineRequest, _Service.reset_engine, role=_ADMIN, once=True, audited=True),
        on_service("DropEngine", DropEngineRequest, _Service.drop_engine, role=_ADMIN, once=True, audited=True),
        # Changes.
        _change("ProcessTradeTick", TickRequest, _Engine.process, number=16),
        _change(
            "ProcessTradeTicks",
            TicksRequest,
            _Engine.process,
            number=17,
            bytes_max=BATCH_BYTES_MAX,
            admits_unread=True,
        ),
        _change("AdvanceTime", AdvanceTimeRequest, _Engine.advance_time, number=18, once=True),
        Row("Start", StartRequest, _Engine.start, role=_WRITE, number=19, once=True),
        _change("Stop", StopRequest, _Engine.stop, number=20, once=True),
        # Queries.
        query("GetProducerState", GetProducerStateRequest, queries.producer_state),
        query("GetBars", GetBarsRequest, queries.get_bars, is_long=queries.is_long_page),
        query("GetOpenBars", GetOpenBarsRequest, queries.open_bars),
        query("ListInstruments", ListInstrumentsRequest, queries.list_instruments, runs=Runs.THREAD),
        query("GetStatistics", GetStatisticsRequest, queries.statistics),
        # Streams.
        stream("SubscribeBars", SubscribeBarsRequest, queries.subscribe_bars, items_max=BARS_MAX),
        stream("SubscribeTrades", SubscribeTradesRequest, queries.subscribe_trades, items_max=TRADES_MAX),
        # Internal inputs.
        OPENED,
        DROPPED,
        Row("SettingsChanged", DataEngineSettings, _Engine.change_settings, number=2),
        EPOCH_BEGUN,
    ]
)
