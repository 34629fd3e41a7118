"""Fixtures of the whole session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import tests.support.chaos  # noqa: F401 - chooses the seeds before workers are started
from tests.support.cluster import cluster_command
from tests.support.postgres import Pair, running_pair
from tests.support.shards import Shards, running_shards
from tests.support.stack import Stack, running_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The services on free ports, with a temporary data directory; shared by all tests of the session."""
    with running_stack(tmp_path_factory.mktemp("stack"), _journal(request)) as running:
        yield running


@pytest.fixture
def own_stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Services of one test's own, which it may kill; it serves those that it needs."""
    with running_stack(tmp_path, _journal(request)) as running:
        yield running


def _journal(request: pytest.FixtureRequest) -> str | None:
    """TEST_JOURNAL=postgresql runs the services of a test over a PostgreSQL pair, in a database of their own."""
    if os.environ.get("TEST_JOURNAL") != "postgresql":
        return None
    pair: Pair = request.getfixturevalue("postgres")
    dsn = pair.database()
    made = cluster_command(dsn, "init")
    assert made.returncode == 0, made.stderr
    return dsn


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shards]:
    """Two services of each noun, shared by all tests of the session."""
    with running_shards(tmp_path_factory.mktemp("shards"), 2) as running:
        yield running


@pytest.fixture
def own_shards(tmp_path: Path) -> Iterator[Shards]:
    """Two services of each noun, of one test's own, which it may kill."""
    with running_shards(tmp_path, 2) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Pair]:
    """A PostgreSQL primary and its synchronous standby, shared by all tests of the session that harm neither."""
    with running_pair() as pair:
        yield pair


@pytest.fixture
def own_postgres() -> Iterator[Pair]:
    """A pair of one test's own, which it may kill, freeze and promote."""
    with running_pair() as pair:
        yield pair


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need running services are marked by what they ask for."""
    running = {"stack", "own_stack", "shards", "own_shards", "postgres", "own_postgres"}
    for item in items:
        if running & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.stack)
