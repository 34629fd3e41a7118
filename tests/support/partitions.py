"""A cluster in which each connection leads through a proxy that can be cut, in one direction or both."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.cluster import Candidate, Cluster, cluster_command
from tests.support.postgres import Pair
from tests.support.proxy import Proxy, proxied
from tests.support.waiting import let_pass, until

__all__ = ["PAIRS", "WAYS", "Net", "RoleWatch", "running_net"]

# The directions that are cut, as seen by the side that connects.
WAYS: dict[str, dict[str, bool]] = {"both ways": {}, "requests": {"back": False}, "answers": {"there": False}}
PAIRS = (
    "execution's clients and primary",
    "data's clients and primary",
    "execution's primary and PostgreSQL",
    "data's primary and PostgreSQL",
    "execution's follower and PostgreSQL",
    "all candidates and PostgreSQL",
    "PostgreSQL and its standby",
)


@dataclass
class Net:
    """Two candidates of a data service and of an execution service that follows it, and the proxies between all."""

    cluster: Cluster
    fronts: dict[int, Proxy]
    """By a candidate's port: what its clients connect to."""
    to_postgres: dict[int, list[Proxy]]
    """By a candidate's port: its connections to either server."""
    to_standby: Proxy

    def between(self, pair: str) -> list[Proxy]:
        """Returns the proxies between a pair of PAIRS, by the current roles."""
        if pair == "PostgreSQL and its standby":
            return [self.to_standby]
        if pair == "all candidates and PostgreSQL":
            return [proxy for proxies in self.to_postgres.values() for proxy in proxies]
        noun, rest = pair.split("'s ")
        if rest.startswith("follower"):
            return self.to_postgres[self.cluster.follower(noun).port]
        port = self.cluster.primary(noun).port
        return [self.fronts[port]] if rest.startswith("clients") else self.to_postgres[port]


@contextmanager
def running_net(folder: Path, pair: Pair, *more: str) -> Iterator[Net]:
    """Starts the services over a pair whose standby also follows through a proxy. `more`: arguments of all services."""
    database = pair.database().rpartition("/")[2]
    made = cluster_command(pair.dsn.rpartition("/")[0] + f"/{database}", "init")
    assert made.returncode == 0, made.stderr
    with ExitStack() as stack:
        cluster = Cluster(pair.dsn, {"data": [], "execution": []})
        net = Net(cluster, {}, {}, stack.enter_context(proxied(f"127.0.0.1:{pair.a.port}")))
        port = net.to_standby.address.rpartition(":")[2]
        conninfo = f"host=127.0.0.1 port={port} user=postgres application_name=b"
        pair.b.sql(f"ALTER SYSTEM SET primary_conninfo = '{conninfo}'")
        pair.b.sql("SELECT pg_reload_conf()")
        follows = "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming' AND sender_port = " + port
        until(lambda: pair.b.sql(follows) == "1", "the standby follows through the proxy")
        pair.await_standby()
        for noun, candidates in cluster.candidates.items():
            for _ in range(2):
                ways = [stack.enter_context(proxied(f"127.0.0.1:{each.port}")) for each in (pair.a, pair.b)]
                dsn = f"postgresql://postgres@{','.join(way.address for way in ways)}/{database}"
                candidate = Candidate(noun, folder, dsn, ())
                front = stack.enter_context(proxied(candidate.address))
                candidate.reached_at = front.address
                net.fronts[candidate.port], net.to_postgres[candidate.port] = front, ways
                candidates.append(candidate)
        for noun, candidates in cluster.candidates.items():
            follows_data = ("--data-target", cluster.target("data")) if noun == "execution" else ()
            for candidate in candidates:
                candidate.arguments = ("--advertise", candidate.reached_at, *follows_data, *more)
                stack.callback(candidate.end)
                candidate.start()
        yield net


class RoleWatch:
    """Keeps asking the two candidates of a service whether they are the primary, and counts when both are."""

    def __init__(self, cluster: Cluster, noun: str) -> None:
        self._one, self._other = cluster.candidates[noun]
        self._ended = threading.Event()
        self.looks = self.both = 0

    def __enter__(self) -> RoleWatch:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            # If one is the primary before and after, it is in between too: a takeover and back takes far longer.
            before, other, after = self._one.is_primary, self._other.is_primary, self._one.is_primary
            self.looks += 1
            self.both += before and other and after
            let_pass(0.05)
