"""Metrics of accounts."""

from __future__ import annotations

import pytest
from alphaforge_core.execution import ExecutionEngineConfig, Order, OrderSide
from alphaforge_core.execution_wire import ServiceEngine
from alphaforge_core.model import TradeTick

from services.execution.account_metrics import AccountCollector


def engine_with(strategies: str, **settings: object) -> ServiceEngine:
    """Each buys 2 at 100 before a trade at 90."""
    engine = ServiceEngine(ExecutionEngineConfig(liquidity="unlimited", **settings))
    engine.process_trade_tick(TradeTick("X", 100, 5, "BUY", "", ts_event=1))
    for strategy in strategies:
        engine.submit_order(Order.market("X", OrderSide.Buy, 2, strategy))
    engine.process_trade_tick(TradeTick("X", 90, 5, "BUY", "", ts_event=2))
    return engine


def shown(accounts_max: int, engines: dict[str, ServiceEngine]) -> dict[tuple[str, ...], float]:
    """The samples by name and labels."""
    return {
        (sample.name.removeprefix("alphaforge_execution_account_"), *sample.labels.values()): sample.value
        for metric in AccountCollector(accounts_max, engines.items).collect()
        for sample in metric.samples
    }


def test_an_account_has_its_equity_exposure_drawdown_and_halt() -> None:
    engine = engine_with("s", starting_cash=1000, max_loss=20)
    assert shown(10, {"e": engine}) == {
        ("equity", "e", "s"): 980, ("exposure", "e", "s"): 180, ("drawdown", "e", "s"): 20, ("halted", "e", "s"): 1,
    }  # fmt: skip
    engine.resume_strategy("s")
    assert shown(10, {"e": engine})["halted", "e", "s"] == 0


def test_engines_that_keep_no_accounts_show_none() -> None:
    assert shown(10, {"e": engine_with("s")}) == {}


@pytest.mark.parametrize("accounts_max", [0, 1, 2, 3, 9])
def test_no_more_accounts_are_shown_than_the_setting_allows(accounts_max: int) -> None:
    engines = {"one": engine_with("ab", starting_cash=1), "two": engine_with("c", starting_cash=1)}
    found = [key[1:] for key in shown(accounts_max, engines) if key[0] == "equity"]
    assert found == [("one", "a"), ("one", "b"), ("two", "c")][:accounts_max]
