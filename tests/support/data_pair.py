"""The data engine beside its twin."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import strategies
from tests.support.native import native_tick, plain_bar, tick_columns
from tests.support.strategies import Operation
from tests.support.tape import Tick
from tests.support.twins import data as twins

COUNTS = ("ticks_processed", "ticks_rejected", "late_ticks", "duplicate_ticks", "bars_generated", "instruments")


def bars_of_batch(engine: Any, ticks: list[Tick], *, columns: bool) -> list[dict[str, Any]]:
    if columns:
        return list(map(plain_bar, engine.process_trade_ticks(**tick_columns(ticks))))
    return list(map(plain_bar, engine.process_trade_ticks([native_tick(tick) for tick in ticks])))


class DataPair:
    """An engine and its twin, made with the same settings and given the same calls; each call's answers must agree."""

    def __init__(self, engine: Any, settings: dict[str, Any]) -> None:
        self.twin = twins.DataEngine(twins.Config(**settings))
        self.engine = engine

    def do(self, operation: Operation, *, columns: bool) -> None:
        name, given = operation
        expected: list[twins.Bar] = []
        actual: list[dict[str, Any]] = []
        if name == "tick":
            expected = self.twin.process_trade_tick(given)
            actual = list(map(plain_bar, self.engine.process_trade_tick(native_tick(given))))
        elif name == "batch":
            expected = [bar for tick in given for bar in self.twin.process_trade_tick(tick)]
            actual = bars_of_batch(self.engine, given, columns=columns)
        elif name == "advance" and self.twin.is_ahead(given):
            with pytest.raises(ValueError, match=r"now_ns \d+ is \d+ ns after the call was received"):
                self.engine.advance_time(given)
        elif name == "advance":
            expected = self.twin.advance_time(given)
            actual = list(map(plain_bar, self.engine.advance_time(given)))
        elif name == "stop":
            self.twin.stop()
            self.engine.stop()
        elif name == "reset":
            self.twin.reset(given)
            self.engine.reset(given)
        elif name == "query":
            self.compare_state()
        assert actual == [bar.public() for bar in expected], operation
        self.compare_counts()

    def receive_at(self, now_ns: int) -> None:
        """Sets the time at which the following calls are received."""
        self.twin.received = now_ns
        self.engine.receive_at(now_ns)

    def compare_counts(self) -> None:
        statistics = self.engine.statistics()
        assert {name: getattr(statistics, name) for name in COUNTS} == self.twin.statistics()

    def compare_state(self) -> None:
        assert self.engine.instruments() == list(self.twin.instruments)
        for instrument_id in strategies.INSTRUMENTS:
            for bar_type in self.twin.types:
                kept = self.engine.get_bars(instrument_id, bar_type.name)
                assert list(map(plain_bar, kept)) == [
                    bar.public() for bar in self.twin.get_bars(instrument_id, bar_type.name)
                ]
            # No rule says whether an unfinished bar counts as partial.
            opened = [{**plain_bar(bar), "is_partial": None} for bar in self.engine.open_bars(instrument_id)]
            assert opened == [{**bar.public(), "is_partial": None} for bar in self.twin.open_bars(instrument_id)]
