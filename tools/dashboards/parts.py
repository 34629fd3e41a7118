"""Panels that several dashboards share."""

from __future__ import annotations

from tools.dashboards.grafana import Panel, Row, Stat, TimeSeries

__all__ = ["SERVICES", "calls", "journal", "p99", "process", "rate", "streams", "up"]

SERVICES = ("cache", "data", "execution")
RATE = "$__rate_interval"


def rate(series: str, *, by: str = "", where: str = "") -> str:
    """Per second, summed over all series or by labels."""
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
        "99 of 100 calls took less than this in the service, over the last minute.",
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
                "Unary calls answered, by RPC; those that were called.",
                [("{{grpc_method}}", active)],
                "reqps",
                stacked=True,
            ),
            TimeSeries(
                "Errors",
                "Calls that did not end in OK: callers' mistakes (INVALID_ARGUMENT and its like), and failures here.",
                [
                    ("mistakes", f'{errors} - on () job:grpc_server_failed:rate1m{{job="{job}"}}'),
                    ("failures", f'job:grpc_server_failed:rate1m{{job="{job}"}}'),
                ],
                "reqps",
                stacked=True,
            ),
            TimeSeries(
                "p99 by method",
                "Time in the service, without the network; 99 of 100 calls took less.",
                [("{{grpc_method}}", f'job_method:grpc_server_handling_seconds:p99_1m{{job="{job}"}} >= 0')],
                "s",
            ),
        ],
    )


def streams(job: str) -> list[Panel]:
    where = f'job="{job}", grpc_type="server_stream"'
    return [
        TimeSeries(
            "Open streams",
            "Subscriptions that are open now, by RPC.",
            [("{{grpc_method}}", f"sum by (grpc_method) (grpc_server_in_flight{{{where}}})")],
            "short",
        ),
        TimeSeries(
            "Stream messages",
            "Messages sent on streams; each carries whatever waited. Heartbeats count.",
            [("{{grpc_method}}", rate("grpc_server_msg_sent_total", by="grpc_method", where=where))],
            "mps",
        ),
        TimeSeries(
            "Slow subscribers",
            "Subscribers that did not keep up; told of a gap, or disconnected. Should be 0.",
            [("{{job}}", f'increase(alphaforge_stream_slow_subscribers_total{{job="{job}"}}[{RATE}])')],
            "short",
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
                "Inputs written, of caches changes, and the writes that they shared.",
                [series("records", "records"), series("commits", "commits")],
                "wps",
            ),
            TimeSeries("Journal bytes", "What is written for the records.", [series("record_bytes", "written")], "Bps"),
            TimeSeries(
                "Journal backlog and failures",
                "Records that wait to be written; writes that failed, which should be 0.",
                [
                    ("waiting", f"alphaforge_journal_waiting_records{{{own}}}"),
                    ("failures", f"increase(alphaforge_journal_failures_total{{{own}}}[{RATE}])"),
                ],
                "short",
            ),
            TimeSeries(
                "Journal size",
                "Records and checkpoints that are kept. It falls when a checkpoint takes the place of records.",
                [("held", f"alphaforge_journal_held_bytes{{{own}}}")],
                "bytes",
                width=12,
            ),
            Stat(
                "checkpoints",
                "States of engines that were written since the service started.",
                [("", f"alphaforge_journal_checkpoints_total{{{own}}}")],
                "none",
                height=8,
            ),
            Stat(
                "last recovery",
                "How long the last start took to bring the engines back.",
                [("", f"alphaforge_recovery_seconds{{{own}}}")],
                "s",
                height=8,
                thresholds={10: "yellow", 60: "red"},
            ),
            Stat(
                "damaged engines",
                "Engines whose journal was damaged: they refuse calls until it is restored; caches began anew.",
                [("", f"alphaforge_recovery_damaged_engines{{{own}}}")],
                "none",
                height=8,
                thresholds={1: "red"},
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
                "Processors used; 1 is one of them, all the time.",
                [("{{job}}", f"rate(process_cpu_seconds_total{where}[{RATE}])")],
                "none",
                width=width,
            ),
            TimeSeries(
                "Memory",
                "What the process holds in memory.",
                [("{{job}}", f"process_resident_memory_bytes{where}")],
                "bytes",
                width=width,
            ),
            TimeSeries(
                "Open files",
                "Connections, the journal and the process's own.",
                [("{{job}}", f"process_open_fds{where}")],
                "short",
                width=width,
            ),
        ],
    )
