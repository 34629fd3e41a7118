"""Panels that several dashboards share."""

from __future__ import annotations

from tools.dashboards.grafana import Annotation, Panel, Row, Stat, TimeSeries

__all__ = ["SERVICES", "STORY", "access", "calls", "journal", "p99", "process", "rate", "streams", "up"]

SERVICES = ("cache", "data", "execution")
RATE = "$__rate_interval"

_JOBS = f'job=~"{"|".join(SERVICES)}"'
_TICKS = "sum by (engine) (rate(alphaforge_data_ticks_processed_total[30s]))"
# Events marked on each dashboard.
STORY = (
    Annotation("down", f"(1 - up{{{_JOBS}}}) == 1", "{{job}} is down", "red"),
    Annotation(
        "restarts", f"changes(process_start_time_seconds{{{_JOBS}}}[30s]) > 0", "{{job}} has started again", "blue"
    ),
    Annotation(
        "alerts",
        'ALERTS{alertstate="firing", severity!~"none|info"}',
        "{{alertname}}",
        "orange",
        "{{severity}} {{job}} {{engine}}",
    ),
    Annotation(
        "feeds begin",
        f"({_TICKS} > 0) unless ({_TICKS.replace('[30s]', '[30s] offset 30s')} > 0)",
        "trades begin on {{engine}}",
        "green",
    ),
    Annotation(
        "feeds end",
        f"({_TICKS.replace('[30s]', '[30s] offset 30s')} > 0) unless ({_TICKS} > 0)",
        "no more trades on {{engine}}",
        "purple",
    ),
)


def rate(series: str, *, by: str = "", where: str = "") -> str:
    """Returns the PromQL of a rate per second, summed over all series or by labels."""
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} (rate({series}{{{where}}}[{RATE}]))"


def up(job: str, title: str = "service") -> Stat:
    return Stat(
        title,
        f"Whether Prometheus can read the {job} service.",
        [("", f'up{{job="{job}"}}')],
        "none",
        words={1: ("up", "green"), 0: ("DOWN", "red")},
    )


def p99(job: str) -> Stat:
    return Stat(
        "p99 of a call",
        "99th percentile of the time in the service, over the last minute.",
        [("", f'job:grpc_server_handling_seconds:p99_1m{{job="{job}"}}')],
        "s",
        thresholds={0.025: "yellow", 0.1: "red"},
    )


def calls(job: str) -> Row:
    """Rate, errors and duration by RPC."""
    unary = f'job="{job}", grpc_type="unary"'
    errors = f'sum (rate(grpc_server_handled_total{{{unary}, grpc_code!="OK"}}[1m]))'
    active = f'job_method:grpc_server_handled:rate1m{{job="{job}"}} > 0'
    return Row(
        "Calls",
        [
            TimeSeries(
                "Calls by method",
                "Completed unary calls, by RPC; only RPCs that were called.",
                [("{{grpc_method}}", active)],
                "reqps",
                stacked=True,
            ),
            TimeSeries(
                "Errors",
                "Calls that did not end with OK: errors of callers (INVALID_ARGUMENT) and failures of the service.",
                [
                    ("mistakes", f'{errors} - on () job:grpc_server_failed:rate1m{{job="{job}"}}'),
                    ("failures", f'job:grpc_server_failed:rate1m{{job="{job}"}}'),
                ],
                "reqps",
                stacked=True,
                soft_maximum=1,
            ),
            TimeSeries(
                "p99 by method",
                "99th percentile of the time in the service, without the network.",
                [("{{grpc_method}}", f'job_method:grpc_server_handling_seconds:p99_1m{{job="{job}"}} >= 0')],
                "s",
                thresholds={0.1: "red"},
            ),
        ],
    )


def streams(job: str) -> list[Panel]:
    where = f'job="{job}", grpc_type="server_stream"'
    return [
        TimeSeries(
            "Open streams",
            "Open subscriptions, by RPC.",
            [("{{grpc_method}}", f"sum by (grpc_method) (grpc_server_in_flight{{{where}}})")],
            "short",
        ),
        TimeSeries(
            "Stream messages",
            "Messages sent on streams, each with all waiting events; heartbeats included.",
            [("{{grpc_method}}", rate("grpc_server_msg_sent_total", by="grpc_method", where=where))],
            "mps",
        ),
        TimeSeries(
            "Slow subscribers",
            "Slow subscribers, which got a gap or were disconnected. Should be 0.",
            [("{{job}}", f'increase(alphaforge_stream_slow_subscribers_total{{job="{job}"}}[{RATE}])')],
            "short",
            soft_maximum=1,
        ),
    ]


def journal(job: str) -> Row:
    own = f'job="{job}"'

    def series(name: str, legend: str) -> tuple[str, str]:
        return (legend, rate(f"alphaforge_journal_{name}_total", where=own))

    return Row(
        "Journal",
        [
            TimeSeries(
                "Journal records and commits",
                "Inputs written (for caches, changes), and the commits they shared.",
                [series("records", "records"), series("commits", "commits")],
                "wps",
            ),
            TimeSeries("Journal bytes", "Bytes written for records.", [series("record_bytes", "written")], "Bps"),
            TimeSeries(
                "Journal backlog and failures",
                "Records waiting to be written; failed writes, which should be 0.",
                [
                    ("waiting", f"alphaforge_journal_waiting_records{{{own}}}"),
                    ("failures", f"increase(alphaforge_journal_failures_total{{{own}}}[{RATE}])"),
                ],
                "short",
                thresholds={10_000: "red"},
                soft_maximum=1,
            ),
            TimeSeries(
                "Journal size",
                "Size of records and checkpoints. It falls when a checkpoint replaces records.",
                [("held", f"alphaforge_journal_held_bytes{{{own}}}")],
                "bytes",
                width=12,
            ),
            Stat(
                "checkpoints",
                "Checkpoints written since the service started.",
                [("", f"alphaforge_journal_checkpoints_total{{{own}}}")],
                "none",
                height=8,
            ),
            Stat(
                "last recovery",
                "Duration of the last recovery.",
                [("", f"alphaforge_recovery_seconds{{{own}}}")],
                "s",
                height=8,
                thresholds={10: "yellow", 60: "red"},
            ),
            Stat(
                "damaged engines",
                "Engines whose journal is damaged. They refuse calls until restored or dropped; caches started empty.",
                [("", f"alphaforge_recovery_damaged_engines{{{own}}}")],
                "none",
                height=8,
                thresholds={1: "red"},
            ),
        ],
    )


def access(job: str) -> Row:
    own = f'job="{job}"'
    refusals = f"job:alphaforge_access_refusal_seconds:p99_5m{{{own}}}"
    return Row(
        "Access",
        [
            TimeSeries(
                "Refused calls",
                "Calls refused before anything was done, by reason: tokens, roles, limits, load, the audit log.",
                [("{{reason}}", rate("alphaforge_access_refused_calls_total", by="reason", where=own))],
                "reqps",
                stacked=True,
                soft_maximum=1,
            ),
            TimeSeries(
                "p99 of a refusal",
                "99th percentile of the time to refuse a call, over the last five minutes.",
                [("{{job}}", f"({refusals} >= 0) or 0 * sum by (job) (up{{{own}}} == 1)")],
                "s",
                thresholds={0.05: "red"},
                soft_maximum=0.06,
            ),
            TimeSeries(
                "Load",
                "Bytes of requests in progress. Above the limit, calls are refused with a retry delay.",
                [("{{lane}}", f"sum by (lane) (alphaforge_admission_bytes{{{own}}})")],
                "bytes",
            ),
            TimeSeries(
                "Audit log",
                "Waiting lines; failed writes and lost lines, which should be 0.",
                [
                    ("waiting", f"alphaforge_audit_waiting_lines{{{own}}}"),
                    ("failures", f"increase(alphaforge_audit_failures_total{{{own}}}[{RATE}])"),
                    ("lost", f"increase(alphaforge_audit_lost_lines_total{{{own}}}[{RATE}])"),
                ],
                "short",
                soft_maximum=1,
            ),
        ],
    )


def process(jobs: str, width: int = 8) -> Row:
    where = f'{{job=~"{jobs}"}}'
    return Row(
        "Process",
        [
            TimeSeries(
                "Processor",
                "CPU use; 1 is one fully used core.",
                [("{{job}}", f"rate(process_cpu_seconds_total{where}[{RATE}])")],
                "suffix:cores",
                width=width,
            ),
            TimeSeries(
                "Memory",
                "Resident memory of the process.",
                [("{{job}}", f"process_resident_memory_bytes{where}")],
                "bytes",
                width=width,
            ),
            TimeSeries(
                "Open files",
                "Open files: connections, the journal and others.",
                [("{{job}}", f"process_open_fds{where}")],
                "short",
                width=width,
            ),
        ],
    )
