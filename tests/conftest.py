"""What several kinds of tests need once per session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stack import Stack, running_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The services on free ports, with a temporary data directory; shared by all tests of the session."""
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
