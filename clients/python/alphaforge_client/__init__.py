"""AlphaForge over the network: `cache`, `data` and `execution` on services, `model` and `time` as in process.

The classes of `alphaforge_client.cache`, `.data` and `.execution` block; those of `alphaforge_client.aio` are awaited.
"""

import os

# grpcio's event engine adds about 30 % to the latency of a call; polling without epoll lets a process fork while other threads call
# (an epoll set is shared with the child, whose calls would then take the parent's events). Read when grpc is first imported.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")
os.environ.setdefault("GRPC_POLL_STRATEGY", "poll")
