"""One run: its sizes, the services under test, and the tables of results."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import NamedTuple

import grpc
import grpc.aio
import uvloop
from alphaforge_cli.tables import output, table
from alphaforge_client._grpc.endpoint import CHANNEL_OPTIONS
from rich.table import Table

from benchmarks.echo import METHOD
from benchmarks.measure import Latency, Rate, latencies, latencies_async, rate
from benchmarks.stack import Stack

__all__ = ["Bench", "Sizes", "Way"]


class Sizes(NamedTuple):
    """The size of each measurement."""

    repetitions: int
    items: int  # in batches, and for engines in process
    calls: int  # one by one over the network
    resting: int  # resting orders that must not slow down a tick
    entries: int  # in the cache whose memory is measured
    growth: int  # ticks of the memory curve
    subscribers: tuple[int, ...]  # their number, for each measurement


class Way(NamedTuple):
    """One way to do an operation: name, function (returns the number of operations) and untimed preparation."""

    name: str
    operation: Callable[[], int]
    prepare: Callable[[], object] = lambda: None


@dataclass
class Bench:
    """Runs measurements and prints each result at once.

    `work` collects the computed results for the hash; `shown` collects the tables for the page.
    """

    sizes: Sizes
    stack: Stack
    echo_target: str
    echo_process: int
    work: list[object] = field(default_factory=list)
    shown: list[Table] = field(default_factory=list)

    def rates(self, title: str, unit: str, documented: float | None, ways: Sequence[Way]) -> dict[str, Rate]:
        """Measures several ways to do one operation, and shows them in a table with the documented figure."""
        processes = [*self.stack.processes.values(), self.echo_process]
        found = {
            way.name: rate(way.operation, repetitions=self.sizes.repetitions, processes=processes, prepare=way.prepare)
            for way in ways
        }
        numbers = (f"{unit}/s", "least", "greatest", "CPU us each", "x documented")
        made = table(f"{title}, {self.sizes.repetitions} repetitions", ("way",), numbers)
        if documented:
            made.add_row("documented", f"{documented:,.0f}", "", "", "", "1.00")
        for name, (median, least, greatest, cpu_us) in found.items():
            figures = (f"{median:,.0f}", f"{least:,.0f}", f"{greatest:,.0f}", f"{cpu_us:.2f}")
            made.add_row(name, *figures, f"{median / documented:.2f}" if documented else "")
        self.show(made)
        return found

    def single_calls(
        self,
        title: str,
        request_bytes: int,
        call: Callable[[], object],
        call_async: Callable[[], tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[None]]]],
    ) -> None:
        """Compares percentiles of single calls, sync and asyncio, with a bare echo of a message of the same size.

        call_async: called in the event loop; returns the asyncio call and a function that closes its client.
        """
        with grpc.insecure_channel(self.echo_target, options=list(CHANNEL_OPTIONS)) as channel:
            echo: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
            payload = bytes(request_bytes)
            sync = latencies(
                (call, lambda: echo(payload, timeout=5.0)),
                calls=self.sizes.calls // self.sizes.repetitions,
                repetitions=self.sizes.repetitions,
            )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(self._single_calls_async(payload, call_async))
        made = table(
            f"{title}, one call at a time, {request_bytes} bytes",
            ("client",),
            ("p50 us", "p99 us", "echo p50 us", "echo p99 us", "p50 ratio", "p99 ratio"),
        )
        for name, (ours, bare) in (("sync", sync), ("asyncio", found)):
            figures = [f"{value:,.0f}" for value in (*ours, *bare)]
            made.add_row(name, *figures, f"{ours.p50 / bare.p50:.2f}", f"{ours.p99 / bare.p99:.2f}")
        self.show(made)

    async def _single_calls_async(
        self,
        payload: bytes,
        call_async: Callable[[], tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[None]]]],
    ) -> list[Latency]:
        call, close = call_async()
        async with grpc.aio.insecure_channel(self.echo_target, options=list(CHANNEL_OPTIONS)) as channel:
            echo: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)

            async def bare() -> object:
                return await echo(payload, timeout=5.0)

            try:
                return await latencies_async(
                    (call, bare),
                    calls=self.sizes.calls // self.sizes.repetitions,
                    repetitions=self.sizes.repetitions,
                )
            finally:
                await close()

    def echo_way(self, exits: ExitStack, request_bytes: int) -> Way:
        """Returns a way that sends single messages of that size to the bare echo."""
        channel = exits.enter_context(grpc.insecure_channel(self.echo_target, options=list(CHANNEL_OPTIONS)))
        echo: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        payload = bytes(request_bytes)

        def run() -> int:
            for _ in range(self.sizes.calls):
                echo(payload, timeout=5.0)
            return self.sizes.calls

        return Way("bare grpcio echo", run)

    def check(self, what: str, in_process: object, remote: object) -> None:
        """Raises AssertionError unless both did the same work; adds the work to the hash."""
        if in_process != remote:
            raise AssertionError(f"{what}: the service's work differs from the engine's in process")
        self.work.append((what, in_process))

    def show(self, made: Table) -> None:
        """Stores a table and prints it at once, even to a pipe."""
        self.shown.append(made)
        console = output()
        console.print(made)
        console.file.flush()
