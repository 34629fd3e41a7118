"""The address of a service, and the channel options to reach it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

from alphaforge_client._base.target import proxy_of
from alphaforge_client.credentials import Credentials
from alphaforge_client.errors import InvalidArgument

__all__ = ["CHANNEL_OPTIONS", "DEFAULT_TARGETS", "Endpoint", "checked_target"]

DEFAULT_TARGETS = {"cache": "localhost:50051", "data": "localhost:50052", "execution": "localhost:50053"}

_REQUEST_BYTES_MAX = 64 * 1024 * 1024

# Far above what the services send; limits what another program can make the client read.
_RESPONSE_BYTES_MAX = 256 * 1024 * 1024

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    # The client retries by its own rules (_calls/attempts.py).
    ("grpc.enable_retries", 0),
    # The services' default limit of requests: a larger one is refused here.
    ("grpc.max_send_message_length", _REQUEST_BYTES_MAX),
    ("grpc.max_receive_message_length", _RESPONSE_BYTES_MAX),
    # A restarted service is found within about a second. The second option is, despite its name, the timeout of one
    # attempt to connect; if it is too short, a busy machine looks like a dead service.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # A peer that vanished is noticed within 10 s while a call or stream waits for it. The services accept a ping every
    # 5 s. `ping_timeout_ms` is the limit for pings that grpc sends for other reasons: while one of them is unanswered,
    # grpc sends no keepalive ping. Without the last option, grpc sends two pings on a connection that only receives,
    # such as a subscriber's, and then one per minute.
    ("grpc.keepalive_time_ms", 5_500),
    ("grpc.keepalive_timeout_ms", 4_000),
    ("grpc.http2.ping_timeout_ms", 4_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Channels never share connections: a forked child must not find its parent's socket in a pool.
    ("grpc.use_local_subchannel_pool", 1),
)


# Names that grpc resolves without a port: local sockets, and names of a service mesh.
_WITHOUT_PORT = ("unix:", "unix-abstract:", "vsock:", "xds:")
_SCHEMES = ("dns", "ipv4", "ipv6")
_SEEDS_MAX = 16
_EXPECTED = "give 'host:port', such as 'localhost:50051', or 'unix:/path'"


def checked_target(target: object) -> str:
    """Validates an address, or several comma-separated ones.

    gRPC accepts nearly any text, and then fails to connect until the deadline. Raises InvalidArgument, or TypeError
    if it isn't a str.
    """
    if not isinstance(target, str):
        raise TypeError(f"target must be a str, not {type(target).__name__}; {_EXPECTED}")
    if "," in target:
        seeds = target.split(",")
        if len(seeds) > _SEEDS_MAX:
            raise InvalidArgument(
                f"target names {len(seeds)} addresses; at most {_SEEDS_MAX}", reason="SETTING_INVALID"
            )
        return ",".join(checked_target(seed.strip()) for seed in seeds)
    if target.startswith(_WITHOUT_PORT):
        return target
    scheme, is_url, rest = target.partition("://")
    if not target.strip():
        problem = "target is empty"
    elif is_url and scheme not in _SCHEMES:
        bare = rest.partition("/")[0]
        problem = f"target {target!r} is a URL; without {scheme}:// it is {bare!r}"
    else:
        host, _, port = target.rpartition(":")
        address = host.removeprefix("ipv6:").rpartition("/")[2]
        in_brackets = address.count("[") > address.count("]")
        if not host or host in _SCHEMES or in_brackets or not (port.isascii() and port.isdigit()):
            problem = f"target {target!r} has no port"
        elif not 1 <= int(port) <= 65535:
            problem = f"target {target!r} has port {port}; expected 1 to 65535"
        elif ":" in address and not address.startswith(("[", "ipv4:")):
            problem = f"target {target!r} is an IPv6 address without brackets; write it as [::1]:50051"
        else:
            return target
    raise InvalidArgument(f"{problem}; {_EXPECTED}", reason="SETTING_INVALID")


@dataclass(frozen=True)
class Endpoint:
    """The address of one service, or the addresses of its candidates, and the credentials."""

    noun: str
    target: str
    credentials: Credentials = field(default_factory=Credentials, repr=False)
    reads_anywhere: bool = False
    """Whether followers may answer reads."""

    @classmethod
    def of(
        cls, noun: str, target: str | None, credentials: Credentials | None = None, *, reads_anywhere: bool = False
    ) -> Endpoint:
        """The arguments, else the environment: `ALPHAFORGE_<NOUN>_TARGET` or the documented default, and the variables
        of `Credentials.from_environment`.

        Raises InvalidArgument for an invalid address, and for a token that would be sent in clear text.
        """
        if target is None:
            target = os.environ.get(f"ALPHAFORGE_{noun.upper()}_TARGET") or DEFAULT_TARGETS[noun]
        target = checked_target(target)
        if credentials is None:
            credentials = Credentials.from_environment()
        elif not isinstance(credentials, Credentials):
            raise TypeError(
                f"credentials must be an alphaforge_client.credentials.Credentials, not {type(credentials).__name__}"
            )
        for seed in target.split(","):
            credentials.check_target(seed)
        return cls(noun, target, credentials, reads_anywhere)

    def at(self, target: str) -> Endpoint:
        """The same service at another address. Raises InvalidArgument as `of` does."""
        for seed in checked_target(target).split(","):
            self.credentials.check_target(seed)
        return replace(self, target=target)

    @property
    def seeds(self) -> tuple[str, ...]:
        """The service's possible addresses: its own, or those of its candidates."""
        return tuple(self.target.split(","))

    @property
    def proxy(self) -> str | None:
        """The proxy, from the environment, through which the service is reached; None without one."""
        return proxy_of(self.seeds[0])

    @property
    def options(self) -> tuple[tuple[str, int], ...]:
        """The options of a channel to it."""
        return self.options_of(self.seeds[0])

    def options_of(self, seed: str) -> tuple[tuple[str, int], ...]:
        """The options of a channel to one of the addresses."""
        return CHANNEL_OPTIONS if proxy_of(seed) else (*CHANNEL_OPTIONS, ("grpc.enable_http_proxy", 0))

    def __str__(self) -> str:
        """The service and its address, for error texts."""
        proxy = self.proxy
        return f"the {self.noun} service at {self.target}" + (f" through the proxy {proxy}" if proxy else "")
