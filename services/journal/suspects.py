"""Records which input a start was applying when its process died, so that an input can't prevent every start.

An input that crashes the process, by a bug or by the memory it takes, is already in the journal, and would crash every
later start. So a start notes each input before applying it, in a small file beside the journals. After an input has
crashed two starts, its engine is refused and the others are served. One crash is not enough, because somebody may have
killed that start. Notes from before a reboot are ignored: a power cut interrupts any start, and may bring back a file
that was replaced.
"""

from __future__ import annotations

import json
import os
import struct
from contextlib import suppress
from pathlib import Path

from alphaforge_core.errors import EngineError

from services.journal.files.mark import boot_id

__all__ = ["Suspects"]

_DEATHS_MAX = 2

# The sequence of an input, the length of its engine's name, and the name; written in one call, at the file's beginning.
_NOTE = struct.Struct("<qB64s")
_NONE = _NOTE.pack(0, 0, b"")

# A missing file, or a damaged one.
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, struct.error)


class Suspects:
    """The inputs that have crashed starts, by engine. If the file can't be written, nothing is recorded."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._deaths: dict[str, tuple[int, int]] = {}

    def begin(self) -> None:
        """Called when a start begins to apply inputs."""
        with suppress(*_UNREADABLE):
            self._read(self._path.read_bytes())
        self._open()
        self._write()

    def about_to_apply(self, name: str, sequence: int, key: str = "") -> None:
        """Records an input. Raises EngineError JOURNAL_DAMAGED if it has crashed two starts.

        `key` is the key of the record; default: the engine's name.
        """
        found, deaths = self._deaths.get(key or name, (0, 0))
        if found == sequence and deaths >= _DEATHS_MAX:
            raise EngineError(
                f"input {sequence} of {name!r} ended the process {deaths} times while it was applied; to retry, remove "
                f"{self._path} and restart with more memory or a release that can apply it; or skip the input with "
                "`alphaforge journal skip`, or drop the engine",
                reason="JOURNAL_DAMAGED",
            )
        if self._file is not None:
            encoded = (key or name).encode()
            with suppress(OSError):
                os.pwrite(self._file, _NOTE.pack(sequence, len(encoded), encoded), 0)

    def rest(self, recovered: str = "") -> None:
        """Called when a start applies no input for now, so that a crash meanwhile is not blamed on any input.

        The engine `recovered` has applied all its inputs, so none of them is suspected any more.
        """
        self._deaths.pop(recovered, None)
        self._write()

    def end(self, refused: set[str]) -> None:
        """Called when the start has applied all inputs except those of refused engines."""
        self._deaths = {name: deaths for name, deaths in self._deaths.items() if name in refused}
        self._write()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def applied(self, key: str, sequence: int) -> None:
        """Called when an engine has applied an input: neither that input nor an earlier one is suspected any more."""
        if self._deaths.get(key, (sequence + 1, 0))[0] <= sequence:
            del self._deaths[key]
        self.end(set(self._deaths))

    def forget(self, name: str) -> None:
        """Called when the engine is dropped: the next one of its name has other inputs."""
        if self._deaths.pop(name, None) is not None:
            self._open()
            self.end(set(self._deaths))

    def clear(self, name: str) -> None:
        """Called for a stopped service when an input of the engine was replaced."""
        with suppress(*_UNREADABLE):
            self._read(self._path.read_bytes())
        self.forget(name)

    def _open(self) -> None:
        with suppress(OSError):
            # A cluster's candidate keeps nothing else in this directory, so it may not exist yet.
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _read(self, content: bytes) -> None:
        sequence, size, encoded = _NOTE.unpack_from(content)
        found = json.loads(content[_NOTE.size :])
        if found["boot"] != boot_id():
            return
        deaths = found["deaths"]
        self._deaths = {str(name): (int(at), int(count)) for name, (at, count) in deaths.items()}
        if size:
            name = encoded[:size].decode()
            before, count = self._deaths.get(name, (0, 0))
            self._deaths[name] = (sequence, count + 1 if before == sequence else 1)

    def _write(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                content = _NONE + json.dumps({"boot": boot_id(), "deaths": self._deaths}).encode()
                os.pwrite(self._file, content, 0)
                os.ftruncate(self._file, len(content))
