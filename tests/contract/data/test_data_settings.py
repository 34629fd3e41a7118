"""Every option of a data engine: its name, its range and its effect."""

from __future__ import annotations

import time
import uuid
from typing import Any

import grpc
import pytest
from alphaforge.data.v1 import engines_pb2
from alphaforge.data.v1.settings_pb2 import DataEngineSettings
from alphaforge_core.data import DataEngineConfig

from services.base.messages import fill, given
from services.data.settings import DataServiceSettings
from services.runtime.settings import JournalSettings
from tests.support.api import Api
from tests.support.tape import DAY, SECOND
from tests.support.waiting import until

START = 19_000 * DAY

# A value of every option that is not its default.
OTHER: dict[str, Any] = {
    "enable_statistics": False,
    "bar_types": ["1s", "2tick"],
    "max_bars_per_instrument": 7,
    "max_memory_bytes": 2**20,
    "max_instruments": 8,
    "max_bars_per_tick": 9,
    "duplicate_window": 10,
    "max_duplicate_entries": 11,
    "fill_gaps": True,
    "max_gap_bars": 12,
    "skip_first_partial": True,
    "origin_offset_ns": 13,
    "allowed_lateness_ns": 14,
    "zero_quantity": "price_only",
    "flush_on_stop": True,
    "live_clock": True,
    "close_grace_ns": 15,
    "durability": "none",
    "max_replay_trades": 16,
    "max_replay_bars": 17,
    "max_time_jump_ns": 18,
    "time_zones": ["Europe/London 0 9961200:3600"],
    "negative_price_instruments": ["CL", "SPREAD"],
    "calendars": ["XNYS 2024-07-03 13:30-17:00"],
}


def open_engine(api: Api, settings: dict[str, Any]) -> dict[str, Any]:
    """The effective settings of a new engine of the service, as any client of the wire sees them."""
    assert api.stack is not None
    api.stack.serve("data")
    request = engines_pb2.OpenEngineRequest(engine=f"test-{uuid.uuid4()}")
    fill(request.settings, settings)
    with grpc.insecure_channel(api.stack.target("data")) as channel:
        call: Any = channel.unary_unary("/alphaforge.data.v1.DataService/OpenEngine")
        answer = engines_pb2.OpenEngineResponse.FromString(call(request.SerializeToString(), timeout=10))
    found = given(answer.settings)
    assert found.pop("partitions") == 1
    return found


def test_an_option_has_one_name_in_the_core_on_the_wire_and_in_the_service() -> None:
    core = set(DataEngineConfig().as_dict())
    # The number of partitions is not a setting of a partition.
    assert core == set(OTHER) == set(DataEngineSettings.DESCRIPTOR.fields_by_name) - {"partitions"}
    shared = JournalSettings.model_fields.keys() - {"durability"}
    # Time zones and calendars belong to the bar types of one engine.
    assert DataServiceSettings.model_fields.keys() - shared == core - {"time_zones", "calendars"}


def test_the_defaults_are_the_same_everywhere() -> None:
    core = DataEngineConfig().as_dict()
    service = DataServiceSettings().engine_defaults
    lists = {name: list(service[name]) for name in ("bar_types", "negative_price_instruments")}
    assert core == core | {**service, **lists}


@pytest.mark.parametrize("option", OTHER)
def test_an_engine_of_the_service_has_the_settings_it_was_opened_with(remote: Api, option: str) -> None:
    assert open_engine(remote, {option: OTHER[option]})[option] == OTHER[option]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("bar_types", ["1min", "7min"]),
        ("max_bars_per_instrument", 0),
        ("max_memory_bytes", 2**20 - 1),
        ("max_instruments", 0),
        ("max_bars_per_tick", 2**63),
        ("duplicate_window", 10_000_001),
        ("max_duplicate_entries", 2**64 - 1),
        ("max_gap_bars", 0),
        ("origin_offset_ns", DAY + 1),
        ("allowed_lateness_ns", -1),
        ("close_grace_ns", -1),
        ("max_replay_trades", 10_000_001),
        ("max_replay_bars", 1_000_001),
        ("max_time_jump_ns", 366 * DAY + 1),
        ("time_zones", ["Europe/London"]),
        ("time_zones", ["Europe/London 0 5:3600 5:0"]),
        ("negative_price_instruments", ["X" * 65]),
        ("negative_price_instruments", [f"X{number}" for number in range(1_001)]),
        ("calendars", ["XNYS"]),
        ("calendars", ["XNYS 2024-07-03 13:30-17:00", "XNYS 2024-07-03 13:30-20:00"]),
        ("calendars", [f"X{number} 2024-07-03 13:30-17:00" for number in range(33)]),
    ],
)
def test_a_setting_out_of_its_range_is_refused_everywhere(remote: Api, option: str, value: Any) -> None:
    with pytest.raises(ValueError):
        DataEngineConfig(**{option: value})
    if option not in ("bar_types", "time_zones", "calendars"):
        with pytest.raises(ValueError, match=option):
            DataServiceSettings(**{option: value})
    with pytest.raises(grpc.RpcError) as caught:
        open_engine(remote, {option: value})
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def ticks(api: Api, tape: str) -> list[Any]:
    """`price x quantity @ seconds`, and where there is one the trade id; several with bars between them."""
    made = []
    for text in tape.split("|"):
        print_, at = text.split("@")
        price, quantity = print_.split("x")
        seconds, _, trade_id = at.strip().partition(" ")
        ts = START + round(float(seconds) * SECOND)
        made.append(api.model.TradeTick("X", float(price), float(quantity), "BUY", trade_id, ts, ts))
    return made


def shown(bar: Any) -> str:
    """Shows a bar as `type from sequence: open high low close x volume` and its special properties."""
    flags = ("partial" * bar.is_partial, "flat" * bar.is_gap_fill, "oversize" * bar.is_oversize)
    seconds = (bar.ts_open - START) / SECOND
    prices = " ".join(f"{float(price):g}" for price in (bar.open, bar.high, bar.low, bar.close))
    revision = f"revision {bar.revision}" if bar.revision else ""
    parts = (f"{bar.bar_type} {seconds:g} #{bar.sequence}: {prices} x {float(bar.volume):g}", *flags, revision)
    return " ".join(filter(None, parts))


# What each option changes: the option and its value, the ticks, and what bars they close without and with it.
EFFECTS = [
    ("fill_gaps", True, "5x1@0 | 6x1@3", ["1s 0 #1: 5 5 5 5 x 1"],
     ["1s 0 #1: 5 5 5 5 x 1", "1s 1 #2: 5 5 5 5 x 0 flat", "1s 2 #3: 5 5 5 5 x 0 flat"]),
    ("skip_first_partial", True, "5x1@0.5 | 6x1@1 | 7x1@2", ["1s 0 #1: 5 5 5 5 x 1 partial", "1s 1 #2: 6 6 6 6 x 1"],
     ["1s 1 #1: 6 6 6 6 x 1"]),
    ("origin_offset_ns", SECOND // 2, "5x1@0.5 | 6x1@1 | 7x1@1.5",
     ["1s 0 #1: 5 5 5 5 x 1 partial"], ["1s 0.5 #1: 5 6 5 6 x 2"]),
    ("allowed_lateness_ns", SECOND, "5x1@0 | 6x1@1 | 7x1@0.5", ["1s 0 #1: 5 5 5 5 x 1"],
     ["1s 0 #1: 5 5 5 5 x 1", "1s 0 #1: 5 7 5 7 x 2 revision 1"]),
    ("allowed_lateness_ns", SECOND, "5x1@0 | 6x1@2 | 7x1@0.5", ["1s 0 #1: 5 5 5 5 x 1"],
     ["1s 0 #1: 5 5 5 5 x 1", "1s 0 #1: 5 7 5 7 x 2 revision 1"]),
    ("allowed_lateness_ns", SECOND, "5x1@0 | 6x1@2.1 | 7x1@0.5", ["1s 0 #1: 5 5 5 5 x 1"], ["1s 0 #1: 5 5 5 5 x 1"]),
    ("allowed_lateness_ns", SECOND, "5x1@0.5 | 6x1@1 | 7x1@0.25 | 8x1@0.5 | 4x1@0.3",
     ["1s 0 #1: 5 5 5 5 x 1 partial"],
     ["1s 0 #1: 5 5 5 5 x 1 partial", "1s 0 #1: 7 7 5 5 x 2 partial revision 1",
      "1s 0 #1: 7 8 5 8 x 3 partial revision 2", "1s 0 #1: 7 8 4 8 x 4 partial revision 3"]),
    ("zero_quantity", "price_only", "5x1@0 | 7x0@0.5 | 6x1@1", ["1s 0 #1: 5 5 5 5 x 1"], ["1s 0 #1: 5 7 5 7 x 1"]),
    ("duplicate_window", 1, "5x1@0 a | 6x1@0 b | 5x1@0 a | 7x1@1", ["1s 0 #1: 5 6 5 6 x 2"], ["1s 0 #1: 5 6 5 5 x 3"]),
    ("duplicate_window", 0, "5x1@0 a | 5x1@0 a | 7x1@1", ["1s 0 #1: 5 5 5 5 x 1"], ["1s 0 #1: 5 5 5 5 x 2"]),
    ("max_duplicate_entries", 1, "5x1@0 a | 6x1@0 b | 5x1@0 a | 7x1@1",
     ["1s 0 #1: 5 6 5 6 x 2"], ["1s 0 #1: 5 6 5 5 x 3"]),
    ("bar_types", ["1tick", "3volume"], "5x1@0 | 6x4@0", [],
     ["1tick 0 #1: 5 5 5 5 x 1", "1tick 0 #2: 6 6 6 6 x 4", "3volume 0 #1: 5 6 5 6 x 3"]),
]  # fmt: skip


@pytest.mark.parametrize(("option", "value", "tape", "without", "expected"), EFFECTS)
def test_what_an_option_does(
    api: Api, option: str, value: Any, tape: str, without: list[str], expected: list[str]
) -> None:
    for settings, bars in (({}, without), ({option: value}, expected)):
        engine = api.make_data_engine(**{"bar_types": ["1s"], **settings})
        assert [shown(bar) for bar in engine.process_trade_ticks(ticks(api, tape))] == bars


def test_max_memory_bytes_bounds_the_bars_of_all_types_together(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1tick", "2tick"], max_bars_per_instrument=10**6, max_memory_bytes=2**20)
    count = 20_000
    engine.process_trade_ticks(
        instrument_id="X", prices=[1] * count, quantities=[1] * count, ts_event=list(range(START, START + count))
    )
    kept = [len(engine.get_bars("X", name)) for name in ("1tick", "2tick")]
    # The numbers of a stored bar alone take 168 bytes.
    assert 2**20 // 200 < sum(kept) <= 2**20 // 168
    assert kept[0] == pytest.approx(2 * kept[1], abs=2)


@pytest.mark.parametrize(
    ("settings", "tape", "expected"),
    [
        ({"fill_gaps": True}, "6x1@4", ["1s 2 #2: 5 5 5 5 x 1", "1s 3 #3: 5 5 5 5 x 0 flat"]),
        ({"allowed_lateness_ns": DAY}, "6x1@0.5", ["1s 0 #1: 5 6 5 6 x 2 revision 1"]),
        ({"bar_types": ["1tick"]}, "6x1@2.5", ["1tick 2.5 #1: 6 6 6 6 x 1"]),
        ({"duplicate_window": 0}, "5x1@2 b | 5x1@3", ["1s 2 #2: 5 5 5 5 x 2"]),
        ({"max_bars_per_instrument": 1}, "5x1@3", ["1s 2 #2: 5 5 5 5 x 1"]),
    ],
)
def test_other_settings_keep_the_state(remote: Api, settings: dict[str, Any], tape: str, expected: list[str]) -> None:
    data, place = remote.data, remote.place("data")
    first = data.DataEngine(data.DataEngineConfig(bar_types=["1s"]), **place)
    remote.cleanup.callback(first.close)
    first.process_trade_ticks(ticks(remote, "5x1@0 a | 5x1@2 b"))
    second = data.DataEngine(data.DataEngineConfig(**settings), **place, reconfigure=True)
    remote.cleanup.callback(second.close)
    bars = [shown(bar) for bar in second.process_trade_ticks(ticks(remote, tape))]
    assert bars == expected
    assert first.statistics().ticks_processed == 2 + len(tape.split("|"))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"bar_types": ["1s", "1min"], "fill_gaps": True, "max_gap_bars": 200_001}, "400,002 bars.*max_gap_bars"),
        ({"bar_types": ["1volume", "1dollar"], "max_bars_per_tick": 200_001}, "400,002 bars.*max_bars_per_tick"),
    ],
)
def test_a_trade_closes_no_more_bars_than_a_call_may(remote: Api, settings: dict[str, Any], expected: str) -> None:
    data, place = remote.data, remote.place("data")
    config = data.DataEngineConfig(**settings)
    with pytest.raises(ValueError, match=expected), data.DataEngine(config, **place) as refused:
        refused.statistics()
    with data.DataEngine(data.DataEngineConfig(bar_types=settings["bar_types"]), **place) as engine:
        assert engine.statistics().ticks_processed == 0
    changed = data.DataEngine(config, **place, reconfigure=True)
    with pytest.raises(ValueError, match=expected), changed as refused:
        refused.statistics()


def test_another_grid_of_time_bars_needs_an_empty_engine(remote: Api) -> None:
    data, place = remote.data, remote.place("data")
    first = data.DataEngine(data.DataEngineConfig(bar_types=["1s"]), **place)
    remote.cleanup.callback(first.close)
    first.process_trade_ticks(ticks(remote, "5x1@0"))
    second = data.DataEngine(data.DataEngineConfig(origin_offset_ns=SECOND // 2), **place, reconfigure=True)
    remote.cleanup.callback(second.close)
    with pytest.raises(ValueError, match=r"origin_offset_ns is 0 and can't become 500000000.*reset"):
        second.statistics()
    assert len(first.open_bars("X")) == 1
    first.reset()
    second.process_trade_ticks(ticks(remote, "5x1@0.5 | 6x1@1 | 7x1@1.5"))
    assert [shown(bar) for bar in first.get_bars("X", "1s")] == ["1s 0.5 #1: 5 6 5 6 x 2"]


def test_the_live_clock_closes_bars_after_the_grace_and_no_other_engine_meets_it(remote: Api) -> None:
    options: dict[str, dict[str, Any]] = {
        "still": {},
        "graceful": {"live_clock": True, "close_grace_ns": 3600 * SECOND},
        "live": {"live_clock": True},
    }
    engines = {name: remote.make_data_engine(bar_types=["1s"], **given) for name, given in options.items()}
    # A trade that is behind the clock would be late.
    soon = time.time_ns() + 2 * SECOND
    for engine in engines.values():
        engine.process_trade_tick(remote.model.TradeTick("X", 5.0, 1.0, "BUY", "", soon, soon))
    until(lambda: engines["live"].get_bars("X", "1s"), "the clock closes the bar")
    # The clock visits all engines in order of creation.
    assert [len(engine.get_bars("X", "1s")) for engine in engines.values()] == [0, 0, 1]
