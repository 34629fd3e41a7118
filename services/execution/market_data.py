"""The trades that execution engines follow: each those of the data engine of its name.

A link never loses its place: it resumes after the last sequence it has applied, and what the data service can't give
any more is counted as missed. An engine that is new follows from now on. Where there is no data engine yet, or it
begins anew, everything it will have is new, and is wanted from its beginning.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from functools import partial

import grpc
from alphaforge.data.v1.data_service_pb2_grpc import DataServiceStub
from alphaforge.data.v1.engines_pb2 import ListEnginesRequest
from alphaforge.data.v1.subscriptions_pb2 import SubscribeTradesRequest, SubscribeTradesResponse
from alphaforge.execution.v1.engines_pb2 import MarketDataState
from alphaforge.journal.v1.inputs_pb2 import MarketDataWatched
from alphaforge_core.errors import AlphaForgeError
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.common.peer import Peer, PeerFiles
from services.common.periodic import Periodic
from services.common.server import Health
from services.execution.engine import FOLLOW, WATCH, NamedExecutionEngine

__all__ = ["MarketDataLinks"]

HEALTH_NAME = "market_data"

_PAUSE_SECONDS_FIRST = 0.05
_PAUSE_SECONDS_MAX = 1.0
# Heartbeats come at least every five seconds.
_SILENCE_SECONDS_MAX = 12.0
_WATCH_SECONDS = 0.5
_ASK_SECONDS = 0.25

_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.enable_retries", 0),
)

_logger = logging.getLogger("services.market_data")


class _Link:
    """One engine's subscription."""

    def __init__(self, engine: NamedExecutionEngine, peer: Peer, absent: _Absent) -> None:
        self.engine = engine
        self._peer = peer
        self._absent = absent
        # A data engine that begins anew is wanted from its beginning; its epoch will be told.
        self._begins_anew = False
        self._heard = float("-inf")
        self._began = time.monotonic()
        self._is_silent: bool | None = None
        self.task = asyncio.ensure_future(self._run())

    @property
    def is_stale(self) -> bool:
        """Whether nothing has been heard for the engine's `stale_after_ns`, or never."""
        return time.monotonic() - self._heard > self._stale_after_seconds

    @property
    def _stale_after_seconds(self) -> float:
        return float(self.engine.settings["stale_after_ns"] / 1e9)

    async def watch(self) -> None:
        """Tells the engine when trades that it followed fall silent, and when they come back."""
        is_silent = time.monotonic() - max(self._heard, self._began) > self._stale_after_seconds
        is_told = is_silent == self._is_silent
        # A link that has just begun knows neither; an engine that never followed any trades misses none.
        knows = is_silent or self._heard > self._began
        if knows and not is_told and self.engine.market_data.epoch:
            with suppress(AlphaForgeError):
                # Refused while the disk is: the next look tries again.
                await self.engine.take(WATCH, MarketDataWatched(stale=is_silent).SerializeToString())
                self._is_silent = is_silent

    async def _run(self) -> None:
        pause = _PAUSE_SECONDS_FIRST
        while True:
            before = self._heard
            try:
                await self._follow()
            except grpc.aio.AioRpcError as error:
                await self._explain(error)
            except AlphaForgeError:
                # The engine was reset or dropped.
                return
            except TimeoutError:
                _logger.warning("market data are silent", extra={"engine": self.engine.name})
            pause = _PAUSE_SECONDS_FIRST if self._heard > before else min(2 * pause, _PAUSE_SECONDS_MAX)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))

    async def _follow(self) -> None:
        request = SubscribeTradesRequest(engine=self.engine.name)
        if self._begins_anew:
            request.from_sequence = 1
        elif self.engine.market_data.epoch:
            request.epoch = self.engine.market_data.epoch
            request.from_sequence = self.engine.market_data.sequence + 1
        channel, metadata = self._peer.access()
        call = DataServiceStub(channel).SubscribeTrades(request, metadata=metadata)
        try:
            while True:
                # Not wait_for: in Python 3.11 it forgets a cancellation that comes together with a message.
                async with asyncio.timeout(_SILENCE_SECONDS_MAX):
                    message = await call.read()
                if not isinstance(message, SubscribeTradesResponse):
                    return
                self._heard = time.monotonic()
                await self._apply(message)
        finally:
            call.cancel()

    async def _apply(self, message: SubscribeTradesResponse) -> None:
        self._begins_anew = False
        if message.HasField("gap"):
            _logger.warning("trades were lost", extra={"engine": self.engine.name, "gap": str(message.gap)})
        if not self.engine.market_data.is_at(message):
            await self._take(message)

    async def _take(self, message: SubscribeTradesResponse) -> None:
        """The place in the stream moves with the trades: what the engine can't take now, it takes later."""
        pause = _PAUSE_SECONDS_FIRST
        while True:
            try:
                await self.engine.take(FOLLOW, message.SerializeToString(), message)
                return
            except AlphaForgeError as error:
                if self.engine.retired is not None:
                    raise
                _logger.warning("trades wait", extra={"engine": self.engine.name, "reason": str(error)})
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PAUSE_SECONDS_MAX)

    async def _explain(self, error: grpc.aio.AioRpcError) -> None:
        if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION):
            self._heard = time.monotonic()
            self._begins_anew = True
        if error.code() is grpc.StatusCode.NOT_FOUND:
            async for _ in self._absent.until_there(self.engine.name):
                self._heard = time.monotonic()
        elif error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
            _logger.info(
                "market data can't be reached", extra={"engine": self.engine.name, "status": error.code().name}
            )


class _Absent:
    """Asks the data service for the engines that it does not have yet: one question for all who wait."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._answer: asyncio.Task[frozenset[str]] | None = None

    async def until_there(self, name: str) -> AsyncGenerator[None]:
        """Yields at each sign of life of the service, and ends when the engine is there or the service is not."""
        while True:
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
        """Asks no more."""
        if self._answer is not None:
            self._answer.cancel()
            await asyncio.gather(self._answer, return_exceptions=True)

    async def _ask(self) -> frozenset[str]:
        await asyncio.sleep(_ASK_SECONDS)
        channel, metadata = self._peer.access()
        call = DataServiceStub(channel).ListEngines(
            ListEnginesRequest(), timeout=_SILENCE_SECONDS_MAX, metadata=metadata
        )
        response = await call
        return frozenset(engine.engine for engine in response.engines)


class MarketDataLinks(Collector):
    """The links of all engines of the service; tells Prometheus and the health protocol how they are."""

    def __init__(self, target: str, files: PeerFiles, *, enabled: bool) -> None:
        self._target = target
        self._files = files
        self._enabled = enabled
        self._peer: Peer | None = None
        self._absent: _Absent | None = None
        self._links: dict[str, _Link] = {}
        self._watch: Periodic | None = None

    def start(self, health: Health) -> None:
        """Begins to watch for links that are stale."""
        self._watch = Periodic(_WATCH_SECONDS, partial(self._look, health))
        self._watch.start()

    def follow(self, engine: NamedExecutionEngine) -> None:
        """Starts the engine's link, where settings have it; the link of an engine that it replaces ends."""
        self.leave(engine.name)
        if not self._enabled or not engine.settings["subscribe_market_data"]:
            return
        if self._peer is None or self._absent is None:
            self._peer = Peer(self._target, self._files, _CHANNEL_OPTIONS)
            self._absent = _Absent(self._peer)
        self._links[engine.name] = _Link(engine, self._peer, self._absent)
        engine.market_data.state = MarketDataState.MARKET_DATA_STATE_STALE

    def adjust(self, engine: NamedExecutionEngine) -> None:
        """Starts or ends the engine's link where other settings want it."""
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
        if self._absent is not None:
            await self._absent.close()
        if self._peer is not None:
            await self._peer.close()

    async def _look(self, health: Health) -> None:
        stale = False
        for link in self._links.values():
            state = MarketDataState.MARKET_DATA_STATE_LIVE
            if link.is_stale:
                stale, state = True, MarketDataState.MARKET_DATA_STATE_STALE
            link.engine.market_data.state = state
        await asyncio.gather(*(link.watch() for link in self._links.values()))
        await health(HEALTH_NAME, serving=not stale)

    def collect(self) -> Iterator[Metric]:
        """The series of each link, and of "default" before it is there."""
        stale = GaugeMetricFamily(
            "alphaforge_execution_market_data_stale", "1 while an engine does not hear its trades.", labels=("engine",)
        )
        missed = CounterMetricFamily(
            "alphaforge_execution_market_data_missed_ticks", "Trades that were lost for an engine.", labels=("engine",)
        )
        links = dict(self._links)
        for name in {"default", *links}:
            link = links.get(name)
            stale.add_metric((name,), float(link is not None and link.is_stale))
            missed.add_metric((name,), 0 if link is None else link.engine.market_data.missed)
        yield from (stale, missed)
