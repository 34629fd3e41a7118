"""A counter has one name from the core's table to the statistics, the RPC and the series."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alphaforge.cache.v1.caches_pb2 import CacheStatistics
from alphaforge.data.v1.statistics_pb2 import DataEngineStatistics
from alphaforge.execution.v1.statistics_pb2 import ExecutionStatistics
from alphaforge_core import cache, data, execution

from services.access.gate import Gate
from services.execution.account_metrics import AccountCollector
from services.execution.market_data import MarketDataLinks
from services.execution.position_metrics import PositionCollector
from services.metrics.access_metrics import AUDIT_COUNTERS, AccessCollector
from services.metrics.rpc_metrics import series_of
from services.metrics.service_metrics import (
    CHECKPOINT_COUNTERS,
    JOURNAL_COUNTERS,
    RECOVERY_COUNTERS,
    STREAM_COUNTERS,
    RefusalCollector,
)
from services.rpc.peer import PeerFiles
from services.runtime.cluster_metrics import CLUSTER_COUNTERS
from tests.support.prometheus import DASHBOARDS, named_series

ROOT = Path(__file__).parents[3]

NOUNS: dict[str, tuple[Any, Any, Any]] = {
    "cache": (cache.COUNTERS, cache.GenericCache(), CacheStatistics),
    "data": (data.COUNTERS, data.DataEngine(), DataEngineStatistics),
    "execution": (execution.COUNTERS, execution.ExecutionEngine(), ExecutionStatistics),
}

SHARED = {
    "stream": STREAM_COUNTERS,
    "journal": JOURNAL_COUNTERS,
    "checkpoint": CHECKPOINT_COUNTERS,
    "recovery": RECOVERY_COUNTERS,
    "audit": AUDIT_COUNTERS,
    "cluster": CLUSTER_COUNTERS,
}

# Computed from counters of the table.
DERIVED = {"cache": {"hit_ratio"}, "data": set[str](), "execution": set[str]()}


@pytest.mark.parametrize("noun", NOUNS)
def test_statistics_and_rpc_have_exactly_the_counters_of_the_table(noun: str) -> None:
    counters, engine, message = NOUNS[noun]
    names = {name for name, *_ in counters}
    assert set(engine.statistics().as_dict()) == names | DERIVED[noun]
    assert {field.name for field in message.DESCRIPTOR.fields} == names | DERIVED[noun]


@pytest.mark.parametrize("noun", NOUNS)
def test_every_counter_has_a_kind_and_an_explanation(noun: str) -> None:
    for name, kind, unit, text in NOUNS[noun][0]:
        assert kind in ("counter", "gauge"), name
        assert unit, name
        assert len(text.split()) >= 1, name


def all_series() -> set[str]:
    engines = {
        series_of(noun, name, kind, unit)[0] + ("_total" if kind == "counter" else "")
        for noun, (counters, *_) in NOUNS.items()
        for name, kind, unit, _ in counters
    }
    shared = {
        f"alphaforge_{group}_{name}" + ("_total" if kind == "counter" else "")
        for group, counters in SHARED.items()
        for name, kind, *_ in counters
    }
    market_data = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in MarketDataLinks((), PeerFiles(), enabled=False).collect()
    }
    collectors = PositionCollector(0, list), AccountCollector(0, list)
    positions = {metric.name for each in collectors for metric in each.collect()}
    access = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in AccessCollector(Gate(None, 1)).collect()
    }
    refused = {
        f"{metric.name}_total" for noun in ("data", "execution") for metric in RefusalCollector(noun, list).collect()
    }
    return engines | shared | market_data | positions | access | refused


def test_dashboards_and_rules_name_series_that_the_tables_declare() -> None:
    named = {name.removesuffix("_bucket") for name in named_series() if name.startswith("alphaforge_")}
    assert named <= all_series()


def test_every_counter_of_an_engine_can_be_seen_somewhere() -> None:
    """A counter needs no panel, but the metrics page must list it."""
    page = (ROOT / "docs/reference/metrics.md").read_text()
    assert {name for name in all_series() if f"`{name}`" not in page} == set()


def test_recorded_series_that_dashboards_name_are_recorded() -> None:
    recorded = set(re.findall(r"record: (\S+)", (ROOT / "observability/rules/recording.yml").read_text()))
    assert {name for name in named_series() if ":" in name} <= recorded


def test_the_page_of_metrics_is_what_the_tables_say() -> None:
    command = (sys.executable, "-m", "tools.metrics_page", "--check")
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_labels_of_panels_are_bounded() -> None:
    """Queries group only by labels with few values: never by a key, an order or an instrument."""
    allowed = {"job", "engine", "shard", "grpc_method", "grpc_code", "le", "lane", "reason"}
    for path in DASHBOARDS:
        for group in re.findall(r"by \(([^)]*)\)", json.dumps(json.loads(path.read_text()))):
            assert {label.strip() for label in group.split(",")} <= allowed
