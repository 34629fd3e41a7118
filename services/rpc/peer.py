"""Connection to a data service, with TLS and a token if files are given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import NamedTuple

import grpc
from alphaforge_core.errors import EngineError
from google.protobuf.message import Message
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from services.base.files import Reloaded
from services.base.targets import is_local

__all__ = ["DATA_SERVICE", "SILENCE_SECONDS_MAX", "Peer", "PeerFiles", "silence_seconds_max"]

DATA_SERVICE = "alphaforge.data.v1.DataService"

# Heartbeats of a stream come at least every five seconds.
SILENCE_SECONDS_MAX = 12.0
# Shorter with several candidates, because another one may have taken over; streams resume where they stopped.
_SILENCE_SECONDS_MAX_OF_SEEDS = 3.0

_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
_PROBE_SECONDS = 0.5
_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.enable_retries", 0),
)
# Proxy variables don't apply to services on this machine.
_LOCAL_CHANNEL_OPTIONS = (*_CHANNEL_OPTIONS, ("grpc.enable_http_proxy", 0))

Metadata = tuple[tuple[str, str], ...]


def silence_seconds_max(target: str) -> float:
    """How long a stream from `target`, one address or several separated by commas, may be silent."""
    return _SILENCE_SECONDS_MAX_OF_SEEDS if "," in target else SILENCE_SECONDS_MAX


class PeerFiles(NamedTuple):
    """TLS and token files of a client. Without `ca`, TLS is off."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    token: Path | None = None

    def credentials(self) -> grpc.ChannelCredentials | None:
        """The channel's TLS credentials, or None. Raises OSError."""
        if self.ca is None:
            return None
        key, certificate = (None if path is None else path.read_bytes() for path in (self.key, self.certificate))
        return grpc.ssl_channel_credentials(self.ca.read_bytes(), key, certificate)

    def metadata(self) -> Metadata:
        """The metadata of each call. Raises OSError."""
        if self.token is None:
            return ()
        return (("authorization", f"Bearer {self.token.read_text().strip()}"),)


class _Access(NamedTuple):
    channel: grpc.aio.Channel
    metadata: Metadata


class _Seed:
    """The channel to one address, replaced when the files change; calls in progress end on the old one."""

    def __init__(self, target: str, files: PeerFiles) -> None:
        self._target = target
        self._files = files
        self._options = _LOCAL_CHANNEL_OPTIONS if is_local(target) else _CHANNEL_OPTIONS
        self._access = Reloaded([path for path in files if path is not None], self._connect)

    @property
    def access(self) -> _Access:
        """The channel and the metadata for a new call."""
        return self._access.current()

    async def serves(self) -> bool:
        """Whether this address answers within half a second that it is serving; of a cluster's candidates, only the
        primary is."""
        check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self.access.channel.unary_unary(_HEALTH_CHECK)
        try:
            answer = await check(HealthCheckRequest(service=DATA_SERVICE).SerializeToString(), timeout=_PROBE_SECONDS)
        except grpc.RpcError:
            return False
        return HealthCheckResponse.FromString(answer).status == HealthCheckResponse.SERVING

    def _connect(self) -> _Access:
        try:
            credentials, metadata = self._files.credentials(), self._files.metadata()
        except OSError as error:
            raise EngineError(
                f"a TLS or token file for {self._target} can't be used: {error}", reason="SETTING_INVALID"
            ) from None
        if credentials is None:
            return _Access(grpc.aio.insecure_channel(self._target, options=self._options), metadata)
        return _Access(grpc.aio.secure_channel(self._target, credentials, options=self._options), metadata)


class Peer:
    """A data service at one address, or the primary among its candidates, whose addresses are separated by commas.

    Lives in the event loop. Raises EngineError SETTING_INVALID for files that can't be read.
    """

    def __init__(self, target: str, files: PeerFiles) -> None:
        self._seeds = [_Seed(each.strip(), files) for each in target.split(",")]
        self.silence_seconds_max = silence_seconds_max(target)
        self._at = 0

    @property
    def has_seeds(self) -> bool:
        """Whether there are several addresses."""
        return len(self._seeds) > 1

    def access(self) -> _Access:
        """The channel and the metadata for a new call."""
        return self._seeds[self._at].access

    async def subscribe(self, method: str, request: Message) -> AsyncGenerator[bytes]:
        """Yields the messages of a stream. Raises TimeoutError if it is silent for too long, and grpc's errors."""
        channel, metadata = self.access()
        stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(f"/{DATA_SERVICE}/{method}")
        call = stream(request.SerializeToString(), metadata=metadata)
        try:
            while True:
                # Python 3.11's wait_for loses a cancellation that arrives together with a message.
                async with asyncio.timeout(self.silence_seconds_max):
                    message = await call.read()
                if not isinstance(message, bytes):
                    return
                yield message
        finally:
            call.cancel()

    async def serves(self) -> bool:
        """Whether the current address answers that it is serving."""
        return await self._seeds[self._at].serves()

    async def find_primary(self) -> None:
        """Asks each candidate, the current one last, whether it is serving; later calls go to the first that is."""
        for step in range(1, len(self._seeds) + 1) if self.has_seeds else ():
            seed = (self._at + step) % len(self._seeds)
            if await self._seeds[seed].serves():
                self._at = seed
                return

    async def close(self) -> None:
        """Ends the connections and the calls over them."""
        for seed in self._seeds:
            await seed.access.channel.close()
