"""A TCP proxy on the loopback whose network can be slow, cut, reset or half open."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.waiting import let_pass_async

BYTES_AT_ONCE = 65_536


class Proxy:
    """Passes bytes between clients and `target`, as its attributes say; runs in a thread of its own.

    delay_seconds: the longest time by which a piece is delayed, at random.
    """

    def __init__(self, target: str, seed: int = 0) -> None:
        self.delay_seconds = 0.0
        self._host, port = target.rsplit(":", 1)
        self._port = int(port)
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        # The two directions: to the target, and back.
        self._ways = asyncio.Event(), asyncio.Event()
        for way in self._ways:
            way.set()
        self._writers: set[asyncio.StreamWriter] = set()
        # Only connections of the current generation pass bytes.
        self._generation = 0
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def cut(self, *, there: bool = True, back: bool = True) -> None:
        """Silently stops the bytes to the target, or back, or both."""
        for way, is_cut in zip(self._ways, (there, back), strict=True):
            if is_cut:
                self._loop.call_soon_threadsafe(way.clear)

    def mend(self) -> None:
        """Passes the delayed bytes, and all that follow."""
        for way in self._ways:
            self._loop.call_soon_threadsafe(way.set)

    def swallow(self) -> None:
        """Silently discards what arrives on existing connections; new connections work."""

        def begin_anew() -> None:
            self._generation += 1

        self._loop.call_soon_threadsafe(begin_anew)

    def reset(self) -> None:
        """Aborts all connections; delayed bytes are lost."""

        def abort() -> None:
            for writer in self._writers:
                writer.transport.abort()

        self._loop.call_soon_threadsafe(abort)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
            both = {writer, far_writer}
            self._writers |= both
            try:
                there, back = self._ways
                await asyncio.gather(self._pass(reader, far_writer, there), self._pass(far_reader, writer, back))
            finally:
                self._writers -= both
                for each in both:
                    each.transport.abort()
            return
        writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: asyncio.Event) -> None:
        generation = self._generation
        while piece := await reader.read(BYTES_AT_ONCE):
            if generation != self._generation:
                continue
            if self.delay_seconds:
                await let_pass_async(self._random.uniform(0, self.delay_seconds))
            await way.wait()
            writer.write(piece)
            await writer.drain()
        # One direction has ended, so the other ends too, once the network is back.
        await way.wait()
        writer.transport.abort()


@contextmanager
def proxied(target: str, seed: int = 0) -> Iterator[Proxy]:
    """A proxy in front of `target`."""
    proxy = Proxy(target, seed)
    try:
        yield proxy
    finally:
        proxy.close()
