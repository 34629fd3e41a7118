"""Every setting of an execution engine has one name in the core, on the wire and in the service, and arrives."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
import pytest
from alphaforge.execution.v1 import engines_pb2
from alphaforge.execution.v1.settings_pb2 import ExecutionEngineSettings
from alphaforge_core.execution import ExecutionEngineConfig

from services.base.messages import fill, given
from tests.support.api import Api

# A value of every setting that is not its default.
OTHER: dict[str, Any] = {
    "liquidity": "unlimited",
    "fill_on": "next",
    "max_price_age_ns": 1,
    "maker_commission_rate": "-0.0001",
    "taker_commission_rate": "0.0002",
    "slippage_bps": "1.5",
    "max_order_quantity": "2.5",
    "max_order_notional": "1000000",
    "max_open_orders": 3,
    "max_orders_per_second": 4,
    "market_orders_while_stale": "reject",
    "order_retention_ns": 5,
    "max_final_orders": 6,
    "max_events": 7_000,
    "max_instruments": 8,
    "max_strategies": 9,
    "duplicate_window": 10,
    "max_duplicate_entries": 11,
    "durability": "none",
    "subscribe_market_data": False,
    "stale_after_ns": 12,
    "live_clock": True,
    "close_grace_ns": 13,
    "max_time_jump_ns": 14,
    "require_instruments": True,
    "starting_cash": "1000",
    "max_loss": "100.5",
}


def open_engine(api: Api, settings: dict[str, Any]) -> dict[str, Any]:
    """The effective settings of a new engine of the service, as any client of the wire sees them."""
    assert api.stack is not None
    api.stack.serve("execution")
    request = engines_pb2.OpenEngineRequest(engine=f"test-{uuid.uuid4()}")
    fill(request.settings, settings)
    with grpc.insecure_channel(api.stack.target("execution")) as channel:
        call: Any = channel.unary_unary("/alphaforge.execution.v1.ExecutionService/OpenEngine")
        answer = engines_pb2.OpenEngineResponse.FromString(call(request.SerializeToString(), timeout=10))
    found = given(answer.settings)
    assert found.pop("partitions") == 1
    return found


def test_a_setting_has_one_name_in_the_core_on_the_wire_and_here() -> None:
    # The number of partitions is not a setting of a partition.
    on_the_wire = set(ExecutionEngineSettings.DESCRIPTOR.fields_by_name) - {"partitions"}
    assert set(ExecutionEngineConfig().as_dict()) == set(OTHER) == on_the_wire


@pytest.mark.parametrize("setting", OTHER)
def test_an_engine_of_the_service_has_the_settings_it_was_opened_with(remote: Api, setting: str) -> None:
    config = ExecutionEngineConfig(**{setting: OTHER[setting]})
    assert config.given() != {setting: ExecutionEngineConfig().as_dict()[setting]}, "a default shows nothing"
    effective = ExecutionEngineConfig(**open_engine(remote, {setting: OTHER[setting]}))
    assert getattr(effective, setting) == getattr(config, setting)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("durability", "disk"), ("stale_after_ns", 0), ("close_grace_ns", -1), ("close_grace_ns", 10**18)],
)
def test_what_a_service_can_not_do_is_refused_where_the_configuration_is_made(setting: str, value: Any) -> None:
    with pytest.raises(ValueError, match=setting):
        ExecutionEngineConfig(**{setting: value})
