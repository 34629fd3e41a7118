"""Metrics of positions: quantity, exposure and profit by strategy and symbol, for a limited number of positions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Protocol

from alphaforge_core.execution import Position
from alphaforge_core.execution_wire import decode_positions_page
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["PositionCollector"]

_LABELS = ("engine", "strategy", "symbol")
_SERIES: tuple[tuple[str, str, Callable[[Position], Decimal]], ...] = (
    ("quantity", "Net quantity; negative when short.", lambda position: position.net_quantity),
    (
        "exposure",
        "Value of the position at the symbol's last trade; negative when short.",
        lambda position: position.exposure,
    ),
    ("realized_pnl", "Realized profit, before commission.", lambda position: position.realized_pnl),
    (
        "unrealized_pnl",
        "Unrealized profit at the symbol's last trade, before commission.",
        lambda position: position.unrealized_pnl,
    ),
)


class _Core(Protocol):
    def list_positions_wire(
        self, strategy_id: str | None, symbol: str | None, limit: int, after: str | None
    ) -> bytes: ...


class PositionCollector(Collector):
    """Reports the first `positions_max` positions, sorted by engine, strategy and symbol; none if it is 0."""

    def __init__(self, positions_max: int, engines: Callable[[], Iterable[tuple[str, _Core]]]) -> None:
        self._max = positions_max
        self._engines = engines

    def collect(self) -> Iterator[Metric]:
        families = [
            (GaugeMetricFamily(f"alphaforge_execution_position_{name}", text, labels=_LABELS), value)
            for name, text, value in _SERIES
        ]
        left_out = GaugeMetricFamily(
            "alphaforge_execution_positions_left_out",
            "1 for an engine with more positions than metrics_positions_max allows, some of which are therefore not "
            "shown.",
            labels=("engine",),
        )
        room = self._max
        engines = dict(self._engines())
        for name in sorted(engines.keys() | {"default"}):
            shown: list[Position] = []
            is_cut = False
            if name in engines:
                # Without room, still reads one position, to report that positions are left out.
                shown, token = decode_positions_page(engines[name].list_positions_wire(None, None, max(room, 1), None))
                is_cut = bool(token) or len(shown) > room
                shown = shown[:room]
            room -= len(shown)
            left_out.add_metric((name,), float(is_cut))
            for position in shown:
                for family, value in families:
                    family.add_metric((name, position.strategy_id, position.symbol), float(value(position)))
        yield from (family for family, _ in families)
        yield left_out
