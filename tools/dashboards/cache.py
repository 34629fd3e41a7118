"""The dashboard of the cache service."""

from __future__ import annotations

from tools.dashboards.grafana import Dashboard, Row, Stat, TimeSeries
from tools.dashboards.parts import calls, journal, p99, process, rate, streams, up

__all__ = ["cache"]


def cache() -> Dashboard:
    own = 'engine=~"$engine"'
    return Dashboard(
        "alphaforge-cache",
        "AlphaForge cache",
        "The cache service: what is asked of it, what it holds, what it lets go.",
        [
            Row(
                "Is it healthy?",
                [
                    up("cache"),
                    Stat(
                        "hit ratio",
                        "Share of the keys asked for that were there, over the last minute.",
                        [("", f"min(engine:alphaforge_cache_hits:ratio_rate1m{{{own}}})")],
                        "percentunit",
                        maximum=1,
                        decimals=1,
                        thresholds={0: "red", 0.2: "yellow", 0.5: "green"},
                    ),
                    Stat(
                        "operations",
                        "Keys per second.",
                        [("", rate("alphaforge_cache_operations_total", where=own))],
                        "ops",
                    ),
                    p99("cache"),
                    Stat(
                        "entries", "Entries that are there.", [("", f"sum(alphaforge_cache_entries{{{own}}})")], "short"
                    ),
                    Stat(
                        "memory",
                        "Keys, values and their table.",
                        [("", f"sum(alphaforge_cache_estimated_memory_bytes{{{own}}})")],
                        "bytes",
                    ),
                ],
            ),
            Row(
                "Keys",
                [
                    TimeSeries(
                        "Hits and misses",
                        "Keys that were asked for; near hits are those that clients' near caches served themselves.",
                        [
                            ("near hits", rate("alphaforge_cache_near_hits_total", where=own)),
                            ("hits", rate("alphaforge_cache_hits_total", where=own)),
                            ("misses", rate("alphaforge_cache_misses_total", where=own)),
                        ],
                        "ops",
                        stacked=True,
                    ),
                    TimeSeries(
                        "Hit ratio",
                        "By cache.",
                        [("{{engine}}", f"engine:alphaforge_cache_hits:ratio_rate1m{{{own}}}")],
                        "percentunit",
                        maximum=1,
                    ),
                    TimeSeries(
                        "Evictions and expirations",
                        "Entries that made room while still good; entries whose time was over.",
                        [
                            ("evictions", rate("alphaforge_cache_evictions_total", where=own)),
                            ("expirations", rate("alphaforge_cache_expirations_total", where=own)),
                        ],
                        "ops",
                    ),
                    TimeSeries(
                        "Operations",
                        "Gets, puts, deletes and contains, by cache; each key of a batch is one.",
                        [("{{engine}}", rate("alphaforge_cache_operations_total", by="engine", where=own))],
                        "ops",
                    ),
                    TimeSeries(
                        "Entries",
                        "By cache.",
                        [("{{engine}}", f"sum by (engine) (alphaforge_cache_entries{{{own}}})")],
                        "short",
                    ),
                    TimeSeries(
                        "Memory of the entries",
                        "By cache: keys, values and their table.",
                        [("{{engine}}", f"sum by (engine) (alphaforge_cache_estimated_memory_bytes{{{own}}})")],
                        "bytes",
                    ),
                ],
            ),
            calls("cache"),
            Row("Invalidation streams", streams("cache")),
            journal("cache"),
            process("cache"),
        ],
        engines_of="alphaforge_cache_entries",
    )
