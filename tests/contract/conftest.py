"""One suite: each test gets an `api` in process, one over the services, and one over partitions on two shards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.api import Api
from tests.support.stack import Stack

PARTITIONS = 3


@pytest.fixture(params=["in process", "remote", "partitions"])
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    """The API over one transport; engines made through it are closed when the test ends."""
    stack = request.getfixturevalue("stack") if request.param == "remote" else None
    shards = None
    if request.param == "partitions":
        if other := request.node.get_closest_marker("one_engine"):
            pytest.skip(f"partitions: {other.args[0]}")
        shards = request.getfixturevalue("shards")
    package = "alphaforge_core" if request.param == "in process" else "alphaforge_client"
    api = Api(package, stack, shards, PARTITIONS if shards else 1)
    with api.cleanup:
        yield api


@pytest.fixture
def remote(stack: Stack) -> Iterator[Api]:
    """The API over the services, for features that only they have: names, differing settings, targets, deadlines."""
    api = Api("alphaforge_client", stack)
    with api.cleanup:
        yield api
