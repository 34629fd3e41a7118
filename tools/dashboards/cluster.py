"""The dashboard of candidates and their PostgreSQL."""

from __future__ import annotations

from tools.dashboards.grafana import Dashboard, Row, Stat, TimeSeries
from tools.dashboards.parts import SERVICES, rate

__all__ = ["cluster"]


def cluster() -> Dashboard:
    candidate = "{{shard}} {{instance}}"
    return Dashboard(
        "alphaforge-cluster",
        "AlphaForge cluster",
        "Candidates of each service over PostgreSQL; without a cluster there is no data.",
        [
            Row(
                "Health",
                [
                    *(
                        Stat(
                            f"{job} primary",
                            f"Whether each shard of the {job} service has a primary.",
                            [("{{shard}}", f'max by (shard) (alphaforge_cluster_primary{{job="{job}"}})')],
                            "none",
                            words={1: ("served", "green"), 0: ("NOBODY", "red")},
                        )
                        for job in SERVICES
                    ),
                    Stat(
                        "copies",
                        "Whether PostgreSQL has a synchronous standby.",
                        [("", "max(alphaforge_cluster_unreplicated)")],
                        "none",
                        words={1: ("ONE", "red"), 0: ("two or more", "green")},
                    ),
                    Stat(
                        "clock offset",
                        "Greatest difference between the clock of a candidate and PostgreSQL's.",
                        [("", "max(abs(alphaforge_cluster_clock_offset_seconds))")],
                        "s",
                        thresholds={0.1: "yellow", 0.25: "red"},
                    ),
                    Stat(
                        "differing states",
                        "Checkpoints of the primary at which a follower had a different state.",
                        [("", "sum(alphaforge_cluster_differing_states_total)")],
                        "short",
                        thresholds={1: "red"},
                    ),
                    Stat(
                        "oldest snapshot",
                        "Transactions since PostgreSQL's oldest snapshot, which keeps vacuum from removing rows.",
                        [("", "max(alphaforge_cluster_oldest_snapshot_transactions)")],
                        "short",
                        thresholds={1e6: "yellow", 1e7: "red"},
                    ),
                ],
            ),
            Row(
                "Over time",
                [
                    TimeSeries(
                        "Terms",
                        "The term of each shard: a step is a takeover, or a session that was lost.",
                        [("{{shard}}", "max by (shard) (alphaforge_cluster_term)")],
                        "short",
                    ),
                    TimeSeries(
                        "Time to confirm",
                        "Time until PostgreSQL and its standby confirmed a candidate's last heartbeat.",
                        [(candidate, "alphaforge_cluster_confirm_seconds")],
                        "s",
                        thresholds={0.25: "red"},
                    ),
                    TimeSeries(
                        "Followers behind",
                        "Confirmed commits that a follower has not applied yet.",
                        [(candidate, "alphaforge_cluster_lag_batches")],
                        "short",
                        thresholds={1_000: "red"},
                    ),
                    TimeSeries(
                        "Lost sessions and unknown outcomes",
                        "Sessions with PostgreSQL that were lost, and commits that were in progress at that time.",
                        [
                            ("{{shard}} sessions", rate("alphaforge_cluster_lost_sessions_total", by="shard")),
                            ("{{shard}} unknown", rate("alphaforge_cluster_unknown_outcomes_total", by="shard")),
                        ],
                        "suffix:/s",
                        soft_maximum=1,
                    ),
                ],
            ),
        ],
    )
