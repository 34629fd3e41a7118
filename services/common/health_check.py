"""`python -m services.common.health_check HOST:PORT`: exit status 0 when the service there serves.

For health checks of containers, where neither the command line nor any other tool is installed. Without TLS only;
behind it, ask by `grpc-health-probe`, whose flags name the certificates.
"""

from __future__ import annotations

import sys

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
    with grpc.insecure_channel(target) as channel:
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
