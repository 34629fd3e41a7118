"""Pages of positions, and their metrics."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.execution import ExecutionEngineConfig, Order, OrderSide, Position
from alphaforge_core.execution_wire import ServiceEngine, decode_positions_page
from alphaforge_core.model import TradeTick

from services.execution.position_metrics import PositionCollector

# Names that would be confused if they were merely concatenated, or ordered by length.
STRATEGIES = ("b", "1:a", "a", "ab", "é")
SYMBOLS = ("X", "bX", "10", "2")


def engine_with(positions: Iterable[tuple[str, str]]) -> ServiceEngine:
    """Buys 2 at 100 in each, after which each symbol trades at 101."""
    engine = ServiceEngine(ExecutionEngineConfig(liquidity="unlimited"))
    take(engine, positions)
    return engine


def take(engine: ServiceEngine, positions: Iterable[tuple[str, str]]) -> None:
    for strategy, symbol in positions:
        engine.process_trade_tick(TradeTick(symbol, 100, 5, "BUY", "", ts_event=1))
        engine.submit_order(Order.market(symbol, OrderSide.Buy, 2, strategy))
        engine.process_trade_tick(TradeTick(symbol, 101, 5, "BUY", "", ts_event=2))


def all_positions() -> list[tuple[str, str]]:
    return [(strategy, symbol) for strategy in STRATEGIES for symbol in SYMBOLS]


def pages(
    engine: ServiceEngine, limit: int, strategy: str | None = None, symbol: str | None = None
) -> list[list[Position]]:
    found, token = [], ""
    while not found or token:
        page, token = decode_positions_page(engine.list_positions_wire(strategy, symbol, limit, token or None))
        found.append(page)
    return found


@pytest.mark.parametrize("limit", [1, 3, 4, 19, 20, 100])
def test_pages_have_each_position_once_and_in_order(limit: int) -> None:
    engine = engine_with(all_positions())
    for strategy in (None, "ab", "none"):
        for symbol in (None, "bX"):
            found = pages(engine, limit, strategy, symbol)
            assert all(len(page) == limit for page in found[:-1])
            assert [each for page in found for each in page] == engine.get_positions(strategy, symbol=symbol)
    keys = [(each.strategy_id, each.symbol) for each in engine.get_positions()]
    assert keys == sorted(all_positions(), key=lambda key: (key[0].encode(), key[1].encode()))


def test_a_position_that_is_taken_between_two_pages_moves_no_other() -> None:
    names = [(strategy, "X") for strategy in ("b", "d", "f", "h")]
    engine = engine_with(names)
    first, token = decode_positions_page(engine.list_positions_wire(None, None, 2, None))
    take(engine, [("a", "X"), ("g", "X")])
    second, _ = decode_positions_page(engine.list_positions_wire(None, None, 10, token))
    assert [each.strategy_id for each in (*first, *second)] == ["b", "d", "f", "g", "h"]


@pytest.mark.parametrize("token", ["x", "1", ":", ":ab", "-1:ab", "3:ab", "99999999999999999999:ab", "1 :ab"])
def test_a_token_of_no_page_is_refused(token: str) -> None:
    engine = engine_with([("s", "X")])
    with pytest.raises(InvalidArgument, match="next_page_token") as caught:
        engine.list_positions_wire(None, None, 10, token)
    assert caught.value.reason == "PAGE_TOKEN_INVALID"


def shown(positions_max: int, engines: dict[str, ServiceEngine]) -> dict[tuple[str, ...], float]:
    """The samples by name and labels."""
    return {
        (sample.name.removeprefix("alphaforge_execution_"), *sample.labels.values()): sample.value
        for metric in PositionCollector(positions_max, engines.items).collect()
        for sample in metric.samples
    }


def test_a_position_has_its_quantity_exposure_and_profits() -> None:
    engine = engine_with([("s", "X")])
    assert shown(10, {"e": engine}) == {
        ("position_quantity", "e", "s", "X"): 2,
        ("position_exposure", "e", "s", "X"): 202,
        ("position_realized_pnl", "e", "s", "X"): 0,
        ("position_unrealized_pnl", "e", "s", "X"): 2,
        ("positions_left_out", "e"): 0,
        ("positions_left_out", "default"): 0,
    }
    engine.submit_order(Order.market("X", OrderSide.Sell, 5, "s"))
    after = shown(10, {"e": engine})
    assert after["position_quantity", "e", "s", "X"] == -3
    assert after["position_exposure", "e", "s", "X"] == -303
    assert after["position_realized_pnl", "e", "s", "X"] == 2


@pytest.mark.parametrize("positions_max", [0, 1, 3, 4, 100])
def test_no_more_positions_are_shown_than_the_setting_allows(positions_max: int) -> None:
    first, second = engine_with([("a", "X"), ("a", "Y"), ("b", "X")]), engine_with([("c", "X")])
    found = shown(positions_max, {"one": first, "two": second})
    quantities = [key for key in found if key[0] == "position_quantity"]
    every = [("one", "a", "X"), ("one", "a", "Y"), ("one", "b", "X"), ("two", "c", "X")]
    assert quantities == [("position_quantity", *labels) for labels in every[:positions_max]]
    assert found["positions_left_out", "one"] == (positions_max < 3)
    assert found["positions_left_out", "two"] == (positions_max < 4)
