"""The dashboard of the execution service."""

from __future__ import annotations

from tools.dashboards.grafana import Dashboard, Row, Stat, TimeSeries
from tools.dashboards.parts import access, calls, journal, p99, process, rate, streams, up

__all__ = ["execution"]


def execution() -> Dashboard:
    own = 'engine=~"$engine"'

    def flow(name: str, legend: str) -> tuple[str, str]:
        return (legend, rate(f"alphaforge_execution_{name}_total", where=own))

    def position(title: str, description: str, name: str) -> TimeSeries:
        return TimeSeries(
            title,
            description,
            [("{{strategy}} {{symbol}}", f"alphaforge_execution_position_{name}{{{own}}}")],
            "short",
            width=12,
            minimum=None,
        )

    def account(title: str, description: str, name: str, maximum: float | None = None) -> TimeSeries:
        return TimeSeries(
            title,
            description,
            [("{{strategy}}", f"alphaforge_execution_account_{name}{{{own}}}")],
            "short",
            width=12,
            minimum=None,
            maximum=maximum,
        )

    return Dashboard(
        "alphaforge-execution",
        "AlphaForge execution",
        "The execution service: orders, fills, and the trades that fill them.",
        [
            Row(
                "Health",
                [
                    up("execution"),
                    Stat("orders", "Orders submitted per second.", [flow("orders_submitted", "")], "suffix:orders/s"),
                    Stat(
                        "rejected orders",
                        "Share of orders rejected by a rule.",
                        [("", f"max(engine:alphaforge_execution_orders_rejected:ratio_rate1m{{{own}}})")],
                        "percentunit",
                        decimals=1,
                        thresholds={0.05: "yellow", 0.2: "red"},
                    ),
                    Stat(
                        "market data",
                        "Whether every engine receives the trades of its data engine.",
                        [("", f"max(alphaforge_execution_market_data_stale{{{own}}})")],
                        "none",
                        words={0: ("live", "green"), 1: ("STALE", "red")},
                    ),
                    Stat(
                        "acknowledgement",
                        "Mean time from an order's receipt to its acknowledgement, including the journal.",
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
                        "Submitted orders, and their final status.",
                        [
                            flow("orders_submitted", "submitted"),
                            flow("orders_filled", "filled"),
                            flow("orders_cancelled", "cancelled"),
                            flow("orders_rejected", "rejected"),
                        ],
                        "suffix:orders/s",
                    ),
                    TimeSeries("Fills", "Executions per second.", [flow("fills", "fills")], "suffix:fills/s"),
                    TimeSeries(
                        "Open orders",
                        "Open orders, and those with a partial fill.",
                        [
                            ("open", f"sum(alphaforge_execution_orders_open{{{own}}})"),
                            ("partially filled", f"sum(alphaforge_execution_orders_partially_filled{{{own}}})"),
                        ],
                        "short",
                    ),
                    TimeSeries(
                        "Filled value",
                        "Price x quantity of the fills, per second.",
                        [flow("notional", "value")],
                        "suffix:value/s",
                    ),
                    TimeSeries(
                        "Fill ratio",
                        "Share of submitted orders that ended Filled.",
                        [("{{engine}}", f"alphaforge_execution_fill_ratio{{{own}}}")],
                        "percentunit",
                        maximum=1,
                    ),
                ],
            ),
            Row(
                "Positions by strategy and symbol",
                [
                    position(
                        "Quantity",
                        "Net quantity; negative when short. Not summed, because each symbol has its own unit.",
                        "quantity",
                    ),
                    position("Exposure", "Value of a position at the last price; negative when short.", "exposure"),
                    position("Realized profit", "Profit of closed quantities, before commission.", "realized_pnl"),
                    position(
                        "Unrealized profit",
                        "Profit of open quantities at the last price, before commission.",
                        "unrealized_pnl",
                    ),
                ],
            ),
            Row(
                "Accounts of strategies",
                [
                    account("Equity", "Cash plus unrealized profit, if the engine keeps accounts.", "equity"),
                    account("Exposure", "Value of the positions, long and short added up.", "exposure"),
                    account("Drawdown", "How far equity is below its highest value.", "drawdown"),
                    account("Halted", "1 if max_loss halted the strategy, else 0.", "halted", maximum=1),
                ],
            ),
            Row(
                "Market data and state",
                [
                    TimeSeries(
                        "Trades",
                        "Trades against which orders fill: accepted, duplicate, refused, missed.",
                        [
                            flow("ticks_processed", "processed"),
                            flow("duplicate_ticks", "duplicate"),
                            flow("ticks_rejected", "rejected"),
                            flow("market_data_missed_ticks", "missed"),
                        ],
                        "suffix:trades/s",
                    ),
                    TimeSeries(
                        "Acknowledgement",
                        "Mean time from an order's receipt to its acknowledgement, since the start.",
                        [("{{engine}}", f"alphaforge_execution_avg_execution_latency_seconds{{{own}}}")],
                        "s",
                    ),
                    TimeSeries(
                        "Commission",
                        "Sum of commissions; rebates reduce it.",
                        [("{{engine}}", f"alphaforge_execution_total_commission{{{own}}}")],
                        "short",
                        minimum=None,
                    ),
                ],
            ),
            calls("execution"),
            journal("execution"),
            access("execution"),
            Row("Streams of order events", streams("execution")),
            process("execution"),
        ],
        engines_of="alphaforge_execution_orders_open",
    )
