"""AlphaForge over the network: `cache`, `data` and `execution` on services, `model` and `time` as in process.

The classes of `alphaforge_client.cache`, `.data` and `.execution` block; those of `alphaforge_client.aio` are awaited.
"""

import os

# Both are read when grpc is first imported; what the user has set stays. Its event engine adds about 30 % to the
# latency of a call; the services set the same.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

# Polling without epoll lets a process fork while other threads call: an epoll set is shared with the child, whose calls
# would take the parent's events. It is not for the programs that this one may start, such as the services.
if "GRPC_POLL_STRATEGY" not in os.environ:
    os.environ["GRPC_POLL_STRATEGY"] = "poll"
    import grpc as grpc

    del os.environ["GRPC_POLL_STRATEGY"]
