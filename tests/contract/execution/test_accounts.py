"""Accounts of strategies: cash, equity, exposure, drawdown, and the loss that halts, in process and remote."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.scenarios import Player

ONE_ENGINE = pytest.mark.one_engine("an account is over all symbols")


def account(engine: Any, strategy: str = "s") -> Any:
    (found,) = engine.get_accounts(strategy)
    return found


@ONE_ENGINE
def test_an_account_is_what_the_positions_have_come_to(api: Api) -> None:
    engine = api.make_execution_engine(starting_cash=1000, taker_commission_rate="0.01")
    player = Player(api, engine)
    player.play("tick 10 x 99\na: market BUY 5\nb: market SELL 2 strategy t")
    found = account(engine)
    assert (found.starting_cash, found.cash, found.equity) == (1000, Decimal("999.5"), Decimal("999.5"))
    assert (found.exposure, found.net_exposure) == (50, 50)
    assert (found.drawdown, found.max_drawdown, found.is_halted) == (Decimal("0.5"), Decimal("0.5"), False)
    assert (account(engine, "t").exposure, account(engine, "t").net_exposure) == (20, -20)
    player.play("tick 12 x 99")
    assert (account(engine).equity, account(engine).drawdown) == (Decimal("1009.5"), 0)
    player.play("tick 9 x 99\nc: market SELL 5")
    found = account(engine)
    # 5 bought at 10 and sold at 9, 1 % of 95 paid; the best was 1009.5.
    assert (found.cash, found.equity, found.exposure) == (Decimal("994.05"), Decimal("994.05"), 0)
    assert (found.drawdown, found.max_drawdown) == (Decimal("15.45"), Decimal("15.45"))
    player.play("tick 5 x 99")
    assert account(engine) == found
    assert [each.strategy_id for each in engine.get_accounts()] == ["s", "t"]
    assert [each.strategy_id for each in engine.get_accounts(limit=1, after="s")] == ["t"]
    assert pickle.loads(pickle.dumps(found)) == found
    assert found.as_dict()["equity"] == found.equity


@ONE_ENGINE
def test_a_loss_halts_the_strategy_until_it_is_resumed(api: Api) -> None:
    engine = api.make_execution_engine(starting_cash=100, max_loss=20)
    player = Player(api, engine)
    player.play(
        """
        tick 50 x 99
        a: market BUY 2
        rest: limit SELL 1 @ 60
        other: market BUY 1 strategy t
        tick 40.5 x 99
        b: limit BUY 1 @ 30
        b is Submitted
        tick 40 x 99
        c: limit BUY 1 @ 30
        c is Rejected (LOSS_LIMIT)
        oco d: limit BUY 1 @ 30; e: limit BUY 1 @ 29
        d is Rejected (LOSS_LIMIT)
        modify b price=31 -> False
        modify b quantity=0.5 -> True
        f: limit BUY 1 @ 30 strategy t
        f is Submitted
        g: limit SELL 1 @ 55 reduce-only
        g is Submitted
        tick 61 x 99
        rest is Filled: 1 @ 60 maker
        h: market BUY 1
        h is Rejected (LOSS_LIMIT)
        """
    )
    assert [each.is_halted for each in engine.get_accounts()] == [True, False]
    assert engine.resume_strategy("s") is True
    assert (engine.resume_strategy("s"), engine.resume_strategy("unknown")) == (False, False)
    # After a resume, losses count from the equity at that time.
    equity = account(engine).equity
    player.play("i: market BUY 4\ni is Filled: 4 @ 61 taker\ntick 57 x 99\nj: market BUY 1\nj is Filled: 1 @ 57 taker")
    assert equity - account(engine).equity < 20
    player.play("tick 50 x 99\nk: market BUY 1\nk is Rejected (LOSS_LIMIT)")


@ONE_ENGINE
def test_accounts_count_contracts(api: Api) -> None:
    engine = api.make_execution_engine(starting_cash=10)
    engine.register_instruments([api.execution.Instrument("X", multiplier=100, inverse=True)])
    Player(api, engine).play("tick 50 x 99\na: market BUY 1\ntick 40 x 99")
    found = account(engine)
    assert (found.equity, found.exposure, found.drawdown) == (Decimal("9.5"), Decimal("2.5"), Decimal("0.5"))


def test_without_the_settings_there_is_no_drawdown(api: Api) -> None:
    engine = api.make_execution_engine()
    Player(api, engine).play("tick 10 x 9\na: market BUY 1\ntick 8 x 9")
    found = account(engine)
    assert (found.starting_cash, found.equity, found.drawdown, found.max_drawdown) == (0, -2, None, None)
    assert engine.get_accounts("unknown") == []
    assert engine.resume_strategy("s") is False


@pytest.mark.parametrize("settings", [{"starting_cash": -1}, {"max_loss": 0}], ids=str)
def test_malformed_settings_are_refused(api: Api, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        api.execution.ExecutionEngineConfig(**settings)
