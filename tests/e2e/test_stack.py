"""The compose stack from images built here: healthy, monitored, and nothing is lost when it is killed.

Builds images and starts containers, which takes minutes: TEST_STACK=1 asks for it. The core in the images
is then the one that `make build` has compiled; TEST_STACK=source compiles it in the image, as users do.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from alphaforge_client.cache import GenericCache
from alphaforge_client.credentials import Credentials
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.errors import DeadlineExceeded, PermissionDenied, Unauthenticated, Unavailable
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, TimeInForce
from alphaforge_client.model import Bar, Price, Quantity, TradeTick

from tests.support.attempts import new_token
from tests.support.certificates import authority
from tests.support.compose import Compose, running_compose
from tests.support.docker import docker_environment
from tests.support.prometheus import CHECK_DASHBOARD, DASHBOARDS, Prometheus, named_series, wait_for_panels, wait_until
from tests.support.stack import NOUNS

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.skipif(
        os.environ.get("TEST_STACK") not in ("1", "source"),
        reason="builds images and takes minutes: set TEST_STACK=1 to run it",
    ),
    pytest.mark.timeout(900),
]

PORTS = {"cache": 50051, "data": 50052, "execution": 50053, "prometheus": 9090}

# Calls, ticks and subscribers wait for a processor.
RAISED_BY_A_BUSY_MACHINE = {"AlphaForgeCallsSlow", "AlphaForgeTicksLate", "AlphaForgeSubscribersTooSlow"}


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    with docker_environment() as environment:
        folder = tmp_path_factory.mktemp("compose")
        with running_compose(Compose(folder, environment, ["docker-compose.yml"], PORTS)) as stack:
            yield stack


@pytest.fixture(scope="module")
def prometheus(compose: Compose) -> Prometheus:
    return Prometheus(f"http://127.0.0.1:{compose.ports['prometheus']}")


@pytest.mark.parametrize("service", [*NOUNS, "demo"])
def test_containers_are_confined(compose: Compose, service: str) -> None:
    container = compose.inspect(service)
    host = container["HostConfig"]
    assert container["Config"]["User"] == "10001:10001"
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["Init"]
    assert host["Memory"] > 0
    assert host["NanoCpus"] > 0
    assert container["Config"]["StopTimeout"] >= 10


def test_the_three_services_run_one_small_image(compose: Compose) -> None:
    images = {compose.inspect(noun)["Image"] for noun in NOUNS}
    assert len(images) == 1


def test_the_file_with_two_shards_of_each_service_is_valid(compose: Compose) -> None:
    files = ("--file=docker-compose.yml", "--file=docker-compose.shards.yml", "--profile=demo", "--profile=relay")
    command = ("docker", "compose", *files, "config", "--services")
    shown = subprocess.run(command, cwd=ROOT, env=compose.environment, capture_output=True, text=True, check=True)
    assert {*NOUNS, *(f"{noun}-1" for noun in NOUNS), "relay"} <= set(shown.stdout.split())


def test_targets_are_up_rules_work_and_every_panel_has_data(prometheus: Prometheus) -> None:
    wait_until(lambda: all(prometheus.up().values()), 30, "all targets up")
    assert set(prometheus.up()) == {*NOUNS, "prometheus"}
    wait_until(lambda: prometheus.value("sum(rate(alphaforge_execution_fills_total[1m]))"), 60, "fills of the demo")
    recorded = {name for name in named_series() if ":" in name}
    wait_until(lambda: recorded <= prometheus.series(), 60, "every rule recorded")
    assert prometheus.broken_rules() == []
    if CHECK_DASHBOARD.is_file():
        # Clusters have a stack of their own.
        wait_for_panels(prometheus, [path for path in DASHBOARDS if path.stem != "cluster"], 60)
    wait_until(lambda: ("Watchdog", "") in prometheus.firing(), 30, "the watchdog")
    # Grafana is not part of this stack, and not missed.
    assert {alert for alert, _ in prometheus.firing()} - {"Watchdog"} <= RAISED_BY_A_BUSY_MACHINE


def test_the_demo_plays_a_file_of_trades(compose: Compose, tmp_path: Path) -> None:
    file = tmp_path / "trades.csv.gz"
    times = range(1_700_000_000_000_000_000, 1_700_000_004_000_000_000, 100_000_000)
    rows = [f"PLAYED,{time_ns},{100 + number % 3},1,{number}\n" for number, time_ns in enumerate(times)]
    file.write_bytes(gzip.compress("".join(["instrument_id,ts_event,price,quantity,trade_id\n", *rows]).encode()))
    volume = f"{file}:/trades.csv.gz:ro"
    compose.run("run", "--rm", "--volume", volume, "demo", "demo", "--file", "/trades.csv.gz", "--speed", "10x")
    with DataEngine(name="demo", target=compose.target("data")) as data:
        # Four seconds of trades: the clock closes the last bar.
        wait_until(
            lambda: sum(bar.trade_count for bar in data.get_bars("PLAYED", "1s")) == 40, 30, "all trades in bars"
        )


def tick(number: int) -> TradeTick:
    time_ns = 1_700_000_000_000_000_000 + number * 1_000_000_000
    return TradeTick("KILLED", Price(100 + number), Quantity(1), "BUY", f"{number}", time_ns, time_ns)


class Before(NamedTuple):
    """What the services had acknowledged when they were killed."""

    bars: list[Bar]
    order_ids: list[str]


@pytest.fixture(scope="module")
def killed(compose: Compose, prometheus: Prometheus) -> Before:
    """All three services killed after they acknowledged something, seen by the alerts, and started again."""
    data, venue, cache = engines(compose)
    with data, venue, cache:
        bars = data.process_trade_ticks([tick(number) for number in range(25)])
        order_ids = venue.submit_orders(
            [Order.limit("KILLED", OrderSide.Buy, 1.0, 50.0 + n, TimeInForce.GoodTillCancel, "s") for n in range(20)]
        )
        cache.put_many({"kept": "value", "key": "value"})
    compose.run("kill", *NOUNS)
    down = {("AlphaForgeServiceDown", noun) for noun in NOUNS}
    wait_until(lambda: down <= prometheus.firing(), 60, "an alert for each")
    compose.run("up", "--detach", "--no-build", "--wait", "--wait-timeout", "120")
    wait_until(lambda: not down & prometheus.firing(), 60, "the end of the alerts")
    return Before(list(bars), order_ids)


def engines(compose: Compose) -> tuple[DataEngine, ExecutionEngine, GenericCache]:
    return (
        DataEngine(DataEngineConfig(bar_types=["10tick"]), name="killed", target=compose.target("data")),
        ExecutionEngine(name="killed", target=compose.target("execution")),
        GenericCache(name="killed", target=compose.target("cache")),
    )


def test_a_kill_raises_its_alert_and_the_services_serve_again_after_it(compose: Compose, killed: Before) -> None:
    assert len(killed.bars) == 2
    data, venue, cache = engines(compose)
    with data, venue, cache:
        before = data.statistics(timeout=10.0).ticks_processed
        data.process_trade_ticks([tick(number) for number in range(25, 30)])
        assert data.statistics().ticks_processed == before + 5
        order = Order.limit("AFTER", OrderSide.Buy, 1.0, 1.0, TimeInForce.GoodTillCancel, "after")
        venue.submit_order(order)
        assert [each.order_id for each in venue.get_active_orders("after")] == [order.order_id]
        cache.put("key", "again")
        assert cache.get("key") == "again"


def test_acknowledged_changes_survive_a_kill(compose: Compose, prometheus: Prometheus, killed: Before) -> None:
    data, venue, cache = engines(compose)
    with data, venue, cache:
        assert data.get_bars("KILLED", "10tick")[:2] == killed.bars
        assert [order.order_id for order in venue.get_active_orders("s")] == killed.order_ids
        assert cache.get("kept") == "value"
    for noun in NOUNS:
        recovered = f'alphaforge_recovery_engines{{job="{noun}"}}'
        # The test's own and the demo's.
        wait_until(lambda recovered=recovered: prometheus.value(recovered) == 2, 30, recovered)
        assert prometheus.value(f'alphaforge_recovery_damaged_engines{{job="{noun}"}}') == 0


def test_the_demo_and_prometheus_come_back_after_a_kill(compose: Compose, prometheus: Prometheus) -> None:
    seen = {"query": "alphaforge_journal_records_total", "time": str(time.time())}
    before = prometheus.get("query", **seen)
    compose.run("kill", "demo", "prometheus")
    compose.run("up", "--detach", "--no-build", "--wait", "--wait-timeout", "120")
    wait_until(lambda: all(prometheus.up().values()), 30, "all targets up again")
    assert prometheus.get("query", **seen) == before
    restarted = ("AlphaForgePrometheusRestarted", "prometheus")
    wait_until(lambda: restarted in prometheus.firing(), 30, "an alert of the one that was killed")
    wait_until(lambda: prometheus.value("sum(rate(alphaforge_data_ticks_processed_total[30s]))"), 60, "ticks again")
    compose.run("stop", "demo")
    assert compose.inspect("demo")["State"]["ExitCode"] == 0


def test_a_service_that_dies_is_started_again_by_docker_which_the_alerts_tell(
    compose: Compose, prometheus: Prometheus
) -> None:
    before = prometheus.value('process_start_time_seconds{job="cache"}')
    # All processes of the container except its init.
    compose.run("exec", "--no-TTY", "cache", "python", "-c", "import os; os.kill(-1, 9)", check=False)
    started = 'process_start_time_seconds{job="cache"}'
    wait_until(lambda: prometheus.value(started) not in (None, before), 60, "another process")
    assert compose.inspect("cache")["RestartCount"] == 1
    restarted = ("AlphaForgeServiceRestarted", "cache")
    wait_until(lambda: restarted in prometheus.firing(), 30, "an alert of the restart")


def test_a_stop_ends_cleanly_within_the_grace_period(compose: Compose) -> None:
    compose.run("stop", *NOUNS)
    for noun in NOUNS:
        assert compose.inspect(noun)["State"]["ExitCode"] == 0, noun


@pytest.fixture(scope="module")
def secured(compose: Compose, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stack with TLS and tokens, begun where the one without has stopped; the folder of their files."""
    folder = tmp_path_factory.mktemp("secured")
    authority().pair.write(folder, "ca")
    authority().server([*NOUNS, "localhost", "127.0.0.1"], timedelta(days=1)).write(folder, "server")
    for name, role in (("execution", "read"), ("demo", "write"), ("strategy", "write")):
        (folder / f"{name}.token").write_text(new_token(folder / "tokens", name, role) + "\n")
    # Readable for the containers' user; changing the owner would need root here.
    folder.chmod(0o755)
    for file in folder.iterdir():
        file.chmod(0o444)
    secure(compose, folder)
    return folder


def secure(compose: Compose, folder: Path) -> None:
    """The stack as docker-compose.tls.yml has it, with the files of `folder` instead of those beside it."""
    binds = {noun: [(folder, "/etc/alphaforge")] for noun in NOUNS}
    binds["prometheus"] = [(folder / "ca.pem", "/etc/alphaforge/ca.pem")]
    binds["demo"] = [*binds["prometheus"], (folder / "demo.token", "/etc/alphaforge/demo.token")]
    services = {
        name: {"volumes": [{"type": "bind", "source": str(source), "target": target} for source, target in each]}
        for name, each in binds.items()
    }
    override = folder / "override.yml"
    override.write_text(json.dumps({"services": services}))
    compose.files[1:1] = ["docker-compose.tls.yml"]
    compose.files.append(str(override))
    compose.run("up", "--detach", "--no-build", "--wait", "--wait-timeout", "120")


def test_with_tls_the_services_are_healthy_watched_and_fed(prometheus: Prometheus, secured: Path) -> None:
    def urls() -> dict[str, str]:
        return {target["labels"]["job"]: target["scrapeUrl"] for target in prometheus.get("targets")["activeTargets"]}

    # A Prometheus that has just begun to serve finds its targets a moment later.
    wait_until(lambda: set(NOUNS) <= urls().keys(), 30, "the targets")
    assert all(urls()[noun].startswith("https://") for noun in NOUNS)
    wait_until(lambda: all(prometheus.up().values()), 30, "all targets up")
    # From the demo through the data service to the execution service, each with its own token.
    wait_until(lambda: prometheus.value("sum(rate(alphaforge_execution_fills_total[30s]))"), 60, "fills of the demo")
    assert prometheus.value('sum(alphaforge_execution_market_data_stale{engine="demo"})') == 0


def test_with_tls_only_the_right_callers_get_in(compose: Compose, secured: Path) -> None:
    target = compose.target("cache")

    def call(credentials: Credentials) -> None:
        with GenericCache(name="secured", target=target, credentials=credentials) as cache:
            cache.put("key", "value", timeout=5.0)

    ca_file = secured / "ca.pem"
    call(Credentials(ca_file=ca_file, token_file=secured / "strategy.token"))
    with pytest.raises(PermissionDenied):
        call(Credentials(ca_file=ca_file, token_file=secured / "execution.token"))
    with pytest.raises(Unauthenticated):
        call(Credentials(ca_file=ca_file, token="wrong"))
    with pytest.raises(Unauthenticated):
        call(Credentials(ca_file=ca_file))
    with pytest.raises((Unavailable, DeadlineExceeded)):
        call(Credentials())
