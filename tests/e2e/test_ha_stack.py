"""docker-compose.ha.yml for real: one container of each service is killed, and its other candidate takes over.

Asked for as the plain stack is (test_stack.py). PostgreSQL comes from the package of the base image's Debian.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, TimeInForce
from alphaforge_client.model import TradeTick

from tests.support.compose import IMAGE, Compose, running_compose
from tests.support.docker import docker_environment
from tests.support.prometheus import CHECK_DASHBOARD, DASHBOARDS, Prometheus, wait_for_panels, wait_until
from tests.support.stack import NOUNS
from tests.support.waiting import until

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("TEST_STACK") not in ("1", "source"),
        reason="builds images and takes minutes: set TEST_STACK=1 to run it",
    ),
    pytest.mark.timeout(600),
]

PORTS = {"cache": 50051, "data": 50052, "execution": 50053}
PORTS |= {f"{name}-b": port for name, port in PORTS.items()}
POSTGRES = f"{IMAGE}-postgres"

# Like the image postgres:17, as far as the compose file uses it. The package comes from the base image's sources,
# or this machine's if the image has none.
DOCKERFILE = """
FROM python:3.11-slim-bookworm
RUN {mounts} if [ ! -e /etc/apt/sources.list ] && [ -z "$(ls /etc/apt/sources.list.d)" ]; then \\
        cp /run/secrets/sources-* /etc/apt/sources.list.d/ && cp /run/secrets/apt-* /etc/apt/apt.conf.d/; fi; \\
    mkdir -p /etc/postgresql-common && \\
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf && \\
    apt-get update -qq && \\
    DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends \\
        -o Dpkg::Options::=--force-confold postgresql >/dev/null && \\
    install --directory --owner=postgres /var/lib/postgresql/data && rm -rf /var/lib/apt/lists/*
COPY start /
USER postgres
CMD ["sh", "/start"]
"""
START = """
set -e
cd /var/lib/postgresql
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
if [ ! -e data/PG_VERSION ]; then
  initdb --pgdata=data --username="$POSTGRES_USER" --auth="$POSTGRES_HOST_AUTH_METHOD" --encoding=UTF8 --no-sync
  echo "host all all all $POSTGRES_HOST_AUTH_METHOD" >>data/pg_hba.conf
  echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -D data postgres
fi
exec postgres -D data -c listen_addresses='*' -c unix_socket_directories=
"""


def postgres_image(folder: Path, environment: dict[str, str]) -> str:
    """An image of PostgreSQL from Debian's package."""
    own = {f"sources-{path.name}": path for path in Path("/etc/apt/sources.list.d").glob("*") if path.is_file()}
    own |= {f"apt-{path.name}": path for path in Path("/etc/apt/apt.conf.d").glob("99*")}
    mounts = " ".join(f"--mount=type=secret,id={name}" for name in own)
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE.format(mounts=mounts))
    (folder / "start").write_text(START)
    secrets = [f"--secret=id={name},src={path}" for name, path in own.items()]
    command = ("docker", "build", "--quiet", "--tag", POSTGRES, *secrets, str(folder))
    built = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-3000:]
    return POSTGRES


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    with docker_environment() as environment:
        folder = tmp_path_factory.mktemp("compose")
        images = {"postgres": postgres_image(folder / "postgres", environment), "tables": f"{IMAGE}-services"}
        files = ["docker-compose.yml", "docker-compose.ha.yml"]
        ports = PORTS | {"prometheus": 9090}
        with running_compose(Compose(folder, environment, files, ports, images, profiles="")) as stack:
            yield stack


def targets(compose: Compose, noun: str) -> str:
    return f"{compose.target(noun)},{compose.target(f'{noun}-b')}"


def status(compose: Compose) -> list[list[str]]:
    """The words of each line of `alphaforge cluster status`."""
    shown = compose.run("run", "--rm", "--no-deps", "tables", "python", "-m", "services.cluster", "status")
    return [line.split() for line in shown.splitlines()]


def primaries(compose: Compose) -> dict[str, str]:
    """Returns the container of each service's primary, as recorded in PostgreSQL."""
    heads = [words for words in status(compose) if words[1] == "primary"]
    return {words[0].partition("-")[0]: words[2].partition(":")[0] for words in heads}


def followers(compose: Compose) -> set[str]:
    """The containers that were seen to follow a moment ago."""
    lines = [words for words in status(compose) if words[0] == "candidate" and float(words[3]) < 5.0]
    return {words[1].partition(":")[0] for words in lines}


def test_a_single_copy_gives_a_loud_warning(compose: Compose) -> None:
    prometheus = Prometheus(f"http://127.0.0.1:{compose.ports['prometheus']}")
    for name in PORTS:
        assert "PostgreSQL has no synchronous standby: there is one copy" in compose.run("logs", name)
    alerts = {("AlphaForgeUnreplicated", noun) for noun in NOUNS}
    wait_until(lambda: alerts <= prometheus.firing(), 60, "an alert for each")
    if CHECK_DASHBOARD.is_file():
        wait_for_panels(prometheus, [path for path in DASHBOARDS if path.stem == "cluster"], 60)


def test_any_one_container_of_a_service_may_die(compose: Compose) -> None:
    cache = GenericCache(name="ha", target=targets(compose, "cache"), timeout=15.0)
    data = DataEngine(DataEngineConfig(bar_types=["1tick"]), name="ha", target=targets(compose, "data"), timeout=15.0)
    venue = ExecutionEngine(name="ha", target=targets(compose, "execution"), timeout=15.0)
    with cache, data, venue:
        order = Order.limit("HA", OrderSide.Buy, 1, 150, TimeInForce.GoodTillCancel, "s")
        venue.submit_order(order)
        data.process_trade_tick(TradeTick("HA", 200, 1, "SELL", "1", 1_700_000_000_000_000_001))
        cache.put("key", "value")
        before = primaries(compose)
        assert before.keys() == {*NOUNS}
        compose.run("kill", *before.values())
        # The other candidates have taken over; a trade still reaches the order through both services.
        data.process_trade_tick(TradeTick("HA", 100, 1, "SELL", "2", 1_700_000_000_000_000_002))
        assert [bar.close for bar in data.get_bars("HA", "1tick")] == [200, 100]
        until(lambda: [fill.order_id for fill in venue.get_fills("s")] == [order.order_id], "the fill", seconds=60)
        cache.put("key", "again")
        assert cache.get("key") == "again"
        after = primaries(compose)
        assert {noun: after[noun] for noun in NOUNS if after[noun] != before[noun]} == after
        # They come back as followers.
        compose.run("start", *before.values())
        until(lambda: followers(compose) == {*before.values()}, "the followers", seconds=120)
