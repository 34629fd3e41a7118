"""Metrics of accounts: equity, exposure, drawdown and halts by strategy, for a limited number of accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Protocol

from alphaforge_core.execution import Account
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["AccountCollector"]

_LABELS = ("engine", "strategy")
_SERIES: tuple[tuple[str, str, Callable[[Account], Decimal | bool | None]], ...] = (
    ("equity", "Equity of a strategy: cash plus unrealized profit at the last trades.", lambda account: account.equity),
    ("exposure", "Value of a strategy's positions, long and short added up.", lambda account: account.exposure),
    ("drawdown", "How far the equity of a strategy is below its highest value.", lambda account: account.drawdown),
    ("halted", "1 if max_loss halted the strategy, else 0.", lambda account: account.is_halted),
)


class _Core(Protocol):
    def get_accounts(
        self, strategy_id: str | None = None, *, limit: int | None = None, after: str | None = None
    ) -> list[Account]: ...


class AccountCollector(Collector):
    """Reports the first `accounts_max` accounts (0: none) of engines that keep them, sorted by engine and strategy."""

    def __init__(self, accounts_max: int, engines: Callable[[], Iterable[tuple[str, _Core]]]) -> None:
        self._max = accounts_max
        self._engines = engines

    def collect(self) -> Iterator[Metric]:
        families = [
            (GaugeMetricFamily(f"alphaforge_execution_account_{name}", text, labels=_LABELS), value)
            for name, text, value in _SERIES
        ]
        room = self._max
        for name, engine in sorted(self._engines(), key=lambda each: each[0]):
            kept = [each for each in engine.get_accounts(limit=room) if each.drawdown is not None]
            room -= len(kept)
            for account in kept:
                for family, value in families:
                    family.add_metric((name, account.strategy_id), float(value(account) or 0))
        yield from (family for family, _ in families)
