"""Request ids, for calls that must not be executed twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

__all__ = ["new_request_id", "with_id"]


def new_request_id() -> str:
    """A new request id: if a service receives it twice, it returns the first answer."""
    return os.urandom(16).hex()


def with_id(kind: Callable[..., Any], **fields: Any) -> Callable[[], bytes]:
    """Returns a function that creates a request of that kind with a new request id."""

    def make() -> bytes:
        request: bytes = kind(request_id=new_request_id(), **fields).SerializeToString()
        return request

    return make
