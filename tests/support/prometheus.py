"""Queries of a running Prometheus, over its HTTP API."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from tests.support.stack import free_ports
from tests.support.waiting import until

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
OBSERVABILITY = ROOT / "observability"
DASHBOARDS = sorted((OBSERVABILITY / "grafana/dashboards").glob("*.json"))
TOOLS = f"{ROOT / '.tools/bin'}:/usr/bin:/usr/local/bin"
"""Where .ci/run or Debian's package puts Prometheus and promtool."""
CHECK_DASHBOARD = ROOT.parent / "shared/tools/check_dashboard.py"

# What each of the services' jobs must have in every scrape, and what Prometheus itself makes.
_OWN_PREFIXES = ("alphaforge_", "grpc_server_", "process_", "python_", "up")


class Prometheus:
    """A server at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **query: str) -> Any:
        """The `data` of an answer of /api/v1."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as reply:
            return json.load(reply)["data"]

    def value(self, query: str) -> float | None:
        """The first sample of an instant query, None where there is none."""
        result = self.get("query", query=query)["result"]
        return float(result[0]["value"][1]) if result else None

    def series(self) -> set[str]:
        """Every name that was ever scraped or recorded."""
        return set(self.get("label/__name__/values"))

    def up(self) -> dict[str, bool]:
        """Each job, and whether its last scrape succeeded."""
        return {target["labels"]["job"]: target["health"] == "up" for target in self.get("targets")["activeTargets"]}

    def firing(self) -> set[tuple[str, str]]:
        """The alerts that fire now: name and job, or engine."""
        return {
            (alert["labels"]["alertname"], alert["labels"].get("job") or alert["labels"].get("engine", ""))
            for alert in self.get("alerts")["alerts"]
            if alert["state"] == "firing"
        }

    def broken_rules(self) -> list[str]:
        """The rules whose evaluation fails."""
        rules = [rule for group in self.get("rules")["groups"] for rule in group["rules"]]
        assert rules
        return [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] == "err"]


def wait_until(condition: Callable[[], T], seconds: float, what: str | Callable[[], str], every: float = 0.5) -> T:
    """Like `until`, for a server that may not answer yet."""

    def answer() -> T | None:
        try:
            return condition()
        except OSError:
            return None

    return cast("T", until(answer, what, seconds, every))


@contextmanager
def running_prometheus(folder: Path, ports: Mapping[str, Sequence[int]], *, often: bool = True) -> Iterator[Prometheus]:
    """Prometheus with the committed configuration, scraping these ports of each job, `often`: every second."""
    binary = shutil.which("prometheus", path=TOOLS)
    assert binary is not None
    (port,) = free_ports(1)
    shutil.copytree(OBSERVABILITY / "rules", folder / "rules")
    config = (OBSERVABILITY / "prometheus.yml").read_text().replace("localhost:9090", f"127.0.0.1:{port}")
    if often:
        config = config.replace("interval: 5s", "interval: 1s").replace("timeout: 4s", "timeout: 1s")
    for job, own in ports.items():
        config = re.sub(rf'"{job}:\d+"', ", ".join(f'"127.0.0.1:{each}"' for each in own), config)
    (folder / "prometheus.yml").write_text(config)
    command = [binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data-of-prometheus"]
    command.append(f"--web.listen-address=127.0.0.1:{port}")
    with (folder / "prometheus.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            server = Prometheus(f"http://127.0.0.1:{port}")
            wait_until(lambda: all(server.up().values()), 30, f"targets up, see {folder}/prometheus.log")
            yield server
        finally:
            process.terminate()
            process.wait(20)


def wait_for_panels(prometheus: Prometheus, dashboards: Sequence[Path], seconds: float) -> None:
    """Waits until every panel of the dashboards has data, since some show rare actions of the demo."""
    command = (sys.executable, CHECK_DASHBOARD, "--prometheus", prometheus.url, *dashboards)
    result = subprocess.CompletedProcess[str](command, 1)

    def have_data() -> bool:
        nonlocal result
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        return result.returncode == 0

    wait_until(have_data, seconds, lambda: f"data in every panel\n{result.stdout}{result.stderr}", every=2.0)


def named_series() -> set[str]:
    """Returns every series that a dashboard or a rule names, including recorded series."""
    texts = [path.read_text() for path in (*DASHBOARDS, *(OBSERVABILITY / "rules").glob("*.yml"))]
    prefixes = "|".join(_OWN_PREFIXES[:-1])
    names = {name for text in texts for name in re.findall(rf"(?<![\w:])(?:{prefixes})\w+\b(?!:)", text)}
    return names | {name for text in texts for name in re.findall(r"\b(?:job\w*|engine):\w+:\w+\b", text)}
