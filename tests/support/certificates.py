"""Certificates for tests, by the same code as `alphaforge certs`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path

import grpc
from alphaforge_cli.certs import Authority, Pair
from alphaforge_client.credentials import Credentials

DAY = timedelta(days=1)
EXPIRED = timedelta(minutes=-1)


@cache
def authority(name: str = "a test's authority") -> Authority:
    """One of each name; made once."""
    return Authority.create(name)


@dataclass
class Certificates:
    """A folder with an authority, a server's certificate and a client's."""

    folder: Path
    authority: Authority = field(default_factory=authority)

    def __post_init__(self) -> None:
        self.authority.pair.write(self.folder, "ca")
        self.renew_server()
        self.renew_client()

    def renew_server(self, lifetime: timedelta = DAY) -> Pair:
        pair = self.authority.server(["localhost", "127.0.0.1"], lifetime)
        pair.write(self.folder, "server")
        return pair

    def renew_client(self, lifetime: timedelta = DAY) -> Pair:
        pair = self.authority.client("a-client", lifetime)
        pair.write(self.folder, "client")
        return pair

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def server_flags(self, *, mutual: bool = False) -> tuple[str, ...]:
        """Returns the flags that start a service with TLS."""
        flags = ("--tls-certificate-file", self.path("server.pem"), "--tls-key-file", self.path("server.key"))
        return (*flags, "--tls-client-ca-file", self.path("ca.pem")) if mutual else flags

    def credentials(self, *, mutual: bool = False, token: str | None = None) -> Credentials:
        """Returns a client's credentials."""
        if not mutual:
            return Credentials(ca_file=self.path("ca.pem"), token=token)
        return Credentials(
            ca_file=self.path("ca.pem"),
            certificate_file=self.path("client.pem"),
            key_file=self.path("client.key"),
            token=token,
        )

    def channel_credentials(self, *, mutual: bool = False) -> grpc.ChannelCredentials:
        """Returns the credentials of a gRPC channel."""
        credentials = self.credentials(mutual=mutual).access().credentials
        assert credentials is not None
        return credentials

    def client_variables(self, *, mutual: bool = False) -> dict[str, str]:
        """Returns the environment variables of a client process."""
        variables = {"ALPHAFORGE_TLS_CA_FILE": self.path("ca.pem")}
        if mutual:
            variables["ALPHAFORGE_TLS_CLIENT_CERTIFICATE_FILE"] = self.path("client.pem")
            variables["ALPHAFORGE_TLS_CLIENT_KEY_FILE"] = self.path("client.key")
        return variables
