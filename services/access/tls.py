"""TLS of a server: certificate, key and client CAs, from files that may change."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, NamedTuple

import grpc
from alphaforge_core.errors import EngineError

from services.base.files import Reloaded

__all__ = ["ServerTls"]


class _Material(NamedTuple):
    key_and_certificate: tuple[bytes, bytes]
    authorities: bytes | None
    http: ssl.SSLContext

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """A new object each time: grpc destroys the one it is given."""
        return grpc.ssl_server_certificate_configuration([self.key_and_certificate], self.authorities)


class ServerTls:
    """TLS for gRPC and /metrics. Open connections keep using the files they were opened with.

    With `client_ca`, clients need a certificate signed by one of these CAs. Raises EngineError SETTING_INVALID for
    files that can't be read or don't match.
    """

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None) -> None:
        self._certificate = certificate
        self._key = key
        self._client_ca = client_ca
        paths = [path for path in (certificate, key, client_ca) if path is not None]
        self._material = Reloaded(paths, self._load, pause_seconds=0.0)

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """Credentials whose files are checked for changes at each new connection."""
        given = self._material.current()

        # None means no change, though grpc's stubs lack it. Returning the same configuration twice crashes the process.
        def changed() -> Any:
            nonlocal given
            current = self._material.current()
            if current is given:
                return None
            given = current
            return current.configuration()

        return grpc.dynamic_ssl_server_credentials(
            given.configuration(), changed, require_client_authentication=self._client_ca is not None
        )

    def http_context(self) -> ssl.SSLContext:
        """The context for a new connection to /metrics."""
        return self._material.current().http

    def _load(self) -> _Material:
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            # gRPC accepts anything and fails each handshake later; this reports the error now.
            context.load_cert_chain(self._certificate, self._key)
            authorities = None
            if self._client_ca is not None:
                context.load_verify_locations(self._client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
                authorities = self._client_ca.read_bytes()
            pair = (self._key.read_bytes(), self._certificate.read_bytes())
        except OSError as error:
            files = ", ".join(str(path) for path in (self._certificate, self._key, self._client_ca) if path)
            raise EngineError(f"TLS files {files} can't be used: {error}", reason="SETTING_INVALID") from None
        return _Material(pair, authorities, context)
