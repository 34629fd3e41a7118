"""A client that knows only the address: values and orders typed by hand, through reflection."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Service, running_service

BUF = Path(__file__).parents[2] / ".tools/node_modules/.bin/buf"

pytestmark = pytest.mark.skipif(not BUF.exists(), reason="buf is not installed: make .tools/node_modules/.bin/buf")


def curl(service: Service, method: str, message: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    address = f"http://{service.address}/{method}"
    arguments = ("curl", "--protocol", "grpc", "--http2-prior-knowledge", address, "-d", json.dumps(message))
    return subprocess.run((BUF, *arguments), capture_output=True, text=True, timeout=60, cwd="/")


def answer(service: Service, method: str, message: dict[str, Any]) -> dict[str, Any]:
    result = curl(service, method, message)
    assert result.returncode == 0, result.stderr
    decoded: dict[str, Any] = json.loads(result.stdout)
    return decoded


def test_a_cache_value_typed_by_hand_comes_back_as_it_was(tmp_path: Path) -> None:
    name = "alphaforge.cache.v1.CacheService"
    value = {"mapValue": {"entries": [{"key": {"stringValue": "theme"}, "value": {"decimalValue": "1.50"}}]}}
    with running_service("cache", tmp_path) as cache:
        assert answer(cache, f"{name}/Put", {"key": "answer", "value": value})["version"] == "1"
        assert answer(cache, f"{name}/Get", {"key": "answer"}) == {"value": value}
        assert answer(cache, f"{name}/Get", {"key": "other"}) == {}
        assert answer(cache, f"{name}/Increment", {"key": "n", "amount": {"intValue": "42"}})["value"] == {
            "intValue": "42"
        }


def test_an_order_typed_by_hand_is_placed_once_and_filled_by_a_trade(tmp_path: Path) -> None:
    name = "alphaforge.execution.v1.ExecutionService"
    order = {
        "orderId": "by-hand-1",
        "instrumentId": "BTCUSD",
        "side": "ORDER_SIDE_BUY",
        "orderType": "ORDER_TYPE_LIMIT",
        "quantity": "0.1",
        "price": "45000",
        "timeInForce": "TIME_IN_FORCE_GOOD_TILL_CANCEL",
        "strategyId": "me",
    }
    tick = {"instrumentId": "BTCUSD", "price": "44999.5", "quantity": "2", "tradeId": "7", "tsEventNs": "5"}
    with running_service("execution", tmp_path, "--market-data", "off") as execution:
        placed = {"orderId": "by-hand-1", "status": "ORDER_STATUS_SUBMITTED"}
        assert answer(execution, f"{name}/SubmitOrder", {"order": order}) == placed
        assert answer(execution, f"{name}/SubmitOrder", {"order": order}) == placed | {"isRepeat": True}
        assert answer(execution, f"{name}/ProcessTradeTick", {"tick": tick})["processedCount"] == "1"
        found = answer(execution, f"{name}/GetOrder", {"orderId": "by-hand-1"})["order"]
        assert (found["status"], found["filledQuantity"]) == ("ORDER_STATUS_FILLED", "0.1")
        refused = curl(execution, f"{name}/SubmitOrder", {"order": order | {"quantity": "-1"}})
        assert refused.returncode != 0
        assert "invalid_argument" in refused.stderr


def test_trades_typed_by_hand_become_a_bar(tmp_path: Path) -> None:
    name = "alphaforge.data.v1.DataService"
    minute = 60_000_000_000
    with running_service("data", tmp_path, "--bar-types", "1min") as data:
        for number in range(3):
            tick = {"instrumentId": "X", "price": str(100 + number), "quantity": "1", "tsEventNs": str(number * minute)}
            answer(data, f"{name}/ProcessTradeTick", {"tick": tick})
        bars = answer(data, f"{name}/GetBars", {"instrumentId": "X", "barType": "1min"})["bars"]
        assert [(bar["open"], bar["volume"]) for bar in bars] == [("100.00", "1"), ("101.00", "1")]
