"""`alphaforge cluster`, and services with an unusable PostgreSQL: one clear line, and nothing is changed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alphaforge_core.errors import EngineError

from services.cluster.database import check_facts
from tests.support.cluster import cluster_command, running_cluster
from tests.support.cluster_load import Load
from tests.support.postgres import Pair
from tests.support.service import environment


def refused(noun: str, folder: Path, dsn: str, *arguments: str) -> str:
    """Returns the last line of a service that can't start."""
    command = [sys.executable, "-m", f"services.{noun}", "--port", "0", "--metrics-port", "0", "--log-format", "text"]
    done = subprocess.run(
        [*command, "--data-dir", str(folder), *arguments],
        env=environment(PYTHONPATH=os.pathsep.join(sys.path), ALPHAFORGE_JOURNAL=dsn),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr.splitlines()[-1]


def test_a_cluster_is_made_once_and_shown(postgres: Pair) -> None:
    dsn = postgres.database()
    assert "no cluster; create one" in cluster_command(dsn, "status").stderr
    assert cluster_command(dsn, "init", "--name", "paper").stdout == "created cluster 'paper'\n"
    again = cluster_command(dsn, "init")
    assert again.returncode == 1
    assert "already has a schema 'alphaforge', of cluster 'paper', version 3; nothing was changed" in again.stderr
    assert "1 connected" in cluster_command(dsn, "status").stdout


@pytest.mark.parametrize(
    ("dsn", "text"),
    [
        ("", "set ALPHAFORGE_JOURNAL"),
        ("mysql://root:secret@h/d", "must look like postgresql://"),
        ("postgresql://me:secret@127.0.0.1:1/d", "PostgreSQL can't be reached: 127.0.0.1:"),
    ],
)
def test_a_dsn_that_leads_nowhere_is_named_without_its_password(dsn: str, text: str) -> None:
    done = cluster_command(dsn, "status")
    assert done.returncode == 1
    assert text in done.stderr
    assert "secret" not in done.stderr


def test_a_service_that_can_not_use_its_postgresql_says_why_and_ends(postgres: Pair, tmp_path: Path) -> None:
    dsn = postgres.database()
    name = dsn.rpartition("/")[2]
    assert "create one with `alphaforge cluster init`" in refused("data", tmp_path, dsn)
    assert cluster_command(dsn, "init", "--name", "live").returncode == 0
    assert "belongs to the cluster 'live', but this service is configured for 'alphaforge'" in refused(
        "data", tmp_path, dsn
    )
    postgres.a.sql_in(name, "UPDATE alphaforge.cluster SET version = 9")
    assert "version 9; this release needs 3" in refused("data", tmp_path, dsn, "--cluster", "live")
    postgres.a.sql_in(name, "UPDATE alphaforge.cluster SET version = 3")
    postgres.a.sql("DROP ROLE IF EXISTS nobody")
    postgres.a.sql("CREATE ROLE nobody LOGIN")
    poor = dsn.replace("postgres@", "nobody@")
    assert "grant the role access" in refused("data", tmp_path, poor, "--cluster", "live")
    postgres.a.sql_in(name, "GRANT USAGE ON SCHEMA alphaforge TO nobody")
    postgres.a.sql_in(name, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA alphaforge TO nobody")
    postgres.a.sql_in(name, "REVOKE INSERT ON alphaforge.record FROM nobody")
    # Otherwise every write would have an unknown outcome.
    assert "the role 'nobody' needs more rights on generation, record: GRANT" in refused(
        "data", tmp_path, poor, "--cluster", "live"
    )
    assert "permission denied" in cluster_command(postgres.database().replace("postgres@", "nobody@"), "init").stderr


def test_a_service_of_a_cluster_is_no_candidate_of_another_one_of_the_same_name(postgres: Pair, tmp_path: Path) -> None:
    with running_cluster(tmp_path, postgres.database(), "data", count=1) as cluster:
        candidate = cluster.candidates["data"][0]
        assert candidate.stop() == 0
        other = postgres.database()
        assert cluster_command(other, "init").returncode == 0
        folder = tmp_path / str(candidate.port)
        assert "this data_dir was used with another cluster named 'alphaforge'" in refused("data", folder, other)
        assert postgres.a.sql_in(other.rpartition("/")[2], "SELECT count(*) FROM alphaforge.shard") == "0"
        candidate.start()


def test_every_setting_of_a_role_that_would_break_an_assumption_is_overridden(postgres: Pair, tmp_path: Path) -> None:
    dsn = postgres.database()
    assert cluster_command(dsn, "init").returncode == 0
    postgres.a.sql("DROP ROLE IF EXISTS odd")
    postgres.a.sql("CREATE ROLE odd SUPERUSER LOGIN")
    for setting in (
        "client_min_messages = error",
        "synchronous_commit = local",
        "default_transaction_isolation = 'serializable'",
        "default_transaction_read_only = on",
        "statement_timeout = '1ms'",
        "lock_timeout = '1ms'",
        "idle_session_timeout = '1ms'",
        "idle_in_transaction_session_timeout = '1ms'",
        "search_path = nowhere",
    ):
        postgres.a.sql(f"ALTER ROLE odd SET {setting}")
    odd = dsn.replace("postgres@", "odd@")
    with (
        running_cluster(tmp_path, odd, "execution", is_made=True, execution=("--market-data", "off")) as cluster,
        Load(cluster.target("execution")) as load,
    ):
        load.await_more()
        cluster.primary("execution").kill()
        load.await_more()
    assert not load.failed


def test_a_service_that_can_not_reach_its_postgresql_says_so(tmp_path: Path) -> None:
    said = refused("data", tmp_path, "postgresql://me:secret@127.0.0.1:1/d")
    assert "PostgreSQL can't be reached: 127.0.0.1:1" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"version": 130_020}, "PostgreSQL 13; a cluster needs 14 or later"),
        ({"version": 150_012}, "15.12 may confirm commits without its standby just after a start; update it to 15.13"),
        ({"version": 170_004}, "update it to 17.5"),
        ({"time": time.time() + 7_200}, "s; synchronize both with NTP"),
    ],
)
def test_an_old_release_and_a_clock_that_is_hours_off_are_refused(facts: dict[str, float], why: str) -> None:
    # No server here is old or has a wrong clock, so the test checks the facts that such a server would report.
    fine = {"version": 170_005, "time": time.time()}
    check_facts(fine)
    with pytest.raises(EngineError, match=re.escape(why)):
        check_facts(fine | facts)


def test_a_postgresql_without_a_standby_is_refused_unless_one_copy_is_wanted(
    own_postgres: Pair, tmp_path: Path
) -> None:
    dsn = own_postgres.database()
    own_postgres.a.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
    own_postgres.a.sql("SELECT pg_reload_conf()")
    assert cluster_command(dsn, "init").returncode == 0
    assert "no synchronous standby" in refused("data", tmp_path, dsn)
    own_postgres.a.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
    own_postgres.a.sql("SELECT pg_reload_conf()")
    assert "any receiver" in refused("data", tmp_path, dsn)
    own_postgres.a.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
    own_postgres.a.sql("SELECT pg_reload_conf()")
    fresh = own_postgres.database()
    with running_cluster(tmp_path, fresh, "data", data=("--unreplicated", "serve")) as cluster:
        primary = cluster.primary("data")
        assert primary.series()["alphaforge_cluster_unreplicated"] == 1.0
        assert "there is one copy" in primary.log.read_text()
