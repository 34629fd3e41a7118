"""Decoding of responses. An unreadable response raises EngineError ANSWER_MALFORMED, whichever decoder finds it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from google.protobuf.message import DecodeError, Message

from alphaforge_client.errors import EngineError

__all__ = ["enum_name", "malformed", "parsed", "reads_answer"]

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound=Message)


def malformed(problem: str) -> EngineError:
    """The error for an implausible response; `problem` completes "the service's response ..."."""
    return EngineError(
        f"the service's response {problem}; check that the target is an AlphaForge service of this release",
        reason="ANSWER_MALFORMED",
    )


def parsed(kind: type[M], answer: bytes) -> M:
    """The message in a response."""
    try:
        return kind.FromString(answer)
    except DecodeError:
        raise malformed(f"is not a {kind.DESCRIPTOR.name}") from None


def reads_answer(read: Callable[P, T]) -> Callable[P, T]:
    """Decorates a function that decodes a response: any exception becomes ANSWER_MALFORMED."""

    @wraps(read)
    def reading(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except (DecodeError, ValueError, TypeError, LookupError, OverflowError) as error:
            raise malformed(f"can't be read: {error}") from error

    return reading


def enum_name(enum: type[object], number: int, prefix: str) -> str:
    """The name of an enum value without its prefix; its number if this release does not know it."""
    names: dict[int, str] = {value: name for name, value in enum.items()}  # type: ignore[attr-defined]
    return names.get(number, str(number)).removeprefix(prefix)
