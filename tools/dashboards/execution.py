"""The dashboard of the execution service."""

from __future__ import annotations

from tools.dashboards.grafana import Dashboard, Row, Stat, TimeSeries
from tools.dashboards.parts import calls, journal, p99, process, rate, streams, up

__all__ = ["execution"]


def execution() -> Dashboard:
    own = 'engine=~"$engine"'

    def flow(name: str, legend: str) -> tuple[str, str]:
        return (legend, rate(f"alphaforge_execution_{name}_total", where=own))

    return Dashboard(
        "alphaforge-execution",
        "AlphaForge execution",
        "The execution service: orders, fills, and the trades that fill them.",
        [
            Row(
                "Is it healthy?",
                [
                    up("execution"),
                    Stat("orders", "Orders submitted per second.", [flow("orders_submitted", "")], "ops"),
                    Stat(
                        "rejected orders",
                        "Share of the orders that a rule refuses.",
                        [("", f"max(engine:alphaforge_execution_orders_rejected:ratio_rate1m{{{own}}})")],
                        "percentunit",
                        decimals=1,
                        thresholds={0.05: "yellow", 0.2: "red"},
                    ),
                    Stat(
                        "market data",
                        "Whether every engine hears the trades of its data engine.",
                        [("", f"max(alphaforge_execution_market_data_stale{{{own}}})")],
                        "none",
                        words={0: ("live", "green"), 1: ("STALE", "red")},
                    ),
                    Stat(
                        "acknowledgement",
                        "Mean time from an order's receipt to its acknowledgement, with the journal.",
                        [("", f"max(alphaforge_execution_avg_execution_latency_seconds{{{own}}})")],
                        "s",
                        thresholds={0.01: "yellow", 0.1: "red"},
                    ),
                    p99("execution"),
                ],
            ),
            Row(
                "Orders",
                [
                    TimeSeries(
                        "Orders by outcome",
                        "Submitted, and how they end.",
                        [
                            flow("orders_submitted", "submitted"),
                            flow("orders_filled", "filled"),
                            flow("orders_cancelled", "cancelled"),
                            flow("orders_rejected", "rejected"),
                        ],
                        "ops",
                    ),
                    TimeSeries("Fills", "Executions per second.", [flow("fills", "fills")], "ops"),
                    TimeSeries(
                        "Open orders",
                        "Orders that rest or wait, and those of them with a fill.",
                        [
                            ("open", f"sum(alphaforge_execution_orders_open{{{own}}})"),
                            ("partially filled", f"sum(alphaforge_execution_orders_partially_filled{{{own}}})"),
                        ],
                        "short",
                    ),
                    TimeSeries(
                        "Filled value",
                        "Price x quantity of the fills, per second.",
                        [flow("notional", "value/s")],
                        "short",
                    ),
                    TimeSeries(
                        "Filled quantity",
                        "Units per second, over all instruments.",
                        [flow("volume", "units/s")],
                        "short",
                    ),
                    TimeSeries(
                        "Fill ratio",
                        "Orders that ended Filled, of all that were submitted.",
                        [("{{engine}}", f"alphaforge_execution_fill_ratio{{{own}}}")],
                        "percentunit",
                        maximum=1,
                    ),
                ],
            ),
            Row(
                "Market data and state",
                [
                    TimeSeries(
                        "Trades",
                        "Trades by which orders fill: taken, known already, refused; missed ones never came.",
                        [
                            flow("ticks_processed", "processed"),
                            flow("duplicate_ticks", "duplicate"),
                            flow("ticks_rejected", "rejected"),
                            flow("market_data_missed_ticks", "missed"),
                        ],
                        "ops",
                    ),
                    TimeSeries(
                        "Acknowledgement",
                        "Mean time from an order's receipt to its acknowledgement, since the start.",
                        [("{{engine}}", f"alphaforge_execution_avg_execution_latency_seconds{{{own}}}")],
                        "s",
                    ),
                    TimeSeries(
                        "Commission",
                        "Sum of the commissions; rebates make it smaller.",
                        [("{{engine}}", f"alphaforge_execution_total_commission{{{own}}}")],
                        "short",
                        minimum=None,
                    ),
                ],
            ),
            calls("execution"),
            journal("execution"),
            Row("Streams of order events", streams("execution")),
            process("execution"),
        ],
        engines_of="alphaforge_execution_orders_open",
    )
