"""The relay: serves a data service's events to any number of subscribers, from one stream per engine and kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from alphaforge.data.v1 import data_service_pb2
from alphaforge.data.v1.engines_pb2 import (
    ListEnginesRequest,
    ListEnginesResponse,
    OpenEngineRequest,
    OpenEngineResponse,
)
from alphaforge.data.v1.subscriptions_pb2 import SubscribeBarsRequest, SubscribeTradesRequest
from alphaforge_core.errors import Unavailable
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from services.access.roles import Role
from services.base.periodic import Periodic
from services.data.rpcs import BARS_MAX, TRADES_MAX
from services.engines.answers import Answers
from services.engines.rows import Table, on_service, stream
from services.metrics.service_metrics import Counters, StreamCollector, families
from services.relay.engines import RelayedEngine, RelayedEngines
from services.relay.settings import RelaySettings
from services.relay.upstream import Upstream, Upstreams
from services.rpc.health import SetHealth
from services.rpc.peer import DATA_SERVICE
from services.streams.feed import Subscribers

if TYPE_CHECKING:
    from services.runtime.candidate import Candidate

__all__ = ["RELAY_COUNTERS", "RelayService"]

_LOOK_SECONDS = 1.0

RELAY_COUNTERS: Counters = (
    ("links", "gauge", "streams", "Open upstream subscriptions, at most two per engine."),
    ("silent_links", "gauge", "streams", "Upstream subscriptions that have been silent for too long to be used."),
    (
        "silence_seconds",
        "gauge",
        "s",
        "The longest time without a message from upstream; normally below 2 s.",
    ),
    ("events", "counter", "events", "Events received from upstream."),
    ("lost_events", "counter", "events", "Events that upstream no longer had. Subscribers got gaps instead."),
    ("reconnects", "counter", "streams", "Upstream subscriptions that ended and were restarted."),
)


class RelayService:
    """The engines of the data service upstream, and the streams that they feed."""

    descriptor = data_service_pb2.DESCRIPTOR.services_by_name["DataService"]
    table: Table
    candidate: Candidate | None = None

    def __init__(self, settings: RelaySettings) -> None:
        self.description = f"a relay of {settings.of}, which serves subscriptions only"
        self.answers = Answers()
        self.subscribers = Subscribers(settings.max_subscribers, settings.heartbeat_seconds)
        self._upstream = Upstream(settings.of, settings.data_files)
        self._upstreams = Upstreams(self._upstream, settings.data_files)
        self.engines = RelayedEngines(
            self._upstreams,
            self.subscribers,
            bars_max=settings.max_replay_bars,
            trades_max=settings.max_replay_trades,
        )
        self._watch = Periodic(_LOOK_SECONDS, self._look)
        self._health: SetHealth | None = None

    @property
    def collectors(self) -> Sequence[Collector]:
        """The metrics of links and streams."""
        return [StreamCollector(self.subscribers), RelayCollector(self.engines)]

    # --- From start to stop.

    async def start(self, health: SetHealth) -> None:
        """Recovers nothing, since a relay keeps no state."""
        self._health = health

    def start_primary(self) -> None:
        """Starts watching upstream."""
        self._watch.start()

    async def stop_primary(self) -> None:
        """Stops watching upstream."""
        await self._watch.stop()

    def stop_streams(self) -> None:
        """Ends every stream, so that clients reconnect elsewhere."""
        self.engines.close(Unavailable("the relay is stopping", reason="SHUTTING_DOWN"))

    async def close(self) -> None:
        """Ends the connections upstream."""
        await self._upstreams.close()

    async def _look(self) -> None:
        """Sets the health to upstream's, so that clients that choose by health prefer relays whose upstream serves."""
        self.engines.end_idle()
        assert self._health is not None
        serves = await self._upstream.serves()
        if not serves:
            await self._upstream.peer.find_primary()
        await self._health(DATA_SERVICE, serving=serves)

    # --- Calls on the service.

    async def open_engine(self, message: OpenEngineRequest) -> bytes:
        """Returns the data service's engine, which is neither created nor changed."""
        engine = await self.engines.get(message.engine, None)
        engine.check_settings(message.settings)
        return OpenEngineResponse(epoch=engine.epoch, settings=engine.settings).SerializeToString()

    async def list_engines(self, _message: ListEnginesRequest) -> bytes:
        """Lists the engines of the data service."""
        return ListEnginesResponse(engines=await self.engines.refresh()).SerializeToString()


# Name, request, method; the rest by keyword (engines/rows.py).
RelayService.table = Table(
    [
        on_service("OpenEngine", OpenEngineRequest, RelayService.open_engine, role=Role.READ),
        on_service("ListEngines", ListEnginesRequest, RelayService.list_engines, role=Role.READ),
        stream("SubscribeBars", SubscribeBarsRequest, RelayedEngine.subscribe_bars, items_max=BARS_MAX),
        stream("SubscribeTrades", SubscribeTradesRequest, RelayedEngine.subscribe_trades, items_max=TRADES_MAX),
    ]
)


class RelayCollector(Collector):
    """The series of a relay."""

    def __init__(self, engines: RelayedEngines) -> None:
        self._engines = engines

    def collect(self) -> Iterator[Metric]:
        """Each series."""
        links, counts = list(self._engines.links()), self._engines.counts
        values = (
            len(links),
            sum(link.is_silent for link in links),
            max((link.silence_seconds for link in links), default=0.0),
            counts.events,
            counts.lost_events,
            counts.reconnects,
        )
        return families("relay", RELAY_COUNTERS, values)
