"""A follower has the primary's state, byte for byte, after any inputs, checkpoints and resets."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from alphaforge.data.v1.engines_pb2 import StopRequest
from alphaforge.data.v1.settings_pb2 import DataEngineSettings
from alphaforge.data.v1.ticks_pb2 import AdvanceTimeRequest
from alphaforge_core.data_wire import encode_ticks_request
from alphaforge_core.model import TradeTick, TradeTickBatch

from services.data.engine import NamedDataEngine
from services.engines.engine import NamedEngine
from services.engines.registry import Registry
from services.engines.ticks import TicksRequest
from tests.support.followed import followed
from tests.support.postgres import Pair

START_NS = 1_700_000_000_000_000_000


def some_ticks(dice: random.Random, now_ns: int) -> list[TradeTick]:
    """Mostly in order; some late, some duplicates, some that a rule refuses."""
    return [
        TradeTick(
            dice.choice(("BTC", "ETH", "SOL")),
            dice.randrange(1, 1_000_000) / 100,
            dice.randrange(1, 1_000) / 10,
            dice.choice(("BUY", "SELL")),
            str(dice.randrange(500)),
            now_ns + dice.randrange(-5_000_000_000, 2_000_000_000),
        )
        for _ in range(dice.randrange(1, 40))
    ]


async def one_input(dice: random.Random, engines: Registry[NamedDataEngine], name: str, now_ns: int) -> None:
    engine = engines.find(name, None)
    assert engine is not None
    chance = dice.random()
    if chance < 0.03:
        await engines.reset(name, None)
    elif chance < 0.08:
        await engine.checkpoint()
    elif chance < 0.12:
        await engine.take("SettingsChanged", DataEngineSettings(max_gap_bars=dice.randrange(1, 100)))
    elif chance < 0.14:
        await engine.take("Stop", StopRequest())
    elif chance < 0.3:
        await engine.take("AdvanceTime", AdvanceTimeRequest(now_ns=now_ns))
    else:
        batch = TradeTickBatch.from_ticks(some_ticks(dice, now_ns))
        request = encode_ticks_request(batch, 0, len(batch))
        await engine.take_encoded("ProcessTradeTicks", request, TicksRequest.FromString(request))


def kept_of(engine: NamedEngine) -> bytes:
    compared, others = engine.kept()
    return b"".join((*compared, *others))


@pytest.mark.parametrize("seed", range(3))
def test_a_follower_has_the_primarys_state(postgres: Pair, tmp_path: Path, seed: int) -> None:
    asyncio.run(follow(postgres, tmp_path, random.Random(seed)))


async def follow(postgres: Pair, folder: Path, dice: random.Random) -> None:
    async with followed(postgres, folder) as both:
        names = ["e", "f"]
        for name in names:
            await both.engines.open(name, {"bar_types": ["1s", "10tick"]})
        for number in range(150):
            await one_input(dice, both.engines, dice.choice(names), START_NS + number * 500_000_000)
            if dice.random() < 0.2:
                await both.catch_up()
                for name in names:
                    a, b = both.engine(name), both.followed_engine(name)
                    assert (b.epoch, b.sequence, b.settings) == (a.epoch, a.sequence, a.settings)
                    assert kept_of(b) == kept_of(a)
                    assert b.core.snapshot() == a.core.snapshot()
        await both.engines.drop("f", None)
        await both.catch_up()
        assert [engine.name for engine in both.memory.engines.engines()] == ["e"]
        assert both.memory.comparisons.differed == 0
