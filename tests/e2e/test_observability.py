"""While the demo runs, every series that a dashboard or rule names exists, and every panel has data."""

from __future__ import annotations

import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.prometheus import (
    CHECK_DASHBOARD,
    DASHBOARDS,
    TOOLS,
    Prometheus,
    named_series,
    running_prometheus,
    wait_for_panels,
    wait_until,
)
from tests.support.stack import NOUNS, Stack, running_stack


def tool(name: str) -> str:
    found = shutil.which(name, path=TOOLS)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian's package prometheus has it; .ci/run fetches it)")
    return found


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        running.serve(*NOUNS)
        yield running


@pytest.fixture(scope="module")
def demo(stack: Stack) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "alphaforge_cli", "demo", "--rate", "1000"]
    environment = {"PATH": "/usr/bin:/bin", **stack.environment()}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            output = process.communicate(timeout=20)[0]
            print(output)
    assert process.returncode == 0, output


@pytest.fixture(scope="module")
def prometheus(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    tool("prometheus")
    ports = {noun: [stack.metrics_ports[noun]] for noun in NOUNS}
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), ports) as server:
        yield server


@pytest.mark.parametrize("noun", NOUNS)
def test_metrics_follow_prometheus_conventions(stack: Stack, noun: str) -> None:
    promtool = tool("promtool")
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.metrics_ports[noun]}/metrics") as answer:
        text = answer.read()
    result = subprocess.run((promtool, "check", "metrics"), input=text, capture_output=True, check=False)
    assert result.returncode == 0, (result.stdout + result.stderr).decode()


def test_every_series_that_is_named_anywhere_exists(prometheus: Prometheus, demo: subprocess.Popen[str]) -> None:
    # Series of clusters exist only in clusters, which tests/cluster covers.
    names = {name for name in named_series() if not name.startswith("alphaforge_cluster_")}
    assert len(names) > 50
    wait_until(lambda: names <= prometheus.series(), 60, lambda: f"{sorted(names - prometheus.series())}")
    assert prometheus.broken_rules() == []
    assert demo.poll() is None


def test_latencies_of_the_engines_are_measured(prometheus: Prometheus, demo: subprocess.Popen[str]) -> None:
    for series in ("data_avg_processing_latency_seconds", "execution_avg_execution_latency_seconds"):
        query = f'alphaforge_{series}{{engine="demo"}} > 0'
        wait_until(lambda query=query: prometheus.value(query), 30, query)
    assert demo.poll() is None


@pytest.mark.skipif(not CHECK_DASHBOARD.is_file(), reason="needs ../shared/tools/check_dashboard.py")
# The dashboard of clusters needs a cluster: tests/cluster looks at its metrics.
@pytest.mark.parametrize(
    "dashboard", [path for path in DASHBOARDS if path.stem != "cluster"], ids=lambda path: path.stem
)
def test_every_panel_has_data_under_load(prometheus: Prometheus, demo: subprocess.Popen[str], dashboard: Path) -> None:
    wait_for_panels(prometheus, [dashboard], 60)
    assert demo.poll() is None
