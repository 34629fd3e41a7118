"""An engine is moved between shards, and their primaries are switched, at random and under load.

Ten rounds by seed; CHAOS_FACTOR=10 makes a hundred.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

from alphaforge_client.data import DataEngine, DataEngineConfig, Gap

from tests.support.chaos import Chaos
from tests.support.cluster import cluster_command
from tests.support.cluster_load import Writer
from tests.support.cluster_shards import running_cluster_shards
from tests.support.postgres import Pair
from tests.support.waiting import until


def test_an_engine_moves_and_primaries_are_switched(chaos: Chaos, postgres: Pair, tmp_path: Path) -> None:
    dice = chaos.dice()
    config = DataEngineConfig(bar_types=["1tick"], max_replay_trades=1_000_000)
    with running_cluster_shards(postgres.database(), tmp_path, "data", (2, 2)) as shards:
        options = {"name": "e", "targets": shards.targets, "timeout": 30.0}
        with closing(DataEngine(config, **options)) as engine, closing(DataEngine(**options)) as reader:
            engine.wait_ready()
            here, counts = shards.table()["e"], {"moves": 0, "switches": 0}
            seen: list[int | str] = []
            subscription = reader.subscribe_trades(from_sequence=1)
            listening = threading.Thread(
                target=lambda: seen.extend("gap" if isinstance(one, Gap) else int(one.trade_id) for one in subscription)
            )
            listening.start()
            writer = Writer(engine)
            try:
                for _ in range(chaos.rounds(10, 100)):
                    writer.await_more(dice.randrange(1, 100))
                    began = time.monotonic()
                    if dice.random() < 0.7:
                        here = 1 - here
                        shards.move("e", here)
                        counts["moves"] += 1
                        what = "a call over a move"
                    else:
                        done = cluster_command(shards.dsn, "switch", f"data-{dice.choice((here, here, 1 - here))}")
                        assert done.returncode == 0, done.stderr
                        counts["switches"] += 1
                        what = "a call over a switch"
                    writer.await_more()
                    chaos.took(what, writer.longest_since(began))
            finally:
                writer.end()
            assert not writer.failed
            assert shards.table() == {"e": here}
            assert engine.statistics().ticks_processed == writer.count
            until(lambda: len(seen) >= writer.count, "all events", seconds=60)
            subscription.close()
            listening.join(60)
            assert seen == list(range(1, writer.count + 1))
    for name, number in (*counts.items(), ("trades", writer.count)):
        chaos.count(name, number)
