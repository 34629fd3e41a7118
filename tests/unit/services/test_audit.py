"""The audit log has each line once, complete, in files of limited size; its disk holds up nothing else."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alphaforge.execution.v1 import execution_service_pb2
from alphaforge.execution.v1.engines_pb2 import HaltRequest, HaltResponse
from alphaforge_core.errors import Unavailable

from services.access import audit as module
from services.access.audit import Audit, AuditStatistics, MethodAudit
from services.access.audit_file import AuditFile
from tests.support.waiting import until

SERVICE = execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"]
REQUEST = HaltRequest(engine="e").SerializeToString()
ANSWER = HaltResponse().SerializeToString()
FULL = Path("/dev/full")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def audit(path: Path, **settings: Any) -> Iterator[Audit]:
    """A log that repeats failed writes at once."""
    opened = Audit(path, retry_seconds=0.001, **settings)
    try:
        yield opened
    finally:
        opened.close()


def halts(log: Audit) -> MethodAudit:
    found = log.of(SERVICE.methods_by_name["Halt"])
    assert found is not None
    return found


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` meanwhile: the disk is full, for real."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# --- Lines.


def test_closing_the_log_writes_every_line(tmp_path: Path) -> None:
    with audit(tmp_path / "log") as log:
        for number in range(1_000):
            halts(log).done(str(number), REQUEST, ANSWER)
    assert [line["caller"] for line in lines(tmp_path / "log")] == [str(number) for number in range(1_000)]
    assert lines(tmp_path / "log")[0] | {"time": ""} == {
        "time": "",
        "caller": "0",
        "command": "Halt",
        "request": {"engine": "e"},
        "status": "OK",
        "answer": {},
    }
    assert log.statistics() == AuditStatistics(1_000, 0, 0, 0, 0)


def test_a_message_that_is_too_large_or_malformed_has_a_line_too(tmp_path: Path) -> None:
    large = HaltRequest(engine="e" * module.MESSAGE_BYTES_MAX).SerializeToString()
    with audit(tmp_path / "log") as log:
        halts(log).failed("a", large, "INVALID_ARGUMENT", "too long")
        halts(log).failed("b", b"\xff", "INVALID_ARGUMENT", "malformed")
    first, second = lines(tmp_path / "log")
    assert first["request"]["bytes"] == len(large)
    assert len(first["request"]["sha256"]) == 64
    assert second["request"] == {"malformed_bytes": 1}


# --- A disk that fails.


def test_a_failed_write_is_counted_and_the_next_command_refused() -> None:
    with audit(FULL) as log:
        log.check()
        halts(log).done("a", REQUEST, ANSWER)
        until(lambda: log.failure)
        with pytest.raises(Unavailable, match="nothing was done: audit log /dev/full can't be written") as refused:
            halts(log).check()
        assert refused.value.reason == "AUDIT_FAILED"
        # The failed write is repeated.
        until(lambda: log.statistics().failures > 2)
        assert log.statistics().waiting_lines == 1
    assert log.statistics() == AuditStatistics(0, log.statistics().failures, 1, 0, 0)


def test_a_log_that_is_not_required_loses_lines_beyond_its_limit_and_refuses_nothing() -> None:
    with audit(FULL, required=False) as log:
        for _ in range(module.WAITING_LINES_MAX + 5):
            halts(log).done("a", REQUEST, ANSWER)
            log.check()
        assert log.statistics().waiting_lines == module.WAITING_LINES_MAX
        assert log.statistics().lost_lines == 5


@pytest.mark.parametrize(
    ("count", "size"),
    [(module.WAITING_LINES_MAX, 0), (module.WAITING_BYTES_MAX >> 20, 1 << 20)],
    ids=["lines", "bytes"],
)
def test_a_log_that_is_too_far_behind_refuses_commands_and_leaves_nothing_out(count: int, size: int) -> None:
    with audit(FULL) as log:
        for _ in range(count):
            log.put({"command": "Halt"}, size)
        with pytest.raises(Unavailable):
            log.check()
        # Calls that were admitted earlier have been applied by now.
        log.put({"command": "Halt"}, size)
        assert log.statistics().waiting_lines == count + 1


def test_lines_that_could_not_be_written_are_written_once_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with audit(path) as log:
        halts(log).done("before", REQUEST, ANSWER)
        until(lambda: log.statistics().lines == 1)
        # The disk has room for a part of a line.
        with file_size_limit(path.stat().st_size + 20):
            for name in ("full", "full too"):
                halts(log).done(name, REQUEST, ANSWER)
            until(lambda: log.failure)
        until(lambda: log.failure is None)
        log.check()
        halts(log).done("after", REQUEST, ANSWER)
    assert [line["caller"] for line in lines(path)] == ["before", "full", "full too", "after"]
    assert log.statistics().lost_lines == 0


# --- Refusals.


def test_a_stranger_fills_no_disk(tmp_path: Path) -> None:
    clock = Clock()
    with audit(tmp_path / "log", clock=clock) as log:
        for number in range(10_000):
            halts(log).refused(f"10.0.0.{number % 256}", "UNAUTHENTICATED", "no token", is_known=False)
        halts(log).refused("reader", "PERMISSION_DENIED", "needs role admin", is_known=True)
        clock.now += 1.0
        for _ in range(2):
            halts(log).refused("10.0.0.1", "UNAUTHENTICATED", "no token", is_known=False)
    written = lines(tmp_path / "log")
    assert len(written) == module.REFUSALS_AT_ONCE + 2
    assert written[-2]["caller"] == "reader"
    assert written[-1]["refusals_not_written"] == 10_000 - module.REFUSALS_AT_ONCE
    assert log.statistics().suppressed_refusals == 10_000 - module.REFUSALS_AT_ONCE + 1


# --- Files.


@pytest.mark.parametrize("size", [1_000, 150])
def test_files_are_bounded_in_size_and_number_and_have_whole_lines(tmp_path: Path, size: int) -> None:
    path = tmp_path / "log"
    file = AuditFile(path, size, 3)
    for number in range(100):
        file.write(json.dumps({"number": number, "text": "x" * 70}).encode() + b"\n")
    file.close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    kept = [line["number"] for name in ("log.2", "log.1", "log") for line in lines(tmp_path / name)]
    assert kept == list(range(100 - len(kept), 100))
    for each in tmp_path.iterdir():
        assert each.stat().st_size <= size
        assert each.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_opened_again_goes_on(tmp_path: Path) -> None:
    for text in (b"one\n", b"two\n"):
        file = AuditFile(tmp_path / "log", 1_000, 2)
        file.write(text)
        file.close()
    assert (tmp_path / "log").read_text() == "one\ntwo\n"


def test_a_rotation_that_failed_half_way_loses_no_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    (tmp_path / "log.1").write_text("older\n")
    (tmp_path / "log.2").mkdir()
    (tmp_path / "log.2" / "in the way").touch()
    file = AuditFile(path, 10, 3)
    file.write(b"newest\n")
    for _ in range(3):
        with pytest.raises(OSError):
            file.write(b"next\n")
    (tmp_path / "log.2" / "in the way").unlink()
    (tmp_path / "log.2").rmdir()
    file.write(b"next\n")
    file.close()
    assert [(tmp_path / name).read_text() for name in ("log.2", "log.1", "log")] == ["older\n", "newest\n", "next\n"]


def test_what_is_no_regular_file_is_not_rotated() -> None:
    file = AuditFile(Path("/dev/null"), 10, 2)
    for _ in range(10):
        file.write(b"line\n")
    file.close()
    assert not Path("/dev/null.1").exists()
