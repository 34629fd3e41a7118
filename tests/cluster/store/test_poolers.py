"""A connection pooler between services and PostgreSQL, in each of its modes: one clear line, and nothing is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cluster.database import PINNED
from tests.cluster.test_cluster_command import refused
from tests.support.cluster import cluster_command
from tests.support.pooler import running_pooler
from tests.support.postgres import Pair

IGNORED = ",".join([*PINNED, "application_name"])


def assert_refused(postgres: Pair, folder: Path, dsn: str, port: int, why: str) -> None:
    """Asserts that neither a command nor a service uses the pooler, and that they leave the database as it was."""
    name = dsn.rpartition("/")[2]
    pooled = f"postgresql://postgres@127.0.0.1:{port}/{name}"
    made = cluster_command(pooled, "init")
    assert made.returncode == 1
    assert why in made.stderr
    assert made.stderr.count("\n") == 1
    assert postgres.a.sql_in(name, "SELECT to_regnamespace('alphaforge') IS NULL") == "t"
    assert cluster_command(dsn, "init").returncode == 0
    assert why in refused("execution", folder, pooled)
    assert postgres.a.sql_in(name, "SELECT count(*) FROM alphaforge.shard") == "0"


def test_a_pooler_that_refuses_settings_is_named(postgres: Pair, tmp_path: Path) -> None:
    with running_pooler(postgres.a, "session") as port:
        why = "unsupported startup parameter: client_min_messages; connect to PostgreSQL itself, not to a pooler"
        assert_refused(postgres, tmp_path, postgres.database(), port, why)


@pytest.mark.parametrize("mode", ["session", "transaction"])
@pytest.mark.parametrize("are_given", [False, True], ids=["settings lost", "settings of the database"])
def test_a_pooler_that_ignores_settings_is_named(postgres: Pair, tmp_path: Path, mode: str, *, are_given: bool) -> None:
    dsn = postgres.database()
    # The database has the very settings that sessions ask for, so that they look as if they were their own.
    for setting, value in PINNED.items() if are_given else ():
        postgres.a.sql(f"ALTER DATABASE {dsn.rpartition('/')[2]} SET {setting} = '{value}'")
    with running_pooler(postgres.a, mode, ignored=IGNORED) as port:
        assert_refused(postgres, tmp_path, dsn, port, "this is a connection pooler")
