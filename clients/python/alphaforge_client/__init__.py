"""AlphaForge over the network: `cache`, `data` and `execution` on services; `model` and `time` as in process.

The classes of `alphaforge_client.cache`, `.data` and `.execution` block; those of `alphaforge_client.aio` are awaited.
"""

import os

# grpc's configuration, which it reads when it is first imported: import this package before it. Values that the user
# has set stay. grpc's event engine adds about 30 % to the latency of a call. Fork support lets a forked child make
# calls. grpc logs lost connections, which the client reports as errors of calls.
_SETTINGS = {
    "GRPC_EXPERIMENTS": "-event_engine_client,-event_engine_listener",
    "GRPC_ENABLE_FORK_SUPPORT": "1",
    "GRPC_VERBOSITY": "NONE",
}
_ours = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
os.environ.update(_ours)

import grpc as grpc  # noqa: E402  # after its settings

# Child processes, such as the services, should not inherit these variables.
for _name in _ours:
    del os.environ[_name]
