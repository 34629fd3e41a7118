"""Writes the seeds of the corpora: valid messages, states and files, and inputs that once revealed bugs.

python -m tests.fuzz.seeds
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from alphaforge.cache.v1 import batches_pb2, entries_pb2
from alphaforge.execution.v1 import orders_pb2
from alphaforge_core.cache_wire import encode_value
from alphaforge_core.data import DataEngine, DataEngineConfig
from alphaforge_core.execution import ExecutionEngine, ExecutionEngineConfig
from alphaforge_core.model import TradeTick

from tests.fuzz.test_differential import FILL, KINDS, NEW_ORDER, ORDER, VALUES
from tests.support.snapshots import state_of
from tests.unit.execution.test_restore import AFTERWARDS, HISTORY, crafted
from tests.unit.execution.venue import Venue

CORPUS = Path(__file__).parent / "corpus"
SECOND = 1_000_000_000


def data_states() -> Iterable[bytes]:
    for settings in (
        {"bar_types": ["1min", "3tick", "5volume", "100dollar"], "allowed_lateness_ns": 10**12},
        {"bar_types": ["1s"], "fill_gaps": True, "flush_on_stop": True},
        {"bar_types": ["8hour"], "flush_on_stop": True, "duplicate_window": 2},
    ):
        engine = DataEngine(DataEngineConfig(**settings))
        yield state_of(engine.snapshot())
        for number in range(12):
            time = 10**18 + number * 7 * SECOND
            engine.process_trade_tick(TradeTick("AB"[number % 2], 10 + number % 3, 1, "BUY", str(number), time))
        yield state_of(engine.snapshot())
        engine.process_trade_tick(TradeTick("A", 1, 1, "NONE", "", 9_223_285_636_854_775_805))
        engine.stop()
        yield state_of(engine.snapshot())


def execution_states() -> Iterable[bytes]:
    yield state_of(ExecutionEngine(ExecutionEngineConfig()).snapshot())
    venue = Venue()
    venue.play(HISTORY)
    yield state_of(venue.engine.snapshot())
    for step in AFTERWARDS.split(" | "):
        venue.play(step)
    yield state_of(venue.engine.snapshot())
    for seed in range(8):
        yield state_of(crafted(seed))


def record(kind: int, content: bytes) -> bytes:
    return bytes([kind << 3 | 2, len(content)]) + content


def stored(key: bytes, version: int, ttl_ns: int) -> bytes:
    value = encode_value(1)
    head = bytes([0x0A, len(key)]) + key + bytes([0x12, len(value)]) + value
    numbers = b"\x19" + version.to_bytes(8, "little") + b"\x21" + ttl_ns.to_bytes(8, "little", signed=True)
    return record(2, head + numbers)


def cache_files() -> Iterable[bytes]:
    wall = b"\x08\x80\x80\x90\xd1\x90\x94\xd4\xf9\x18"  # 1,800,000,000 s
    yield wall + stored(b"a", 1, 10**12) + stored(b"b", 2, 2**63 - 1) + b"\x40\x02"
    yield stored(b"a", 9, 5) + stored(b"a", 3, -5) + b"\x40\x02"  # versions out of order
    yield (
        b"\x08\x01"
        + stored(b"a", 1, -(2**63))
        + record(3, b"\x0a\x01a\x21" + (-(2**63)).to_bytes(8, "little", signed=True))
    )
    yield stored(b"a", 2**64 - 1, 1)
    yield wall + stored(b"a", 1, 1) + record(4, b"a") + b"\x28\x01" + record(6, b"note") + record(9, b"brief")


SEEDS: dict[str, Iterable[bytes]] = {
    "ticks": [seed.SerializeToString() for kind in ("tick", "ticks") for seed in KINDS[kind][0]],
    "orders": [
        *(each.SerializeToString() for each in (ORDER, FILL)),
        orders_pb2.SubmitOrdersRequest(orders=[NEW_ORDER, NEW_ORDER]).SerializeToString(),
        b"\x22\0" * 20,
    ],
    "cache_requests": [
        entries_pb2.PutRequest(cache="c", epoch=1, key="a", value=VALUES[5], ttl_ns=9).SerializeToString(),
        batches_pb2.PutManyRequest(keys=["a", "b"], values=VALUES[:2], never_expires=True).SerializeToString(),
        batches_pb2.GetManyRequest(keys=["a", "b"], with_details=True).SerializeToString(),
        batches_pb2.GetManyResponse(values=VALUES[:2], indexes=[0, 2], sequence=7).SerializeToString(),
    ],
    "values": [*(value.SerializeToString() for value in VALUES), encode_value(5) + encode_value(7)],
    "data_snapshot": data_states(),
    "execution_snapshot": execution_states(),
    "cache_file": cache_files(),
    "texts": [b"1", b"-0.5", b"+12.000000001", b"1e-9", b"0.5volume", b"60min", b"1day", b"100dollar", b"9" * 45],
}


def main() -> int:
    for target, seeds in SEEDS.items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds):
            (folder / f"seed-{number:02}").write_bytes(seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
