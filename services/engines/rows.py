"""Rows: the declaration of each RPC, and of each internal input, one that a service creates itself.

A service's rows are in its `rpcs.py`, the only such table: handlers, roles, the audit log and recovery read it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from functools import partial
from typing import Any, TypeAlias

from alphaforge_core.errors import InvalidArgument
from alphaforge_core.rpc_wire import count_items

from services.access.roles import Role

__all__ = [
    "BATCH_BYTES_MAX",
    "Answer",
    "Finds",
    "Row",
    "Runs",
    "ServedBy",
    "Table",
    "on_service",
    "query",
    "settled",
    "stream",
]

# Maximum size of a request with many items or a large value; the server's max_message_bytes may be lower.
BATCH_BYTES_MAX = 1 << 31
_SMALL_BYTES_MAX = 1 << 20


# The answer of a call, or a future of it. The future may have another future as its result, to be awaited in turn.
Answer: TypeAlias = bytes | asyncio.Future[Any]


async def settled(answer: Answer) -> bytes:
    """Awaits the answer. Cancelling the caller doesn't stop the call."""
    while not isinstance(answer, bytes):
        answer = await asyncio.shield(answer)
    return answer


class Runs(Enum):
    """Where a call runs."""

    LOOP = "loop"
    """Immediately on the event loop: it is as short as a lookup."""
    BY_SIZE = "by size"
    """In the engine's queue: on the event loop if the request is short, and not `is_long`, else in a thread."""
    THREAD = "thread"
    """In the engine's queue, in a thread: even a short request may take long."""
    TASK = "task"
    """A coroutine. It continues if its caller cancels."""
    WAIT = "wait"
    """A coroutine that waits for other callers. It is cancelled with its caller unless it has a request id."""
    STREAM = "stream"
    """An asynchronous generator of responses."""


class Finds(Enum):
    """The target of a call."""

    ENGINE = "engine"
    """The engine named by fields 1 and 2. A write creates a missing engine; a read refuses it."""
    SERVICE = "service"
    """The service."""


class ServedBy(Enum):
    """Which replica of a service may answer."""

    PRIMARY = "primary"
    ANY = "any"


def _as_is(_engine: Any, answer: Any) -> Any:
    return answer


@dataclass(frozen=True, slots=True)
class Row:
    """One RPC; or, without `role`, one internal input."""

    name: str
    request: Any
    """The class of the request, generated or native. Its `FromString` decodes the bytes."""
    call: Callable[..., Any]
    """The method of the engine or the service; takes that object and the request."""
    publish: Callable[[Any, Any], bytes] = _as_is
    """Turns the result of `call` into the answer. Runs on the event loop, before the engine's next call."""
    _: KW_ONLY
    role: Role | None = None
    """The role required of the caller."""
    number: int | None = None
    """The kind of its records in journals. A released number never changes its meaning. None: not journalled."""
    runs: Runs = Runs.BY_SIZE
    finds: Finds = Finds.ENGINE
    once: bool = False
    """Requests may have a `request_id`, field 3; a repeat gets the first answer."""
    audited: bool = False
    """Written to the audit log."""
    served_by: ServedBy = ServedBy.PRIMARY
    bytes_max: int = _SMALL_BYTES_MAX
    """Maximum size of the request, in bytes."""
    items_max: Mapping[str, int] = field(default_factory=dict)
    """Maximum number of items per repeated field. Native requests have the core's limits."""
    is_long: Callable[[Any], bool] | None = None
    """With BY_SIZE: whether a short request may still take long, and so runs in a thread."""
    admits_unread: bool = False
    """Admitted or refused before the request is read, because reading many items is much of the work."""
    is_task: bool = field(init=False, repr=False, compare=False)
    """Whether `runs` is TASK or WAIT."""
    in_thread: bool = field(init=False, repr=False, compare=False)
    """Whether `runs` is THREAD."""
    decode: Callable[[bytes], Any] = field(init=False, repr=False, compare=False)
    """Decodes a request. Raises InvalidArgument: MESSAGE_MALFORMED, or LIMIT_EXCEEDED beyond `items_max`."""

    @property
    def creates(self) -> bool:
        """Whether a call creates the engine that it names if it doesn't exist."""
        return self.number is not None or self.role is Role.WRITE

    def __post_init__(self) -> None:
        # Decoding runs on every call, so it is the class's own function unless there are limits to check.
        decode = self.request.FromString
        if self.items_max:
            fields = self.request.DESCRIPTOR.fields_by_name
            limits = {(name, fields[name].number): most for name, most in self.items_max.items()}
            decode = partial(_decode_bounded, decode, limits)
        object.__setattr__(self, "decode", decode)
        # Python 3.11 looks up the members of an enumeration slowly, so the calls test these.
        object.__setattr__(self, "is_task", self.runs in (Runs.TASK, Runs.WAIT))
        object.__setattr__(self, "in_thread", self.runs is Runs.THREAD)

    def too_large(self, request: bytes) -> InvalidArgument:
        """The error for a request beyond `bytes_max`."""
        return InvalidArgument(
            f"the request has {len(request):,} bytes; {self.name} takes at most {self.bytes_max:,}",
            reason="LIMIT_EXCEEDED",
        )


def _decode_bounded(decode: Callable[[bytes], Any], items_max: Mapping[tuple[str, int], int], request: bytes) -> Any:
    """Decodes a request; `items_max` is by name and number of the field."""
    # Items are counted before they are decoded, since in memory they are much larger than in the request.
    for (name, number), most in items_max.items():
        _check_count(name, count_items(request, number), most)
    message = decode(request)
    # Packed items are one field of the request.
    for (name, _), most in items_max.items():
        _check_count(name, len(getattr(message, name)), most)
    return message


def _check_count(name: str, count: int, most: int) -> None:
    if count > most:
        raise InvalidArgument(f"{name} has {count:,} items; at most {most:,}", reason="LIMIT_EXCEEDED")


class Table(Mapping[str, Row]):
    """The rows of a service, by name."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = {row.name: row for row in rows}
        self.by_number = {row.number: row for row in self._rows.values() if row.number is not None}

    def __getitem__(self, name: str) -> Row:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rpcs(self) -> list[Row]:
        """The rows that clients can call."""
        return [row for row in self._rows.values() if row.role is not None]


# Defaults shared by groups of rows.
on_service = partial(Row, finds=Finds.SERVICE)
query = partial(Row, role=Role.READ, served_by=ServedBy.ANY)
stream = partial(Row, role=Role.READ, served_by=ServedBy.ANY, runs=Runs.STREAM)
