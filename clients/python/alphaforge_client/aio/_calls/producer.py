"""Numbered calls: each is applied once, in order, even if the connection is lost (rule 5.6)."""

from __future__ import annotations

import os

from alphaforge_core.data_wire import encode_producer

from alphaforge_client._calls.attempts import Attempts
from alphaforge_client._wire.ticks import producer_state, producer_state_request
from alphaforge_client.aio._calls.connection import Connection
from alphaforge_client.aio._grpc.transport import Mutex, scope
from alphaforge_client.errors import DeadlineExceeded, EngineError

__all__ = ["Producer"]


class _Numbering:
    """The state of one producer. A forked child or another event loop counts as a different producer."""

    __slots__ = ("epoch", "is_known", "mutex", "producer_id", "scope", "sequence")

    def __init__(self, producer_id: str | None) -> None:
        self.scope = scope()
        self.mutex = Mutex()
        # Whether the number of the next call is known: the id is new, or the service has returned the number.
        self.is_known = producer_id is None
        self.begin(producer_id or os.urandom(16).hex())
        # The epoch of the last answered call, because a service forgets producers when an engine is reset.
        self.epoch = 0

    def begin(self, producer_id: str) -> None:
        """A producer of that id, numbered from 1."""
        self.producer_id = producer_id
        self.sequence = 1


class Producer:
    """Sends the calls of one client one after another, numbered without gaps.

    A call without an answer within its deadline may still arrive, so its number can't be reused: numbering restarts
    under a new random id. An id given by the user is kept, and the service is asked for its last number.
    """

    def __init__(self, connection: Connection, producer_id: str | None) -> None:
        self._connection = connection
        self._producer_id = producer_id
        self._numbering: _Numbering | None = None

    async def send(self, method: str, body: bytes, timeout: float | None) -> bytes:
        """The response to the call, which is applied once. Waits for earlier calls, within the same deadline."""
        attempts = self._connection.attempts(timeout)
        numbering = self._numbering
        if numbering is None or numbering.scope is not scope():
            numbering = self._numbering = _Numbering(self._producer_id)
        if not await numbering.mutex.acquire(attempts.remaining()):
            raise DeadlineExceeded(
                f"{method} was not sent: earlier calls of this client took the whole timeout",
                reason="DEADLINE_EXCEEDED",
            )
        try:
            return await self._send(numbering, method, body, attempts)
        finally:
            numbering.mutex.release()

    async def last_sequence(
        self, producer_id: str, timeout: float | None = None, *, attempts: Attempts | None = None
    ) -> int:
        """The number of the producer's last applied call; 0 if the service does not know it."""
        request = producer_state_request(producer_id)
        return producer_state(await self._connection.call("GetProducerState", request, timeout, attempts=attempts))

    async def _send(self, numbering: _Numbering, method: str, body: bytes, attempts: Attempts) -> bytes:
        if not numbering.is_known:
            numbering.sequence = await self.last_sequence(numbering.producer_id, attempts=attempts) + 1
            numbering.is_known = True
        elif numbering.epoch not in (0, self._connection.epoch):
            await self._find_place(numbering, attempts)
        while True:
            number = encode_producer(numbering.producer_id, numbering.sequence)
            try:
                answer = await self._connection.call(method, body, attempts=attempts, reopen=False, number=number)
            except EngineError as error:
                # The number belongs to an old epoch. The call was sent with that epoch, or with the new one, if another
                # call has opened the engine meanwhile.
                is_outdated = numbering.epoch not in (0, self._connection.epoch)
                if error.reason != "EPOCH_CHANGED" and not (error.reason == "PRODUCER_SEQUENCE_GAP" and is_outdated):
                    raise
                if attempts.remaining() == 0.0:
                    raise
            except ValueError:
                raise
            except BaseException:
                self._restart(numbering)
                raise
            else:
                numbering.sequence += 1
                numbering.epoch = self._connection.epoch
                return answer
            await self._find_place(numbering, attempts)

    async def _find_place(self, numbering: _Numbering, attempts: Attempts) -> None:
        """After a new epoch: the service may still know the producer (if one instrument was reset) or not."""
        last = await self.last_sequence(numbering.producer_id, attempts=attempts)
        if last not in (numbering.sequence - 1, numbering.sequence):
            numbering.sequence = last + 1

    def _restart(self, numbering: _Numbering) -> None:
        if self._producer_id is None:
            numbering.begin(os.urandom(16).hex())
        else:
            numbering.is_known = False
