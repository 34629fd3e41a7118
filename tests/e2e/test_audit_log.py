"""A full disk under the audit log: no command goes unaudited unless a setting allows it, and nothing hangs."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alphaforge_client.errors import Unavailable
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, TimeInForce

from tests.support.service import Service, running_service
from tests.support.waiting import until


def order() -> Order:
    return Order.limit("X", OrderSide.Buy, 1.5, 10.0, TimeInForce.GoodTillCancel, "s")


def audited(log: Path) -> list[str]:
    """Returns the ids of the placed orders in the log; fails on an incomplete line."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    return [line["answer"]["order_id"] for line in lines if line["status"] == "OK"]


@contextmanager
def full_disk(service: Service, log: Path) -> Iterator[None]:
    """Limits file sizes so that the audit log can't grow, but the service's shorter output can."""
    assert log.stat().st_size > service.log.stat().st_size + 2_000
    endless = resource.RLIM_INFINITY
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (log.stat().st_size + 10, endless))
    yield
    if service.process.poll() is None:
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (endless, endless))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@contextmanager
def running(folder: Path, log: Path, *flags: str) -> Iterator[tuple[Service, ExecutionEngine]]:
    """A service with 100 lines in its audit log, and no journal, so that the full disk affects the log only."""
    flags = ("--audit-file", str(log), "--market-data", "off", "--durability", "none", *flags)
    with (
        running_service("execution", folder, *flags) as service,
        ExecutionEngine(target=service.address, timeout=1.0) as venue,
    ):
        for _ in range(100):
            venue.submit_order(order())
        until(lambda: len(audited(log)) == 100)
        yield service, venue


def test_commands_are_refused_until_the_log_can_be_written_again(tmp_path: Path, log: Path) -> None:
    with running(tmp_path, log) as (service, venue):
        acknowledged = audited(log)
        with full_disk(service, log):

            def is_refused() -> bool:
                try:
                    acknowledged.append(venue.submit_order(order()))
                except Unavailable as error:
                    return error.reason == "AUDIT_FAILED"
                return False

            until(is_refused)
            # It can be read.
            assert venue.get_order(acknowledged[0]) is not None
            assert venue.statistics().orders_submitted == len(acknowledged)
            assert service.series()["alphaforge_audit_failures_total"] > 0

        def is_accepted() -> bool:
            try:
                acknowledged.append(venue.submit_order(order()))
            except Unavailable:
                return False
            return True

        until(is_accepted)
        assert service.stop() == 0
    assert audited(log) == acknowledged


def test_commands_work_without_an_optional_log(tmp_path: Path, log: Path) -> None:
    with running(tmp_path, log, "--no-audit-required") as (service, venue):
        with full_disk(service, log):
            for _ in range(200):
                venue.submit_order(order())
            until(lambda: service.series()["alphaforge_audit_failures_total"] > 0)
            venue.submit_order(order())
            assert service.stop() == 0
        assert "lines of the audit log are lost" in service.log.read_text()
    assert len(audited(log)) == 100


def test_a_service_without_a_disk_for_its_log_stops_when_it_is_told_to(tmp_path: Path, log: Path) -> None:
    with running(tmp_path, log) as (service, venue):
        with full_disk(service, log):
            acknowledged = venue.submit_order(order())
            assert service.stop() == 0
        assert acknowledged not in audited(log)
