"""Fixtures of the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import tests.support.chaos  # noqa: F401 - chooses the seeds before workers are started
from tests.support.journals import use_postgresql
from tests.support.postgres import Pair, running_pair
from tests.support.shards import Shards, running_shards
from tests.support.stack import Stack, running_stack


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--journal",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="postgresql: run the tests of services, and no others, with the journals in PostgreSQL",
    )


@pytest.fixture(scope="session", autouse=True)
def _journals(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.config.getoption("journal") == "postgresql":
        use_postgresql(request.getfixturevalue("postgres"))
    yield
    use_postgresql(None)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The services on free ports, with a temporary data directory; shared by all tests of the session."""
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """Services of one test's own, which it may kill; it serves those that it needs."""
    with running_stack(tmp_path) as running:
        yield running


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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that need running services are marked by what they ask for."""
    running = {"stack", "own_stack", "shards", "own_shards", "postgres", "own_postgres"}
    for item in items:
        if running & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.stack)
    if config.getoption("journal") == "postgresql":
        others = [item for item in items if not _can_use_postgresql(item)]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]


def _can_use_postgresql(item: pytest.Item) -> bool:
    """Whether the test starts services that may have their journals in PostgreSQL."""
    if item.get_closest_marker("files") is not None or not isinstance(item, pytest.Function):
        return False
    # `api` is one of a few ways to call; other tests have fixtures that start services.
    way = item.callspec.params.get("api") if hasattr(item, "callspec") else None
    if way is not None:
        return way in ("remote", "partitions")
    return bool({"stack", "own_stack", "shards", "own_shards"} & set(item.fixturenames))
