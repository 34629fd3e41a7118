"""Exceptions of AlphaForge, in process and over the network: one tree, whose classes are also built-in exceptions.

Every error has a stable `reason`, a name in `REASONS`, so that programs need not compare messages.
"""

from __future__ import annotations

from alphaforge_core._native import errors as _native_errors

__all__ = [
    "REASONS",
    "AlphaForgeError",
    "BatchError",
    "DeadlineExceeded",
    "EngineError",
    "InvalidArgument",
    "PermissionDenied",
    "ResourceExhausted",
    "Unauthenticated",
    "Unavailable",
    "UnsupportedValue",
]


# Every reason and its meaning, in the order of the engines' table.
REASONS: dict[str, str] = dict(_native_errors.REASONS)


class AlphaForgeError(Exception):
    """The root of the tree; `reason` is a stable name, one of REASONS.

    >>> try:
    ...     raise Unavailable("the service can't be reached", reason="UNAVAILABLE")
    ... except ConnectionError as error:
    ...     print(isinstance(error, AlphaForgeError), error.reason, REASONS[error.reason])
    True UNAVAILABLE the service can't be reached
    """

    def __init__(self, message: str, *, reason: str = "INTERNAL") -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[AlphaForgeError], args: tuple[object, ...], state: dict[str, object]) -> AlphaForgeError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidArgument(AlphaForgeError, ValueError):
    """An argument has an invalid value; nothing was done.

    >>> from alphaforge_core.model import Price
    >>> try:
    ...     Price("45000.0000000001")
    ... except ValueError as error:
    ...     print(error.reason)
    NUMBER_TOO_PRECISE
    """


class UnsupportedValue(AlphaForgeError, TypeError):
    """A value has an unsupported type; nothing was done."""


class EngineError(AlphaForgeError, RuntimeError):
    """The engine can't do this in its current state, or failed."""


class ResourceExhausted(EngineError):
    """A documented limit was reached; the message names it."""


class Unavailable(AlphaForgeError, ConnectionError):
    """The service can't be reached; the call was retried until its deadline."""


class DeadlineExceeded(AlphaForgeError, TimeoutError):
    """No response in time; the call may or may not have been executed."""


class Unauthenticated(AlphaForgeError, PermissionError):
    """The call has no credentials, or invalid ones."""


class PermissionDenied(AlphaForgeError, PermissionError):
    """The credentials are valid but don't allow this call."""


class BatchError(InvalidArgument):
    """Some items of a batch were malformed; the others were executed.

    `results` has one entry per item, in order: what a single call would have returned or raised.

    >>> from alphaforge_core.execution import ExecutionEngine, Order, OrderSide
    >>> first = Order.market("BTCUSD", OrderSide.Buy, 1, "my_strategy", order_id="a")
    >>> other = Order.market("BTCUSD", OrderSide.Buy, 2, "my_strategy", order_id="a")
    >>> try:
    ...     ExecutionEngine().submit_orders([first, other])
    ... except BatchError as error:
    ...     print(error.results[0], error.results[1].reason)
    a ORDER_CONFLICT
    """

    def __init__(self, message: str, *, results: list[object], reason: str = "BATCH_PARTLY_INVALID") -> None:
        super().__init__(message, reason=reason)
        self.results = results
