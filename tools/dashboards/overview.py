"""The dashboard of rate, errors and duration of the three services."""

from __future__ import annotations

from tools.dashboards.grafana import Dashboard, Row, Stat, TimeSeries
from tools.dashboards.parts import SERVICES, process, rate, up

__all__ = ["overview"]

# Panels over all three services have no data while one of them is down.
ALL_UP = f'and on () (min(up{{job=~"{"|".join(SERVICES)}"}}) == 1)'


def overview() -> Dashboard:
    per_job = "{{job}}"
    return Dashboard(
        "alphaforge-overview",
        "AlphaForge overview",
        "Overview of the three services: health, load, latency.",
        [
            Row(
                "Health",
                [
                    *(up(job, job) for job in SERVICES),
                    Stat(
                        "alerts",
                        "Firing alerts; Prometheus lists them at /alerts.",
                        [("", 'count(ALERTS{alertstate="firing", severity!="none"}) or vector(0)')],
                        "none",
                        thresholds={1: "red"},
                    ),
                    Stat(
                        "failing calls",
                        "Highest share of calls failed by a service; no data while one is down.",
                        [("", f"max(job:grpc_server_failed:ratio_rate1m) {ALL_UP}")],
                        "percentunit",
                        thresholds={0.001: "yellow", 0.01: "red"},
                        decimals=2,
                    ),
                    Stat(
                        "p99 of a call",
                        "99th percentile of the slowest service; no data while one is down.",
                        [("", f"max(job:grpc_server_handling_seconds:p99_1m) {ALL_UP}")],
                        "s",
                        thresholds={0.025: "yellow", 0.1: "red"},
                    ),
                ],
            ),
            Row(
                "Rate, errors, duration",
                [
                    TimeSeries(
                        "Calls", "Completed calls, by service.", [(per_job, "job:grpc_server_handled:rate1m")], "reqps"
                    ),
                    TimeSeries(
                        "Errors",
                        "Calls that did not end with OK; (failed): failures of the service.",
                        [
                            (
                                per_job,
                                rate("grpc_server_handled_total", by="job", where='grpc_type="unary", grpc_code!="OK"'),
                            ),
                            ("{{job}} failed", "job:grpc_server_failed:rate1m"),
                        ],
                        "reqps",
                        soft_maximum=1,
                    ),
                    TimeSeries(
                        "Duration",
                        "Time in the service: median and 99th percentile.",
                        [
                            ("{{job}} p99", "job:grpc_server_handling_seconds:p99_1m"),
                            ("{{job}} p50", "job:grpc_server_handling_seconds:p50_1m"),
                        ],
                        "s",
                        thresholds={0.1: "red"},
                    ),
                ],
            ),
            Row(
                "Engines",
                [
                    TimeSeries(
                        "Cache operations",
                        "Keys read, stored and deleted; each key of a batch counts.",
                        [("{{engine}}", rate("alphaforge_cache_operations_total", by="engine"))],
                        "ops",
                    ),
                    TimeSeries(
                        "Ticks and bars",
                        "Trades accepted by the data engines, and bars closed.",
                        [
                            ("ticks", rate("alphaforge_data_ticks_processed_total")),
                            ("bars", rate("alphaforge_data_bars_generated_total")),
                        ],
                        "suffix:/s",
                    ),
                    TimeSeries(
                        "Orders and fills",
                        "Orders submitted, and executions.",
                        [
                            ("orders", rate("alphaforge_execution_orders_submitted_total")),
                            ("fills", rate("alphaforge_execution_fills_total")),
                        ],
                        "suffix:/s",
                    ),
                    TimeSeries(
                        "Cache hit ratio",
                        "Share of requested keys that were found.",
                        [("{{engine}}", "engine:alphaforge_cache_hits:ratio_rate1m")],
                        "percentunit",
                        maximum=1,
                        thresholds={0.2: "yellow"},
                    ),
                    TimeSeries(
                        "Refused and late ticks",
                        "Shares of the ticks that the data engines receive.",
                        [
                            ("{{engine}} refused", "engine:alphaforge_data_ticks_rejected:ratio_rate1m"),
                            ("{{engine}} late", "engine:alphaforge_data_late_ticks:ratio_rate1m"),
                        ],
                        "percentunit",
                        thresholds={0.05: "red"},
                    ),
                    TimeSeries(
                        "Open orders",
                        "Open orders.",
                        [("{{engine}}", "sum by (engine) (alphaforge_execution_orders_open)")],
                        "short",
                    ),
                ],
            ),
            process("|".join(SERVICES)),
        ],
    )
