"""The dashboard of the data service."""

from __future__ import annotations

from tools.dashboards.grafana import Dashboard, Row, Stat, TimeSeries
from tools.dashboards.parts import access, calls, journal, p99, process, rate, streams, up

__all__ = ["data"]


def data() -> Dashboard:
    own = 'engine=~"$engine"'
    return Dashboard(
        "alphaforge-data",
        "AlphaForge data",
        "The data service: ticks in, bars out.",
        [
            Row(
                "Health",
                [
                    up("data"),
                    Stat(
                        "ticks",
                        "Accepted ticks per second.",
                        [("", rate("alphaforge_data_ticks_processed_total", where=own))],
                        "suffix:ticks/s",
                    ),
                    Stat(
                        "refused ticks",
                        "Share of received ticks that are refused.",
                        [("", f"max(engine:alphaforge_data_ticks_rejected:ratio_rate1m{{{own}}})")],
                        "percentunit",
                        decimals=2,
                        thresholds={0.01: "yellow", 0.05: "red"},
                    ),
                    Stat(
                        "late ticks",
                        "Share of received ticks that are late for at least one time bar.",
                        [("", f"max(engine:alphaforge_data_late_ticks:ratio_rate1m{{{own}}})")],
                        "percentunit",
                        decimals=2,
                        thresholds={0.01: "yellow", 0.05: "red"},
                    ),
                    Stat(
                        "time per tick",
                        "Mean time per tick in the engine.",
                        [("", f"max(alphaforge_data_avg_processing_latency_seconds{{{own}}})")],
                        "s",
                        thresholds={0.00001: "yellow", 0.0001: "red"},
                    ),
                    p99("data"),
                ],
            ),
            Row(
                "Ticks and bars",
                [
                    TimeSeries(
                        "Ticks by outcome",
                        "Received ticks: accepted, duplicate, refused.",
                        [
                            ("processed", rate("alphaforge_data_ticks_processed_total", where=own)),
                            ("duplicate", rate("alphaforge_data_duplicate_ticks_total", where=own)),
                            ("rejected", rate("alphaforge_data_ticks_rejected_total", where=own)),
                        ],
                        "suffix:ticks/s",
                        stacked=True,
                    ),
                    TimeSeries(
                        "Late, duplicate, refused by reason",
                        "Late ticks are accepted, but not applied to every bar type; the others change nothing.",
                        [
                            ("late", rate("alphaforge_data_late_ticks_total", where=own)),
                            ("duplicate", rate("alphaforge_data_duplicate_ticks_total", where=own)),
                            ("{{reason}}", rate("alphaforge_data_refused_total", by="reason", where=own)),
                        ],
                        "suffix:ticks/s",
                    ),
                    TimeSeries(
                        "Bars",
                        "Bars closed, of all types, by engine.",
                        [("{{engine}}", rate("alphaforge_data_bars_generated_total", by="engine", where=own))],
                        "suffix:bars/s",
                    ),
                    TimeSeries(
                        "Time per tick",
                        "Mean time in the engine since its start.",
                        [("{{engine}}", f"alphaforge_data_avg_processing_latency_seconds{{{own}}}")],
                        "s",
                    ),
                    TimeSeries(
                        "Processing rate",
                        "Ticks per second over the last ten seconds, as measured by the engine.",
                        [("{{engine}}", f"alphaforge_data_processing_rate{{{own}}}")],
                        "suffix:ticks/s",
                    ),
                    TimeSeries(
                        "Memory",
                        "Memory of bars and duplicate windows.",
                        [("{{engine}}", f"alphaforge_data_memory_usage_bytes{{{own}}}")],
                        "bytes",
                    ),
                    TimeSeries(
                        "Instruments",
                        "Instruments with trades.",
                        [("{{engine}}", f"alphaforge_data_instruments{{{own}}}")],
                        "short",
                    ),
                ],
            ),
            calls("data"),
            journal("data"),
            access("data"),
            Row("Streams of bars and trades", streams("data")),
            process("data"),
        ],
        engines_of="alphaforge_data_ticks_processed_total",
    )
