"""Structured logs on standard error: one JSON object per line, or plain text.

Values passed with `extra=` become fields. Requests, metadata and credentials are never logged.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from queue import Full, Queue

__all__ = ["dropped_lines", "set_up_logging"]

LINES_MAX = 10_000
_DRAIN_SECONDS_MAX = 2.0

# Attributes that every LogRecord has; the others came with `extra=`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")


class _JsonFormatter(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _TextFormatter(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname:<7} {self._service}: {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Output(logging.Handler):
    """Writes lines from a separate thread, so that logging never blocks on a slow reader.

    Doesn't use logging's QueueHandler or sys.stderr: both hold a lock while they write, so the process could not exit
    while its standard error is a pipe that nobody reads.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.dropped = 0
        self._descriptor = descriptor
        self._lines: Queue[str] = Queue(LINES_MAX)
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(self.format(record) + "\n")
        except Full:
            self.dropped += 1

    def drain(self, seconds: float) -> None:
        """Waits until every line is written, for at most `seconds`."""
        with self._lines.all_tasks_done:
            self._lines.all_tasks_done.wait_for(lambda: not self._lines.unfinished_tasks, seconds)

    def _run(self) -> None:
        while True:
            line = self._lines.get()
            try:
                rest = memoryview(line.encode(errors="backslashreplace"))
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError:
                self.dropped += 1
            finally:
                self._lines.task_done()


_outputs: list[_Output] = []


def dropped_lines() -> int:
    """Lines dropped because too many were waiting or nothing could be written."""
    return sum(output.dropped for output in _outputs)


def set_up_logging(service: str, level: str, format: str) -> None:  # noqa: A002
    """Sends all log lines of the process to standard error; `format` is "json" or "text".

    Up to 10,000 unread lines are queued; more are dropped and counted.
    """
    output = _Output(sys.stderr.fileno())
    output.setFormatter(_JsonFormatter(service) if format == "json" else _TextFormatter(service))
    logging.basicConfig(level=level.upper(), handlers=[output], force=True)
    _outputs[:] = [output]
    atexit.register(output.drain, _DRAIN_SECONDS_MAX)
