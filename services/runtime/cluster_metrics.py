"""Metrics of a candidate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from services.metrics.service_metrics import Counters, families

if TYPE_CHECKING:
    from services.runtime.candidate import Candidate

__all__ = ["CLUSTER_COUNTERS", "ClusterCollector"]

CLUSTER_COUNTERS: Counters = (
    ("primary", "gauge", "candidates", "1 while this candidate is the primary of its shard and may answer."),
    ("term", "gauge", "terms", "The term of the shard, as known to this candidate."),
    ("takeovers", "counter", "terms", "Terms taken by this candidate, including renewed ones."),
    ("lost_sessions", "counter", "sessions", "Sessions with PostgreSQL that were lost."),
    (
        "unknown_outcomes",
        "counter",
        "commits",
        "Commits whose outcome is unknown, because the session was lost during them.",
    ),
    ("lag_batches", "gauge", "commits", "Confirmed commits that this follower has not applied yet."),
    (
        "lag_seconds",
        "gauge",
        "s",
        "How far this follower is behind: age of the primary's latest heartbeat up to which it has applied all inputs.",
    ),
    ("compared_states", "counter", "checkpoints", "Checkpoints that this follower has compared with its own state."),
    (
        "differing_states",
        "counter",
        "checkpoints",
        "Comparisons that found a difference; the follower then loaded the engine from the checkpoint.",
    ),
    (
        "unreplicated",
        "gauge",
        "copies",
        "1 while PostgreSQL has no synchronous standby, so that there is only one copy.",
    ),
    ("confirm_seconds", "gauge", "s", "Time until PostgreSQL confirmed this candidate's last heartbeat."),
    ("clock_offset_seconds", "gauge", "s", "PostgreSQL's clock minus this machine's."),
    (
        "oldest_snapshot_transactions",
        "gauge",
        "transactions",
        "Transactions since PostgreSQL's oldest snapshot, which keeps vacuum from removing rows.",
    ),
)


# Shown for a follower that has not caught up yet.
_LAG_SECONDS_MAX = 1e6


class ClusterCollector(Collector):
    """The series of one candidate."""

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate

    def collect(self) -> Iterator[Metric]:
        """Each series."""
        candidate, shard = self._candidate, self._candidate.shard
        values = (
            float(shard.is_primary),
            shard.row.term,
            shard.takeovers,
            shard.lost_sessions,
            candidate.store.unknown_outcomes,
            candidate.lag,
            min(candidate.lag_seconds(), _LAG_SECONDS_MAX),
            *candidate.compared_states,
            float(shard.is_unreplicated),
            shard.confirm_seconds,
            shard.clock_offset_seconds,
            shard.oldest_snapshot,
        )
        return families("cluster", CLUSTER_COUNTERS, values, {"shard": str(shard.name)})
