"""
For the services' journals: the version of the engines' rules, and a reader of SQLite's write-ahead logs.
"""



SEMANTICS: int = 2

class SqliteWal:
    """The contents of a SQLite write-ahead log."""

    @property
    def is_header_valid(self) -> bool: ...

    @property
    def frames(self) -> int:
        """Number of valid frames from the beginning."""

    @property
    def committed_frames(self) -> int:
        """Number of valid frames up to the last commit, which SQLite recovers."""

    @property
    def frames_after_bad(self) -> int:
        """
        Number of valid frames after the first invalid one. If there are any, that one is damaged, and not a torn end.
        """

def read_wal(file: bytes) -> SqliteWal:
    """Reads the bytes of a complete `-wal` file."""
