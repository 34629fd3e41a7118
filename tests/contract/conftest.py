"""One suite, two transports: each test gets an `api` in process, and one over the services."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.api import Api
from tests.support.stack import Stack


@pytest.fixture(params=["in process", "remote"])
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    """The API over one transport; engines made through it are closed when the test ends."""
    stack = request.getfixturevalue("stack") if request.param == "remote" else None
    api = Api("alphaforge_client" if stack else "alphaforge_core", stack)
    with api.cleanup:
        yield api


@pytest.fixture
def remote(stack: Stack) -> Iterator[Api]:
    """The API over the services, for what only they have: names, settings that differ, targets, deadlines."""
    api = Api("alphaforge_client", stack)
    with api.cleanup:
        yield api
