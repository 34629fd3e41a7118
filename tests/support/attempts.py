"""A service as deployed, with TLS, client certificates, tokens and limits, and ways to attack it."""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from alphaforge_cli.main import app
from google.rpc import error_details_pb2, status_pb2
from typer.testing import CliRunner

from tests.support.certificates import Certificates
from tests.support.service import Service, running_service

SERVICE = "alphaforge.cache.v1.CacheService"
ROLES = {"reader": "read", "writer": "write", "admin": "admin", "limited": "read"}


def answer_of(call: Callable[[], object]) -> str:
    """Returns OK, or the status of the failure and the reason, if the service gave one."""
    try:
        call()
    except grpc.RpcError as error:
        failure: Any = error
        status: str = failure.code().name
        packed = dict(failure.trailing_metadata() or ()).get("grpc-status-details-bin")
        if packed is None:
            return status
        info = error_details_pb2.ErrorInfo()
        assert status_pb2.Status.FromString(packed).details[0].Unpack(info)
        return status if info.reason == status else f"{status}, {info.reason}"
    return "OK"


@dataclass
class Deployment:
    """The service, its certificates, and the tokens by name."""

    service: Service
    certificates: Certificates
    tokens: dict[str, str]
    tokens_file: Path

    def metadata(self, token: str | None) -> tuple[tuple[str, str], ...]:
        """Returns the metadata of that caller's calls; an unknown token is sent unchanged."""
        return () if token is None else (("authorization", f"Bearer {self.tokens.get(token, token)}"),)

    @contextmanager
    def channel(self, credentials: grpc.ChannelCredentials | None = None) -> Iterator[grpc.Channel]:
        """Opens a separate connection, with the client's certificate unless other credentials are given."""
        made = credentials or self.certificates.channel_credentials(mutual=True)
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
        with grpc.secure_channel(self.service.address, made, options) as channel:
            yield channel

    def call(
        self,
        method: str,
        request: bytes = b"",
        token: str | None = "admin",
        *,
        metadata: tuple[tuple[str, str], ...] = (),
        credentials: grpc.ChannelCredentials | None = None,
    ) -> bytes:
        """Makes one unary call over a separate connection."""
        path = method if method.startswith("/") else f"/{SERVICE}/{method}"
        with self.channel(credentials) as channel:
            unary: Callable[..., bytes] = channel.unary_unary(path)
            return unary(request, timeout=10, metadata=(*self.metadata(token), *metadata))

    def call_in_the_clear(self) -> bytes:
        with grpc.insecure_channel(self.service.address) as channel:
            unary: Callable[..., bytes] = channel.unary_unary(f"/{SERVICE}/GetStatistics")
            return unary(b"", timeout=10, metadata=self.metadata("admin"))

    def stream(self, channel: grpc.Channel, token: str) -> Any:
        """Opens a subscription of that caller and reads its first message."""
        stream = channel.unary_stream(f"/{SERVICE}/SubscribeInvalidations")(b"", metadata=self.metadata(token))
        next(stream)
        return stream

    def scrape(self) -> bytes:
        """Fetches /metrics as Prometheus would."""
        context = ssl.create_default_context(cafile=self.certificates.path("ca.pem"))
        context.load_cert_chain(self.certificates.path("client.pem"), self.certificates.path("client.key"))
        with urllib.request.urlopen(self.service.metrics, timeout=10, context=context) as response:
            body: bytes = response.read()
            return body

    def revoke(self, name: str) -> None:
        """Deletes the token's line, as a user would."""
        lines = self.tokens_file.read_text().splitlines(keepends=True)
        self.tokens_file.write_text("".join(line for line in lines if not line.startswith(f"{name} ")))


def new_token(file: Path, name: str, role: str, *arguments: str) -> str:
    """Makes a token with the command that a user would run."""
    made = CliRunner().invoke(app, ["token", name, "--role", role, "--file", str(file), *arguments])
    assert made.exit_code == 0, made.output
    return made.stdout.strip()


@contextmanager
def deployment(folder: Path) -> Iterator[Deployment]:
    """Runs the cache service with all protections on."""
    certificates, file = Certificates(folder), folder / "tokens"
    tokens = {
        name: new_token(file, name, role, *(("--calls-per-second", "5") if name == "limited" else ()))
        for name, role in ROLES.items()
    }
    flags = (*certificates.server_flags(mutual=True), "--tokens-file", str(file), "--heartbeat-seconds", "0.2")
    flags += ("--max-streams-per-caller", "3", "--audit-file", str(folder / "audit.jsonl"))
    credentials = certificates.channel_credentials(mutual=True)
    with running_service("cache", folder, *flags, credentials=credentials) as service:
        yield Deployment(service, certificates, tokens, file)
