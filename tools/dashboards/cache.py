"""The dashboard of the cache service."""

from __future__ import annotations

from tools.dashboards.grafana import Dashboard, Row, Stat, TimeSeries
from tools.dashboards.parts import access, calls, journal, p99, process, rate, streams, up

__all__ = ["cache"]


def cache() -> Dashboard:
    own = 'engine=~"$engine"'
    return Dashboard(
        "alphaforge-cache",
        "AlphaForge cache",
        "The cache service: requests, contents, evictions.",
        [
            Row(
                "Health",
                [
                    up("cache"),
                    Stat(
                        "hit ratio",
                        "Share of requested keys that were found, over the last minute.",
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
                    Stat("entries", "Number of entries.", [("", f"sum(alphaforge_cache_entries{{{own}}})")], "short"),
                    Stat(
                        "memory",
                        "Memory of keys, values and the table.",
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
                        "Requested keys; near hits are those served by clients' near caches.",
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
                        thresholds={0.2: "yellow"},
                    ),
                    TimeSeries(
                        "Evictions and expirations",
                        "Entries evicted by a limit; entries whose time to live ended.",
                        [
                            ("evictions", rate("alphaforge_cache_evictions_total", where=own)),
                            ("expirations", rate("alphaforge_cache_expirations_total", where=own)),
                        ],
                        "ops",
                    ),
                    TimeSeries(
                        "Operations",
                        "Gets, puts, deletes and contains, by cache; each key of a batch counts.",
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
                        "Memory of keys, values and the table, by cache.",
                        [("{{engine}}", f"sum by (engine) (alphaforge_cache_estimated_memory_bytes{{{own}}})")],
                        "bytes",
                    ),
                ],
            ),
            calls("cache"),
            Row("Invalidation streams", streams("cache")),
            journal("cache"),
            access("cache"),
            process("cache"),
        ],
        engines_of="alphaforge_cache_entries",
    )
