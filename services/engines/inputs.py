"""Stages 6 to 8 of a call: journal, apply, publish.

An input is written to the engine's journal, if it has one, applied in order, then published and answered. Recovery
applies the journal's records through the same functions, so it restores the same state, streams, producers and saved
answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from alphaforge_core.errors import AlphaForgeError, EngineError

from services.engines.answers import Answers
from services.engines.rows import Answer, Row, Table
from services.journal.journal import Journal, Record

__all__ = ["LONG_BYTES", "Engine", "Turn", "apply", "replay", "submit"]

# A shorter request has at most about 10,000 ticks or keys. Decoding and applying them on the event loop takes a few
# hundred microseconds, no more than the handover to a thread; a longer request would delay all other calls.
LONG_BYTES = 384 * 1024 + 1


class Turn:
    """The queue of calls on one engine, executed one by one in order of arrival."""

    def __init__(self) -> None:
        self.waiting = 0
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Future[Answer]] = set()

    def wait(
        self, call: Callable[[], Any], finish: Callable[[Callable[[], Any]], Answer], *, in_thread: bool
    ) -> asyncio.Future[Answer]:
        """Queues a call, to run in a thread or on the event loop; `finish` gets its result, on the loop."""
        self.waiting += 1
        task = asyncio.ensure_future(self._run(call, finish, in_thread=in_thread))
        # The event loop holds only weak references to tasks.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(
        self, call: Callable[[], Any], finish: Callable[[Callable[[], Any]], Answer], *, in_thread: bool
    ) -> Answer:
        try:
            async with self._lock:
                if not in_thread:
                    return finish(call)
                work = asyncio.get_running_loop().run_in_executor(None, call)
                await asyncio.wait((work,))
                return finish(work.result)
        finally:
            self.waiting -= 1


class Engine(Protocol):
    """What these functions need of an engine."""

    name: str
    table: Table
    answers: Answers
    turn: Turn
    journal: Journal | None
    retired: AlphaForgeError | None
    """Set while the engine is being reset or dropped: an input that arrives meanwhile fails with this error."""
    receive_at: Callable[[int], object] | None
    """Takes the time at which the next call was received, in nanoseconds since the Unix epoch."""
    acknowledge: Callable[[], object] | None
    """Called when a call is answered; not during replay."""
    sequence: int
    """The sequence of the last input applied."""
    bytes_since_checkpoint: int


def submit(engine: Engine, row: Row, request: bytes, message: Any) -> Answer:
    """Executes a call on an engine; `message` is the decoded `request`. Continues if its caller cancels."""
    if row.is_task:
        task: asyncio.Future[bytes] = asyncio.ensure_future(row.call(engine, message))
        return task
    received_ns = time.time_ns()
    size = len(request)
    if row.number is None:
        return _in_turn(engine, row, message, received_ns, size)
    if engine.retired is not None:
        raise engine.retired
    if engine.journal is None:
        return _in_turn(engine, row, message, received_ns, size)
    then = partial(_in_turn, engine, row, message, received_ns, size)
    written: Answer = engine.journal.append(engine.name, row.number, received_ns, request, then)
    return written


def _in_turn(
    engine: Engine,
    row: Row,
    message: Any,
    received_ns: int,
    size: int,
    sequence: int = 0,
    result: Callable[[], Any] | None = None,
) -> Answer:
    """Executes a call in order and publishes its result: immediately if it is short and no other call is waiting.

    The event loop never waits for an engine's lock: while a thread holds it, later calls are queued here. When their
    turn comes, this function runs again with `result`, which executes the call or returns a thread's result.
    """
    in_thread = row.in_thread or size >= LONG_BYTES or (row.is_long is not None and row.is_long(message))
    if result is None and (in_thread or engine.turn.waiting):
        call = partial(apply, engine, row, message, received_ns)
        finish = partial(_in_turn, engine, row, message, received_ns, size, sequence)
        return engine.turn.wait(call, finish, in_thread=in_thread)
    try:
        if result is not None:
            changed = result()
        else:
            if engine.receive_at is not None:
                engine.receive_at(received_ns)
            changed = row.call(engine, message)
        answer = row.publish(engine, changed)
        if engine.acknowledge is not None:
            engine.acknowledge()
        return answer
    finally:
        if sequence:
            engine.sequence = sequence
            engine.bytes_since_checkpoint += size


def apply(engine: Engine, row: Row, message: Any, received_ns: int) -> Any:
    """Calls the engine. The result is then published."""
    if engine.receive_at is not None:
        engine.receive_at(received_ns)
    return row.call(engine, message)


def replay(engine: Engine, record: Record) -> None:
    """Replays a record of the journal. A call that was refused then is refused again and changes nothing.

    Raises EngineError JOURNAL_VERSION for an unknown kind of record.
    """
    row = engine.table.by_number.get(record.kind)
    if row is None:
        raise EngineError(
            f"input {record.sequence} of {engine.name!r} is of kind {record.kind}, which this release does not know; "
            "a later release wrote it: start that release",
            reason="JOURNAL_VERSION",
        )
    try:
        message = row.request.FromString(record.payload)
        answer = row.publish(engine, apply(engine, row, message, record.time_ns))
        if row.once:
            engine.answers.answered(message, record.payload, answer, record.time_ns)
    except (AlphaForgeError, ValueError):
        pass
    engine.sequence = record.sequence
    engine.bytes_since_checkpoint += len(record.payload)
