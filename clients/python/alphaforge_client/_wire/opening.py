"""The messages that open and list engines, for all three services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from google.protobuf.message import Message

from alphaforge_client._wire.answer import parsed, reads_answer
from alphaforge_client._wire.summary import EngineSummary, summary_of
from alphaforge_client.errors import EngineError

__all__ = ["Opening", "Service"]


@dataclass(frozen=True)
class Opening:
    """How to open an engine: the names of its service and method, the request, and the decoder of the response."""

    service: str
    method: str
    request: bytes
    epoch: Callable[[bytes], int]
    # The fields that every later request begins with: the engine's name and its epoch (None: any).
    header: Callable[[int | None], bytes]


@dataclass(frozen=True)
class Service:
    """One service: its name, the field that holds an engine's name, and the messages that open and list engines."""

    name: str
    field: str
    open_method: str
    open_response: type[Message]
    list_response: type[Message]
    any_request: type[Message]
    """A request without required fields; fields 1 and 2 are the same in every request of the service."""

    def opening(self, engine: str, request: Message, partitions: int = 1) -> Opening:
        """Opens the engine of that name, one of `partitions`, with `request`."""
        return Opening(
            self.name,
            self.open_method,
            request.SerializeToString(),
            partial(self.epoch, partitions=partitions),
            lambda epoch: self.any_request(**{self.field: engine, "epoch": epoch}).SerializeToString(),
        )

    def epoch(self, answer: bytes, partitions: int = 1) -> int:
        """The epoch in the response to an open request. Raises EngineError (UNIMPLEMENTED) for a service that does not
        know partitions."""
        response: Any = parsed(self.open_response, answer)
        if partitions > 1 and response.settings.partitions != partitions:
            raise EngineError(
                "the service's release does not support partitions; upgrade it, or open the engine without partitions",
                reason="UNIMPLEMENTED",
            )
        epoch: int = response.epoch
        return epoch

    def summaries(self, answer: bytes) -> list[EngineSummary]:
        """The engines in the response to a list request."""
        return _summaries(self, answer)


@reads_answer
def _summaries(service: Service, answer: bytes) -> list[EngineSummary]:
    response: Any = service.list_response.FromString(answer)
    return [summary_of(getattr(one, service.field), one) for one in getattr(response, f"{service.field}s")]
