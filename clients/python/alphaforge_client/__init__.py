"""AlphaForge over the network: `cache`, `data` and `execution` on services, `model` and `time` as in process.

The classes of `alphaforge_client.cache`, `.data` and `.execution` block; those of `alphaforge_client.aio` are awaited.
"""

import os

# Read when grpc is first imported. Its event engine adds about 30 % to the latency of a call. Polling without epoll
# lets a process fork while other threads call: an epoll set is shared with the child, whose calls would take the
# parent's events.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")
os.environ.setdefault("GRPC_POLL_STRATEGY", "poll")
