"""The tables of a cluster: `alphaforge cluster init` creates them, every candidate checks them."""

from __future__ import annotations

import secrets
from typing import Any

from services.cluster.database import SCHEMA, Session, SessionLost, problem

__all__ = ["VERSION", "check", "make"]

VERSION = 3

_TABLES = """
CREATE TABLE cluster (name text NOT NULL, version int NOT NULL, id text NOT NULL);
CREATE TABLE shard (
    noun text, id int, term bigint NOT NULL DEFAULT 0, beat bigint NOT NULL DEFAULT 0,
    confirmed_batch bigint NOT NULL DEFAULT 0, owner text NOT NULL DEFAULT '', address text NOT NULL DEFAULT '',
    wanted text NOT NULL DEFAULT '', beaten timestamptz NOT NULL DEFAULT '-infinity', PRIMARY KEY (noun, id)
) WITH (fillfactor = 10);
CREATE TABLE candidate (
    noun text, id int, address text, owner text NOT NULL, seen timestamptz NOT NULL, applied_batch bigint NOT NULL,
    semantics smallint NOT NULL, PRIMARY KEY (noun, id, address)
) WITH (fillfactor = 10);
CREATE TABLE stream (
    stream int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, noun text NOT NULL, engine text NOT NULL, shard int NOT NULL,
    generation bigint NOT NULL DEFAULT 0, sequence bigint NOT NULL DEFAULT 0, parts int NOT NULL DEFAULT 0,
    size bigint NOT NULL DEFAULT 0, checksum bigint NOT NULL DEFAULT 0, restored boolean NOT NULL DEFAULT false,
    checking bigint NOT NULL DEFAULT 0, state bigint NOT NULL DEFAULT 0,
    wanted int, ready bigint NOT NULL DEFAULT 0, UNIQUE (noun, engine)
);
CREATE SEQUENCE generation;
CREATE TABLE record (
    stream int, sequence bigint, batch bigint NOT NULL, semantics smallint NOT NULL, kind smallint NOT NULL,
    time_ns bigint NOT NULL, crc bigint NOT NULL, payload bytea {compression} NOT NULL, PRIMARY KEY (stream, sequence)
) WITH (autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_scale_factor = 0.02);
CREATE TABLE checkpoint (
    stream int, generation bigint, part int, crc bigint NOT NULL, payload bytea {compression} NOT NULL,
    PRIMARY KEY (stream, generation, part)
);
"""

# Checks one right per call: given several, PostgreSQL reports whether the role has any of them.
_LACKING = """
SELECT current_user AS role, string_agg(DISTINCT what, ', ') AS what FROM (
    SELECT name AS what FROM unnest(ARRAY['shard', 'candidate', 'stream', 'record', 'checkpoint']) name,
    unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) needed WHERE NOT has_table_privilege(name, needed)
    UNION ALL SELECT 'generation' WHERE NOT has_sequence_privilege('generation', 'USAGE')
) lacking
"""


async def make(session: Session, name: str) -> None:
    """Creates the schema, all or nothing. Raises EngineError SETTING_INVALID if it exists or permission is missing."""
    try:
        await session.change(lambda connection: _make(connection, name))
    except SessionLost as error:
        raise problem(f"nothing was created: {error}") from None


async def _make(connection: Any, name: str) -> None:
    if await connection.fetchval("SELECT to_regnamespace($1) IS NOT NULL", SCHEMA):
        found = await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{SCHEMA}.cluster")
        rows = await connection.fetch(f"SELECT name, version FROM {SCHEMA}.cluster") if found else []
        whose = f"of cluster {rows[0]['name']!r}, version {rows[0]['version']}" if rows else "of something else"
        raise problem(f"this database already has a schema {SCHEMA!r}, {whose}; nothing was changed")
    kinds = await connection.fetchval("SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'")
    compression = "COMPRESSION lz4" if "lz4" in (kinds or ()) else ""
    async with connection.transaction():
        await connection.execute(f"CREATE SCHEMA {SCHEMA}")
        await connection.execute(f"SET LOCAL search_path = {SCHEMA}")
        await connection.execute(_TABLES.format(compression=compression))
        await connection.execute("INSERT INTO cluster VALUES ($1, $2, $3)", name, VERSION, secrets.token_hex(8))


async def check(session: Session, name: str | None) -> str:
    """Returns the cluster's id, which is unique even among clusters of the same name.

    Raises EngineError SETTING_INVALID unless the schema exists, with this version and for the cluster `name`. Without
    a name, accepts any cluster.
    """
    try:
        there = (await session.fetch("SELECT to_regclass($1) IS NOT NULL AS it", f"{SCHEMA}.cluster"))[0]["it"]
        rows = await session.fetch("SELECT * FROM cluster") if there else []
        lacking = (await session.fetch(_LACKING))[0] if rows and rows[0]["version"] == VERSION else None
    except SessionLost as error:
        raise problem(f"the tables of the cluster can't be read ({error}); grant the role access to them") from None
    if not rows:
        raise problem("this database has no cluster; create one with `alphaforge cluster init`")
    if rows[0]["version"] != VERSION:
        raise problem(f"the cluster's tables have version {rows[0]['version']}; this release needs {VERSION}")
    if lacking is not None and lacking["what"]:
        raise problem(
            f"the role {lacking['role']!r} needs more rights on {lacking['what']}: "
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {SCHEMA}, and USAGE ON ALL SEQUENCES"
        )
    if name is not None and rows[0]["name"] != name:
        raise problem(
            f"this database belongs to the cluster {rows[0]['name']!r}, but this service is configured for {name!r}"
        )
    return str(rows[0]["id"])
