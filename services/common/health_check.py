"""`python -m services.common.health_check HOST:PORT`: exit status 0 when the service there serves.

For health checks of containers, where neither the command line nor any other tool is installed. Plain text only: behind
TLS, ask by `grpc-health-probe`, whose flags name the certificates.
"""

from __future__ import annotations

import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

__all__ = ["main"]

_TIMEOUT_SECONDS = 2.0


def main(target: str) -> int:
    """0 when the server at `target` says that it serves, else 1, with the reason on standard error."""
    with grpc.insecure_channel(target) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_SECONDS, wait_for_ready=True
            )
        except grpc.RpcError as error:
            print(f"{target}: {error.code().name}: {error.details()}", file=sys.stderr)
            return 1
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        print(f"{target}: {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
