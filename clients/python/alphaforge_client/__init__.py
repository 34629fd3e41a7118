"""AlphaForge over the network: `cache`, `data` and `execution` on services, `model` and `time` as in process.

The classes of `alphaforge_client.cache`, `.data` and `.execution` block; those of `alphaforge_client.aio` are awaited.
"""

import os

# How grpc is to run in this process: read when it is first imported, so import this package before it; what the user
# has set stays. Its event engine adds about 30 % to the latency of a call. Fork support lets a forked child make calls
# of its own. It logs the loss of a connection, which is an error of a call here and nothing else.
_SETTINGS = {
    "GRPC_EXPERIMENTS": "-event_engine_client,-event_engine_listener",
    "GRPC_ENABLE_FORK_SUPPORT": "1",
    "GRPC_VERBOSITY": "NONE",
}
_ours = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
os.environ.update(_ours)

import grpc as grpc  # noqa: E402  # after its settings

# They are not for the programs that this one may start, such as the services.
for _name in _ours:
    del os.environ[_name]
