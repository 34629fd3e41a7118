"""The part of a near cache that talks to the service: it receives changes and reports hits."""

from __future__ import annotations

from functools import partial
from time import monotonic
from weakref import ReferenceType, ref

from alphaforge.cache.v1 import invalidations_pb2

from alphaforge_client._calls.attempts import Backoff
from alphaforge_client._near.store import NearCache, NearStore
from alphaforge_client._wire.answer import parsed
from alphaforge_client.aio._calls.connection import Connection
from alphaforge_client.aio._grpc.transport import CALL_FAILED, Background, ResponseStream, scope, within_scope
from alphaforge_client.errors import AlphaForgeError

__all__ = ["NearFollower"]

# Heartbeats come at least every second.
_SILENCE_SECONDS_MAX = 3.0
_REPORT_SECONDS = 1.0
_REPORT_KEYS_MAX = 10_000

_PAUSE_SECONDS_FIRST = 0.05
_PAUSE_SECONDS_MAX = 2.0


class NearFollower:
    """Keeps local copies of entries up to date with their cache. Belongs to one process and one event loop.

    It works in the background while its client is open. The background work holds no reference to the follower between
    messages, so it also stops when the client is dropped without close().
    """

    def __init__(self, connection: Connection, settings: NearCache) -> None:
        self.scope = scope()
        self.store = NearStore(settings)
        # The only function called by a hit.
        self.lookup = within_scope(self.store.copies.get)
        self._connection = connection
        self._backoff = Backoff(_PAUSE_SECONDS_FIRST, _PAUSE_SECONDS_MAX)
        self._stream: ResponseStream | None = None
        self._sequence: int | None = None
        self._reported = monotonic()
        self._background = Background(partial(_follow, ref(self)), "alphaforge-near-cache")

    async def step(self) -> bool:
        """Handles one message, or waits after the stream was lost; False once the client is closed."""
        if self._connection.is_closed:
            return False
        problem: AlphaForgeError | None = None
        is_live = False
        try:
            is_live = await self._receive()
        except TimeoutError:
            # The service has been silent for too long.
            pass
        except CALL_FAILED as error:
            problem = self._connection.explained(error, "SubscribeInvalidations")
        except AlphaForgeError as error:
            problem = error
        finally:
            if not is_live:
                self.store.go_dark()
                self._drop_stream()
        if is_live:
            return True
        if problem is not None and problem.reason == "EPOCH_CHANGED":
            self._connection.forget_epoch(self._connection.epoch)
        if problem is not None and problem.reason == "CLIENT_CLOSED":
            return False
        await self._connection.pause(self._backoff.pause(problem))
        return True

    async def _receive(self) -> bool:
        """Applies one message; False when the stream has ended or changes were lost."""
        stream = self._stream
        if stream is None:
            self._sequence = None
            stream = self._stream = await self._connection.stream("SubscribeInvalidations", lambda _: b"")
        message = await stream.read(self._connection.silence(_SILENCE_SECONDS_MAX))
        if message is None:
            return False
        self._backoff.reset()
        if not self._apply(message):
            return False
        await self._report()
        return True

    def _drop_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()

    def _apply(self, message: bytes) -> bool:
        """Drops the changed keys; False if changes were lost."""
        changes = parsed(invalidations_pb2.SubscribeInvalidationsResponse, message)
        if changes.HasField("gap") or self._sequence not in (None, changes.previous_sequence):
            return False
        if invalidations_pb2.INVALIDATION_CAUSE_CLEAR in changes.causes:
            self.store.drop_all()
        else:
            self.store.drop(changes.keys)
        if self._sequence is None:
            self.store.go_live()
        self._sequence = changes.sequence
        return True

    async def _report(self) -> None:
        """Reports the hits to the service, so that those entries count as used."""
        now = monotonic()
        if now - self._reported < _REPORT_SECONDS:
            return
        self._reported = now
        keys, hits = self.store.copies.report()
        if not hits:
            return
        request = invalidations_pb2.ReportNearHitsRequest(keys=keys[-_REPORT_KEYS_MAX:], hits=hits)
        # A short timeout, because changes wait meanwhile.
        await self._connection.call("ReportNearHits", request.SerializeToString(), _REPORT_SECONDS)


async def _follow(follower: ReferenceType[NearFollower]) -> None:
    """Runs a follower until its client is closed or dropped."""
    while (found := follower()) is not None:
        if not await found.step():
            return
        del found
