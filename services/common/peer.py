"""Another service, as this one reaches it: over TLS and with a token where files are given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import grpc
from alphaforge_core.errors import EngineError

from services.common.files import Reloaded

__all__ = ["Peer", "PeerFiles"]

Metadata = tuple[tuple[str, str], ...]


class PeerFiles(NamedTuple):
    """What a client of a service may need. Without `ca` there is no TLS."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    token: Path | None = None

    def credentials(self) -> grpc.ChannelCredentials | None:
        """The TLS of a channel, None for none. Raises OSError."""
        if self.ca is None:
            return None
        key, certificate = (None if path is None else path.read_bytes() for path in (self.key, self.certificate))
        return grpc.ssl_channel_credentials(self.ca.read_bytes(), key, certificate)

    def metadata(self) -> Metadata:
        """What each call carries. Raises OSError."""
        if self.token is None:
            return ()
        return (("authorization", f"Bearer {self.token.read_text().strip()}"),)


class _Access(NamedTuple):
    channel: grpc.aio.Channel
    metadata: Metadata


class Peer:
    """The channel to a service, made anew when the files change; calls under way end on the old one.

    Lives in the event loop. Raises EngineError SETTING_INVALID for files that can't be read.
    """

    def __init__(self, target: str, files: PeerFiles, options: Sequence[tuple[str, int]]) -> None:
        self._target = target
        self._files = files
        self._options = options
        self._access = Reloaded([path for path in files if path is not None], self._connect)

    def access(self) -> _Access:
        """The channel for a new call, and the metadata that it has to carry."""
        return self._access.current()

    async def close(self) -> None:
        """Ends the connection and the calls over it."""
        await self._access.current().channel.close()

    def _connect(self) -> _Access:
        try:
            credentials, metadata = self._files.credentials(), self._files.metadata()
        except OSError as error:
            raise EngineError(
                f"a file that reaching {self._target} takes can't be used: {error}", reason="SETTING_INVALID"
            ) from None
        if credentials is None:
            return _Access(grpc.aio.insecure_channel(self._target, options=self._options), metadata)
        return _Access(grpc.aio.secure_channel(self._target, credentials, options=self._options), metadata)
