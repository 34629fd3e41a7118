"""For the services' journals: the version of the engines' rules, and a reader of SQLite's write-ahead logs."""

from alphaforge_core._native.journal import SEMANTICS, SqliteWal, read_wal

__all__ = ["SEMANTICS", "SqliteWal", "read_wal"]
