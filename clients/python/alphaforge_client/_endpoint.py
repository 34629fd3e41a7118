"""Where a service is and how it is reached."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from alphaforge_client.credentials import Credentials
from alphaforge_client.errors import InvalidArgument

__all__ = ["CHANNEL_OPTIONS", "Endpoint"]

_DEFAULT_TARGETS = {"cache": "localhost:50051", "data": "localhost:50052", "execution": "localhost:50053"}

_REQUEST_BYTES_MAX = 64 * 1024 * 1024

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    # The client repeats calls itself, by rules that grpc does not know (see _attempts).
    ("grpc.enable_retries", 0),
    # The limit that the services set for what they receive; a larger request is refused here and not sent in vain.
    ("grpc.max_send_message_length", _REQUEST_BYTES_MAX),
    # An answer to what has been done must not be lost for its size; the services see to it that answers stay small.
    ("grpc.max_receive_message_length", -1),
    # A restarted service is found within about a second. The second option is, in spite of its name, how long one
    # attempt to connect may take: too short, and a busy machine looks like a dead service.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # A peer that vanished without a word is noticed while a call waits for it. grpc also derives TCP_USER_TIMEOUT from
    # these.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Connections are never shared between channels: a forked child must not find its parent's socket in a pool.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True)
class Endpoint:
    """The address of one service, with the credentials to reach it."""

    noun: str
    target: str
    credentials: Credentials = field(default_factory=Credentials, repr=False)

    @classmethod
    def of(cls, noun: str, target: str | None, credentials: Credentials | None = None) -> Endpoint:
        """The arguments, else the environment: `ALPHAFORGE_<NOUN>_TARGET` or the documented default, and the variables
        of `Credentials.from_environment`. Raises InvalidArgument for a token that would travel in the clear."""
        if target is None:
            target = os.environ.get(f"ALPHAFORGE_{noun.upper()}_TARGET") or _DEFAULT_TARGETS[noun]
        if not isinstance(target, str):
            raise TypeError(
                f"target is a str as 'localhost:50051' or 'unix:/run/cache.sock', not {type(target).__name__}"
            )
        if not target.strip():
            raise InvalidArgument("target is empty; give 'host:port' or 'unix:path'", reason="SETTING_INVALID")
        if credentials is None:
            credentials = Credentials.from_environment()
        elif not isinstance(credentials, Credentials):
            raise TypeError(f"credentials is an alphaforge_client.Credentials, not {type(credentials).__name__}")
        credentials.check_target(target)
        return cls(noun, target, credentials)
