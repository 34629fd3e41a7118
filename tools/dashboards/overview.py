"""The dashboard of rate, errors and duration of the three services."""

from __future__ import annotations

from tools.dashboards.grafana import Dashboard, Row, Stat, TimeSeries
from tools.dashboards.parts import SERVICES, process, rate, up

__all__ = ["overview"]


def overview() -> Dashboard:
    per_job = "{{job}}"
    return Dashboard(
        "alphaforge-overview",
        "AlphaForge overview",
        "The three services at a glance: are they up, how much do they do, how well.",
        [
            Row(
                "Is it healthy?",
                [
                    *(up(job, job) for job in SERVICES),
                    Stat(
                        "alerts",
                        "Alerts that fire now; Prometheus's own page names them.",
                        [("", 'count(ALERTS{alertstate="firing", severity!="none"}) or vector(0)')],
                        "none",
                        thresholds={1: "red"},
                    ),
                    Stat(
                        "failing calls",
                        "Share of calls that fail by the services' doing, in the worst service.",
                        [("", "max(job:grpc_server_failed:ratio_rate1m)")],
                        "percentunit",
                        thresholds={0.001: "yellow", 0.01: "red"},
                        decimals=2,
                    ),
                    Stat(
                        "p99 of a call",
                        "99 of 100 calls took less than this, in the slowest service.",
                        [("", "max(job:grpc_server_handling_seconds:p99_1m)")],
                        "s",
                        thresholds={0.025: "yellow", 0.1: "red"},
                    ),
                ],
            ),
            Row(
                "Rate, errors, duration",
                [
                    TimeSeries(
                        "Calls", "Calls answered, by service.", [(per_job, "job:grpc_server_handled:rate1m")], "reqps"
                    ),
                    TimeSeries(
                        "Errors",
                        "Calls that did not end in OK; (failed) those that are the services' doing.",
                        [
                            (
                                per_job,
                                rate("grpc_server_handled_total", by="job", where='grpc_type="unary", grpc_code!="OK"'),
                            ),
                            ("{{job}} failed", "job:grpc_server_failed:rate1m"),
                        ],
                        "reqps",
                    ),
                    TimeSeries(
                        "Duration",
                        "Time in the service: half of the calls, and 99 of 100, took less.",
                        [
                            ("{{job}} p99", "job:grpc_server_handling_seconds:p99_1m"),
                            ("{{job}} p50", "job:grpc_server_handling_seconds:p50_1m"),
                        ],
                        "s",
                    ),
                ],
            ),
            Row(
                "What they do",
                [
                    TimeSeries(
                        "Cache operations",
                        "Keys asked for, stored, removed; each key of a batch is one.",
                        [("{{engine}}", rate("alphaforge_cache_operations_total", by="engine"))],
                        "ops",
                    ),
                    TimeSeries(
                        "Ticks and bars",
                        "Trades taken by the data engines, and bars closed.",
                        [
                            ("ticks", rate("alphaforge_data_ticks_processed_total")),
                            ("bars", rate("alphaforge_data_bars_generated_total")),
                        ],
                        "ops",
                    ),
                    TimeSeries(
                        "Orders and fills",
                        "Orders submitted, and executions.",
                        [
                            ("orders", rate("alphaforge_execution_orders_submitted_total")),
                            ("fills", rate("alphaforge_execution_fills_total")),
                        ],
                        "ops",
                    ),
                    TimeSeries(
                        "Cache hit ratio",
                        "Share of the keys asked for that were there.",
                        [("{{engine}}", "engine:alphaforge_cache_hits:ratio_rate1m")],
                        "percentunit",
                        maximum=1,
                    ),
                    TimeSeries(
                        "Refused and late ticks",
                        "Shares of what the data engines receive.",
                        [
                            ("{{engine}} refused", "engine:alphaforge_data_ticks_rejected:ratio_rate1m"),
                            ("{{engine}} late", "engine:alphaforge_data_late_ticks:ratio_rate1m"),
                        ],
                        "percentunit",
                    ),
                    TimeSeries(
                        "Open orders",
                        "Orders that rest or wait.",
                        [("{{engine}}", "sum by (engine) (alphaforge_execution_orders_open)")],
                        "short",
                    ),
                ],
            ),
            process("|".join(SERVICES)),
        ],
    )
