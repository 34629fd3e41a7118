"""Callers without the Python client survive the death of a primary: Node with several addresses, and HAProxy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alphaforge_client.execution import ExecutionEngine

from tests.support.cluster import Cluster, running_cluster
from tests.support.cluster_load import Load, assert_all_there
from tests.support.postgres import Pair, free_port
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
NODE_MODULES = ROOT / ".tools/node_modules"

PROXY = """
global
  log stderr local0 warning
defaults
  mode tcp
  timeout connect 1s
  timeout client 1h
  timeout server 1h
frontend execution
  bind 127.0.0.1:{port}
  default_backend candidates
backend candidates
  option httpchk GET /primary
  http-check expect status 200
  default-server inter 200ms fall 1 rise 1 on-marked-down shutdown-sessions
{servers}
"""


@pytest.fixture
def orders(postgres: Pair, tmp_path: Path) -> Iterator[Cluster]:
    """Two candidates of an execution service."""
    alone = ("--market-data", "off")
    with running_cluster(tmp_path, postgres.database(), "execution", execution=alone) as cluster:
        yield cluster


def submit_by_node(targets: str, order_id: str) -> dict[str, Any]:
    if not (NODE_MODULES / "@grpc/grpc-js").exists():
        pytest.skip("gRPC for Node is not installed: make .tools/node_modules/.bin/buf")
    command = ("node", ROOT / "examples/order.js", targets, order_id)
    environment = {**os.environ, "NODE_PATH": str(NODE_MODULES)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextmanager
def running_proxy(folder: Path, cluster: Cluster) -> Iterator[str]:
    """HAProxy before the candidates, as the guide says; its address."""
    program = shutil.which("haproxy", path=f"{ROOT}/.tools/bin:/usr/sbin:{os.environ['PATH']}")
    if program is None:
        pytest.skip("HAProxy is not installed (Debian's package haproxy has it; .ci/run fetches it)")
    port = free_port()
    servers = "".join(
        f"  server {number} {each.address} check port {each.metrics_port}\n"
        for number, each in enumerate(cluster.candidates["execution"])
    )
    file = folder / "haproxy.cfg"
    file.write_text(PROXY.format(port=port, servers=servers))
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen((program, "-f", file), stdout=log, stderr=log)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_node_places_an_order_once_over_the_death_of_a_primary(orders: Cluster) -> None:
    targets = orders.target("execution")
    assert submit_by_node(targets, "node-1") == {"order_id": "node-1", "status": "ORDER_STATUS_SUBMITTED"}
    orders.primary("execution").kill()
    again = submit_by_node(targets, "node-1")
    assert (again["order_id"], again["is_repeat"]) == ("node-1", True)
    with ExecutionEngine(target=targets) as engine:
        assert [order.order_id for order in engine.get_active_orders("node")] == ["node-1"]


def test_haproxy_leads_to_the_primary(orders: Cluster, tmp_path: Path) -> None:
    with running_proxy(tmp_path, orders) as proxy:
        with Load(proxy) as load:
            load.await_more()
            for _ in range(2):
                primary = orders.primary("execution")
                primary.kill()
                load.await_more()
                primary.start()
            load.await_more()
        assert_all_there(orders, load)
        until(lambda: submit_by_node(proxy, "node-1")["order_id"] == "node-1", "Node through the proxy")
