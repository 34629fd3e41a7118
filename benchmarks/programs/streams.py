"""A bare grpc.aio server of streams, and readers of streams, each in its own process.

`serve` sends each publication to every stream; publications waiting for a stream go in one message. `read TARGET METHOD
REQUEST STREAMS` prints `ready`, reads a line with the number of events to wait for on each stream, then prints one line
per stream with the arrival time of each event, in nanoseconds of the clock that all processes share.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

import grpc
import grpc.aio
import uvloop
from alphaforge.data.v1.subscriptions_pb2 import SubscribeBarsResponse
from alphaforge_client._grpc.endpoint import CHANNEL_OPTIONS

SERVICE = "benchmark.Streams"
EVENT_BYTES = 150  # about the size of a bar
STREAMS_PER_CHANNEL = 50


class Published:
    """Counts publications and wakes streams that wait for the next one."""

    def __init__(self) -> None:
        self.count = 0
        self.next = asyncio.Event()

    async def publish(self, _request: bytes, _context: object) -> bytes:
        self.count += 1
        self.next.set()
        self.next = asyncio.Event()
        return b""

    async def subscribe(self, _request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        sent = self.count
        await context.write(b"")
        while True:
            if sent == self.count:
                await self.next.wait()
            waiting, sent = self.count - sent, self.count
            await context.write(bytes(EVENT_BYTES * waiting))


async def serve() -> None:
    published = Published()
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Publish": grpc.unary_unary_rpc_method_handler(published.publish),
        "Subscribe": grpc.unary_stream_rpc_method_handler(published.subscribe),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


def bare_events(message: bytes) -> int:
    return len(message) // EVENT_BYTES


def bars(message: bytes) -> int:
    return len(SubscribeBarsResponse.FromString(message).bars)


async def read(target: str, method: str, request: bytes, count: int) -> None:
    arrivals: list[list[int]] = [[] for _ in range(count)]
    begun = 0
    events: Callable[[bytes], int] = bare_events if SERVICE in method else bars

    async def one(channel: grpc.aio.Channel, arrived: list[int]) -> None:
        nonlocal begun
        subscribe: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method)
        is_first = True
        async for message in subscribe(request):
            arrived.extend([time.perf_counter_ns()] * events(message))
            begun += is_first
            is_first = False

    channels = [
        # Each channel has a connection of its own.
        grpc.aio.insecure_channel(target, options=[*CHANNEL_OPTIONS, ("grpc.channel_number", number)])
        for number in range(-(-count // STREAMS_PER_CHANNEL))
    ]
    tasks = [asyncio.ensure_future(one(channels[n // STREAMS_PER_CHANNEL], each)) for n, each in enumerate(arrivals)]
    while begun < count:
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    wanted = int(await asyncio.to_thread(sys.stdin.readline))
    patience = time.perf_counter() + 60
    while any(len(each) < wanted for each in arrivals) and time.perf_counter() < patience:
        await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for each in arrivals:
        print(json.dumps(each), flush=True)


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "serve":
        uvloop.run(serve())
    else:
        uvloop.run(read(arguments[0], arguments[1], bytes.fromhex(arguments[2]), int(arguments[3])))
