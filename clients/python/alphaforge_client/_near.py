# Generated from aio/_near.py by `make gen`; edit that file.
"""The part of a near cache that talks to the service: changes in, reports out."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic

from alphaforge.cache.v1 import invalidations_pb2

from alphaforge_client._attempts import Backoff
from alphaforge_client._connection import Connection
from alphaforge_client._near_store import NearCache, NearStore
from alphaforge_client._transport import CALL_FAILED, Background, ResponseStream, scope, within_scope
from alphaforge_client.errors import AlphaForgeError

__all__ = ["Near"]

# Heartbeats come at least every second.
_SILENCE_SECONDS_MAX = 3.0
_REPORT_SECONDS = 1.0
_REPORT_KEYS_MAX = 10_000

_PAUSE_SECONDS_FIRST = 0.05
_PAUSE_SECONDS_MAX = 2.0


class Near:
    """A store of copies that follows the changes of its cache; it belongs to one process and one event loop."""

    def __init__(self, connection: Connection, settings: NearCache) -> None:
        self.scope = scope()
        self.store = NearStore(settings)
        # All that a hit needs.
        self.lookup = within_scope(self.store.copies.get)
        self._connection = connection
        self._backoff = Backoff(_PAUSE_SECONDS_FIRST, _PAUSE_SECONDS_MAX)
        self._sequence: int | None = None
        self._reported = monotonic()
        self._background = Background(self._run, "alphaforge-near-cache")

    def _run(self) -> None:
        while not self._connection.is_closed:
            problem: AlphaForgeError | None = None
            try:
                # It ends without an error where changes were lost, with a TimeoutError where a peer vanished.
                with suppress(TimeoutError):
                    self._follow()
            except CALL_FAILED as error:
                problem = self._connection.explained(error, "SubscribeInvalidations")
            except AlphaForgeError as error:
                problem = error
            finally:
                self.store.go_dark()
            if problem is not None and problem.reason == "EPOCH_CHANGED":
                self._connection.forget_epoch(self._connection.epoch)
            if problem is not None and problem.reason == "CLIENT_CLOSED":
                return
            self._connection.pause(self._backoff.pause(), problem)

    def _follow(self) -> None:
        """Hears of changes until the stream is lost, or has lost some of them."""
        stream: ResponseStream = self._connection.stream("SubscribeInvalidations", lambda _: b"")
        self._sequence = None
        try:
            while (message := stream.read(_SILENCE_SECONDS_MAX)) is not None:
                self._backoff.reset()
                if not self._apply(message):
                    return
                self._report()
        finally:
            stream.cancel()

    def _apply(self, message: bytes) -> bool:
        """Drops what has changed; False when changes were lost, so that all must go."""
        changes = invalidations_pb2.SubscribeInvalidationsResponse.FromString(message)
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

    def _report(self) -> None:
        """Tells the service what was served, so that those entries count as used."""
        now = monotonic()
        if now - self._reported < _REPORT_SECONDS:
            return
        self._reported = now
        keys, hits = self.store.copies.report()
        if not hits:
            return
        request = invalidations_pb2.ReportNearHitsRequest(keys=keys[-_REPORT_KEYS_MAX:], hits=hits)
        # Not for longer than that: changes wait to be read meanwhile.
        self._connection.call("ReportNearHits", request.SerializeToString(), _REPORT_SECONDS)
