"""Clients of the services on two shards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.partitioned import Clients, clients_of
from tests.support.shards import Shards


@pytest.fixture
def clients(shards: Shards) -> Iterator[Clients]:
    """Makes clients of the shards and closes them at the end."""
    with clients_of(shards) as made:
        yield made
