"""Tokens of clients and of services that call each other, and the audit log of their commands."""

from __future__ import annotations

import json
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from alphaforge_client.cache import GenericCache
from alphaforge_client.credentials import Credentials
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.errors import InvalidArgument, PermissionDenied, Unauthenticated
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, OrderStatus, TimeInForce
from alphaforge_client.model import Price, Quantity, TradeTick

from tests.support.attempts import new_token
from tests.support.prometheus import wait_until
from tests.support.service import running_service


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """A tokens file; files beside it hold the tokens, by name."""
    file = tmp_path / "tokens"
    for name, role in (("reader", "read"), ("writer", "write"), ("admin", "admin")):
        (tmp_path / f"{name}.token").write_text(new_token(file, name, role) + "\n")
    return file


def credentials(tokens: Path, name: str) -> Credentials:
    return Credentials(token_file=tokens.parent / f"{name}.token")


def test_the_client_says_what_is_wrong_with_its_token(tokens: Path, tmp_path: Path) -> None:
    with running_service("cache", tmp_path, "--tokens-file", str(tokens)) as service:
        place = {"name": "c", "target": service.address}
        with GenericCache(**place) as cache, pytest.raises(Unauthenticated, match="no token") as caught:
            cache.put("key", 1)
        assert caught.value.reason == "UNAUTHENTICATED"
        with GenericCache(**place, credentials=credentials(tokens, "writer")) as cache:
            cache.put("key", 1)
        with GenericCache(**place, credentials=credentials(tokens, "reader")) as cache:
            assert cache.get("key") == 1
            with pytest.raises(PermissionDenied, match="Put needs role write; reader has read"):
                cache.put("key", 2)


def test_a_client_takes_over_a_token_that_replaced_its_own(tokens: Path, tmp_path: Path) -> None:
    with running_service("cache", tmp_path, "--tokens-file", str(tokens)) as service:
        own = tmp_path / "own.token"
        own.write_text((tmp_path / "writer.token").read_text())
        with GenericCache(name="c", target=service.address, credentials=Credentials(token_file=own)) as cache:
            cache.put("key", 1)
            lines = tokens.read_text().splitlines(keepends=True)
            tokens.write_text("".join(line for line in lines if not line.startswith("writer ")))
            own.write_text((tmp_path / "admin.token").read_text())

            def refused() -> bool:
                with GenericCache(name="c", target=service.address, credentials=credentials(tokens, "writer")) as other:
                    try:
                        return not other.put("key", 2)
                    except Unauthenticated:
                        return True

            wait_until(refused, 10, "the end of the old token", every=0.1)
            cache.put("key", 3)
            assert cache.get("key") == 3


def test_orders_and_admins_commands_are_in_the_audit_log(tokens: Path, tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    flags = ("--tokens-file", str(tokens), "--audit-file", str(log), "--market-data", "off")
    with running_service("execution", tmp_path, *flags) as service:
        place = {"name": "e", "target": service.address}
        with ExecutionEngine(**place, credentials=credentials(tokens, "writer")) as venue:
            order = Order.limit("X", OrderSide.Buy, 1.5, 10.0, TimeInForce.GoodTillCancel, "s")
            venue.submit_order(order)
            venue.submit_orders([Order.market(symbol, OrderSide.Sell, 1.0, "s") for symbol in "YZ"])
            venue.cancel_order(order.order_id)
            with pytest.raises(InvalidArgument):
                venue.submit_order(Order.market("X", OrderSide.Buy, 2.0, "s", order_id=order.order_id))
            venue.get_order(order.order_id)
            with pytest.raises(PermissionDenied):
                venue.halt()
        with ExecutionEngine(**place, credentials=credentials(tokens, "admin")) as venue:
            venue.halt()
        assert service.stop() == 0
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["caller"], line["command"], line["status"]) for line in lines] == [
        ("writer", "SubmitOrder", "OK"),
        ("writer", "SubmitOrders", "OK"),
        ("writer", "CancelOrder", "OK"),
        ("writer", "SubmitOrder", "INVALID_ARGUMENT"),
        ("writer", "Halt", "PERMISSION_DENIED"),
        ("admin", "Halt", "OK"),
    ]
    assert lines[0]["request"]["order"]["order_id"] == order.order_id
    assert lines[0]["answer"]["order_id"] == order.order_id
    assert len(lines[1]["request"]["orders"]) == 2
    assert lines[2]["answer"] == {"cancelled": True}
    for name in ("writer", "admin"):
        assert (tmp_path / f"{name}.token").read_text().strip() not in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_the_execution_service_shows_the_data_service_its_token(tokens: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        data = stack.enter_context(running_service("data", tmp_path, "--tokens-file", str(tokens)))
        flags = ("--data-target", data.address, "--token-file", str(tmp_path / "reader.token"))
        execution = stack.enter_context(running_service("execution", tmp_path, *flags))
        engine = stack.enter_context(
            DataEngine(
                DataEngineConfig(bar_types=["1tick"]),
                name="e",
                target=data.address,
                credentials=credentials(tokens, "writer"),
            )
        )
        venue = stack.enter_context(ExecutionEngine(name="e", target=execution.address))
        order_id = venue.submit_order(Order.market("X", OrderSide.Buy, 1.0, "s"))
        times = count(1)

        def filled() -> bool:
            ts = next(times)
            engine.process_trade_tick(TradeTick("X", Price(1), Quantity(5), "BUY", str(ts), ts, ts))
            order = venue.get_order(order_id)
            return order is not None and order.status == OrderStatus.Filled

        wait_until(filled, 20, "the fill", every=0.1)
