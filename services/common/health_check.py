"""`python -m services.common.health_check HOST:PORT`: exits with 0 if the service is serving.

For container health checks, where the `alphaforge` command isn't installed. Uses TLS if ALPHAFORGE_TLS_CA_FILE is set,
with the client certificate of ALPHAFORGE_TLS_CLIENT_CERTIFICATE_FILE and ALPHAFORGE_TLS_CLIENT_KEY_FILE if they are
set. Health checks need no token.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import grpc

__all__ = ["main"]

_TIMEOUT_SECONDS = 5.0
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")

# The health protocol's request for the whole server and the response SERVING, as bytes: this runs every few seconds;
# importing protobuf for two constants would double its cost.
_METHOD = "/grpc.health.v1.Health/Check"
_REQUEST = b""
_SERVING = b"\x08\x01"


def main(target: str) -> int:
    """Returns 0 if the server at `target` is serving, else 1, with the reason on standard error."""
    with _channel(target) as channel:
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_METHOD)
        try:
            answer = check(_REQUEST, timeout=_TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            print(f"{target}: {error}", file=sys.stderr)
            return 1
    if answer != _SERVING:
        print(f"{target} is not serving", file=sys.stderr)
        return 1
    return 0


def _channel(target: str) -> grpc.Channel:
    authorities, certificate, key = (
        Path(path).read_bytes() if (path := os.environ.get(f"ALPHAFORGE_TLS_{name}_FILE")) else None
        for name in ("CA", "CLIENT_CERTIFICATE", "CLIENT_KEY")
    )
    # Proxy variables don't apply to services on this machine.
    is_local = target.startswith("unix:") or target.rpartition(":")[0] in _LOCAL_HOSTS
    options = (("grpc.enable_http_proxy", 0),) if is_local else ()
    if authorities is None:
        return grpc.insecure_channel(target, options)
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(authorities, key, certificate), options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
