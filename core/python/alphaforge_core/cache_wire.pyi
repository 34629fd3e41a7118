"""
Native codecs of the cache service: hot requests and responses, values, and the service's engine.

For the service and the client; programs use `alphaforge_core.cache`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import alphaforge_core.cache


class CacheEngine(alphaforge_core.cache.CacheBase):
    """
    The cache of the service: values are the bytes of an alphaforge.cache.v1.Value, checked and stored unchanged.

    The `_wire` calls take a decoded request and return the bytes of the response; batches run without the GIL.
    """

    def __init__(self, max_size: int = 10000, max_bytes: int | None = None, clock: Callable[[], int] | None = None) -> None:
        """Like GenericCache, but each call gives the time to live."""

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
        Like estimated_memory_bytes of the statistics, but without freeing expired entries first.
        """

    def shrink(self, memory_bytes: int) -> None:
        """
        Evicts the least recently used entries until the cache takes at most that much memory, or is empty.
        """

    def report_near_hits(self, keys: Iterable[str], hits: int) -> None:
        """
        Marks keys served by a near cache as used, in order, and counts `hits`.
        """

    def keep_changes(self, changes_max: int = 65536, bytes_max: int = 16777216) -> None:
        """
        Keeps the latest changes for read_changes, within these limits; 0 changes: stops keeping them.
        """

    def read_changes(self, from_sequence: int, limit: int) -> tuple[list[str], list[int], list[int], int, bool]:
        """
        The kept changes from that sequence: keys, sequences, causes (numbers of InvalidationCause), the sequence to continue from, and whether changes before the first one are lost.
        """

    @property
    def sequence(self) -> int:
        """The sequence of the latest change; 0 before the first."""

    def put(self, key: object, value: bytes, ttl_ns: int | None) -> int:
        """
        Stores an encoded Value for `ttl_ns` nanoseconds (None: no expiry) and returns the entry's version.
        """

    def store(self, key: object, value: bytes, ttl_ns: int | None) -> int:
        """Like put, but not counted: for get_or_compute."""

    def use(self, key: str) -> bytes | None:
        """
        The encoded Value; None on a miss. Like get, but not counted: for get_or_compute.
        """

    def get(self, key: str) -> tuple[bytes, int, int | None] | None:
        """
        The encoded Value, its version and its remaining nanoseconds (None: no expiry); None on a miss.
        """

    def swap(self, key: str, expected_version: int, value: bytes, ttl_ns: int | None) -> tuple[bool, int]:
        """
        Stores a value if the entry has that version (0: if there is none). Returns whether it did, and the current version (0: none).
        """

    def increment(self, key: str, amount: bytes, ttl_ns: int | None) -> tuple[bytes, int]:
        """
        Adds an encoded number and returns the encoded sum and its version; `ttl_ns` is that of a new entry.

        Raises TypeError or RuntimeError (VALUE_NOT_NUMERIC) if the amount or the entry is not a number.
        """

    def touch(self, key: str, ttl_ns: int | None) -> bool:
        """
        Sets an entry's time to live and makes it the most recently used; False if there is none.
        """

    def ttl_ns(self, key: str) -> tuple[bool, int | None]:
        """
        Whether there is an entry, and its remaining nanoseconds (None: no expiry).
        """

    def replay(self, file: int, wall_ns: int, brief_ns: int) -> tuple[list[bytes], int, bool, str | None, int]:
        """
        Restores a file into this cache, which must be new and without limits.

        Returns the file's notes (without brief notes older than `brief_ns`), the number of valid bytes, whether it was ended by `end_file`, what is damaged, and the sequence of the last change in it. Entries keep their versions, and their times to live continue by the wall clock. Counters are restored if the file was ended. Raises OSError.
        """

    def keep_in(self, file: int, file_bytes: int) -> None:
        """
        Starts writing each change to a file before it is published. Takes ownership of the descriptor, which is open for reading and writing at its end.
        """

    def collect_changes(self) -> None:
        """
        Starts collecting changes for `take_changes`, instead of writing them to a file.
        """

    def take_changes(self) -> tuple[list[bytes], int]:
        """
        The changes since the last call, in blocks as a file has them, and the sequence of the last one.
        """

    def follow(self, blocks: bytes, wall_ns: int) -> tuple[list[bytes], str | None]:
        """
        Applies changes of another process's cache, or its entries, to this copy of it, which must be without limits. Returns the notes among them, and what is damaged.
        """

    def write_entries(self, file: int, notes: Sequence[bytes], brief_notes: Sequence[bytes]) -> int:
        """
        Writes notes and entries to an open file, concurrently with other calls; returns its size. Raises OSError.
        """

    def rewrite(self, file: int, temporary: str, path: str, notes: Sequence[bytes], brief_notes: Sequence[bytes]) -> None:
        """
        Replaces the cache's file with a new one that has these notes and the current entries, concurrently with other calls: `file`, open for reading and writing, is renamed from `temporary` to `path` when complete, and the cache then owns it. Raises OSError, and then nothing has changed.
        """

    def note(self, note: bytes) -> None:
        """Writes a note, which `replay` returns."""

    def hold(self) -> None:
        """
        Holds back changes until `release`, so that a note can be written with them.
        """

    def release(self, note: bytes) -> None:
        """
        Writes the changes since `hold`, and a brief note unless it is empty, in one write.
        """

    def end_file(self, sync: bool) -> None:
        """
        Writes the counters and ends the file: the cache is about to be closed. With `sync`, everything is on the disk afterwards, or OSError is raised.
        """

    def leave_file(self) -> None:
        """
        Stops writing, without ending the file, which now belongs to another cache or is deleted.
        """

    @property
    def file_error(self) -> str | None:
        """
        Why the last write failed, after which nothing is written until `rewrite`; None otherwise.
        """

    def file_statistics(self) -> tuple[int, int, int, int, int, int]:
        """
        Writes, changes and bytes written, failures, size of the file, rewrites.
        """

class GetManyRequest:
    """
    A request of the cache service, decoded and checked natively; a subset of the generated class of that name.
    """

    @staticmethod
    def FromString(data: bytes) -> GetManyRequest:
        """
        Raises ValueError: MESSAGE_MALFORMED, KEY_INVALID, VALUE_MALFORMED and others, for invalid bytes.
        """

    @property
    def cache(self) -> str:
        """The cache's name; empty is "default"."""

    @property
    def epoch(self) -> int:
        """The caller's epoch; 0 if absent."""

    def HasField(self, field_name: str) -> bool:
        """Whether the epoch is given."""

class GetRequest:
    """
    A request of the cache service, decoded and checked natively; a subset of the generated class of that name.
    """

    @staticmethod
    def FromString(data: bytes) -> GetRequest:
        """
        Raises ValueError: MESSAGE_MALFORMED, KEY_INVALID, VALUE_MALFORMED and others, for invalid bytes.
        """

    @property
    def cache(self) -> str:
        """The cache's name; empty is "default"."""

    @property
    def epoch(self) -> int:
        """The caller's epoch; 0 if absent."""

    def HasField(self, field_name: str) -> bool:
        """Whether the epoch is given."""

class NearCopies:
    """
    The entries of a near cache: values by key, bounded, in LRU order. In a forked child they are empty.
    """

    def __init__(self, max_size: int, clock: Callable[[], int] | None = None) -> None:
        """`clock` returns monotonic nanoseconds."""

    def get(self, key: str) -> Any:
        """The value, or None; mutable values are copied for the caller."""

    def put(self, key: str, value: object, seconds: float) -> None:
        """
        Keeps a value for `seconds`; evicts the least recently used entry if full.
        """

    def contains(self, key: object) -> bool:
        """Whether there is a value. Does not refresh it."""

    def delete(self, key: object) -> None:
        """Drops a value."""

    def clear(self) -> None:
        """Drops all."""

    def report(self) -> tuple[list[str], int]:
        """The keys read since the last report, and the total number of reads."""

class PutManyRequest:
    """
    A request of the cache service, decoded and checked natively; a subset of the generated class of that name.
    """

    @staticmethod
    def FromString(data: bytes) -> PutManyRequest:
        """
        Raises ValueError: MESSAGE_MALFORMED, KEY_INVALID, VALUE_MALFORMED and others, for invalid bytes.
        """

    @property
    def cache(self) -> str:
        """The cache's name; empty is "default"."""

    @property
    def epoch(self) -> int:
        """The caller's epoch; 0 if absent."""

    def HasField(self, field_name: str) -> bool:
        """Whether the epoch is given."""

class PutRequest:
    """
    A request of the cache service, decoded and checked natively; a subset of the generated class of that name.
    """

    @staticmethod
    def FromString(data: bytes) -> PutRequest:
        """
        Raises ValueError: MESSAGE_MALFORMED, KEY_INVALID, VALUE_MALFORMED and others, for invalid bytes.
        """

    @property
    def cache(self) -> str:
        """The cache's name; empty is "default"."""

    @property
    def epoch(self) -> int:
        """The caller's epoch; 0 if absent."""

    def HasField(self, field_name: str) -> bool:
        """Whether the epoch is given."""

def decode_get(response: bytes) -> Any:
    """The value of a GetResponse; None on a miss."""

def decode_get_batches(response: bytes, batches: list[list[str]]) -> list[dict[str, Any]]:
    """
    The values of a GetManyResponse to a request with the keys of several batches, one after the other, by batch.
    """

def decode_get_each(response: bytes, keys: int) -> list[Any]:
    """
    The values of a GetManyResponse, one for each key of the request; None for a missing key.
    """

def decode_get_entry(response: bytes) -> tuple[Any, int, float, int] | None:
    """
    The value of a GetResponse with details, its version, its remaining seconds (math.inf: no expiry) and the cache's sequence; None on a miss.
    """

def decode_get_many(response: bytes, keys: list[str], into: dict[str, Any]) -> None:
    """Adds the values of a GetManyResponse to the request's keys to a dict."""

def decode_value(data: bytes) -> Any:
    """
    Decodes the bytes of a Value. Raises ValueError (VALUE_MALFORMED, VALUE_TOO_DEEP).
    """

def encode_get(key: str, with_details: bool = False) -> bytes:
    """A GetRequest without fields 1 and 2."""

def encode_get_many(keys: Iterable[str], with_details: bool = False, keys_max: int = 8192) -> list[tuple[bytes, list[str]]]:
    """
    GetManyRequests without fields 1 and 2, each with at most `keys_max` keys, and those keys.
    """

def encode_put(key: str, value: object, ttl: float) -> bytes:
    """
    A PutRequest without fields 1 and 2 (cache and epoch), which the caller prepends.
    """

def encode_put_many(items: Mapping[str, object], ttl: float, keys_max: int = 8192, bytes_max: int = 1048576) -> list[bytes]:
    """
    PutManyRequests without fields 1 and 2, in order, each within the limits of keys and bytes (but at least one item).
    """

def encode_value(value: object) -> bytes:
    """
    The bytes of an alphaforge.cache.v1.Value.

    Raises TypeError (UnsupportedValue) for a type that can't be stored, ValueError for a value too large or too deep.
    """
