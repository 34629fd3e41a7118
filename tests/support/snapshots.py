"""Seals snapshots, so that tests can damage their content."""

from __future__ import annotations

__all__ = ["of_version", "resealed", "state_of"]

_CHECKSUM_BYTES = 20
_MASK = 2**64 - 1


def state_of(snapshot: bytes) -> bytes:
    """Returns the state between a snapshot's head and its checksum."""
    return snapshot[_head_bytes(snapshot) : -_CHECKSUM_BYTES]


def resealed(snapshot: bytes, state: bytes) -> bytes:
    """Returns the snapshot with another state and a matching checksum."""
    body = snapshot[: _head_bytes(snapshot)] + state
    return body + _checksum(body)


def of_version(snapshot: bytes, version: int) -> bytes:
    """Returns the snapshot with another version and a matching checksum."""
    head = _head_bytes(snapshot)
    body = snapshot[: head - 1] + bytes([version << 1]) + state_of(snapshot)
    return body + _checksum(body)


def _head_bytes(snapshot: bytes) -> int:
    """A length and a magic text, and a version; each number takes a single byte."""
    return 1 + (snapshot[0] >> 1) + 1


def _checksum(body: bytes) -> bytes:
    def mix(hash_: int, word: int) -> int:
        product = (hash_ ^ word) * 0x9E3779B97F4A7C15
        return (product & _MASK) ^ (product >> 64) ^ 0xD6E8FEB86659FD93

    value = mix(0x243F6A8885A308D3, len(body))
    word = 0
    for index, byte in enumerate(body):
        word = (word << 8 | byte) & _MASK
        if index % 8 == 7:
            value, word = mix(value, word), 0
    zigzag, out = mix(value, word) << 1, bytearray()
    while zigzag >= 0x80:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out.ljust(_CHECKSUM_BYTES, b"\0"))
