"""Bar types have a canonical name; invalid names are refused."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal

import pytest
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.model import BarType
from hypothesis import given
from hypothesis import strategies as st

DAY_MS = 86_400_000

# What is typed, its canonical name, kind and step.
KNOWN: list[tuple[str, str, str, int | Decimal]] = [
    ("1ms", "1ms", "time", 1_000_000),
    ("1000ms", "1s", "time", 1_000_000_000),
    ("90s", "90s", "time", 90_000_000_000),
    ("60s", "1min", "time", 60_000_000_000),
    ("1min", "1min", "time", 60_000_000_000),
    ("60min", "1hour", "time", 3_600_000_000_000),
    ("90min", "90min", "time", 5_400_000_000_000),
    ("24hour", "1day", "time", 86_400_000_000_000),
    ("86400000ms", "1day", "time", 86_400_000_000_000),
    ("1day", "1day", "time", 86_400_000_000_000),
    ("1day@UTC", "1day", "time", 86_400_000_000_000),
    ("1day@UTC+00:00", "1day", "time", 86_400_000_000_000),
    ("1day@UTC+00:01", "1day@UTC+00:01", "day", 1),
    ("1day@America/New_York+17:00", "1day@America/New_York+17:00", "day", 1),
    ("1day@Asia/Tokyo+00:00", "1day@Asia/Tokyo", "day", 1),
    ("1day@Etc/GMT+5", "1day@Etc/GMT+5", "day", 1),
    ("1day@Etc/GMT+5+09:30", "1day@Etc/GMT+5+09:30", "day", 1),
    ("1day@XNYS", "1day@XNYS", "day", 1),
    ("60min@XNYS", "1hour@XNYS", "time", 3_600_000_000_000),
    ("100ms@X_9-a", "100ms@X_9-a", "time", 100_000_000),
    ("2day", "2day", "day", 2),
    ("7day", "7day", "day", 7),
    ("366day", "366day", "day", 366),
    ("1week", "1week", "week", 1),
    ("1week@UTC", "1week", "week", 1),
    ("52week@Europe/London", "52week@Europe/London", "week", 52),
    ("1month", "1month", "month", 1),
    ("12month@America/Argentina/ComodRivadavia+23:59",) * 2 + ("month", 12),
    ("100tick", "100tick", "tick", 100),
    ("9223372036854775807tick", "9223372036854775807tick", "tick", 2**63 - 1),
    ("0.5volume", "0.5volume", "volume", Decimal("0.5")),
    ("0.50volume", "0.5volume", "volume", Decimal("0.5")),
    ("10.0volume", "10volume", "volume", Decimal(10)),
    ("0.000000001volume", "0.000000001volume", "volume", Decimal("1e-9")),
    ("1000000dollar", "1000000dollar", "dollar", Decimal(1_000_000)),
    ("0.25dollar", "0.25dollar", "dollar", Decimal("0.25")),
    ("0.50range", "0.5range", "range", Decimal("0.5")),
    ("9223372036.854775807range", "9223372036.854775807range", "range", Decimal("9223372036.854775807")),
    ("100000000000000000000dollar", "100000000000000000000dollar", "dollar", Decimal(10**20)),
]


@pytest.mark.parametrize(("text", "name", "kind", "step"), KNOWN)
def test_a_bar_type_has_a_canonical_name(text: str, name: str, kind: str, step: int | Decimal) -> None:
    bar_type = BarType(text)
    assert (str(bar_type), bar_type.kind, bar_type.step) == (name, kind, step)
    assert type(bar_type.step) is type(step)
    assert bar_type == BarType(name) == BarType(bar_type)
    assert hash(bar_type) == hash(BarType(name))


UNKNOWN = [
    *[
        "min",
        "1",
        "1Min",
        "1MIN",
        "01min",
        "+1min",
        "-1min",
        "1e1min",
        "1_0min",
        "1,000tick",
        "1weeks",
        "1m",
        "1h",
        "1d",
        "1sec",
        "1ns",
        "1us",
        "1minute",
        "1volumes",
    ],
    *[
        "1min1min",
        "1time",
        "nan",
        "infvolume",
        "1.5min",
        "1.0min",
        "1.0tick",
        "1.5tick",
        ".5volume",
        "1.volume",
        "00.5volume",
        "1e3dollar",
    ],
    *[
        "0min",
        "0tick",
        "0volume",
        "0.0dollar",
        "0day",
        "0week",
        "0month",
        "0range",
        "367day",
        "53week",
        "13month",
        "1.5day",
        "7min",
        "7hour",
        "25hour",
        "48hour",
        "86400001ms",
    ],
    *["0.0000000001volume", "1000000000000000000000dollar", "9223372036854775808tick"],
    *("9223372036.854775808range", "1year", "1day+17:00", "1day@", "1day@UTC+24:00", "1day@UTC+1:00", "1day@UTC-01:00"),
    *(
        "1day@5",
        "1day@New York",
        "1day@UTC+00:60",
        "1day@UTC+00:00:00",
        "24hour@UTC",
        "24hour@XNYS",
        "5min@UTC",
        "5min@XNYS+17:00",
        "5min@America/New_York",
        "5min@",
        "5min@" + "X" * 33,
        "5tick@XNYS",
        "1tick@UTC",
        "1week@A" + "a" * 40,
    ),
    *("1" + "0" * 40 + unit for unit in ("min", "tick", "volume", "dollar", "range", "day")),
    *("", " ", " 1min", "1min ", "1 min", "\n", "1min\0", "\uff11min", "1m\u0131n"),
]


@pytest.mark.parametrize("text", UNKNOWN)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^bar type '") as caught:
        BarType(text)
    assert isinstance(caught.value, InvalidArgument)
    assert caught.value.reason == "BAR_TYPE_INVALID"


@pytest.mark.parametrize("value", [None, 1, 60.0, b"1min", True, ["1min"]], ids=repr)
def test_another_type_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match=r"^bar_type must be a str"):
        BarType(value)


def test_bar_types_of_another_kind_or_step_differ() -> None:
    names = ["1min", "5min", "100tick", "100volume", "100dollar", "60000dollar"]
    assert len({BarType(name) for name in names}) == len(names)
    assert BarType("1min") != "1min"


def test_repr_pickle_and_copy_give_the_same_type() -> None:
    for text in ("60min", "0.50volume"):
        bar_type = BarType(text)
        assert eval(repr(bar_type), {"BarType": BarType}) == bar_type
        assert pickle.loads(pickle.dumps(bar_type)) == bar_type
        assert copy.copy(bar_type) is copy.deepcopy(bar_type) is bar_type


@given(st.integers(1, DAY_MS + 1))
def test_a_time_step_divides_the_day(milliseconds: int) -> None:
    if DAY_MS % milliseconds:
        with pytest.raises(ValueError, match="does not divide 24 hours"):
            BarType(f"{milliseconds}ms")
    else:
        assert BarType(str(BarType(f"{milliseconds}ms"))).step == milliseconds * 1_000_000


@given(st.text(alphabet="0123456789.smhourindaytickvlumend", max_size=12))
def test_every_name_that_is_accepted_has_one_canonical_form(text: str) -> None:
    try:
        bar_type = BarType(text)
    except InvalidArgument:
        return
    assert str(BarType(str(bar_type))) == str(bar_type)
    assert bar_type.step > 0
