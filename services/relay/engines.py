"""The engines of a relay, which are the engines of its data service."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any, TypeVar

from alphaforge.data.v1.engines_pb2 import EngineSummary
from alphaforge.data.v1.settings_pb2 import DataEngineSettings
from alphaforge.data.v1.subscriptions_pb2 import SubscribeBarsRequest, SubscribeTradesRequest
from alphaforge_core.data_wire import has_calendars
from alphaforge_core.errors import AlphaForgeError, EngineError, InvalidArgument, Unavailable
from alphaforge_core.model import BarType

from services.base.messages import given
from services.data.wire import bar_filter, trade_filter
from services.engines.engine import called, epoch_changed
from services.engines.registry import DEFAULT_NAME
from services.relay.link import BARS, TRADES, Counts, Kind, Link
from services.relay.upstream import Place, Upstreams
from services.streams.feed import Subscribers

__all__ = ["RelayedEngine", "RelayedEngines"]

T = TypeVar("T")

_IDLE_SECONDS_MAX = 60.0


class RelayedEngine:
    """One engine in one epoch: its settings, and a link for each kind of event that has subscribers."""

    def __init__(self, name: str, epoch: int, engines: RelayedEngines) -> None:
        self.name = name
        self.epoch = epoch
        self.settings = DataEngineSettings()
        self.links: dict[str, Link[Any]] = {}
        self.place = engines.new_place()
        self._engines = engines

    def _link(self, kind: Kind[T], capacity: int) -> Link[T]:
        if kind.method not in self.links:
            self.links[kind.method] = self._engines.new_link(self, kind, capacity)
        return self.links[kind.method]

    async def subscribe_bars(self, message: SubscribeBarsRequest) -> AsyncGenerator[bytes]:
        """Streams closed bars, after a snapshot if one is asked for, which is read upstream.

        Raises InvalidArgument BAR_TYPE_UNKNOWN for a type that the engine does not build: its stream would stay silent.
        """
        await self._check_types(message)
        feed = await self._link(BARS, self._engines.bars_max).ready()
        from_sequence = message.from_sequence if message.HasField("from_sequence") else None
        if message.snapshot_bars:
            message.epoch = self.epoch
            async with aclosing(self.place.upstream.snapshot(message)) as pieces:
                async for piece, position in pieces:
                    if position is None:
                        yield piece
                    else:
                        from_sequence = position + 1
        async with aclosing(feed.subscribe(from_sequence, bar_filter(message))) as responses:
            async for response in responses:
                yield response

    async def subscribe_trades(self, message: SubscribeTradesRequest) -> AsyncGenerator[bytes]:
        """Streams accepted trades."""
        feed = await self._link(TRADES, self._engines.trades_max).ready()
        from_sequence = message.from_sequence if message.HasField("from_sequence") else None
        async with aclosing(feed.subscribe(from_sequence, trade_filter(message))) as responses:
            async for response in responses:
                yield response

    async def _check_types(self, message: SubscribeBarsRequest) -> None:
        wanted = {str(BarType(name)) for name in message.bar_types}
        if not wanted <= set(self.settings.bar_types):
            # The bar type may have been added since.
            await self._engines.refresh()
        if unknown := sorted(wanted - set(self.settings.bar_types)):
            raise InvalidArgument(
                f"bar type {unknown[0]} is not among those of this engine ({', '.join(self.settings.bar_types)}); add "
                f"it by opening the engine on the data service with DataEngineConfig(bar_types=['{unknown[0]}'])",
                reason="BAR_TYPE_UNKNOWN",
            )

    def check_settings(self, wanted: DataEngineSettings) -> None:
        """Raises EngineError SETTINGS_DIFFER if any of the wanted settings differs from the engine's."""
        has = given(self.settings)
        differing = [name for name, value in given(wanted).items() if not _is_same(name, value, has.get(name))]
        if (wanted.partitions or 1) != (has.get("partitions") or 1):
            differing.append("partitions")
        if differing:
            raise EngineError(
                f"{called('data', self.name)} has other settings for {', '.join(differing)}, and a relay can't change "
                f"them; open the engine without settings, or at {self.place.upstream.target}",
                reason="SETTINGS_DIFFER",
            )

    def end(self, error: AlphaForgeError) -> None:
        """Ends its links and their streams."""
        for link in self.links.values():
            link.end(error)
        self.links = {}

    def end_idle(self) -> None:
        """Ends links without subscribers, and the streams of silent links."""
        for method, link in list(self.links.items()):
            link.end_if_silent()
            if link.idle_seconds > _IDLE_SECONDS_MAX:
                del self.links[method]
                link.end(Unavailable("the relay ended a stream without subscribers", reason="UNAVAILABLE"))


def _is_same(name: str, wanted: Any, has: Any) -> bool:
    # Additional bar types, calendars and instruments don't matter.
    if name == "negative_price_instruments":
        return set(wanted) <= set(has or ())
    if name == "calendars":
        return has_calendars(has or (), wanted)
    if name != "bar_types":
        return bool(wanted == has)
    return {str(BarType(each)) for each in wanted} <= set(has or ())


class RelayedEngines:
    """The engines of the data service upstream, as it last listed them. Used on the event loop only."""

    def __init__(self, upstreams: Upstreams, subscribers: Subscribers, *, bars_max: int, trades_max: int) -> None:
        self.bars_max = bars_max
        self.trades_max = trades_max
        self.counts = Counts()
        self._upstreams = upstreams
        self._subscribers = subscribers
        self._engines: dict[str, RelayedEngine] = {}

    def find(self, name: str, epoch: int | None) -> RelayedEngine | None:
        """Returns the engine in that epoch; None if it isn't known and the data service has to be asked."""
        engine = self._engines.get(name or DEFAULT_NAME)
        return engine if engine is not None and engine.epoch == epoch else None

    async def get(self, name: str, epoch: int | None, *, creates: bool = False) -> RelayedEngine:
        """Returns the current engine of that name at the data service, or where it has moved to; creates nothing.

        Raises EngineError: EPOCH_CHANGED if it isn't in that epoch, ENGINE_UNKNOWN if it doesn't exist; and Unavailable
        if the data service can't be asked.
        """
        name = name or DEFAULT_NAME
        await self.refresh()
        if name not in self._engines:
            await self._find_moved(name, epoch)
        engine = self._engines.get(name)
        if epoch is not None and (engine is None or engine.epoch != epoch):
            raise epoch_changed("data", name)
        if engine is None:
            raise EngineError(
                f"no {called('data', name)} at {self._upstreams.home.target}, and a relay can't create one",
                reason="ENGINE_UNKNOWN",
            )
        return engine

    async def refresh(self) -> list[EngineSummary]:
        """Lists the engines, at the data service or where they have moved to, and ends those that no longer exist.

        Raises Unavailable.
        """
        found = {summary.engine: summary for summary in (await self._upstreams.home.list()).engines}
        moving = set()
        for name, engine in list(self._engines.items()):
            if name not in found and await self._follow(engine):
                moving.add(name)
                if (summary := await engine.place.upstream.summary(name)) is not None:
                    found[name] = summary
        for name, engine in list(self._engines.items()):
            is_reset = name in found and found[name].epoch != engine.epoch
            if is_reset or (name not in found and name not in moving):
                del self._engines[name]
                engine.end(epoch_changed("data", name))
        for name, summary in found.items():
            if name not in self._engines:
                self._engines[name] = RelayedEngine(name, summary.epoch, self)
            self._engines[name].settings = summary.settings
        return [found[name] for name in sorted(found)]

    async def _follow(self, engine: RelayedEngine) -> bool:
        """Points the links of an engine that the data service no longer lists to the shard that has it now; False if
        none has."""
        if engine.place.has_moved and await engine.place.upstream.summary(engine.name) is not None:
            return True
        target = await self._upstreams.home.moved_to(engine.name, engine.epoch)
        if target is not None:
            engine.place.follow_to(target)
        return target is not None

    async def _find_moved(self, name: str, epoch: int | None) -> None:
        """Adds an engine that had moved to another shard before the relay knew it. Raises Unavailable."""
        target = await self._upstreams.home.moved_to(name, epoch)
        if target is None:
            return
        there = self._upstreams.at(target)
        summary = await there.summary(name)
        if summary is None:
            raise there.unreachable(f"{called('data', name)} is moving there")
        if name not in self._engines:
            self._engines[name] = engine = RelayedEngine(name, summary.epoch, self)
            engine.settings = summary.settings
            engine.place.follow_to(target)

    def new_place(self) -> Place:
        """The place of an engine, for now the data service."""
        return Place(self._upstreams)

    def new_link(self, engine: RelayedEngine, kind: Kind[T], capacity: int) -> Link[T]:
        """A subscription upstream."""

        def ended() -> None:
            if self._engines.get(engine.name) is engine:
                del self._engines[engine.name]
            engine.end(epoch_changed("data", engine.name))

        return Link(kind, engine.name, engine.epoch, engine.place, self._subscribers, capacity, self.counts, ended)

    def links(self) -> Iterator[Link[Any]]:
        """All links."""
        return (link for engine in self._engines.values() for link in engine.links.values())

    def end_idle(self) -> None:
        """Ends links without subscribers, and the streams of silent links."""
        for engine in self._engines.values():
            engine.end_idle()

    def close(self, error: AlphaForgeError) -> None:
        """Ends all links and their streams with `error`."""
        for engine in self._engines.values():
            engine.end(error)
