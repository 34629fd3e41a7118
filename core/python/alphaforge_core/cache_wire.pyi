"""
The cache service's messages as bytes: its engine, the hot requests and responses, and values, all natively.

What a program needs is in `alphaforge_core.cache`; this is what the service and the client are made of.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import alphaforge_core.cache


class CacheEngine(alphaforge_core.cache.CacheBase):
    """
    The cache of the service: values are the bytes of an alphaforge.cache.v1.Value, checked and stored as they are.

    The `_wire` calls take a decoded request and return the bytes of the response; batches run without the GIL.
    """

    def __init__(self, max_size: int = 10000, max_bytes: int | None = None, clock: Callable[[], int] | None = None) -> None:
        """As GenericCache; entries get their time to live with each call."""

    def put_wire(self, request: PutRequest) -> bytes:
        """The bytes of a PutResponse."""

    def get_wire(self, request: GetRequest) -> bytes:
        """The bytes of a GetResponse."""

    def put_many_wire(self, request: PutManyRequest) -> bytes:
        """The bytes of a PutManyResponse."""

    def get_many_wire(self, request: GetManyRequest) -> bytes:
        """The bytes of a GetManyResponse."""

    @property
    def memory_bytes(self) -> int:
        """
        As estimated_memory_bytes of the statistics, at once: what has expired is not freed first.
        """

    def shrink(self, memory_bytes: int) -> None:
        """
        Evicts entries used longest ago until the cache takes no more than that, or is empty.
        """

    def report_near_hits(self, keys: Iterable[str], hits: int) -> None:
        """
        Makes keys that a near cache served the most recently used, the last one most, and counts `hits`.
        """

    def keep_changes(self, changes_max: int = 65536, bytes_max: int = 16777216) -> None:
        """
        From now on the latest changes are kept for read_changes, within these bounds; 0 changes: no longer.
        """

    def read_changes(self, from_sequence: int, limit: int) -> tuple[list[str], list[int], list[int], int, bool]:
        """
        The kept changes from that sequence: keys, sequences, causes (numbers of InvalidationCause), the sequence to go on from, and whether changes before the first one are lost.
        """

    @property
    def sequence(self) -> int:
        """The sequence of the latest change; 0 before the first."""

    def put(self, key: object, value: bytes, ttl_ns: int | None) -> int:
        """
        Stores an encoded Value for `ttl_ns` nanoseconds (None: for ever) and returns the entry's version.
        """

    def store(self, key: object, value: bytes, ttl_ns: int | None) -> int:
        """As put, and not counted: for get_or_compute."""

    def use(self, key: str) -> bytes | None:
        """
        The encoded Value; None on a miss. As get, and not counted: for get_or_compute.
        """

    def get(self, key: str) -> tuple[bytes, int, int | None] | None:
        """
        The encoded Value, its version and the nanoseconds it has left (None: it never expires); None on a miss.
        """

    def swap(self, key: str, expected_version: int, value: bytes, ttl_ns: int | None) -> tuple[bool, int]:
        """
        Stores where the entry has that version, or with 0 where there is none: whether it did, and the version that is there now (0: none).
        """

    def increment(self, key: str, amount: bytes, ttl_ns: int | None) -> tuple[bytes, int]:
        """
        Adds an encoded number and returns the encoded sum and its version; `ttl_ns` is that of a new entry.

        Raises TypeError or RuntimeError (VALUE_NOT_NUMERIC) where the amount or the entry is no number.
        """

    def touch(self, key: str, ttl_ns: int | None) -> bool:
        """
        Gives an entry a new time to live and makes it the most recently used; False when there is none.
        """

    def ttl_ns(self, key: str) -> tuple[bool, int | None]:
        """
        Whether there is an entry, and the nanoseconds it has left (None: it never expires).
        """

    def replay(self, file: int, wall_ns: int, brief_ns: int) -> tuple[list[bytes], int, bool, str | None]:
        """
        Makes this cache, which must be new and without bounds, what a file says.

        Returns the file's notes (brief ones unless they are older than `brief_ns`), how many of its bytes are good, whether it was ended by `end_file`, and what is damaged. Entries keep their versions, and their times to live go on from the time of day at which they were written. Counters go on where the file was ended. Raises OSError.
        """

    def keep_in(self, file: int, file_bytes: int) -> None:
        """
        From now on each change is written to a file before anybody is told of it. The descriptor, open for reading and writing at its end, is the cache's from now on.
        """

    def write_entries(self, file: int, notes: Sequence[bytes], brief_notes: Sequence[bytes]) -> int:
        """
        Writes notes and entries to an open file, beside other calls; returns its size. Raises OSError.
        """

    def rewrite(self, file: int, temporary: str, path: str, notes: Sequence[bytes], brief_notes: Sequence[bytes]) -> None:
        """
        Replaces the cache's file by a new one with notes and entries as they are, beside other calls: `file`, open for reading and writing, is renamed from `temporary` to `path` when it says all, and is the cache's then. Raises OSError, and then all is as it was.
        """

    def note(self, note: bytes) -> None:
        """Writes bytes that `replay` returns."""

    def hold(self) -> None:
        """Until `release` changes are not written: a note can go with them."""

    def release(self, note: bytes) -> None:
        """
        Writes what changed since `hold`, and a brief note unless it is empty, as one.
        """

    def end_file(self, sync: bool) -> None:
        """
        Writes the counters, and then nothing more: the cache is about to end. With `sync` all of it is on the disk then, or OSError is raised.
        """

    @property
    def file_error(self) -> str | None:
        """
        Why the last write failed; nothing is written until `rewrite`. None as long as all is well.
        """

    def file_statistics(self) -> tuple[int, int, int, int, int, int]:
        """
        Writes, changes and bytes written, failures, size of the file, rewrites.
        """

class GetManyRequest:
    """
    A request of the cache service, decoded and checked natively; as the generated class of that name, as far as it goes.
    """

    @staticmethod
    def FromString(data: bytes) -> GetManyRequest:
        """
        Raises ValueError: MESSAGE_MALFORMED, KEY_INVALID, VALUE_MALFORMED and others, for bytes that are no such request.
        """

    @property
    def cache(self) -> str:
        """The cache's name; empty is "default"."""

    @property
    def epoch(self) -> int:
        """The epoch the caller knows, 0 if absent."""

    def HasField(self, field_name: str) -> bool:
        """Whether the epoch is given."""

class GetRequest:
    """
    A request of the cache service, decoded and checked natively; as the generated class of that name, as far as it goes.
    """

    @staticmethod
    def FromString(data: bytes) -> GetRequest:
        """
        Raises ValueError: MESSAGE_MALFORMED, KEY_INVALID, VALUE_MALFORMED and others, for bytes that are no such request.
        """

    @property
    def cache(self) -> str:
        """The cache's name; empty is "default"."""

    @property
    def epoch(self) -> int:
        """The epoch the caller knows, 0 if absent."""

    def HasField(self, field_name: str) -> bool:
        """Whether the epoch is given."""

class NearCopies:
    """
    What a near cache holds: values by key, bounded and in the order of their use. A forked child finds nothing in its parent's.
    """

    def __init__(self, max_size: int, clock: Callable[[], int] | None = None) -> None:
        """`clock` returns nanoseconds, which never go back."""

    def get(self, key: str) -> Any:
        """The value, or None; a value that can be changed is the caller's own."""

    def put(self, key: str, value: object, seconds: float) -> None:
        """
        Keeps a value for so long, in the place of the one used longest ago where there is no other.
        """

    def contains(self, key: object) -> bool:
        """Whether there is a value. Does not count as its use."""

    def delete(self, key: object) -> None:
        """Drops a value."""

    def clear(self) -> None:
        """Drops all."""

    def report(self) -> tuple[list[str], int]:
        """
        The keys that were got since the last report, and how often all together.
        """

class PutManyRequest:
    """
    A request of the cache service, decoded and checked natively; as the generated class of that name, as far as it goes.
    """

    @staticmethod
    def FromString(data: bytes) -> PutManyRequest:
        """
        Raises ValueError: MESSAGE_MALFORMED, KEY_INVALID, VALUE_MALFORMED and others, for bytes that are no such request.
        """

    @property
    def cache(self) -> str:
        """The cache's name; empty is "default"."""

    @property
    def epoch(self) -> int:
        """The epoch the caller knows, 0 if absent."""

    def HasField(self, field_name: str) -> bool:
        """Whether the epoch is given."""

class PutRequest:
    """
    A request of the cache service, decoded and checked natively; as the generated class of that name, as far as it goes.
    """

    @staticmethod
    def FromString(data: bytes) -> PutRequest:
        """
        Raises ValueError: MESSAGE_MALFORMED, KEY_INVALID, VALUE_MALFORMED and others, for bytes that are no such request.
        """

    @property
    def cache(self) -> str:
        """The cache's name; empty is "default"."""

    @property
    def epoch(self) -> int:
        """The epoch the caller knows, 0 if absent."""

    def HasField(self, field_name: str) -> bool:
        """Whether the epoch is given."""

def decode_get(response: bytes) -> Any:
    """The value of a GetResponse, None on a miss."""

def decode_get_entry(response: bytes) -> tuple[Any, int, float, int] | None:
    """
    The value of a GetResponse with details, its version, the seconds it has left (math.inf: all) and the cache's sequence; None on a miss.
    """

def decode_get_many(response: bytes, keys: list[str], into: dict[str, Any]) -> None:
    """Adds the values of a GetManyResponse to the request's keys to a dict."""

def decode_value(data: bytes) -> Any:
    """
    The value of such bytes. Raises ValueError (VALUE_MALFORMED, VALUE_TOO_DEEP) for others.
    """

def encode_get(key: str, with_details: bool = False) -> bytes:
    """A GetRequest without its fields 1 and 2."""

def encode_get_many(keys: Iterable[str], with_details: bool = False, keys_max: int = 8192) -> list[tuple[bytes, list[str]]]:
    """
    GetManyRequests without their fields 1 and 2, each with its keys, at most so many.
    """

def encode_put(key: str, value: object, ttl: float) -> bytes:
    """
    A PutRequest without its fields 1 and 2, which name the cache: put them before it.
    """

def encode_put_many(items: Mapping[str, object], ttl: float, keys_max: int = 8192, bytes_max: int = 1048576) -> list[bytes]:
    """
    PutManyRequests without their fields 1 and 2, in order, each of at most so many keys and, as far as one item fits, bytes.
    """

def encode_value(value: object) -> bytes:
    """
    The bytes of an alphaforge.cache.v1.Value.

    Raises TypeError (UnsupportedValue) for a type that can't be stored, ValueError for a value too large or too deep.
    """
