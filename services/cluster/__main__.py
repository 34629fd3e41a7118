"""`alphaforge cluster`: creates the tables of a cluster, shows its state, and moves engines and primaries."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from alphaforge_core.errors import EngineError

from services.cluster import schema
from services.cluster.database import Database, Session, SessionLost, problem
from services.cluster.skip import skip

__all__ = ["run"]

_STATUS = """
SELECT s.noun || '-' || s.id AS shard, s.term, s.address, s.confirmed_batch AS batch, s.beat,
       (SELECT count(*) FROM stream t WHERE t.noun = s.noun AND t.shard = s.id) AS engines
FROM shard s ORDER BY s.noun, s.id
"""
_CANDIDATES = """
SELECT address, applied_batch, extract(epoch FROM clock_timestamp() - seen)::float8 AS age
FROM candidate WHERE noun = $1 AND id = $2 ORDER BY address
"""
_STANDBYS = """
SELECT current_setting('synchronous_standby_names') AS names,
       (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')) AS connected,
       (SELECT max(age(backend_xmin)) FROM pg_stat_activity) AS xmin_age
"""
_ENGINES = """
SELECT noun || '/' || engine AS engine, noun || '-' || shard AS shard, noun || '-' || wanted AS wanted
FROM stream ORDER BY noun, engine
"""
_PLACE = """
SELECT stream, shard, sequence > 0 OR EXISTS (SELECT FROM record r WHERE r.stream = s.stream)
FROM stream s WHERE noun = $1 AND engine = $2
"""
_FREE_SECONDS = 10.0
_SECONDS_MAX = 90.0
_MOVE_SECONDS = 60.0
_SWITCH_SECONDS = 60.0
_DIGITS_MAX = 4


def run(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="alphaforge cluster")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init").add_argument("--name", default="alphaforge")
    commands.add_parser("status").add_argument("--engines", action="store_true")
    switch = commands.add_parser("switch")
    switch.add_argument("shard")
    switch.add_argument("--to", default="")
    move = commands.add_parser("move")
    move.add_argument("engine")
    move.add_argument("--to", required=True)
    commands.add_parser("restored")
    skipping = commands.add_parser("skip")
    skipping.add_argument("engine")
    skipping.add_argument("sequence", type=int)
    skipping.add_argument("--because", required=True)
    skipping.add_argument("--to", type=Path, required=True)
    given = parser.parse_args(arguments)
    work: dict[str, Callable[[Database], Awaitable[None]]] = {
        "init": lambda database: _init(database, given.name),
        "status": lambda database: _status(database, lists_engines=given.engines),
        "switch": lambda database: _switch(database, given.shard, given.to),
        "move": lambda database: _move(database, given.engine, given.to),
        "restored": _restored,
        "skip": lambda database: _skip(database, given.engine, given.sequence, given.because, given.to),
    }
    try:
        asyncio.run(_with_database(work[given.command]))
    except (EngineError, OSError, SessionLost) as error:
        print(f"alphaforge cluster {given.command}: {error}", file=sys.stderr)
        return 1
    return 0


async def _with_database(work: Callable[[Database], Awaitable[None]]) -> None:
    file = os.environ.get("ALPHAFORGE_JOURNAL_FILE")
    try:
        dsn = Path(file).read_text().strip() if file else os.environ.get("ALPHAFORGE_JOURNAL", "")
    except OSError as error:
        raise problem(f"{file} can't be read: {error}") from None
    if dsn in ("", "sqlite"):
        raise problem("set ALPHAFORGE_JOURNAL to the DSN of the cluster's PostgreSQL, or ALPHAFORGE_JOURNAL_FILE")
    try:
        async with asyncio.timeout(_SECONDS_MAX):
            await work(Database(dsn, "cluster"))
    except TimeoutError:
        raise problem(
            f"PostgreSQL did not confirm a write within {_SECONDS_MAX:g} s: check its synchronous standby"
        ) from None


async def _init(database: Database, name: str) -> None:
    session = await database.connect()
    await schema.make(session, name)
    print(f"created cluster {name!r}")


async def _opened(database: Database) -> Session:
    session = await database.connect()
    await schema.check(session, None)
    return session


async def _status(database: Database, *, lists_engines: bool) -> None:
    session = await _opened(database)
    standbys = (await session.fetch(_STANDBYS))[0]
    names = standbys["names"] or "none: there is one copy"
    print(f"PostgreSQL at {session.server.host}; synchronous standbys {names}, {standbys['connected']} connected")
    for row in await session.fetch(_STATUS):
        primary = row["address"] or "nobody"
        print(f"{row['shard']}: primary {primary}, term {row['term']}, {row['engines']} engines, batch {row['batch']}")
        noun, _, number = row["shard"].rpartition("-")
        for each in await session.fetch(_CANDIDATES, noun, int(number)):
            if each["address"] != row["address"]:
                behind = max(0, row["batch"] - each["applied_batch"])
                print(f"  candidate {each['address']}: seen {each['age']:.1f} s ago, {behind} batches behind")
    for row in await session.fetch(_ENGINES) if lists_engines else ():
        print(f"{row['engine']} is in {row['shard']}" + (f", moving to {row['wanted']}" if row["wanted"] else ""))


def _shard(text: str) -> tuple[str, int]:
    noun, _, number = text.rpartition("-")
    if noun not in ("cache", "data", "execution") or not number.isdigit():
        raise problem(f"{text!r} is not a shard; expected a name such as data-0, execution-1 or cache-0")
    return noun, int(number)


async def _switch(database: Database, shard: str, to: str) -> None:
    noun, number = _shard(shard)
    session = await _opened(database)
    rows = await session.fetch("SELECT address, term FROM shard WHERE noun = $1 AND id = $2", noun, number)
    if not rows:
        raise problem(f"there is no shard {shard}")
    found = [each for each in await session.fetch(_CANDIDATES, noun, number) if each["age"] < _FREE_SECONDS]
    candidates = [each["address"] for each in found if each["address"] != rows[0]["address"]]
    to = to or (candidates[0] if candidates else "")
    if to not in candidates:
        raise problem(f"{shard} has no live candidate{to and f' {to}'}; live: {', '.join(candidates) or 'none'}")
    await session.execute("UPDATE shard SET wanted = $3 WHERE noun = $1 AND id = $2", noun, number, to)
    for _ in range(int(_SWITCH_SECONDS / 0.1)):
        await asyncio.sleep(0.1)
        row = (await session.fetch("SELECT address, term FROM shard WHERE noun = $1 AND id = $2", noun, number))[0]
        if row["address"] == to:
            print(f"{to} is primary of {shard}, term {row['term']}")
            return
    await session.execute("UPDATE shard SET wanted = '' WHERE noun = $1 AND id = $2", noun, number)
    raise problem(f"{shard} was not switched within {_SWITCH_SECONDS:g} s; see `alphaforge cluster status`")


async def _move(database: Database, engine: str, target: str) -> None:
    noun, _, name = engine.partition("/")
    to = _number(noun, target)
    session = await _opened(database)
    rows = await session.fetch(_PLACE, noun, name)
    if not rows:
        raise problem(f"there is no engine {engine}; expected a name such as data/binance")
    stream, here, is_kept = rows[0]
    if here == to:
        raise problem(f"{engine} is already placed in {noun}-{to}")
    alive = await session.fetch(
        "SELECT id, address FROM candidate WHERE noun = $1 AND id IN ($2, $3) "
        "AND clock_timestamp() - seen < interval '10 s' UNION "
        "SELECT id, address FROM shard WHERE noun = $1 AND id IN ($2, $3) AND owner <> ''", noun, here, to
    )  # fmt: skip
    if not alive:
        await _move_stopped(session, noun, stream, here, to)
    elif not is_kept:
        raise problem(f"{engine} has nothing in the journal to move; stop all candidates of both shards, then move it")
    elif {here, to} <= {row["id"] for row in alive}:
        await _move_running(session, engine, noun, stream, to)
    else:
        which = ", ".join(row["address"] for row in alive)
        raise problem(f"a move needs live candidates of both shards, or of neither; live now: {which}")
    print(f"{engine} is placed in {noun}-{to}")


def _number(noun: str, target: str) -> int:
    """Parses the number of a shard, given as 2 or data-2."""
    text = target.removeprefix(f"{noun}-")
    if not text.isdigit() or len(text) > _DIGITS_MAX:
        raise problem(f"{target!r} is not a shard of {noun}; expected a number, or a name such as {noun}-1")
    return int(text)


async def _move_stopped(session: Session, noun: str, stream: int, here: int, to: int) -> None:
    async def move(connection: Any) -> None:
        async with connection.transaction():
            # No primary of either shard can write after this.
            last = await connection.fetchval("SELECT max(batch) FROM record WHERE stream = $1", stream)
            await connection.execute("INSERT INTO shard (noun, id) VALUES ($1, $2) ON CONFLICT DO NOTHING", noun, to)
            await connection.execute(
                "UPDATE shard SET term = term + 1, confirmed_batch = greatest(confirmed_batch, $4) "
                "WHERE noun = $1 AND id IN ($2, $3)", noun, here, to, last or 0
            )  # fmt: skip
            await connection.execute("UPDATE stream SET shard = $2 WHERE stream = $1", stream, to)

    await session.change(move)


async def _move_running(session: Session, engine: str, noun: str, stream: int, to: int) -> None:
    """Records the shard that the engine moves to; the two primaries then move it."""
    await session.execute("UPDATE stream SET wanted = $2, ready = 0 WHERE stream = $1", stream, to)
    for _ in range(int(_MOVE_SECONDS / 0.1)):
        await asyncio.sleep(0.1)
        rows = await session.fetch("SELECT shard, wanted FROM stream WHERE stream = $1", stream)
        if not rows:
            raise problem(f"{engine} was dropped meanwhile")
        if rows[0]["shard"] == to:
            return
        if rows[0]["wanted"] != to:
            raise problem(f"{engine} can't be moved to {noun}-{to}; see the log of its primary")
    await session.execute(
        "UPDATE stream SET wanted = NULL, ready = 0 WHERE stream = $1 AND shard <> $2", stream, to
    )  # fmt: skip
    raise problem(f"{engine} was not moved within {_MOVE_SECONDS:g} s; see `alphaforge cluster status` and the logs")


async def _restored(database: Database) -> None:
    session = await _opened(database)

    async def note(connection: Any) -> None:
        async with connection.transaction():
            await connection.execute("UPDATE shard SET term = term + 1, owner = '', address = ''")
            await connection.execute("UPDATE stream SET restored = true")

    await session.change(note)
    print("every engine will start a new epoch under its next primary")


async def _skip(database: Database, engine: str, sequence: int, because: str, to: Path) -> None:
    await skip(await _opened(database), engine, sequence, because, to)
    print(f"skipped input {sequence} of {engine}; saved it to {to}")


if __name__ == "__main__":
    sys.exit(run())
