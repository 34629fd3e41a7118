"""Which inputs of a journal in PostgreSQL share a batch, as its records say."""

from __future__ import annotations

import asyncio

from services.journal.journal import Journal
from tests.support.cluster import cluster_command, primary_store
from tests.support.postgres import Pair

TIME = 1_700_000_000_000_000_000
BATCHES = """
SELECT batch FROM alphaforge.record r JOIN alphaforge.stream s USING (stream) WHERE engine = '{}' ORDER BY r.sequence
"""


def test_an_input_beside_a_burst_of_another_engine_is_written_next(postgres: Pair) -> None:
    dsn = postgres.database()
    assert cluster_command(dsn, "init").returncode == 0
    applied: list[int] = []

    async def write() -> None:
        with primary_store(dsn) as store:
            journal = Journal(store)
            payload = bytes(5 << 20)
            written = [journal.append("burst", 0, TIME, payload, lambda _, n=n: applied.append(n)) for n in range(10)]
            written.append(journal.append("small", 0, TIME, b"an order", lambda _: None))
            await asyncio.gather(*written)
            await journal.close()

    asyncio.run(write())
    name = dsn.rpartition("/")[2]
    burst = postgres.a.sql_in(name, BATCHES.format("burst")).split()
    assert applied == list(range(10))
    assert burst == sorted(burst, key=int)
    assert len(set(burst)) == 10
    # The first record of the burst was being written when the other input arrived.
    assert postgres.a.sql_in(name, BATCHES.format("small")) == burst[1]
