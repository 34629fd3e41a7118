"""A checkpoint's bytes: made while the engine keeps running; those of earlier releases are still read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alphaforge_core import data_wire, execution_wire
from alphaforge_core.data import DataEngineConfig
from alphaforge_core.errors import EngineError
from alphaforge_core.execution import ExecutionEngineConfig, Order, OrderSide, TimeInForce
from alphaforge_core.model import TradeTick

from services.engines.engine import OPENED_NUMBER
from services.engines.state import Kept, Overtaken, State, sections
from services.journal.files.store_sqlite import SqliteStore
from services.journal.journal import Durability, Journal
from tests.support.checkpoints import checksum_of, frames_of, resealed_frames
from tests.support.in_process import serving

SAMPLES = Path(__file__).parent / "samples"
DATA_CONFIG = DataEngineConfig(bar_types=["1s", "2tick"])


def filled_execution(orders: int) -> execution_wire.ServiceEngine:
    engine = execution_wire.ServiceEngine(ExecutionEngineConfig())
    engine.submit_orders(
        [
            Order.limit(
                "X",
                OrderSide.Buy,
                1,
                1 + number % 7,
                TimeInForce.GoodTillCancel,
                "s",
                order_id=f"o{number}",
                created_at=number + 1,
            )
            for number in range(orders)
        ]
    )
    engine.process_trade_tick(TradeTick("X", 5, 3, "SELL", "t", 1))
    return engine


def filled_data(ticks: int) -> data_wire.ServiceEngine:
    engine = data_wire.ServiceEngine(DATA_CONFIG)
    for number in range(ticks):
        tick = TradeTick("AB"[number % 2], 1 + number % 7, 1, "SELL", str(number), number * 10**9)
        engine.process_trade_tick(tick)
    return engine


ENGINES: dict[str, Callable[[int], Any]] = {"execution": filled_execution, "data": filled_data}


def whole(engine: Any) -> bytes:
    pieces, checkpoint = [], engine.begin_checkpoint()
    while piece := checkpoint.read(2**20):
        pieces.append(piece)
    assert piece == b""
    return b"".join(pieces)


def emptied(engine: Any) -> Any:
    return type(engine)(engine.config if hasattr(engine, "config") else DATA_CONFIG)


@pytest.mark.parametrize("noun", ENGINES)
def test_pieces_have_the_length_that_was_asked_for_and_end(noun: str) -> None:
    engine = ENGINES[noun](5_000)
    checkpoint, pieces = engine.begin_checkpoint(), []
    while piece := checkpoint.read(1_000):
        pieces.append(piece)
    assert {len(piece) for piece in pieces[:-1]} == {1_000}
    assert checkpoint.read(1_000) == b""
    assert checkpoint.longest_hold_ns > 0
    other = emptied(engine)
    other.restore(b"".join(pieces))
    assert other.state_hash() == engine.state_hash()
    assert whole(other) == whole(engine)


@pytest.mark.parametrize("noun", ENGINES)
def test_another_state_has_another_checksum(noun: str) -> None:
    engine, other = ENGINES[noun](50), ENGINES[noun](50)
    assert checksum_of(engine) == checksum_of(other) == checksum_of(engine)
    other.process_trade_tick(TradeTick("X", 5, 3, "SELL", "another", 10**12))
    assert checksum_of(engine) != checksum_of(other)


@pytest.mark.parametrize("noun", ENGINES)
def test_a_second_checkpoint_overtakes_the_first(noun: str) -> None:
    engine = ENGINES[noun](100)
    first, second = engine.begin_checkpoint(), engine.begin_checkpoint()
    assert first.read(10) is not None, "its head is there already"
    assert first.read(2**20) is None
    first.end()
    assert second.read(2**20)
    second.end()


def test_more_changes_than_may_wait_overtake_it() -> None:
    engine = filled_execution(5_000)
    checkpoint = engine.begin_checkpoint(piece_bytes=1_000, waiting_bytes=100_000)
    assert checkpoint.read(1_000)
    engine.cancel_all_orders("s")
    assert checkpoint.read(2**20) is None
    other = emptied(engine)
    other.restore(whole(engine))
    assert other.state_hash() == engine.state_hash()


@pytest.mark.parametrize("noun", ENGINES)
def test_damage_anywhere_is_noticed(noun: str) -> None:
    engine = ENGINES[noun](40)
    checkpoint = whole(engine)
    for at in range(0, len(checkpoint), 7):
        damaged = checkpoint[:at] + bytes([checkpoint[at] ^ 1]) + checkpoint[at + 1 :]
        with pytest.raises(EngineError) as caught:
            emptied(engine).restore(damaged)
        assert caught.value.reason == "JOURNAL_DAMAGED"
    for size in range(0, len(checkpoint), 11):
        with pytest.raises(EngineError):
            emptied(engine).restore(checkpoint[:size])
    with pytest.raises(EngineError):
        emptied(engine).restore(checkpoint + b"x")


@pytest.mark.parametrize("noun", ENGINES)
def test_a_frame_that_is_missing_there_twice_or_out_of_place_is_noticed(noun: str) -> None:
    engine = ENGINES[noun](40)
    head, frames = frames_of(checkpoint := whole(engine))
    assert resealed_frames(head, frames) == checkpoint
    sealed, position = [], len(head)
    for _, content in (*frames, (0, b"")):
        sealed.append(checkpoint[position : position + 16 + len(content)])
        position += len(sealed[-1])
    for index in range(len(sealed)):
        for changed in (
            sealed[:index] + sealed[index + 1 :],
            sealed[: index + 1] + sealed[index:],
            [*sealed[:index], *reversed(sealed[index : index + 2]), *sealed[index + 2 :]],
        ):
            if changed == sealed:
                continue
            with pytest.raises(EngineError) as caught:
                emptied(engine).restore(head + b"".join(changed))
            assert caught.value.reason == "JOURNAL_DAMAGED"


@pytest.mark.parametrize("noun", ENGINES)
def test_a_changed_byte_under_good_checksums_is_refused_or_makes_a_sound_engine(noun: str) -> None:
    engine = ENGINES[noun](12)
    head, frames = frames_of(whole(engine))
    refused = 0
    for index, (kind, content) in enumerate(frames):
        for at in range(len(content)):
            changed = content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :]
            other = emptied(engine)
            try:
                other.restore(resealed_frames(head, [*frames[:index], (kind, changed), *frames[index + 1 :]]))
            except EngineError as error:
                refused += error.reason == "JOURNAL_DAMAGED"
                continue
            assert not other.validate()
            other.process_trade_tick(TradeTick("A", 5, 1, "NONE", "new", 10**18))
            other.advance_time(10**18 + 10**10)
            assert not other.validate()
            again = emptied(engine)
            again.restore(whole(other))
            assert again.state_hash() == other.state_hash()
    assert refused > 20


class Core:
    """A checkpoint of the core that gives these pieces."""

    longest_hold_ns = 1
    checksum = 7

    def __init__(self, *pieces: bytes | None) -> None:
        self._pieces = list(pieces)

    def read(self, bytes_max: int) -> bytes | None:
        return self._pieces.pop(0)

    def end(self) -> None:
        self._pieces.clear()


def test_what_the_service_keeps_and_the_core_s_pieces_come_back() -> None:
    state = State(b"opened", Kept((b"k1", b""), (b"k2",)), Core(b"core", b"-", b"end", b""))
    assert sections(b"".join(state)) == (b"opened", b"k1k2", b"core-end")
    with pytest.raises(Overtaken):
        list(State(b"opened", Kept(()), Core(b"core", None)))


def test_the_checksum_is_of_what_is_compared() -> None:
    def checksum(opened: bytes, compared: bytes, other: bytes) -> int:
        state = State(opened, Kept((compared,), (other,)), Core(b"core", b""))
        list(state)
        return state.checksum

    assert checksum(b"o", b"k", b"1") == checksum(b"o", b"k", b"2") > 0
    assert len({checksum(b"o", b"k", b"1"), checksum(b"o", b"l", b"1"), checksum(b"p", b"k", b"1")}) == 3


def test_anything_else_is_damage() -> None:
    for damaged in (b"", b"\xff" * 8, (1).to_bytes(8, "little"), (1).to_bytes(8, "little") + b"x"):
        with pytest.raises(EngineError) as caught:
            sections(damaged)
        assert caught.value.reason == "JOURNAL_DAMAGED"


@pytest.mark.parametrize(("noun", "state_hash"), [("execution", 14216371752984668810), ("data", 9156441133557911462)])
def test_a_checkpoint_of_the_release_before_is_read(tmp_path: Path, noun: str, state_hash: int) -> None:
    """As the release of 22 November wrote it; the hash is that of the same state in this release."""
    sample = (SAMPLES / f"{noun}-1.checkpoint").read_bytes()

    async def run() -> None:
        journal = Journal(SqliteStore(tmp_path / f"{noun}-fsync.journal", Durability.FSYNC))
        await journal.append("default", OPENED_NUMBER, 1, sections(sample)[0], lambda _: None)
        await journal.checkpoint("default", 1, [sample])
        await journal.close()
        async with serving(noun, tmp_path) as service:
            engine = service.engine()
            assert engine.core.state_hash() == state_hash
            assert engine.producers.last_sequence("feed") == {"execution": 3, "data": 6}[noun]

    asyncio.run(run())
