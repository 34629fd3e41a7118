"""Links to the data service: each execution engine follows the trades of the data engine of the same name (rule 3.4).

A link resumes after the last sequence that its engine has applied, and counts trades that the data service no longer
has as missed. A new engine starts with the next trade. If the data engine doesn't exist yet (ENGINE_UNKNOWN) or has
started a new epoch (EPOCH_CHANGED), all of its trades are new, so the link asks for all of them. After any other error
it resumes, because a data engine that can't be read for a while comes back with its old trades.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import NamedTuple

import grpc
from alphaforge.data.v1.data_service_pb2_grpc import DataServiceStub
from alphaforge.data.v1.engines_pb2 import ListEnginesRequest
from alphaforge.data.v1.subscriptions_pb2 import SubscribeTradesRequest
from alphaforge.execution.v1.engines_pb2 import MarketDataState
from alphaforge.journal.v1.inputs_pb2 import MarketDataWatched
from alphaforge.type.v1.stream_pb2 import Gap
from alphaforge_core.data_wire import TradesResponse
from alphaforge_core.errors import AlphaForgeError
from alphaforge_core.placement import Shard, placed, split_name
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.base.errors import info_of
from services.base.periodic import Periodic
from services.execution.engine import NamedExecutionEngine
from services.rpc.follower import PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX, Follower
from services.rpc.health import SetHealth
from services.rpc.peer import SILENCE_SECONDS_MAX, Peer, PeerFiles

__all__ = ["MarketDataLinks"]

HEALTH_NAME = "market_data"

_WATCH_SECONDS = 0.5
_ASK_SECONDS = 0.25
# How long a link polls for a missing engine before it subscribes again.
_ABSENT_SECONDS = 5.0
# Failures at the service that the data engine moved to before the link tries the home service again.
_FAILURES_AWAY_MAX = 3

_logger = logging.getLogger("services.market_data")


class _Link(Follower):
    """One engine's subscription."""

    SOURCE = "market data"

    def __init__(self, engine: NamedExecutionEngine, home: str, source: Callable[[str], _Source]) -> None:
        super().__init__(engine.name, _logger)
        self.engine = engine
        # The data engine's service by the list of targets; `source` returns the service at an address.
        self._home = home
        self._source = source
        self._peer, self._absent = source(home)
        self._failures = 0
        # Whether to ask for all trades of the data engine's new epoch, whose value is not known yet.
        self._starts_over = False
        self.heard = float("-inf")
        self._began = time.monotonic()
        self._is_silent: bool | None = None
        self.task = asyncio.ensure_future(self.run())

    @property
    def is_stale(self) -> bool:
        """Whether no message or heartbeat has arrived within the engine's `stale_after_ns`, or ever."""
        return time.monotonic() - self.heard > self._stale_after_seconds

    @property
    def _stale_after_seconds(self) -> float:
        return float(self.engine.settings["stale_after_ns"] / 1e9)

    async def watch(self) -> None:
        """Notifies the engine when its market data become stale and when they resume."""
        is_silent = time.monotonic() - max(self.heard, self._began) > self._stale_after_seconds
        is_told = is_silent == self._is_silent
        # A new link can't tell yet; an engine that never followed any trades is not stale (rule 3.20).
        knows = is_silent or self.heard > self._began
        if knows and not is_told and self.engine.market_data.epoch:
            with suppress(AlphaForgeError):
                # The journal can't be written; the next check retries.
                await self.engine.take("MarketDataWatched", MarketDataWatched(stale=is_silent))
                self._is_silent = is_silent

    # --- Following the data engine.

    @property
    def peer(self) -> Peer:
        """The service of the data engine."""
        return self._peer

    async def follow(self) -> None:
        """Applies the trades after the position. The core decodes the messages, and the journal stores their bytes."""
        request = SubscribeTradesRequest(engine=self.engine.name)
        if self._starts_over:
            request.from_sequence = 1
        elif self.engine.market_data.epoch:
            request.epoch = self.engine.market_data.epoch
            request.from_sequence = self.engine.market_data.sequence + 1
        async with aclosing(self._peer.subscribe("SubscribeTrades", request)) as messages:
            async for message in messages:
                self.heard = time.monotonic()
                await self._apply(message)

    async def _apply(self, encoded: bytes) -> None:
        message = TradesResponse.from_wire(encoded)
        self._starts_over = False
        if message.gap is not None:
            self.warn("trades were lost", gap=str(Gap.FromString(message.gap)))
        if self.engine.market_data.is_behind(message):
            await self._take(encoded, message)

    async def _take(self, encoded: bytes, message: TradesResponse) -> None:
        """Applies a message and moves the position; trades that the engine can't accept now are requested again."""
        pause = PAUSE_SECONDS_FIRST
        while True:
            try:
                await self.engine.take_encoded("TradesFollowed", encoded, message)
                return
            except AlphaForgeError as error:
                if self.engine.retired is not None:
                    self.is_over = True
                    raise
                self.warn("trades not applied yet", reason=str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)

    def _go(self, target: str | None) -> None:
        """Switches to the service that the data engine moved to, or back to the home service."""
        self._failures = 0
        self._peer, self._absent = self._source(target or self._home)

    async def explain(self, error: grpc.aio.AioRpcError) -> None:
        """Waits for a data engine that doesn't exist yet; switches services if it has moved."""
        info = info_of(error)
        reason = "" if info is None else info.reason
        if reason in ("ENGINE_UNKNOWN", "EPOCH_CHANGED"):
            self.heard = time.monotonic()
            self._starts_over = True
        if reason == "ENGINE_UNKNOWN":
            async for _ in self._absent.until_there(self.engine.name):
                self.heard = time.monotonic()
        elif reason == "ENGINE_MOVED":
            self._go(info.metadata.get("target") if info else None)
        elif reason != "EPOCH_CHANGED":
            self._failures += 1
            if self._failures >= _FAILURES_AWAY_MAX:
                self._go(self._home)
            self.warn_refused(error, reason)


class _Absent:
    """Polls the data service for missing engines, with one request for all links that wait."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._answer: asyncio.Task[frozenset[str]] | None = None

    async def until_there(self, name: str) -> AsyncGenerator[None]:
        """Yields at each response of the service; ends once the engine exists or the service can't be reached.

        Also ends after a few seconds: another shard of a cluster may have created the engine; the service says which.
        """
        until = time.monotonic() + _ABSENT_SECONDS * random.uniform(0.5, 1.0)
        while time.monotonic() < until:
            if self._answer is None or self._answer.done():
                self._answer = asyncio.ensure_future(self._ask())
            try:
                engines = await asyncio.shield(self._answer)
            except grpc.aio.AioRpcError:
                return
            yield
            if name in engines:
                return

    async def close(self) -> None:
        """Stops polling."""
        if self._answer is not None:
            self._answer.cancel()
            await asyncio.gather(self._answer, return_exceptions=True)

    async def _ask(self) -> frozenset[str]:
        await asyncio.sleep(_ASK_SECONDS)
        channel, metadata = self._peer.access()
        call = DataServiceStub(channel).ListEngines(
            ListEnginesRequest(), timeout=SILENCE_SECONDS_MAX, metadata=metadata
        )
        response = await call
        return frozenset(engine.engine for engine in response.engines)


class _Source(NamedTuple):
    """One data service."""

    peer: Peer
    absent: _Absent


class MarketDataLinks(Collector):
    """The links of all engines, with their metrics and health."""

    def __init__(self, shards: Sequence[Shard], files: PeerFiles, *, enabled: bool) -> None:
        self._shards = shards
        self._files = files
        self._enabled = enabled
        # By target.
        self._sources: dict[str, _Source] = {}
        self._links: dict[str, _Link] = {}
        self._watch: Periodic | None = None

    def start(self, health: SetHealth) -> None:
        """Starts watching for stale links."""
        self._watch = Periodic(_WATCH_SECONDS, partial(self._look, health))
        self._watch.start()

    def follow(self, engine: NamedExecutionEngine) -> None:
        """Starts the engine's link if its settings ask for it; ends the link of the engine it replaces."""
        self.leave(engine.name)
        if not self._enabled or not engine.settings["subscribe_market_data"]:
            return
        self._links[engine.name] = _Link(engine, self._target_of(engine), self._source)
        engine.market_data.state = MarketDataState.MARKET_DATA_STATE_STALE

    def _target_of(self, engine: NamedExecutionEngine) -> str:
        """Returns the target of the data engine of the same name; each partition follows the same partition."""
        name, index = split_name(engine.name) if engine.partitions > 1 else (engine.name, 0)
        return placed(name, engine.partitions, self._shards)[index].target

    def _source(self, target: str) -> _Source:
        """The data service at that address."""
        if target not in self._sources:
            peer = Peer(target, self._files)
            self._sources[target] = _Source(peer, _Absent(peer))
        return self._sources[target]

    def adjust(self, engine: NamedExecutionEngine) -> None:
        """Starts or ends the engine's link after a change of settings."""
        if (engine.name in self._links) != bool(engine.settings["subscribe_market_data"]):
            self.follow(engine)

    def leave(self, name: str) -> None:
        """Ends the link of the engine of that name."""
        link = self._links.pop(name, None)
        if link is not None:
            link.task.cancel()

    async def close(self) -> None:
        """Ends all links."""
        if self._watch is not None:
            await self._watch.stop()
        tasks = [link.task for link in self._links.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for source in self._sources.values():
            await source.absent.close()
            await source.peer.close()

    async def _look(self, health: SetHealth) -> None:
        stale = False
        for link in self._links.values():
            state = MarketDataState.MARKET_DATA_STATE_LIVE
            if link.is_stale:
                stale, state = True, MarketDataState.MARKET_DATA_STATE_STALE
            link.engine.market_data.state = state
        await asyncio.gather(*(link.watch() for link in self._links.values()))
        await health(HEALTH_NAME, serving=not stale)

    def collect(self) -> Iterator[Metric]:
        """The series of each link, and of "default" before it exists."""
        stale = GaugeMetricFamily(
            "alphaforge_execution_market_data_stale",
            "1 while an engine's market data are stale: it receives nothing from the data service.",
            labels=("engine",),
        )
        missed = CounterMetricFamily(
            "alphaforge_execution_market_data_missed_ticks",
            "Trades that an engine missed permanently.",
            labels=("engine",),
        )
        links = dict(self._links)
        for name in {"default", *links}:
            link = links.get(name)
            stale.add_metric((name,), float(link is not None and link.is_stale))
            missed.add_metric((name,), 0 if link is None else link.engine.market_data.missed)
        yield from (stale, missed)
