"""The position of a subscription in the events of every partition, and the position as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from alphaforge_client.errors import InvalidArgument

__all__ = ["Place", "begin_of", "token_of"]


class Place(NamedTuple):
    """A position in a partition's events: the sequence after the last event read (None: the next), and the epoch."""

    next_sequence: int | None = None
    epoch: int = 0


def token_of(places: Sequence[Place]) -> str:
    """The positions as text, `partitions/epoch.sequence,...`, with an empty item for a partition that is not read."""
    listed = ",".join(
        "" if place.next_sequence is None else f"{place.epoch:x}.{place.next_sequence}" for place in places
    )
    return f"{len(places)}/{listed}"


def begin_of(partitions: int, from_sequence: int | None, epoch: int | None, token: str | None) -> list[Place]:
    """Where a subscription begins. Raises InvalidArgument (SETTING_INVALID, or PAGE_TOKEN_INVALID for the token)."""
    if token is not None:
        if from_sequence is not None or epoch is not None:
            raise InvalidArgument("give either a token, or from_sequence and epoch", reason="SETTING_INVALID")
        return _read(partitions, token)
    if partitions > 1 and from_sequence not in (None, 1):
        raise InvalidArgument(
            f"from_sequence is {from_sequence}, but each of the {partitions} partitions has its own sequence; give the "
            "subscription's token, or from_sequence=1 for all events kept",
            reason="SETTING_INVALID",
        )
    if partitions > 1 and epoch:
        raise InvalidArgument(
            f"each of the {partitions} partitions has its own epoch; pass the subscription's token instead",
            reason="SETTING_INVALID",
        )
    return [Place(from_sequence, epoch or 0)] * partitions


def _read(partitions: int, token: str) -> list[Place]:
    count, _, listed = token.partition("/")
    places = listed.split(",")
    try:
        if len(places) != int(count):
            raise ValueError
        found = [_place(place) for place in places]
    except (ValueError, AttributeError):
        raise InvalidArgument(
            f"{token[:40]!r} is not the token of a subscription", reason="PAGE_TOKEN_INVALID"
        ) from None
    if len(found) != partitions:
        raise InvalidArgument(
            f"the token is of an engine with {len(found)} partitions; this one has {partitions}",
            reason="PAGE_TOKEN_INVALID",
        )
    return found


def _place(text: str) -> Place:
    if not text:
        return Place()
    epoch, _, sequence = text.partition(".")
    place = Place(int(sequence), int(epoch, 16))
    if place.next_sequence is None or not (0 <= place.next_sequence < 2**63 and 0 <= place.epoch < 2**64):
        raise ValueError
    return place
