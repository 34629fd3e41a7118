"""After a restart at any moment, engines have their state, streams, producers, first answers and settings."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest
from alphaforge.data.v1 import engines_pb2 as data_engines
from alphaforge.data.v1 import queries_pb2, subscriptions_pb2, ticks_pb2
from alphaforge.data.v1.settings_pb2 import DataEngineSettings
from alphaforge.execution.v1 import engines_pb2 as execution_engines
from alphaforge.execution.v1 import events_pb2, instruments_pb2, market_data_pb2, order_pb2, orders_pb2
from alphaforge.execution.v1.settings_pb2 import ExecutionEngineSettings
from alphaforge_core.data import DataEngine, DataEngineConfig
from alphaforge_core.data_wire import ProcessRequest
from alphaforge_core.errors import EngineError, InvalidArgument
from alphaforge_core.execution import Order, OrderChange, OrderSide, TimeInForce, TrailingOffsetType
from alphaforge_core.execution_wire import encode_modify_orders, encode_submit_order_group, encode_submit_orders
from alphaforge_core.model import TradeTick, TradeTickBatch

from services.engines.registry import Registry
from services.journal.files.mark import read_mark, write_mark
from tests.support.in_process import Serving, as_killed, serving
from tests.support.tape import BTCUSDT, real_trades

BAR_TYPES = ["1min", "100tick", "5volume", "1000000dollar"]
START_NS = 1_700_000_000_000_000_000


def tick(number: int, instrument: str = "BTC", price: int = 100) -> TradeTick:
    return TradeTick(
        instrument, price, 1 + number % 7, ("BUY", "SELL")[number % 2], str(number), START_NS + number * 10**9
    )


class Bytes:
    """A request that is encoded already."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def SerializeToString(self) -> bytes:  # noqa: N802
        return self._data


def ticks_request(ticks: list[TradeTick], producer: str = "", sequence: int = 0) -> Bytes:
    batch = TradeTickBatch.from_ticks(ticks)
    return Bytes(ProcessRequest(batch, producer_id=producer, producer_sequence=sequence).to_wire())


async def open_data(service: Serving, **settings: Any) -> data_engines.OpenEngineResponse:
    request = data_engines.OpenEngineRequest(settings=DataEngineSettings(**settings))
    answer: data_engines.OpenEngineResponse = await service.call("OpenEngine", request, data_engines.OpenEngineResponse)
    return answer


@pytest.mark.slow
def test_a_restart_at_every_batch_boundary_of_real_trades_gives_the_bars_of_an_uninterrupted_run(
    tmp_path: Path,
) -> None:
    rows = real_trades(BTCUSDT)
    ticks = [
        TradeTick(
            row["instrument_id"], row["price"], row["quantity"], row["aggressor_side"], row["trade_id"],
            int(row["ts_event"]), int(row["ts_init"]),
        )
        for row in rows
    ]  # fmt: skip
    batches = [ticks[start : start + 500] for start in range(0, len(ticks), 500)]

    async def run() -> None:
        uninterrupted = DataEngine(DataEngineConfig(bar_types=BAR_TYPES))
        folder, epochs = tmp_path / "0", set()
        for number, batch in enumerate(batches, 1):
            async with serving("data", folder, journal_checkpoint_bytes=2**16) as service:
                epochs.add((await open_data(service, bar_types=BAR_TYPES)).epoch)
                request = ticks_request(batch, "feed", number)
                answer = await service.call("ProcessTradeTicks", request)
                # Killed after the acknowledgement, before anything else is written.
                folder = as_killed(folder, tmp_path / str(number))
            uninterrupted.process_trade_ticks(batch)
            async with serving("data", folder) as service:
                assert service.engine().core.state_hash() == uninterrupted.state_hash()
                assert epochs == {service.engine().epoch}
                repeated = await service.call("ProcessTradeTicks", request)
                assert ticks_pb2.ProcessTradeTicksResponse.FromString(repeated).is_repeat
                assert repeated.startswith(answer)
                assert service.engine().core.state_hash() == uninterrupted.state_hash()
                if number % 7:
                    # Otherwise the next round starts from the checkpoint of a clean stop.
                    folder = as_killed(folder, tmp_path / f"{number}-again")

    asyncio.run(run())


async def bars_after(service: Serving, sequence: int, count: int) -> list[tuple[int, bytes]]:
    request = subscriptions_pb2.SubscribeBarsRequest(from_sequence=sequence)
    found: list[tuple[int, bytes]] = []
    async with aclosing(service.handler("SubscribeBars")(request.SerializeToString())) as responses:
        async for response in responses:
            message = subscriptions_pb2.SubscribeBarsResponse.FromString(response)
            assert not message.HasField("gap")
            found += zip(message.sequences, (bar.SerializeToString() for bar in message.bars), strict=True)
            if len(found) >= count:
                return found
    return found


@pytest.mark.parametrize("stop", ["killed", "stopped"])
def test_streams_go_on_with_the_same_numbers_and_can_be_resumed_from_before_the_restart(
    tmp_path: Path, stop: str
) -> None:
    async def run() -> None:
        first = tmp_path / "first"
        async with serving("data", first) as service:
            await open_data(service, bar_types=["10tick"])
            for start in range(0, 100, 10):
                await service.call("ProcessTradeTicks", ticks_request([tick(n) for n in range(start, start + 10)]))
            before = await bars_after(service, 1, 10)
            killed = as_killed(first, tmp_path / "killed")
        async with serving("data", killed if stop == "killed" else first) as service:
            assert await bars_after(service, 1, 10) == before
            await service.call("ProcessTradeTicks", ticks_request([tick(n) for n in range(100, 110)]))
            after = await bars_after(service, 1, 11)
            assert after[:10] == before
            assert [sequence for sequence, _ in after] == list(range(1, 12))
            request = subscriptions_pb2.SubscribeTradesRequest(from_sequence=1)
            async with aclosing(service.handler("SubscribeTrades")(request.SerializeToString())) as responses:
                await anext(responses)
                trades = subscriptions_pb2.SubscribeTradesResponse.FromString(await anext(responses))
                assert (trades.previous_sequence, trades.sequence, len(trades.ticks.ts_event_ns)) == (0, 110, 110)

    asyncio.run(run())


def test_settings_resets_and_drops_survive(tmp_path: Path) -> None:
    async def run() -> None:
        first = tmp_path / "first"
        async with serving("data", first) as service:
            await open_data(service, bar_types=["10tick"], max_bars_per_instrument=50)
            await open_data(service, bar_types=["20tick"])
            for instrument in ("A", "B"):
                await service.call("ProcessTradeTicks", ticks_request([tick(n, instrument) for n in range(30)]))
            await service.call("OpenEngine", data_engines.OpenEngineRequest(engine="other"))
            await service.call("OpenEngine", data_engines.OpenEngineRequest(engine="emptied"))
            await service.call("ProcessTradeTick", Bytes(ProcessRequest(tick(1), engine="emptied").to_wire()))
            await service.call("DropEngine", data_engines.DropEngineRequest(engine="other"))
            await service.call("ResetEngine", data_engines.ResetEngineRequest(engine="emptied"))
            await service.call("ResetEngine", data_engines.ResetEngineRequest(instrument_id="A"))
            epochs = {engine.name: engine.epoch for engine in service.service.engines.engines()}
            killed = as_killed(first, tmp_path / "killed")
        for folder in (killed, first):
            async with serving("data", folder) as service:
                assert {engine.name: engine.epoch for engine in service.service.engines.engines()} == epochs
                engine = service.engine()
                assert engine.settings["bar_types"] == ("10tick", "20tick")
                assert engine.settings["max_bars_per_instrument"] == 50
                assert engine.core.instruments() == ["B"]
                assert service.engine("emptied").core.statistics().ticks_processed == 0

    asyncio.run(run())


def limit(number: int, price: int, side: OrderSide = OrderSide.Buy) -> Order:
    return Order.limit(
        "BTC", side, 1 + number % 5, price, TimeInForce.GoodTillCancel, "s", order_id=f"o{number}", created_at=START_NS
    )


def order_of_any_kind(number: int, dice: random.Random) -> Order:
    """Limits, and orders of every kind and option around the last prices."""
    side = dice.choice((OrderSide.Buy, OrderSide.Sell))
    head, tail = ("BTC", side, 1 + number % 5), (TimeInForce.GTC, "s")
    options: dict[str, Any] = {"order_id": f"o{number}", "created_at": START_NS, "reduce_only": dice.random() < 0.3}
    match dice.randrange(7):
        case 6:
            return Order.trailing_stop(
                *head, dice.randint(1, 4), *tail, trailing_offset_type=TrailingOffsetType.Ticks, **options
            )
        case 0:
            options |= {
                "trailing_offset_type": TrailingOffsetType.BasisPoints,
                "activation_price": dice.randint(95, 105),
            }
            return Order.trailing_stop_limit(*head, 200, 50, *tail, **options)
        case 1:
            return Order.trailing_stop(*head, dice.randint(1, 4), *tail, **options)
        case 2:
            expires = START_NS + (number + dice.randrange(100)) * 10**10
            return Order.limit(*head, dice.randint(95, 105), TimeInForce.GTD, "s", expire_time_ns=expires, **options)
        case 3:
            day_or_not = dice.choice((TimeInForce.DAY, TimeInForce.GTC))
            return Order.stop(*head, dice.randint(95, 105), day_or_not, "s", **options)
        case _:
            return limit(number, dice.randint(95, 105), side)


async def random_input(service: Serving, dice: random.Random, number: int) -> None:
    kind = dice.choice(
        ("submit", "submit", "group", "tick", "tick", "cancel", "modify", "batch", "halt", "time", "many", "register")
    )
    other = f"o{dice.randrange(number + 1)}"
    if kind in ("submit", "batch"):
        orders = [order_of_any_kind(number * 10 + each, dice) for each in range(1 if kind == "submit" else 5)]
        method = "SubmitOrder" if kind == "submit" else "SubmitOrders"
        await service.call(method, Bytes(encode_submit_orders(orders)))
    elif kind == "group":
        loss = {"stop_loss": dice.randint(95, 99)} if dice.random() < 0.5 else {"trailing_offset": dice.randint(1, 4)}
        group = Order.bracket(
            "BTC", OrderSide.Buy, 5, "s", take_profit=dice.randint(101, 105), price=100, order_id=f"o{number * 10}",
            created_at=START_NS, reduce_only=dice.random() < 0.5, **loss,
        )  # fmt: skip
        await service.call("SubmitOrderGroup", Bytes(encode_submit_order_group(group)))
    elif kind == "tick":
        batch = [tick(number * 10 + each, price=dice.randint(95, 105)) for each in range(dice.choice((1, 5)))]
        await service.call("ProcessTradeTicks", ticks_request(batch))
    elif kind == "cancel":
        await service.call("CancelOrder", orders_pb2.CancelOrderRequest(order_id=other, request_id=str(number)))
    elif kind == "modify":
        request = orders_pb2.ModifyOrderRequest(order_id=other, price=str(dice.randint(95, 105)))
        with suppress(InvalidArgument):  # the order may have no limit
            await service.call("ModifyOrder", request)
    elif kind == "many":
        ids = [f"o{dice.randrange(number * 10 + 1)}" for _ in range(3)]
        changes = encode_modify_orders([OrderChange(each, price=dice.randint(95, 105)) for each in ids])
        await service.call("ModifyOrders", Bytes(changes))
        await service.call("CancelOrders", orders_pb2.CancelOrdersRequest(order_ids=ids))
        if dice.random() < 0.1:
            side = order_pb2.ORDER_SIDE_SELL
            await service.call("CancelMatchingOrders", orders_pb2.CancelMatchingOrdersRequest(side=side))
    elif kind == "register":
        registration = instruments_pb2.RegisterInstrumentsRequest(request_id=f"r{number}")
        registration.instruments.add(
            instrument_id="BTC", tick_size=dice.choice(("1", "2")), off_grid=instruments_pb2.OFF_GRID_ROUND,
            **dice.choice(({}, {"session": "UTC+09:30"}, {"calendar": "X 2023-11-14x99 21:00-20:59"})),
            taker_commission_rate="0.001", commission_per_order=str(dice.randint(0, 2)), max_commission="3",
        )  # fmt: skip
        await service.call("RegisterInstruments", registration)
    elif kind == "time":
        await service.call("AdvanceTime", market_data_pb2.AdvanceTimeRequest(now_ns=START_NS + number * 10**10))
    else:
        await service.call("Halt", execution_engines.HaltRequest())
        await service.call("Resume", execution_engines.ResumeRequest())


async def events_of(service: Serving) -> list[bytes]:
    request = events_pb2.ListOrderEventsRequest(from_sequence=1, limit=10_000)
    answer = await service.call("ListOrderEvents", request, events_pb2.ListOrderEventsResponse)
    return [event.SerializeToString() for event in answer.events]


@pytest.mark.parametrize("seed", range(4))
def test_orders_fills_and_events_are_the_same_byte_for_byte_after_restarts_at_random_moments(
    tmp_path: Path, seed: int
) -> None:
    async def run() -> None:
        dice = random.Random(seed)
        folder, number, state, events = tmp_path / "0", 0, None, []
        for restart in range(1, 9):
            async with serving("execution", folder, durability="os") as service:
                if state is not None:
                    assert service.engine().core.state_hash() == state
                    assert service.engine().core.validate() == []
                    assert await events_of(service) == events
                for _ in range(dice.randint(1, 60)):
                    number += 1
                    await random_input(service, dice, number)
                    if dice.random() < 0.05:
                        await service.engine().checkpoint()
                state, events = service.engine().core.state_hash(), await events_of(service)
                killed = as_killed(folder, tmp_path / str(restart))
            # Continue from the files of a kill, or of a clean stop.
            folder = dice.choice((killed, folder))
        assert len(events) > 100

    asyncio.run(run())


def test_a_cancel_repeated_after_a_restart_gets_its_first_answer(tmp_path: Path) -> None:
    async def run() -> None:
        first = tmp_path / "first"
        cancel = orders_pb2.CancelOrderRequest(order_id="o1", request_id="once")
        async with serving("execution", first) as service:
            await service.call("SubmitOrder", Bytes(encode_submit_orders([limit(1, 90)])))
            assert (await service.call("CancelOrder", cancel, orders_pb2.CancelOrderResponse)).cancelled
            killed = as_killed(first, tmp_path / "killed")
        for folder in (killed, first):
            async with serving("execution", folder) as service:
                assert (await service.call("CancelOrder", cancel, orders_pb2.CancelOrderResponse)).cancelled
                again = orders_pb2.CancelOrderRequest(order_id="o1", request_id="another")
                assert not (await service.call("CancelOrder", again, orders_pb2.CancelOrderResponse)).cancelled

    asyncio.run(run())


def test_many_cancels_and_changes_repeated_after_a_restart_get_their_first_answers(tmp_path: Path) -> None:
    async def run() -> None:
        first = tmp_path / "first"
        head = orders_pb2.ModifyOrdersRequest(request_id="modify").SerializeToString()
        modify = Bytes(head + encode_modify_orders([OrderChange("o1", quantity=1), OrderChange("o2", stop_price=1)]))
        cancel = orders_pb2.CancelOrdersRequest(order_ids=["o1", "o9", "o2"], request_id="cancel")
        calls: list[tuple[str, Any, Any]] = [
            ("ModifyOrders", modify, orders_pb2.ModifyOrdersResponse),
            ("CancelOrders", cancel, orders_pb2.CancelOrdersResponse),
        ]
        async with serving("execution", first) as service:
            await service.call("SubmitOrders", Bytes(encode_submit_orders([limit(1, 90), limit(2, 90)])))
            answers = [await service.call(*each) for each in calls]
            assert [each.modified for each in answers[0].results] == [True, False]
            assert list(answers[1].cancelled) == [True, False, True]
            killed = as_killed(first, tmp_path / "killed")
        for folder in (killed, first):
            async with serving("execution", folder) as service:
                assert [await service.call(*each) for each in calls] == answers

    asyncio.run(run())


def test_other_settings_of_an_execution_engine_keep_its_orders_and_survive(tmp_path: Path) -> None:
    async def run() -> None:
        first = tmp_path / "first"
        async with serving("execution", first) as service:
            await service.call("SubmitOrder", Bytes(encode_submit_orders([limit(1, 90)])))
            epoch = service.engine().epoch
            request = execution_engines.OpenEngineRequest(
                settings=ExecutionEngineSettings(max_open_orders=3, maker_commission_rate="0.001"), reconfigure=True
            )
            answer = await service.call("OpenEngine", request, execution_engines.OpenEngineResponse)
            assert (answer.epoch, answer.created) == (epoch, False)
            killed = as_killed(first, tmp_path / "killed")
        for folder in (killed, first):
            async with serving("execution", folder) as service:
                engine = service.engine()
                assert (engine.epoch, engine.settings["max_open_orders"]) == (epoch, 3)
                assert [order.order_id for order in engine.core.get_active_orders("s")] == ["o1"]

    asyncio.run(run())


def test_a_damaged_engine_refuses_its_calls_serves_the_others_and_can_be_dropped(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving("data", tmp_path) as service:
            for name in ("good", "bad"):
                await service.call("ProcessTradeTick", Bytes(ProcessRequest(tick(1), engine=name).to_wire()))
            killed = as_killed(tmp_path, tmp_path / "killed")
        with sqlite3.connect(killed / "data-os.journal") as connection:
            connection.execute(
                "UPDATE record SET payload = x'ff' WHERE sequence = 2 AND "
                "stream = (SELECT id FROM stream WHERE name = 'bad')"
            )
        connection.close()
        async with serving("data", killed) as service:
            request = queries_pb2.GetStatisticsRequest(engine="bad")
            with pytest.raises(EngineError, match="input 2 of 'bad'") as refused:
                await service.call("GetStatistics", request)
            assert refused.value.reason == "JOURNAL_DAMAGED"
            assert service.engine("good").core.statistics().ticks_processed == 1
            collected = (metric for collector in service.service.collectors for metric in collector.collect())
            recovered = {metric.name: metric.samples[0].value for metric in collected if "_recovery_" in metric.name}
            assert recovered["alphaforge_recovery_engines"] == recovered["alphaforge_recovery_damaged_engines"] == 1
            await service.call("DropEngine", data_engines.DropEngineRequest(engine="bad"))
            with pytest.raises(EngineError, match="no data engine 'bad'; there are: good"):
                await service.call("GetStatistics", request)
            await service.call("OpenEngine", data_engines.OpenEngineRequest(engine="bad"))
            await service.call("GetStatistics", request)
            assert service.engine("bad").core.statistics().ticks_processed == 0

    asyncio.run(run())


def test_a_machine_that_went_down_begins_a_new_epoch_where_less_than_the_disk_was_promised(tmp_path: Path) -> None:
    async def run() -> None:
        for durability, goes_on in (("os", False), ("fsync", True)):
            async with serving("data", tmp_path / durability, durability=durability) as service:
                await service.call("ProcessTradeTick", Bytes(ProcessRequest(tick(1)).to_wire()))
                epoch = service.engine().epoch
                killed = as_killed(tmp_path / durability, tmp_path / f"{durability}-down")
            mark_path = killed / f"data-{durability}.mark"
            mark = read_mark(mark_path)
            assert mark is not None
            write_mark(mark_path, mark._replace(boot="another"))
            for _ in range(2):
                async with serving("data", killed) as service:
                    assert (service.engine().epoch == epoch) is goes_on
                    assert service.engine().core.statistics().ticks_processed == 1
                    epoch, goes_on = service.engine().epoch, True

    asyncio.run(run())


def test_where_nothing_can_be_written_ticks_are_refused_and_reads_go_on(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving("data", tmp_path) as service:
            await service.call("ProcessTradeTicks", ticks_request([tick(1)], "feed", 1))
            connection = service.engine().journal._store._connection
            # The file may not grow: SQLite's own way to a full disk.
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")
            many = ticks_request([tick(number) for number in range(2, 5_000)], "feed", 2)
            with pytest.raises(EngineError, match="nothing was done") as refused:
                await service.call("ProcessTradeTicks", many)
            assert refused.value.reason == "JOURNAL_FAILED"
            request = queries_pb2.GetOpenBarsRequest(instrument_id="BTC")
            assert len((await service.call("GetOpenBars", request, queries_pb2.GetOpenBarsResponse)).bars) == 1
            connection.execute("PRAGMA max_page_count = 1000000")
            answer = await service.call("ProcessTradeTicks", many, ticks_pb2.ProcessTradeTicksResponse)
            assert (answer.processed_count, answer.is_repeat) == (4_998, False)

    asyncio.run(run())


def test_whatever_an_engine_s_recovery_raises_the_others_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def request(name: str) -> data_engines.OpenEngineRequest:
        return data_engines.OpenEngineRequest(engine=name, settings=DataEngineSettings(durability="DURABILITY_OS"))

    async def run() -> None:
        async with serving("data", tmp_path) as service:
            for name in ("bad", "good"):
                await service.call("OpenEngine", request(name))
        with monkeypatch.context() as patch:
            reopened = Registry._reopened

            def flawed(self: Registry[Any], name: str, opened: bytes) -> Any:
                if name == "bad":
                    raise KeyError(name)
                return reopened(self, name, opened)

            patch.setattr(Registry, "_reopened", flawed)
            async with serving("data", tmp_path) as service:
                await service.call("OpenEngine", request("good"))
                with pytest.raises(EngineError, match=r"'bad' can't be recovered \(KeyError\)") as caught:
                    await service.call("OpenEngine", request("bad"))
                assert caught.value.reason == "JOURNAL_DAMAGED"
        # A release without the flaw serves the engine again.
        async with serving("data", tmp_path) as service:
            answer = await service.call("OpenEngine", request("bad"), data_engines.OpenEngineResponse)
            assert not answer.created

    asyncio.run(run())
