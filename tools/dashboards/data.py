"""The dashboard of the data service."""

from __future__ import annotations

from tools.dashboards.grafana import Dashboard, Row, Stat, TimeSeries
from tools.dashboards.parts import calls, journal, p99, process, rate, streams, up

__all__ = ["data"]


def data() -> Dashboard:
    own = 'engine=~"$engine"'
    return Dashboard(
        "alphaforge-data",
        "AlphaForge data",
        "The data service: ticks in, bars out.",
        [
            Row(
                "Is it healthy?",
                [
                    up("data"),
                    Stat(
                        "ticks",
                        "Ticks taken per second.",
                        [("", rate("alphaforge_data_ticks_processed_total", where=own))],
                        "ops",
                    ),
                    Stat(
                        "refused ticks",
                        "Share of the ticks received that a rule refuses.",
                        [("", f"max(engine:alphaforge_data_ticks_rejected:ratio_rate1m{{{own}}})")],
                        "percentunit",
                        decimals=2,
                        thresholds={0.01: "yellow", 0.05: "red"},
                    ),
                    Stat(
                        "late ticks",
                        "Share of the ticks received that come too late for at least one time bar.",
                        [("", f"max(engine:alphaforge_data_late_ticks:ratio_rate1m{{{own}}})")],
                        "percentunit",
                        decimals=2,
                        thresholds={0.01: "yellow", 0.05: "red"},
                    ),
                    Stat(
                        "time per tick",
                        "Mean time in the engine.",
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
                        "Everything that was sent: taken, known already, refused.",
                        [
                            ("processed", rate("alphaforge_data_ticks_processed_total", where=own)),
                            ("duplicate", rate("alphaforge_data_duplicate_ticks_total", where=own)),
                            ("rejected", rate("alphaforge_data_ticks_rejected_total", where=own)),
                        ],
                        "ops",
                        stacked=True,
                    ),
                    TimeSeries(
                        "Late, duplicate, rejected",
                        "Late ones are taken, but not by every bar; the others change nothing.",
                        [
                            ("late", rate("alphaforge_data_late_ticks_total", where=own)),
                            ("duplicate", rate("alphaforge_data_duplicate_ticks_total", where=own)),
                            ("rejected", rate("alphaforge_data_ticks_rejected_total", where=own)),
                        ],
                        "ops",
                    ),
                    TimeSeries(
                        "Bars",
                        "Bars closed, of all types, by engine.",
                        [("{{engine}}", rate("alphaforge_data_bars_generated_total", by="engine", where=own))],
                        "ops",
                    ),
                    TimeSeries(
                        "Time per tick",
                        "Mean time in the engine since its start.",
                        [("{{engine}}", f"alphaforge_data_avg_processing_latency_seconds{{{own}}}")],
                        "s",
                    ),
                    TimeSeries(
                        "Processing rate",
                        "Ticks per second over the last ten seconds, as the engine itself says.",
                        [("{{engine}}", f"alphaforge_data_processing_rate{{{own}}}")],
                        "ops",
                    ),
                    TimeSeries(
                        "Instruments and memory",
                        "Instruments that were traded; memory of bars and duplicate windows in MiB.",
                        [
                            ("{{engine}} instruments", f"alphaforge_data_instruments{{{own}}}"),
                            ("{{engine}} MiB", f"alphaforge_data_memory_usage_bytes{{{own}}} / 2^20"),
                        ],
                        "short",
                    ),
                ],
            ),
            calls("data"),
            journal("data"),
            Row("Streams of bars and trades", streams("data")),
            process("data"),
        ],
        engines_of="alphaforge_data_ticks_processed_total",
    )
