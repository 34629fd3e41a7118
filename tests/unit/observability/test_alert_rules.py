"""Prometheus and Grafana accept the rules, the configuration and the dashboards."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
OBSERVABILITY = ROOT / "observability"
RULES = OBSERVABILITY / "rules"
DASHBOARDS = sorted((OBSERVABILITY / "grafana/dashboards").glob("*.json"))


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool", path=f"{ROOT / '.tools/bin'}:/usr/bin:/usr/local/bin")
    if found is None:
        pytest.skip("promtool is not installed (Debian's package prometheus has it; .ci/run fetches it)")
    return found


@pytest.mark.parametrize(
    "command",
    [
        ("check", "config", "observability/prometheus.yml"),
        ("check", "config", "observability/prometheus.ha.yml"),
        ("check", "rules", "observability/rules/recording.yml", "observability/rules/alerts.yml"),
        ("test", "rules", "observability/rules/tests/alerts.yml"),
    ],
    ids=lambda command: " ".join(command[:3]),
)
@pytest.mark.slow
def test_promtool_accepts(promtool: str, command: tuple[str, ...]) -> None:
    result = subprocess.run((promtool, *command), cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_with_tls_prometheus_asks_for_the_same_over_https() -> None:
    plain, secured = (
        [line for line in (OBSERVABILITY / name).read_text().splitlines() if not line.startswith("#")]
        for name in ("prometheus.yml", "prometheus.tls.yml")
    )
    own = {"    scheme: https", "    tls_config: { ca_file: /etc/alphaforge/ca.pem }"}
    assert [line for line in secured if line not in own] == plain
    for noun in ("cache", "data", "execution", "relay"):
        job = secured.index(f"  - job_name: {noun}")
        assert set(secured[job + 1 : job + 3]) == own


def test_with_two_candidates_of_each_service_prometheus_asks_both() -> None:
    plain, both = (
        [line for line in (OBSERVABILITY / name).read_text().splitlines() if not line.startswith("#")]
        for name in ("prometheus.yml", "prometheus.ha.yml")
    )
    assert [re.sub(r'"(\w+)(:\d+)", "\1-b\2"', r'"\1\2"', line) for line in both] == plain
    assert [line for line in both if "-b:" in line] == [line for line in both if re.search(r"static.*915", line)]


def test_every_alert_is_tested_and_says_what_to_do() -> None:
    text = (RULES / "alerts.yml").read_text()
    alerts = re.findall(r"- alert: (\w+)(.*?)(?=\n      - alert|\n  - name|\Z)", text, re.DOTALL)
    assert len(alerts) > 10
    tests = (RULES / "tests/alerts.yml").read_text()
    for name, body in alerts:
        assert f"alertname: {name}" in tests, f"{name} is not tested"
        assert re.search(r"severity: (critical|warning|info|none)\b", body), name
        assert "summary:" in body, name
        assert "description:" in body, name


def test_dashboards_are_what_their_source_writes() -> None:
    result = subprocess.run(
        (sys.executable, "-m", "tools.dashboards", "--check"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_name_the_provisioned_data_source_and_explain_each_panel(path: Path) -> None:
    board: dict[str, Any] = json.loads(path.read_text())
    uid = re.search(r"uid: (\S+)", (OBSERVABILITY / "grafana/provisioning/datasources/prometheus.yml").read_text())
    assert uid
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert board["panels"][0]["title"] == "Health"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in panels:
        assert panel["datasource"]["uid"] == uid[1]
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == uid[1]


def test_panels_draw_the_line_at_which_their_alert_fires() -> None:
    alert = re.compile(
        r"expr: (?:min_over_time\(|max by \(job\) \(|abs\()?([\w:]+)(?:\[1m\])?\)? [<>] ([\d.e+]+)$", re.MULTILINE
    )
    limits = {series: float(number) for series, number in alert.findall((RULES / "alerts.yml").read_text())}
    drawn = set()
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            if panel["type"] == "row":
                continue
            steps = {step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]}
            for series in re.findall(r"[\w:]+", " ".join(target["expr"] for target in panel["targets"])):
                if limits.get(series):
                    assert limits[series] in steps, f"{path.stem}, {panel['title']}: {limits[series]}"
                    drawn.add(series)
    assert len(drawn) >= 10


def test_the_home_dashboard_is_the_overview() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    assert "/etc/alphaforge/dashboards/overview.json" in compose
    assert "./observability/grafana/dashboards:/etc/alphaforge/dashboards:ro" in compose
    assert (OBSERVABILITY / "grafana/dashboards/overview.json").is_file()
