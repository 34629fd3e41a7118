"""The audit log: which commands came, from whom, and what became of them. One JSON object a line, in a file of its own.

A thread writes the lines, right after their calls were answered; where commands come faster than it writes, they wait.
A request holds no secrets: tokens travel as metadata, which is never logged.
"""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from queue import Full, Queue
from typing import Any

from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from services.common.roles import AUDITED

__all__ = ["Audit", "MethodAudit"]

_LINES_MAX = 10_000

Line = dict[str, Any]


class Audit:
    """The file, which only its owner may read; it is appended to. Raises OSError where it can't be written."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")
        self._lines: Queue[Line | None] = Queue(_LINES_MAX)
        self._thread = threading.Thread(target=self._write, name="audit", daemon=True)
        self._thread.start()

    def of(self, method: MethodDescriptor) -> MethodAudit | None:
        """What keeps the log of one method; None for a method that changes no order and is not for admins only."""
        if method.name not in AUDITED[method.containing_service.full_name]:
            return None
        return MethodAudit(self, method)

    async def put(self, line: Line) -> None:
        """Hands a line to the thread."""
        try:
            self._lines.put_nowait(line)
        except Full:
            await asyncio.to_thread(self._lines.put, line)

    def close(self) -> None:
        """Returns when every line is in the file."""
        self._lines.put(None)
        self._thread.join()
        self._file.close()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            for part, message in line.items():
                if isinstance(message, _Bytes):
                    line[part] = message.as_dict()
            self._file.write(json.dumps(line) + "\n")
            if self._lines.empty():
                self._file.flush()


class _Bytes:
    """A message that is decoded where nobody waits for it."""

    def __init__(self, kind: Descriptor, data: bytes) -> None:
        self._kind = kind
        self._data = data

    def as_dict(self) -> dict[str, Any]:
        try:
            message = GetMessageClass(self._kind).FromString(self._data)
        except DecodeError:
            return {"malformed_bytes": len(self._data)}
        fields: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
        return fields


class MethodAudit:
    """The log of one method."""

    def __init__(self, audit: Audit, method: MethodDescriptor) -> None:
        self._audit = audit
        self._method = method

    async def done(self, caller: str, request: bytes, answer: bytes) -> None:
        """The call was carried out."""
        line = self._line(caller, request)
        await self._audit.put({**line, "status": "OK", "answer": _Bytes(self._method.output_type, answer)})

    async def failed(self, caller: str, request: bytes | None, status: str, message: str) -> None:
        """The call failed, or was refused, which happens before its request is read."""
        await self._audit.put({**self._line(caller, request), "status": status, "error": message})

    def _line(self, caller: str, request: bytes | None) -> Line:
        line: Line = {
            "time": datetime.now(UTC).isoformat(timespec="microseconds"),
            "caller": caller,
            "command": self._method.name,
        }
        if request is not None:
            line["request"] = _Bytes(self._method.input_type, request)
        return line
