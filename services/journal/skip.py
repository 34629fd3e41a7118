"""Skipping an input that can't be applied, by an operator's decision.

The input is replaced by one that only begins a new epoch. So its sequence stays used, later inputs are applied, and
clients learn that the engine may differ from the answers they got.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import json
import os
import secrets
import time
from pathlib import Path

from alphaforge.journal.v1.inputs_pb2 import EpochBegun
from alphaforge_core.errors import EngineError

from services.journal.backup import is_in_use
from services.journal.files.store_sqlite import SqliteStore
from services.journal.store import DROPPED, EPOCH_BEGUN, OPENED, Checkpoint, Durability, Record
from services.journal.suspects import Suspects

__all__ = ["keep", "named", "replacement", "skip"]


def named(engine: str) -> tuple[str, str]:
    """Noun and name of `execution/default`. Raises EngineError SETTING_INVALID."""
    noun, _, name = engine.partition("/")
    if noun not in ("data", "execution") or not name:
        raise EngineError(
            f"{engine!r} is not an engine; expected a name such as data/binance", reason="SETTING_INVALID"
        )
    return noun, name


def replacement(engine: str, record: Record, because: str) -> Record:
    """The record that replaces a skipped input. Raises EngineError SETTING_INVALID for one that can't be skipped."""
    if record.kind in (OPENED, DROPPED):
        raise EngineError(
            f"input {record.sequence} of {engine} opens or drops the engine and can't be skipped; drop the engine "
            "instead",
            reason="SETTING_INVALID",
        )
    digest = hashlib.sha256(record.payload).hexdigest()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    note = f"{_user()} at {now}: kind {record.kind}, {len(record.payload):,} bytes, SHA-256 {digest}: {because}"
    begun = EpochBegun(epoch=secrets.randbits(63) | 1, skipped=note)
    return record._replace(kind=EPOCH_BEGUN, payload=begun.SerializeToString())


def keep(to: Path, engine: str, record: Record, because: str) -> None:
    """Appends a skipped input to a file, as a line of JSON, before it is replaced. Raises OSError."""
    line = {
        "time": time.time(), "user": _user(), "because": because, "engine": engine, "sequence": record.sequence,
        "kind": record.kind, "time_ns": record.time_ns, "payload": base64.b64encode(record.payload).decode(),
    }  # fmt: skip
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "a") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def skip(folder: Path, engine: str, sequence: int, because: str, to: Path) -> Path:
    """Replaces an input in the journals of a stopped service, and keeps it in the file `to`; returns the journal.

    Raises OSError, EngineError SETTING_INVALID if there is no such input, and the errors of opening a journal.
    """
    noun, name = named(engine)
    for durability in (Durability.FSYNC, Durability.OS):
        path = folder / f"{noun}-{durability}.journal"
        if not path.exists():
            continue
        if is_in_use(path):
            raise OSError(f"a service uses {path}; stop it first")
        store = SqliteStore(path, durability)
        try:
            if name in store.streams():
                record = _record(store, engine, name, sequence)
                put = replacement(engine, record, because)
                keep(to, engine, record, because)
                store.replace(name, put)
                Suspects(folder / f"{noun}.suspects").clear(name)
                return path
        finally:
            store.close()
    raise EngineError(f"{folder} has no journal of {engine}", reason="SETTING_INVALID")


def _record(store: SqliteStore, engine: str, name: str, sequence: int) -> Record:
    first = last = 0
    for item in store.replay(name):
        if isinstance(item, Checkpoint):
            first = last = item.sequence
            continue
        if item.sequence == sequence:
            return item
        last = item.sequence
    raise EngineError(
        f"{engine} has no input {sequence} that can be skipped: its journal has inputs {first + 1} to {last}"
        + (" after a checkpoint; restore a backup, or drop the engine" if first else ""),
        reason="SETTING_INVALID",
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
