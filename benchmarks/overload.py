"""Overload: ten times the calls that the execution service can answer within their deadline.

Each client sends batches of orders one after the other, each with a deadline of half a second. Only answers within the
deadline count. After a refusal, clients that honour the service's hint wait that long; others retry at once.

The clients share the machine, so they run at a lower priority, and the table shows how much CPU the service got. If it
got less than under the load that it can handle, the ratio to the best rate says little.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from itertools import count

import grpc
import grpc.aio
import uvloop
from alphaforge.execution.v1.orders_pb2 import SubmitOrdersRequest
from alphaforge_cli.tables import table
from alphaforge_client._base.errors import retry_seconds, translated
from alphaforge_client._grpc.endpoint import CHANNEL_OPTIONS
from alphaforge_client._wire.execution import new_orders
from alphaforge_client.execution import Order, OrderSide, TimeInForce

from benchmarks.bench import Bench
from benchmarks.measure import cpu_seconds, resident_bytes

__all__ = ["run"]

METHOD = "/alphaforge.execution.v1.ExecutionService/SubmitOrders"
BATCH = 1_000
DEADLINE_SECONDS = 0.5
CLIENTS_BEST = 30
CHANNELS = 8
MARK = b"-number-"


def run(bench: Bench) -> None:
    """Answers per second at the load that the service can handle, and with ten times as many clients: clients that wait
    before a retry, as the service asks, and clients that retry immediately.
    """
    seconds = min(8.0, bench.sizes.calls / 100)
    many = 600 if bench.sizes.repetitions > 1 else 60
    numbers = (
        "clients",
        "answers/s",
        "ratio to best",
        "refused/s",
        "too late/s",
        "refusal p99 ms",
        "memory MiB",
        "CPU cores",
    )
    made = table(f"batches of {BATCH:,} orders, each with a deadline of {DEADLINE_SECONDS:g} s", ("way",), numbers)
    best = 0.0
    for name, clients, honours in (
        ("as many clients as it can answer", CLIENTS_BEST, True),
        ("ten times as many, which wait as the service asks", many, True),
        ("ten times as many, which retry immediately", many, False),
    ):
        command = ("nice", "-n", "5", sys.executable, "-m", "benchmarks.overload", bench.stack.targets["execution"])
        arguments = (str(clients), str(seconds), str(int(honours)))
        service = bench.stack.processes["execution"]
        cpu_before = cpu_seconds([service])
        done = subprocess.run((*command, *arguments), capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        rate = found["OK"] / seconds
        best = best or rate
        cores = (cpu_seconds([service]) - cpu_before) / seconds
        memory = resident_bytes(service) / 2**20
        made.add_row(
            name, f"{clients:,}", f"{rate:,.0f}", f"{rate / best:.2f}", f"{found['OVERLOADED'] / seconds:,.0f}",
            f"{found['late'] / seconds:,.0f}", f"{found['refusal_p99_ms']:.1f}", f"{memory:,.0f}", f"{cores:.2f}",
        )  # fmt: skip
    bench.show(made)


# --- The clients, in a separate process.


def _batch() -> bytes:
    orders = [
        Order.limit(
            "BTCUSDT", OrderSide.Buy, 0.5, 1_000, TimeInForce.ImmediateOrCancel, "overload",
            order_id=f"{MARK.decode()}{number:04}", created_at=number + 1,
        )
        for number in range(BATCH)
    ]  # fmt: skip
    return SubmitOrdersRequest(engine="overload").SerializeToString() + b"".join(
        piece for _, piece in new_orders(orders)
    )


async def _clients(target: str, clients: int, seconds: float, *, honours: bool) -> dict[str, float]:
    batch, numbers, start = _batch(), count(), time.time_ns() % 10**4
    found: Counter[str] = Counter()
    refusals: list[float] = []
    options = [*CHANNEL_OPTIONS, ("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(target, options=options) for _ in range(CHANNELS)]
    calls: list[grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = [channel.unary_unary(METHOD) for channel in channels]
    ends = time.monotonic() + seconds

    async def client(number: int) -> None:
        call = calls[number % CHANNELS]
        while time.monotonic() < ends:
            request = batch.replace(MARK, b"%04d%04x" % (start, next(numbers) % 65_536))
            began = time.monotonic()
            try:
                await call(request, timeout=DEADLINE_SECONDS)
                found["OK"] += 1
            except grpc.aio.AioRpcError as error:
                problem = translated(error)
                found[problem.reason if problem.reason == "OVERLOADED" else "late"] += 1
                if problem.reason == "OVERLOADED":
                    refusals.append(time.monotonic() - began)
                    if honours:
                        await asyncio.sleep(retry_seconds(problem) or 0.0)

    await asyncio.gather(*(client(number) for number in range(clients)))
    for channel in channels:
        await channel.close()
    p99 = sorted(refusals)[int(0.99 * len(refusals))] * 1e3 if refusals else 0.0
    return {"OK": found["OK"], "OVERLOADED": found["OVERLOADED"], "late": found["late"], "refusal_p99_ms": p99}


if __name__ == "__main__":
    where, how_many, how_long, polite = sys.argv[1:]
    print(json.dumps(uvloop.run(_clients(where, int(how_many), float(how_long), honours=polite == "1"))))
