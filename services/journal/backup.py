"""Backup and verification of journals.

Only a running service can read its journals. So a requester leaves a request beside a journal, the service makes the
copy between two commits, and the requester moves it away. A copy has no mark: a service started on it starts new
epochs, since clients may have seen more than the copy has.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from alphaforge_core.errors import AlphaForgeError, EngineError

from services.journal.files import sqlite_file
from services.journal.files.mark import Mark, read_mark, sync_folder
from services.journal.files.parts import PartDamaged, Parts
from services.journal.files.sqlite_file import StreamRow

__all__ = ["answer_request", "backup", "copy_open_journal", "verify"]

_PAGES_PER_STEP = 1_000
_PAUSE_SECONDS = 0.05


# --- The service's side.


def answer_request(path: Path, copy: Callable[[Path], None]) -> None:
    """Makes a requested copy of a journal."""
    request = path.with_suffix(".backup-request")
    if not request.exists():
        return
    made = path.with_suffix(".backup-making")
    shutil.rmtree(made, ignore_errors=True)
    try:
        made.mkdir(mode=0o700)
        copy(made / path.name)
        made.replace(path.with_suffix(".backup"))
    except (OSError, sqlite3.Error) as error:
        path.with_suffix(".backup-error").write_text(str(error))
        shutil.rmtree(made, ignore_errors=True)
    finally:
        request.unlink(missing_ok=True)


def copy_open_journal(connection: sqlite3.Connection, parts: Parts, to: Path, between: Callable[[], object]) -> None:
    """Copies a journal that this process has open. Meanwhile calls `between` repeatedly, which may write.

    Raises OSError, sqlite3.Error.
    """
    os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(to, isolation_level=None)) as target:
        connection.backup(target, pages=_PAGES_PER_STEP, progress=lambda *_: between())
        generations = [row.generation for row, _ in sqlite_file.read_streams(target) if row.generation]
    folder = to.with_suffix(".checkpoints")
    folder.mkdir(mode=0o700)
    for generation in generations:
        for part in parts.paths(generation):
            # A part never changes, so the copy may be a hard link.
            os.link(part, folder / part.name)
    with to.open("rb") as file:
        os.fsync(file.fileno())
    sync_folder(folder)
    sync_folder(to.parent)


# --- The requester's side.


def backup(folder: Path, to: Path, seconds: float = 60.0) -> list[Path]:
    """Copies each journal in a data directory, of a running or stopped service, to a new directory; returns the copies.

    Raises OSError.
    """
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(to.iterdir()):
        raise OSError(f"{to} is not empty; a backup needs a new directory")
    journals = sorted(folder.glob("*.journal"))
    if not journals:
        raise OSError(f"{folder} has no journals; give the service's data_dir")
    for path in journals:
        if is_in_use(path):
            _ask_for_copy(path, to, seconds)
        else:
            _copy_closed_journal(path, to / path.name)
    return [to / path.name for path in journals]


def is_in_use(path: Path) -> bool:
    """Whether a service has the journal open."""
    try:
        file = os.open(path.with_suffix(".checkpoints"), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _ask_for_copy(path: Path, to: Path, seconds: float) -> None:
    request, made, failed = (path.with_suffix(f".backup{end}") for end in ("-request", "", "-error"))
    shutil.rmtree(made, ignore_errors=True)
    failed.unlink(missing_ok=True)
    request.touch(mode=0o600)
    deadline = time.monotonic() + seconds
    while request.exists():
        if time.monotonic() > deadline:
            request.unlink(missing_ok=True)
            raise OSError(f"the service that uses {path} did not make a copy within {seconds:g} s")
        time.sleep(_PAUSE_SECONDS)
    if failed.exists():
        why = failed.read_text()
        failed.unlink()
        raise OSError(f"{path} can't be copied: {why}")
    shutil.copytree(made, to, dirs_exist_ok=True)
    shutil.rmtree(made)


def _copy_closed_journal(path: Path, to: Path) -> None:
    for each in (path, sqlite_file.wal_of(path)):
        if each.exists():
            shutil.copy2(each, to.with_name(each.name))
    if path.with_suffix(".checkpoints").exists():
        shutil.copytree(path.with_suffix(".checkpoints"), to.with_suffix(".checkpoints"))


# --- Looking.


def verify(folder: Path) -> Iterator[tuple[str, str | None]]:
    """The contents of each stream of each journal in a directory, and its problems. Changes nothing.

    Raises OSError if a service uses the directory, since its files may change during the check.
    """
    for path in sorted(folder.glob("*.journal")):
        if is_in_use(path):
            raise OSError(f"a service uses {path}; stop it, or verify a backup")
        yield from _verified(path)


def _verified(path: Path) -> Iterator[tuple[str, str | None]]:
    mark = read_mark(path.with_suffix(".mark"))
    try:
        if sqlite_file.format_of(path) != sqlite_file.FORMAT:
            yield path.name, "its format is not the one that this release writes"
            return
        sqlite_file.check_before_opening(path, was_closed=mark is not None and mark.is_closed)
        with tempfile.TemporaryDirectory() as name:
            copy = Path(name) / path.name
            for each in (path, sqlite_file.wal_of(path)):
                if each.exists():
                    shutil.copy2(each, copy.with_name(each.name))
            with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
                rows = list(sqlite_file.read_streams(connection))
                for row, is_intact in rows:
                    yield _looked_at(connection, path, row, mark, is_intact=is_intact)
    except (AlphaForgeError, sqlite3.Error) as error:
        yield path.name, str(error)
        return
    missing = set() if mark is None else mark.places.keys() - {row.name for row, _ in rows}
    for name in sorted(missing):
        yield f"{path.name} {name}", "it is missing"


def _looked_at(
    connection: sqlite3.Connection, path: Path, row: StreamRow, mark: Mark | None, *, is_intact: bool
) -> tuple[str, str | None]:
    sequence = row.sequence
    try:
        if not is_intact:
            raise sqlite_file.damaged(path, f"its entry for {row.name!r} is damaged")
        if row.generation:
            Parts(path.with_suffix(".checkpoints")).read(row.generation, row.manifest)
        for record in sqlite_file.read_records(connection, path, row):
            sequence = record.sequence
        place = None if mark is None else mark.places.get(row.name)
        if place is not None and (place.id != row.id or sequence < place.sequence):
            raise EngineError(f"it ends before input {place.sequence}, which was acknowledged")
    except (AlphaForgeError, PartDamaged) as error:
        return f"{path.name} {row.name}", str(error)
    return f"{path.name} {row.name}: checkpoint at input {row.sequence}, inputs up to {sequence}", None
