"""A relay: the subscriptions of a data service, from one stream upstream, with the same epochs, sequences and gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from alphaforge.data.v1.data_service_pb2_grpc import DataServiceStub
from alphaforge.data.v1.engines_pb2 import ListEnginesRequest
from alphaforge.data.v1.subscriptions_pb2 import SubscribeBarsRequest, SubscribeTradesRequest
from alphaforge.type.v1.stream_pb2 import GapReason
from alphaforge_client._wire.data import decode_bars_message, decode_trades_message
from alphaforge_client.data import Bar, DataEngine, DataEngineConfig, Gap, TradeTick
from alphaforge_client.errors import AlphaForgeError, EngineError, InvalidArgument, Unauthenticated

from tests.support.attempts import new_token
from tests.support.certificates import Certificates
from tests.support.proxy import proxied
from tests.support.service import Service, running_service
from tests.support.stack import Stack, running_stack, serves
from tests.support.waiting import until

soon = partial(until, seconds=30.0)

MINUTE_NS = 60_000_000_000
DATA_SERVICE = "alphaforge.data.v1.DataService"
NAME = "relayed"
TYPES = ["1min", "2tick"]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path) as stack:
        stack.serve("data")
        yield stack


@contextmanager
def relay(folder: Path, of: str, *arguments: str, name: str = "relay") -> Iterator[Service]:
    place = folder / name
    place.mkdir(exist_ok=True)
    with running_service("relay", place, "--of", of, *arguments) as service:
        yield service


def engine_at(target: str, bar_types: Sequence[str] = TYPES, **settings: Any) -> closing[DataEngine]:
    config = DataEngineConfig(bar_types=bar_types, durability="os", **settings)
    return closing(DataEngine(config, name=NAME, target=target, timeout=30.0))


def listener_at(target: str) -> closing[DataEngine]:
    return closing(DataEngine(name=NAME, target=target, timeout=30.0))


def tick(number: int, symbol: str = "") -> TradeTick:
    name = symbol or f"SYM{number % 3}"
    return TradeTick(name, 100 + number % 7, 1, "BUY", str(number), 10**18 + number * MINUTE_NS)


def feed(engine: DataEngine, numbers: Sequence[int]) -> None:
    engine.process_trade_ticks([tick(number) for number in numbers])


def wait_for(subscription: Iterator[Any], count: int) -> list[Any]:
    return [next(subscription) for _ in range(count)]


def trade_numbers(events: Sequence[Any]) -> list[int]:
    return [int(event.trade_id) for event in events]


def sent(channel: grpc.Channel, request: Any, count: int) -> list[tuple[int, int, str]]:
    """Returns epoch, sequence and content of a stream's first events, as sent on the wire."""
    is_bars = isinstance(request, SubscribeBarsRequest)
    method, decode = ("SubscribeBars", decode_bars_message) if is_bars else ("SubscribeTrades", decode_trades_message)
    subscribe: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(f"/{DATA_SERVICE}/{method}")
    stream = subscribe(request.SerializeToString(), timeout=60)
    found: list[tuple[int, int, str]] = []
    last: int | None = None
    for encoded in stream:
        message = decode(encoded)
        assert last is None or message.previous_sequence == last
        assert message.gap is None
        last = message.sequence
        found += [(message.epoch, number, str(item)) for number, item in message.numbered()]
        if len(found) >= count:
            stream.cancel()
            return found[:count]
    raise AssertionError("the stream ended")


def test_a_relay_and_a_relay_of_it_serve_the_same_events_with_the_same_numbers(stack: Stack, tmp_path: Path) -> None:
    with ExitStack() as exits:
        source = exits.enter_context(engine_at(stack.target("data")))
        # Sent before the relay starts, so that it has to fetch them.
        feed(source, range(300))
        first = exits.enter_context(relay(tmp_path, stack.target("data"), name="first"))
        second = exits.enter_context(relay(tmp_path, first.address, name="second"))
        feed(source, range(300, 310))
        bars = source.statistics().bars_generated
        targets = [stack.target("data"), first.address, second.address]
        channels = [exits.enter_context(grpc.insecure_channel(each)) for each in targets]
        for request, count in (
            (SubscribeBarsRequest(engine=NAME, from_sequence=1), bars),
            (SubscribeBarsRequest(engine=NAME, from_sequence=7, instrument_ids=["SYM1"], bar_types=["2tick"]), 40),
            (SubscribeTradesRequest(engine=NAME, from_sequence=1), 310),
            (SubscribeTradesRequest(engine=NAME, from_sequence=305), 6),
        ):
            ours = [sent(channel, request, count) for channel in channels]
            assert ours[0] == ours[1] == ours[2]

        # New events reach all, each once, and a snapshot joins the stream.
        readers = [exits.enter_context(listener_at(target)) for target in targets]
        trades = [exits.enter_context(each.subscribe_trades()) for each in readers]
        shown = [exits.enter_context(each.subscribe_bars(["SYM2"], snapshot_bars=3)) for each in readers]
        feed(source, range(310, 330))
        for subscription in trades:
            assert trade_numbers(wait_for(subscription, 20)) == list(range(310, 330))
        seen = [wait_for(subscription, 10) for subscription in shown]
        assert seen[0] == seen[1] == seen[2]
        assert all(isinstance(bar, Bar) for bar in seen[0])
        # Each kind of event takes one upstream stream, whatever the number of subscribers.
        soon(lambda: second.series()["alphaforge_relay_links"] == 2.0, "two links")
        more = [exits.enter_context(readers[2].subscribe_trades()) for _ in range(20)]
        feed(source, [330])
        for subscription in more:
            assert trade_numbers(wait_for(subscription, 1)) == [330]
        assert second.series()["alphaforge_relay_links"] == 2.0
        assert first.series()["alphaforge_relay_lost_events_total"] == 0.0


def test_a_subscriber_sees_each_event_once_while_the_service_and_the_relay_are_killed(
    stack: Stack, tmp_path: Path
) -> None:
    with ExitStack() as exits:
        source = exits.enter_context(engine_at(stack.target("data")))
        source.wait_ready()
        first = exits.enter_context(relay(tmp_path, stack.target("data"), name="first"))
        port = first.address.rpartition(":")[2]
        reader = exits.enter_context(listener_at(first.address))
        trades = exits.enter_context(reader.subscribe_trades())
        feed(source, range(100))
        assert trade_numbers(wait_for(trades, 100)) == list(range(100))

        # The relay keeps its subscribers' streams while the service is away.
        streams_before = first.series()["alphaforge_relay_reconnects_total"]
        stack.kill("data")
        stack.serve("data")
        feed(source, range(100, 200))
        assert trade_numbers(wait_for(trades, 100)) == list(range(100, 200))
        assert first.series()["alphaforge_relay_reconnects_total"] > streams_before
        assert handled(first) == 0.0

        # The client resumes at another process.
        first.kill()
        feed(source, range(200, 300))
        exits.enter_context(relay(tmp_path, stack.target("data"), "--port", port, name="other"))
        assert trade_numbers(wait_for(trades, 100)) == list(range(200, 300))


def handled(service: Service) -> float:
    """Returns the number of streams that have ended at the service."""
    return sum(
        value
        for name, value in service.series().items()
        if name.startswith("grpc_server_handled_total") and 'grpc_method="SubscribeTrades"' in name
    )


def test_a_reset_at_the_service_is_a_new_epoch_at_the_relay(stack: Stack, tmp_path: Path) -> None:
    with (
        ExitStack() as exits,
        engine_at(stack.target("data")) as source,
        relay(tmp_path, stack.target("data")) as service,
        listener_at(service.address) as reader,
    ):
        feed(source, range(5))
        with reader.subscribe_trades() as trades:
            before = trades.epoch
            feed(source, range(5, 8))
            assert trade_numbers(wait_for(trades, 3)) == [5, 6, 7]
            source.reset()
            feed(source, [50, 51])
            gap, *events = wait_for(trades, 3)
            assert isinstance(gap, Gap)
            assert gap.reason == "EPOCH_CHANGED"
            assert trade_numbers(events) == [50, 51]
            assert trades.epoch != before
        source.drop()
        with pytest.raises(EngineError) as refused:
            exits.enter_context(listener_at(service.address)).wait_ready()
        assert refused.value.reason == "ENGINE_UNKNOWN"
        # The relay asked for the engine, and the service did not create it.
        with grpc.insecure_channel(stack.target("data")) as channel:
            assert not DataServiceStub(channel).ListEngines(ListEnginesRequest(), timeout=10).engines


def test_events_that_the_relay_misses_are_a_gap_for_its_subscribers(stack: Stack, tmp_path: Path) -> None:
    with ExitStack() as exits:
        # The service keeps 256 trades.
        source = exits.enter_context(engine_at(stack.target("data"), max_replay_trades=256))
        proxy = exits.enter_context(proxied(stack.target("data")))
        source.wait_ready()
        service = exits.enter_context(relay(tmp_path, proxy.address))
        reader = exits.enter_context(listener_at(service.address))
        trades = exits.enter_context(reader.subscribe_trades())
        feed(source, range(10))
        assert trade_numbers(wait_for(trades, 10)) == list(range(10))
        proxy.cut()
        for start in range(10, 1010, 100):
            feed(source, range(start, start + 100))
        proxy.reset()
        proxy.mend()
        gap, *events = wait_for(trades, 2)
        assert isinstance(gap, Gap)
        assert (gap.first_sequence, gap.reason) == (11, GapReason.Name(GapReason.GAP_REASON_NOT_RETAINED)[11:])
        assert gap.last_sequence is not None
        assert trade_numbers(events) == [gap.last_sequence]
        rest = wait_for(trades, 1009 - gap.last_sequence)
        assert trade_numbers(rest) == list(range(gap.last_sequence + 1, 1010))
        series = service.series()
        assert series["alphaforge_relay_lost_events_total"] == gap.last_sequence - 10
        assert series["alphaforge_stream_slow_subscribers_total"] == 0.0


def test_without_its_upstream_a_relay_ends_its_streams_and_says_so(stack: Stack, tmp_path: Path) -> None:
    nobody = "127.0.0.1:1"
    with ExitStack() as exits:
        source = exits.enter_context(engine_at(stack.target("data")))
        feed(source, range(3))
        # With two candidates, three seconds of silence are enough.
        service = exits.enter_context(relay(tmp_path, f"{stack.target('data')},{nobody}"))
        soon(lambda: serves(service.address, DATA_SERVICE), "a relay that serves")
        stub = DataServiceStub(service.channel)
        stream = stub.SubscribeTrades(SubscribeTradesRequest(engine=NAME))
        assert next(stream).sequence == 3
        stack.kill("data")
        with pytest.raises(grpc.RpcError) as ended:
            for _ in stream:
                pass
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        soon(lambda: not serves(service.address, DATA_SERVICE), "a relay that says it does not serve")
        assert serves(service.address)
        with pytest.raises(grpc.RpcError) as refused:
            next(stub.SubscribeTrades(SubscribeTradesRequest(engine=NAME)))
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        stack.serve("data")
        soon(lambda: serves(service.address, DATA_SERVICE), "a relay that serves")
        with listener_at(service.address) as reader, reader.subscribe_trades(from_sequence=1) as trades:
            assert trade_numbers(wait_for(trades, 3)) == [0, 1, 2]


def test_a_relay_refuses_other_calls_with_a_clear_message(stack: Stack, tmp_path: Path) -> None:
    with (
        engine_at(stack.target("data")) as source,
        relay(tmp_path, stack.target("data")) as service,
        listener_at(service.address) as reader,
    ):
        source.wait_ready()
        with pytest.raises(AlphaForgeError, match=r"a relay of .+, which serves subscriptions only"):
            reader.process_trade_tick(tick(1))
        # The engine's own settings, or some of them, are accepted; others are refused and change nothing.
        with engine_at(service.address) as same:
            same.wait_ready()
        calendar = "X 2024-07-01w2 13:30-20:00"
        with engine_at(stack.target("data"), calendars=[calendar]) as adding:
            adding.wait_ready()
        with engine_at(service.address, calendars=["X 2024-07-01 13:30-20:00"]) as same:
            same.wait_ready()
        longer = "X 2024-07-01w3 13:30-20:00"
        with engine_at(service.address, calendars=[longer]) as more, pytest.raises(EngineError, match="calendars"):
            more.wait_ready()
        with engine_at(service.address, max_gap_bars=7) as other, pytest.raises(EngineError, match="max_gap_bars"):
            other.wait_ready()
        with engine_at(service.address, ["3tick"]) as more, pytest.raises(EngineError, match="bar_types"):
            more.wait_ready()
        unknown = reader.subscribe_bars(bar_types=["3tick"])
        with pytest.raises(InvalidArgument, match="3tick is not among those of this engine"):
            next(unknown)
        with engine_at(stack.target("data"), ["3tick"]) as adding:
            adding.wait_ready()
        with reader.subscribe_bars(bar_types=["3tick"]) as bars:
            feed(source, [0, 3, 6])
            assert str(wait_for(bars, 1)[0].bar_type) == "3tick"


def test_a_relay_has_tls_and_tokens_of_its_own_on_both_sides(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    tokens = tmp_path / "tokens"
    writer, listener, reader = (
        new_token(tokens, name, role) for name, role in (("source", "write"), ("relay", "read"), ("reader", "read"))
    )
    (tmp_path / "relay.token").write_text(listener)
    upstream = ["--tls-ca-file", certificates.path("ca.pem"), "--token-file", str(tmp_path / "relay.token")]
    upstream += ["--tls-client-certificate-file", certificates.path("client.pem")]
    upstream += ["--tls-client-key-file", certificates.path("client.key")]
    flags = (*certificates.server_flags(mutual=True), "--tokens-file", str(tokens))
    channel = certificates.channel_credentials(mutual=True)
    with (
        running_service("data", tmp_path, *flags, credentials=channel) as data,
        running_service("relay", tmp_path, "--of", data.address, *upstream, *flags, credentials=channel) as service,
        closing(client(data, certificates, writer)) as source,
        closing(client(service, certificates, reader)) as subscriber,
        closing(client(service, certificates, None)) as stranger,
    ):
        source.process_trade_tick(tick(0))
        with subscriber.subscribe_trades(from_sequence=1) as trades:
            assert trade_numbers(wait_for(trades, 1)) == [0]
            source.process_trade_tick(tick(1))
            assert trade_numbers(wait_for(trades, 1)) == [1]
        with pytest.raises(Unauthenticated):
            stranger.wait_ready()


def client(service: Service, certificates: Certificates, token: str | None) -> DataEngine:
    own = certificates.credentials(mutual=True, token=token)
    return DataEngine(name=NAME, target=service.address, timeout=30.0, credentials=own)
