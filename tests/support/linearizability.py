"""Checks linearizability by the search of Wing and Gong: is there an order of the calls that explains all answers?"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, TypeVar

__all__ = ["Call", "is_linearizable"]

S = TypeVar("S", bound=Hashable)


class Call(NamedTuple):
    """One call of one caller: when it began and ended, what was called, and what it answered."""

    began: float
    ended: float
    name: str
    arguments: tuple[Hashable, ...]
    answer: Hashable


def is_linearizable(
    calls: Sequence[Call], initial: S, step: Callable[[S, str, tuple[Hashable, ...]], tuple[S, Hashable]]
) -> bool:
    """Whether some order of the calls explains all answers. `step` returns the state after a call, and its answer.

    Calls that did not overlap keep their order. A set of calls that was tried from a state is not tried again.
    """
    ordered = sorted(calls)
    tried: set[tuple[frozenset[int], S]] = set()
    left = [(frozenset(range(len(ordered))), initial)]
    while left:
        waiting, state = left.pop()
        if not waiting:
            return True
        if (waiting, state) in tried:
            continue
        tried.add((waiting, state))
        # A call may come next only if no waiting call had ended before it began.
        first_end = min(ordered[index].ended for index in waiting)
        for index in waiting:
            call = ordered[index]
            if call.began <= first_end:
                after, answer = step(state, call.name, call.arguments)
                if answer == call.answer:
                    left.append((waiting - {index}, after))
    return False
