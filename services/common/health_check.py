"""`python -m services.common.health_check HOST:PORT`: exit status 0 when the service there serves.

For health checks of containers, where neither the command line nor any other tool is installed. Over TLS where
ALPHAFORGE_TLS_CA_FILE names the authorities, with the certificate of ALPHAFORGE_TLS_CLIENT_CERTIFICATE_FILE and
ALPHAFORGE_TLS_CLIENT_KEY_FILE where the service wants one. Health needs no token.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import grpc

__all__ = ["main"]

_TIMEOUT_SECONDS = 5.0

# The health protocol's request for the whole server and its answer SERVING, as bytes: this runs every few seconds, and
# importing protobuf for two constants would double its cost.
_METHOD = "/grpc.health.v1.Health/Check"
_REQUEST = b""
_SERVING = b"\x08\x01"


def main(target: str) -> int:
    """0 when the server at `target` says that it serves, else 1, with the reason on standard error."""
    with _channel(target) as channel:
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_METHOD)
        try:
            answer = check(_REQUEST, timeout=_TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            print(f"{target}: {error}", file=sys.stderr)
            return 1
    if answer != _SERVING:
        print(f"{target} does not serve", file=sys.stderr)
        return 1
    return 0


def _channel(target: str) -> grpc.Channel:
    authorities, certificate, key = (
        Path(path).read_bytes() if (path := os.environ.get(f"ALPHAFORGE_TLS_{name}_FILE")) else None
        for name in ("CA", "CLIENT_CERTIFICATE", "CLIENT_KEY")
    )
    if authorities is None:
        return grpc.insecure_channel(target)
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(authorities, key, certificate))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
