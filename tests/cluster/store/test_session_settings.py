"""Settings of a role don't reach a session, whichever of them the release of PostgreSQL knows."""

from __future__ import annotations

import asyncio

import pytest

from services.cluster import database
from services.cluster.database import PINNED, PINNED_SINCE, Database
from tests.support.postgres import Pair

SETTING = "SELECT current_setting($1, true) AS it"
# A setting that every release here knows, and one that none does.
KNOWN, UNKNOWN = "tcp_user_timeout", "a_timeout_of_a_later_release"
NEVER = 1_000


def test_a_setting_that_not_every_release_knows_is_pinned_where_it_is_known(
    postgres: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PINNED_SINCE", PINNED_SINCE | {14: {KNOWN: "0"}, NEVER: {UNKNOWN: "0"}})
    later = {name: value for settings in PINNED_SINCE.values() for name, value in settings.items()}
    wanted = PINNED | later | {KNOWN: "0"}
    postgres.a.sql("DROP ROLE IF EXISTS bounded")
    postgres.a.sql("CREATE ROLE bounded LOGIN")
    known = postgres.a.sql("SELECT name FROM pg_settings").split()
    for name in {*later, KNOWN} & set(known):
        postgres.a.sql(f"ALTER ROLE bounded SET {name} = 9000")

    async def settings() -> dict[str, str | None]:
        session = await Database(postgres.a.dsn.replace("postgres@", "bounded@"), "test").connect()
        try:
            return {name: (await session.fetch(SETTING, name))[0]["it"] for name in [*wanted, UNKNOWN]}
        finally:
            session.terminate()

    found = asyncio.run(settings())
    assert found.pop(UNKNOWN) is None
    assert found == {name: value if name in known else None for name, value in wanted.items()}
