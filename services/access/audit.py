"""The audit log: every command, its caller and its outcome, one JSON object per line.

A thread writes the lines. A line that can't be written is kept and retried every second. Meanwhile, audited commands
are refused with AUDIT_FAILED before they are executed (fail closed), or executed anyway if the setting
`audit_required` is off. So a full disk never stops the service: it stops commands or,
if the log is not required, loses lines once 10,000 are waiting.

A request holds no secrets: tokens travel as metadata, which is never logged.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, NamedTuple

from alphaforge_core.errors import Unavailable
from cachetools import LRUCache
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass

from services.access.audit_file import AuditFile

__all__ = ["Audit", "AuditStatistics", "MethodAudit"]

WAITING_LINES_MAX = 10_000
WAITING_BYTES_MAX = 64 << 20

# A larger message is logged as its length and SHA-256, since its JSON would be several times as large.
MESSAGE_BYTES_MAX = 1 << 20

# Refusals written one by one, per caller (callers without a token share one limit); more are only counted.
REFUSALS_AT_ONCE = 60
REFUSALS_PER_SECOND = 1.0
_CALLERS_MAX = 1_000

_LINES_PER_WRITE = 256
_RETRY_SECONDS = 1.0
_CLOSE_SECONDS_MAX = 5.0

_logger = logging.getLogger("services.audit")

Line = dict[str, Any]


class AuditStatistics(NamedTuple):
    """Counts since the start, and the number of waiting lines."""

    lines: int
    failures: int
    lost_lines: int
    waiting_lines: int
    suppressed_refusals: int


@dataclass
class _Refusals:
    """How many refusals of a caller may be written now, and how many were suppressed since the last one written."""

    allowed: float
    filled: float
    suppressed: int = 0


class Audit:
    """Opens the log. Raises OSError if its file can't be opened.

    Only the event loop calls `check`, `put` and `admits_refusal`; none of them waits.
    """

    def __init__(
        self,
        path: Path,
        *,
        size_bytes_max: int = 64 << 20,
        files_max: int = 16,
        required: bool = True,
        clock: Callable[[], float] = monotonic,
        retry_seconds: float = _RETRY_SECONDS,
    ) -> None:
        self._path = path
        self._required = required
        self._clock = clock
        self._retry_seconds = retry_seconds
        self._file = AuditFile(path, size_bytes_max, files_max)
        self._lines: SimpleQueue[tuple[Line, int] | None] = SimpleQueue()
        # Each field has one writer: the event loop for the first group, the log's thread for the second.
        self._put_lines = self._put_bytes = self._refused_lines = self._suppressed = 0
        self._taken_lines = self._taken_bytes = self._written = self._failures = self._abandoned = 0
        self._refusals: LRUCache[str, _Refusals] = LRUCache(_CALLERS_MAX)
        self._failure: str | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def of(self, method: MethodDescriptor) -> MethodAudit:
        """The log of one method."""
        return MethodAudit(self, method)

    @property
    def failure(self) -> str | None:
        """Why the log can't be written now; None if it can."""
        return self._failure

    def statistics(self) -> AuditStatistics:
        """Counts since the start. Thread-safe."""
        return AuditStatistics(
            lines=self._written,
            failures=self._failures,
            lost_lines=self._refused_lines + self._abandoned,
            waiting_lines=self._put_lines - self._taken_lines,
            suppressed_refusals=self._suppressed,
        )

    def check(self) -> None:
        """Raises Unavailable AUDIT_FAILED if a command can't be audited. Called before the command is executed."""
        if not self._required:
            return
        if self._failure is not None:
            raise Unavailable(
                f"nothing was done: audit log {self._path} can't be written ({self._failure}); free disk "
                "space, or restart the service with --no-audit-required",
                reason="AUDIT_FAILED",
            )
        if self._is_full:
            raise Unavailable(
                f"nothing was done: audit log {self._path} is too slow: {self._put_lines - self._taken_lines:,} lines "
                "are waiting to be written; retry in a moment",
                reason="AUDIT_FAILED",
            )

    def put(self, line: Line, size: int) -> None:
        """Queues a line for the thread; `size` is the size of its messages. If the log is required, lines of executed
        commands are never dropped, because `check` bounds the queue."""
        if self._is_full and not self._required:
            self._refused_lines += 1
            return
        self._put_lines += 1
        self._put_bytes += size
        self._lines.put((line, size))

    def admits_refusal(self, caller: str) -> int | None:
        """The refusals of `caller` suppressed since the last one written; None if this one is suppressed too."""
        now = self._clock()
        refusals = self._refusals.get(caller)
        if refusals is None:
            refusals = self._refusals[caller] = _Refusals(REFUSALS_AT_ONCE, now)
        refusals.allowed = min(REFUSALS_AT_ONCE, refusals.allowed + (now - refusals.filled) * REFUSALS_PER_SECOND)
        refusals.filled = now
        if refusals.allowed < 1.0 or self._is_full:
            refusals.suppressed += 1
            self._suppressed += 1
            return None
        refusals.allowed -= 1.0
        suppressed, refusals.suppressed = refusals.suppressed, 0
        return suppressed

    def close(self) -> None:
        """Writes the waiting lines for at most 5 seconds; lines not written by then are lost."""
        self._closing.set()
        self._lines.put(None)
        self._thread.join(_CLOSE_SECONDS_MAX)
        lost = self._put_lines - self._written
        if lost:
            _logger.error("lines of the audit log are lost", extra={"lines": lost, "reason": self._failure})
        if not self._thread.is_alive():
            self._file.close()

    @property
    def _is_full(self) -> bool:
        waiting = self._put_lines - self._taken_lines
        return waiting >= WAITING_LINES_MAX or self._put_bytes - self._taken_bytes >= WAITING_BYTES_MAX

    # --- The log's thread.

    def _run(self) -> None:
        while batch := self._next_batch():
            text = "".join(_encoded(line) for line, _ in batch).encode()
            while not self._try_to_write(text):
                if self._closing.wait(self._retry_seconds):
                    self._abandoned += len(batch)
                    break
            else:
                self._written += len(batch)
            self._taken_lines += len(batch)
            self._taken_bytes += sum(size for _, size in batch)

    def _next_batch(self) -> list[tuple[Line, int]]:
        """Takes the next waiting lines, up to a limit; empty after close."""
        batch: list[tuple[Line, int]] = []
        item = self._lines.get()
        while item is not None:
            batch.append(item)
            if len(batch) == _LINES_PER_WRITE:
                return batch
            try:
                item = self._lines.get_nowait()
            except Empty:
                return batch
        if batch:
            # The next call sees the end marker again.
            self._lines.put(None)
        return batch

    def _try_to_write(self, text: bytes) -> bool:
        try:
            self._file.write(text)
        except OSError as error:
            self._failures += 1
            if self._failure is None:
                _logger.error("the audit log can't be written", extra={"file": str(self._path), "reason": str(error)})
            self._failure = str(error)
            return False
        if self._failure is not None:
            _logger.info("the audit log can be written again", extra={"file": str(self._path)})
            self._failure = None
        return True


def _encoded(line: Line) -> str:
    decoded = {part: value.as_dict() if isinstance(value, _Bytes) else value for part, value in line.items()}
    return json.dumps(decoded) + "\n"


class _Bytes:
    """A message, decoded later in the log's thread."""

    def __init__(self, kind: Descriptor, data: bytes) -> None:
        self._kind = kind
        self._data = data

    def as_dict(self) -> dict[str, Any]:
        if len(self._data) > MESSAGE_BYTES_MAX:
            return {"bytes": len(self._data), "sha256": hashlib.sha256(self._data).hexdigest()}
        try:
            message = GetMessageClass(self._kind).FromString(self._data)
            fields: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
        except Exception:
            # The log must not fail on any bytes; an unreadable request was refused anyway.
            return {"malformed_bytes": len(self._data)}
        return fields


class MethodAudit:
    """The log of one method."""

    def __init__(self, audit: Audit, method: MethodDescriptor) -> None:
        self._audit = audit
        self._method = method

    def check(self) -> None:
        """Raises Unavailable AUDIT_FAILED if the command can't be audited."""
        self._audit.check()

    def done(self, caller: str, request: bytes, answer: bytes) -> None:
        """Logs a call that succeeded."""
        outcome = {"status": "OK", "answer": _Bytes(self._method.output_type, answer)}
        self._put(caller, request, outcome, len(request) + len(answer))

    def failed(self, caller: str, request: bytes, status: str, message: str) -> None:
        """Logs a call that failed."""
        self._put(caller, request, {"status": status, "error": message}, len(request))

    def refused(self, caller: str, status: str, message: str, *, is_known: bool) -> None:
        """Logs a call that was refused before its request was read. Unknown callers share one limit."""
        suppressed = self._audit.admits_refusal(caller if is_known else "")
        if suppressed is None:
            return
        outcome: Line = {"status": status, "error": message}
        if suppressed:
            outcome["refusals_not_written"] = suppressed
        self._put(caller, None, outcome, 0)

    def _put(self, caller: str, request: bytes | None, outcome: Line, size: int) -> None:
        line: Line = {
            "time": datetime.now(UTC).isoformat(timespec="microseconds"),
            "caller": caller,
            "command": self._method.name,
        }
        if request is not None:
            line["request"] = _Bytes(self._method.input_type, request)
        self._audit.put(line | outcome, size)
