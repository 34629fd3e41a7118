"""Histories for random tests: few prices, many equal times, late and repeated ticks, edges of every rule.

Small alphabets make collisions likely, and collisions are where rules decide something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.support.tape import DAY, MINUTE, SECOND, Tick
from tests.support.twins.execution import HAS_PRICE, HAS_STOP, TRAILS, Order
from tests.support.twins.instruments import Instrument

MIDNIGHT = 19_000 * DAY  # some day, far from the ends of time

INSTRUMENTS = ("A", "B")
SIDES = ("BUY", "SELL", "NONE")

# Nanoseconds from one tick to the next; mostly zero or a little more.
STEPS = (0, 0, 0, 1, SECOND // 2, SECOND - 1, SECOND, SECOND, 59 * SECOND, MINUTE, 3 * MINUTE)
STEPS_BACK = (-1, -SECOND // 2, -SECOND, -61 * SECOND)
LONG_STEPS = (3600 * SECOND, DAY - 1, DAY)

GRID = tuple(Fraction(n, 2) for n in range(196, 205))  # 98.0, 98.5 ... 102.0
ODD_PRICES = (Fraction(1, 10**9), Fraction("33.333333333"), Fraction(9 * 10**9))
QUANTITIES = tuple(map(Fraction, ("0.5", "1", "1", "2", "2.5", "7", "0.000000001", "0.333333333", "40")))
REFUSED_PRICES = (Fraction(0), Fraction(-1))
HUGE_QUANTITY = Fraction(10**19)


class Operation(NamedTuple):
    """One step of a history: an operation's name and its arguments."""

    name: str
    arguments: Any = None


def long_lists(elements: st.SearchStrategy[Any], max_size: int) -> st.SearchStrategy[list[Any]]:
    """Lists that are often long, and still shrink to nothing."""
    return st.sampled_from((0, max_size // 3, max_size * 2 // 3)).flatmap(
        lambda size: st.lists(elements, min_size=size, max_size=max_size)
    )


class Chooser:
    """Fills a table of possible steps once, so that drawing one is a single choice.

    Drawing each field by itself would take most of a test's time. Plain entries come first: failures shrink to them.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.rare = 0

    def often(self, common: Sequence[Any], rare: Sequence[Any], odds: int) -> Any:
        """Returns an entry of `rare` about once in `every` choices."""
        if self.random.randrange(odds):
            return self.random.choice(common)
        self.rare += 1
        return self.random.choice(rare)

    def table(self, size: int, make: Callable[[], Any]) -> tuple[Any, ...]:
        entries = []
        for _ in range(size):
            self.rare = 0
            entry = make()
            entries.append((self.rare, entry))
        return tuple(entry for _, entry in sorted(entries, key=lambda pair: pair[0]))


def tick_table(prices: Sequence[Fraction], quantities: Sequence[Fraction]) -> tuple[tuple[int, Tick], ...]:
    """Steps in time, and ticks whose own times are still 0."""
    chooser = Chooser(seed=1)

    def make() -> tuple[int, Tick]:
        tick = Tick(
            chooser.often(("A",), INSTRUMENTS, odds=3),
            chooser.often(GRID, prices, odds=12),
            chooser.often(QUANTITIES, quantities, odds=20),
            chooser.random.choice(SIDES),
            chooser.random.choice(("", "", "1", "2")),
        )
        return chooser.often(STEPS, STEPS_BACK + LONG_STEPS, odds=6), tick

    return chooser.table(4000, make)


ACCEPTED_TICKS = tick_table(ODD_PRICES, (HUGE_QUANTITY,))
ANY_TICKS = tick_table(ODD_PRICES + REFUSED_PRICES, (HUGE_QUANTITY, Fraction(0)))


def entries_of(table: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """Like `sampled_from`, which would hash the whole table each time it is created."""
    return st.integers(0, len(table) - 1).map(table.__getitem__)


def steps() -> st.SearchStrategy[int]:
    return st.sampled_from(STEPS * 3 + STEPS_BACK + LONG_STEPS)


def bare_ticks(refused: bool = True) -> st.SearchStrategy[tuple[int, Tick]]:
    return entries_of(ANY_TICKS if refused else ACCEPTED_TICKS)


def at(tick: Tick, time: int) -> Tick:
    return tick._replace(ts_event=time, ts_init=time - 1_200_000_000)


@st.composite
def tick_histories(draw: st.DrawFn, max_size: int = 60, refused: bool = True) -> list[Tick]:
    """Ticks in order of arrival."""
    time, history = MIDNIGHT + draw(st.sampled_from((0, 1, -1, 30 * SECOND, -SECOND))), []
    for step, tick in draw(long_lists(bare_ticks(refused=refused), max_size)):
        time += step
        history.append(at(tick, time))
    return history


# Sessions around the times of a history's ticks: overnight with breaks, without a pause, and too few to know them all.
CALENDARS = (
    "B 2022-01-07 09:00-23:58 2022-01-08 23:59-00:01,00:02-00:03,00:05-01:00 2022-01-10w3 22:00-21:00",
    "D 2022-01-07x40 00:00-24:00",
    "E 2021-12-31 14:30-21:00 2022-01-07 14:30-24:00",
)

BAR_TYPES = (
    "1s", "500ms", "1min", "60min", "1day", "1tick", "2tick", "5tick",
    "0.5volume", "1volume", "3volume", "100volume", "0.000000001dollar", "50dollar", "100dollar", "1000dollar",
    "0.5range", "2range", "1000range", "1day@UTC+00:01", "1week", "2day", "1month", "1day@Europe/Berlin",
    "1day@America/New_York+17:00", "2week@Australia/Lord_Howe+12:00", "3month@Asia/Kolkata+09:15",
    "366day@Pacific/Apia", "1s@B", "1min@B", "2hour@B", "1day@B", "1day@D", "1hour@E", "1day@E",
)  # fmt: skip


@st.composite
def data_settings(draw: st.DrawFn) -> dict[str, Any]:
    """Keywords of the data twin's Config; every option, mostly at its default."""
    options = {
        "max_bars_per_instrument": st.sampled_from((1, 3)),
        "origin_offset_ns": st.sampled_from((SECOND // 4, 30 * SECOND)),
        "fill_gaps": st.just(True),
        "max_gap_bars": st.sampled_from((1, 3)),
        "skip_first_partial": st.just(True),
        "flush_on_stop": st.just(True),
        "allowed_lateness_ns": st.sampled_from((SECOND, 2 * MINUTE)),
        "zero_quantity": st.just("price_only"),
        "max_instruments": st.just(1),
        "duplicate_window": st.sampled_from((0, 1, 2)),
    }
    settings: dict[str, Any] = {
        "bar_types": draw(st.lists(st.sampled_from(BAR_TYPES), min_size=1, max_size=4)),
        "max_bars_per_tick": draw(st.sampled_from((1, 3, 8))),
        "max_gap_bars": 20,
        "calendars": list(CALENDARS),
    }
    for name in draw(st.sets(st.sampled_from(sorted(options)), max_size=4)):
        settings[name] = draw(options[name])
    return settings


@st.composite
def data_histories(draw: st.DrawFn, max_size: int = 40) -> list[Operation]:
    """Ticks one by one and in batches, repeats, timers, stops and resets of a data engine."""
    time, ticks, history = MIDNIGHT + draw(st.sampled_from((0, 1, -SECOND))), [], []
    names = ("tick",) * 8 + ("batch", "batch", "repeat", "advance", "stop", "reset", "query")
    for name in draw(long_lists(st.sampled_from(names), max_size)):
        if name in ("tick", "batch"):
            fresh = []
            for step, tick in draw(st.lists(bare_ticks(), min_size=1, max_size=1 if name == "tick" else 6)):
                time += step
                fresh.append(at(tick, time))
            ticks += fresh
            history.append(Operation(name, fresh if name == "batch" else fresh[0]))
        elif name == "repeat" and ticks:
            history.append(Operation("tick", draw(st.sampled_from(ticks))))
        elif name == "advance":
            time += draw(steps())
            history.append(Operation(name, time))
        elif name == "reset":
            history.append(Operation(name, draw(st.sampled_from((None, "A")))))
        elif name in ("stop", "query"):
            history.append(Operation(name))
    return history


def receipts() -> st.SearchStrategy[list[int]]:
    """Times at which a history's calls are received, in turn: close to its ticks' times."""
    around = (-DAY, -MINUTE, -SECOND, -1, 0, 1, SECOND, MINUTE, 4 * MINUTE, DAY)
    return st.lists(st.sampled_from(around).map(MIDNIGHT.__add__), min_size=1, max_size=8)


def time_jumps() -> st.SearchStrategy[int]:
    """Values of max_time_jump_ns."""
    return st.sampled_from((0, 1, SECOND, MINUTE, DAY))


# Offsets of trailing stops: a few steps of the grid, ones that round to zero, and ones larger than the price.
OFFSETS = {
    "Price": tuple(map(Fraction, ("0.5", "1", "1", "2", "0.000000001", "101", "9000000000"))),
    "BasisPoints": tuple(map(Fraction, ("50", "50", "100", "101", "0.000000001", "9999.999999999"))),
    "Ticks": tuple(map(Fraction, ("1", "2", "2", "3", "9000000000"))),
}
# Close to the times of a history's ticks.
EXPIRE_TIMES = tuple(MIDNIGHT + step for step in (-2 * MINUTE, -MINUTE, -SECOND, 0, SECOND, MINUTE, MINUTE, DAY))


def order_table() -> tuple[Order, ...]:
    """Every type in every time in force, priced on the ticks' grid; the ids are still empty."""
    chooser = Chooser(seed=2)
    choose = chooser.random.choice

    def make() -> Order:
        order_type = choose(("Market", "Limit", "Limit", "Limit", "Stop", "StopLimit", *TRAILS))
        offset_type = choose(tuple(OFFSETS)) if order_type in TRAILS else None
        offsets = OFFSETS[offset_type] if offset_type else (None,)
        time_in_force = choose(
            ("Day", "GoodTillCancel", "GoodTillCancel", "ImmediateOrCancel", "FillOrKill", "GoodTillDate")
        )
        may_post = order_type == "Limit" and time_in_force in ("Day", "GoodTillCancel", "GoodTillDate")
        return Order(
            order_id="",
            symbol=chooser.often(("A",), ("B",), odds=5),
            side=choose(("Buy", "Sell")),
            order_type=order_type,
            quantity=choose(QUANTITIES),
            price=choose(GRID) if order_type in HAS_PRICE else None,
            stop_price=choose(GRID) if order_type in HAS_STOP else None,
            time_in_force=time_in_force,
            strategy_id=choose(("s", "s", "t")),
            post_only=may_post and chooser.often((False,), (True,), odds=4),
            expire_time=choose(EXPIRE_TIMES) if time_in_force == "GoodTillDate" else None,
            reduce_only=choose((False, False, True)),
            trailing_offset=choose(offsets),
            trailing_offset_type=offset_type,
            activation_price=choose((None, *GRID)) if offset_type else None,
            limit_offset=choose((Fraction(0), *offsets)) if order_type == "TrailingStopLimit" else None,
        )

    return chooser.table(4000, make)


ORDERS = order_table()


def orders(order_id: str) -> st.SearchStrategy[Order]:
    return entries_of(ORDERS).map(lambda order: replace(order, order_id=order_id))


def group_table() -> tuple[tuple[str, tuple[Order, ...]], ...]:
    """Groups of every type, mostly well-formed: brackets around a price, siblings on one side or both."""
    chooser = Chooser(seed=3)
    choose = chooser.random.choice
    plain_orders = [order for order in ORDERS if not order.reduce_only and not order.order_type.startswith("Trailing")]

    def choose_order() -> Order:
        return chooser.often(plain_orders, ORDERS, odds=2)

    def make() -> tuple[str, tuple[Order, ...]]:
        kind = choose(("OneCancelsOther", "OneTriggersOther", "Bracket", "Bracket"))
        head = choose_order()
        size = chooser.often((2, 3), (1, 4), odds=12) if kind != "Bracket" else chooser.often((3,), (2, 4), odds=8)
        other = {"Buy": "Sell", "Sell": "Buy"}
        members = [head]
        for _ in range(size - 1):
            plain = next(
                order
                for order in iter(choose_order, None)
                if order.time_in_force in ("Day", "GoodTillCancel", "GoodTillDate") or not chooser.random.randrange(20)
            )
            side = other[head.side] if kind == "Bracket" and chooser.random.randrange(20) else plain.side
            quantity = chooser.often((head.quantity,), QUANTITIES, odds=3)
            odd = not chooser.random.randrange(40)
            members.append(
                replace(
                    plain,
                    side=side,
                    quantity=quantity,
                    symbol=plain.symbol if odd else head.symbol,
                    strategy_id=plain.strategy_id if odd else head.strategy_id,
                )
            )
        return kind, tuple(members)

    return chooser.table(4000, make)


GROUPS = group_table()


def groups(first: int) -> st.SearchStrategy[tuple[str, list[Order]]]:
    """A type and its orders, whose ids count from `first`."""
    return entries_of(GROUPS).map(
        lambda group: (
            group[0],
            [replace(order, order_id=f"o{first + place}") for place, order in enumerate(group[1])],
        )
    )


def instrument_table() -> tuple[Instrument, ...]:
    """Definitions whose grids fit some of the orders: linear, inverse, of one unit or others."""
    choose = Random(4).choice
    days = [{"session": each} for each in ("", "", "", "UTC+23:59", "America/New_York+19:00", "Asia/Tokyo+09:01")]
    days += [{"calendar": each} for each in CALENDARS]
    return tuple(
        Instrument(
            instrument_id=choose(INSTRUMENTS),
            tick_size=choose((None, *map(Fraction, ("0.5", "0.5", "1", "0.7")))),
            lot_size=choose((None, *map(Fraction, ("0.5", "1", "0.000000001", "3")))),
            multiplier=choose(tuple(map(Fraction, ("1", "1", "50", "0.333333333")))),
            inverse=choose((False, False, True)),
            off_grid=choose(("reject", "round", "round")),
            maker_commission_rate=choose((None, *map(Fraction, ("-0.0001", "0.000333333")))),
            taker_commission_rate=choose((None, None, Fraction("0.000777777"))),
            commission_per_contract=choose(tuple(map(Fraction, ("0", "0", "0.65", "-0.000000001")))),
            commission_per_order=choose(tuple(map(Fraction, ("0", "1")))),
            min_commission=choose((None, None, Fraction("0.5"))),
            max_commission=choose((None, None, Fraction(2))),
            **choose(days),
        )
        for _ in range(400)
    )


DEFINITIONS = instrument_table()


@st.composite
def execution_settings(draw: st.DrawFn) -> dict[str, Any]:
    """Keywords of the execution twin's Config; every option, mostly at its default."""
    options = {
        "liquidity": st.just("unlimited"),
        "fill_on": st.just("next"),
        "max_price_age_ns": st.sampled_from((0, SECOND, MINUTE)),
        "maker_commission_rate": st.sampled_from(tuple(map(Fraction, ("0.0001", "0.000333333")))),
        "taker_commission_rate": st.sampled_from(tuple(map(Fraction, ("0.0004", "0.000777777")))),
        "slippage_bps": st.sampled_from(tuple(map(Fraction, ("1", "37")))),
        "max_order_quantity": st.just(Fraction(2)),
        "max_order_notional": st.just(Fraction(200)),
        "max_open_orders": st.sampled_from((2, 4)),
        "duplicate_window": st.sampled_from((0, 1, 2)),
        "require_instruments": st.just(True),
        "starting_cash": st.just(Fraction(100)),
        "max_loss": st.sampled_from(tuple(map(Fraction, ("0.5", "3", "40")))),
    }
    names = draw(st.sets(st.sampled_from(sorted(options)), max_size=3))
    return {name: draw(options[name]) for name in sorted(names)}


@st.composite
def execution_histories(draw: st.DrawFn, max_size: int = 40) -> list[Operation]:
    """Orders, repeats of them, cancels, changes, ticks, timers and halts of an execution engine."""
    time, ticks, history = MIDNIGHT - MINUTE, [], []
    submitted: list[Order] = []
    group_list: list[tuple[str, list[Order]]] = []
    names = (
        ("submit",) * 6 + ("group",) * 3 + ("tick",) * 8 + ("again", "repeat", "cancel", "modify", "modify", "advance")
    )
    rare = (
        "halt",
        "resume",
        "resume",
        "cancel_all",
        "batch",
        "batch",
        "group_again",
        "register",
        "register",
        "resume_strategy",
    )
    for name in draw(long_lists(st.sampled_from(names * 3 + rare), max_size)):
        if name in ("tick", "batch"):
            fresh = []
            for step, tick in draw(st.lists(bare_ticks(), min_size=1, max_size=1 if name == "tick" else 5)):
                time += step
                fresh.append(at(tick, time))
            ticks += fresh
            history.append(Operation(name, fresh if name == "batch" else fresh[0]))
        elif name == "repeat" and ticks:
            history.append(Operation("tick", draw(st.sampled_from(ticks))))
        elif name == "submit":
            submitted.append(draw(orders(order_id=f"o{len(submitted)}")))
            history.append(Operation(name, submitted[-1]))
        elif name == "again" and submitted:
            history.append(Operation("submit", draw(st.sampled_from(submitted))))
        elif name == "group":
            group_list.append(draw(groups(first=len(submitted))))
            submitted += group_list[-1][1]
            history.append(Operation(name, group_list[-1]))
        elif name == "group_again" and group_list:
            history.append(Operation("group", draw(st.sampled_from(group_list))))
        elif name == "resume_strategy":
            history.append(Operation(name, draw(st.sampled_from(("s", "t")))))
        elif name == "register":
            history.append(Operation(name, draw(st.lists(entries_of(DEFINITIONS), min_size=1, max_size=2))))
        elif name == "cancel" and submitted:
            history.append(Operation(name, draw(st.sampled_from(submitted)).order_id))
        elif name == "modify" and submitted:
            history.append(Operation(name, draw(changes(draw(st.sampled_from(submitted))))))
        elif name == "advance":
            time += draw(steps())
            history.append(Operation(name, time))
        elif name == "cancel_all":
            history.append(Operation(name, draw(st.sampled_from((None, "s")))))
        elif name in ("halt", "resume"):
            history.append(Operation(name))
    return history


@st.composite
def changes(draw: st.DrawFn, order: Order) -> tuple[str, dict[str, Fraction]]:
    """An order's id and keywords for `modify_order`; now and then a field that the order lacks."""
    has_price = order.order_type in (*HAS_PRICE, "TrailingStopLimit")
    has = {"quantity": True, "price": has_price, "stop_price": order.order_type in HAS_STOP}
    names = draw(st.sets(st.sampled_from(sorted(has)), min_size=1))
    changed = {
        name: draw(st.sampled_from(QUANTITIES if name == "quantity" else GRID))
        for name in sorted(names)
        if has[name] or draw(st.integers(0, 11)) == 11
    }
    return order.order_id, changed


CACHE_KEYS = ("a", "b", "c", "ab", "d")


def cache_values() -> st.SearchStrategy[Any]:
    """Nested values of every type the cache takes, shallow."""
    scalars = (
        st.none()
        | st.booleans()
        | st.integers(-(2**80), 2**80)
        | st.floats()
        | st.text(max_size=5)
        | st.binary(max_size=5)
        | st.decimals(allow_nan=False)
        | st.dates()
        | st.timedeltas()
    )
    keys = st.booleans() | st.integers() | st.text(max_size=3)
    return st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(keys, inner, max_size=3)
        ),
        max_leaves=6,
    )


def cache_ttls() -> st.SearchStrategy[float | None]:
    return st.sampled_from((None, None, 1.0, 2.5, 60.0, float("inf")))


@st.composite
def cache_histories(draw: st.DrawFn, max_size: int = 60) -> list[Operation]:
    """Every call of a cache on few keys, with time passing between them."""
    key, value = st.sampled_from(CACHE_KEYS), st.integers(0, 9) | st.none()
    keys = st.lists(key, max_size=4)
    calls = {
        "put": st.tuples(key, value, cache_ttls()),
        "get": st.tuples(key),
        "delete": st.tuples(key),
        "contains": st.tuples(key),
        "size": st.just(()),
        "get_many": st.tuples(keys),
        "put_many": st.tuples(st.dictionaries(key, value, max_size=4), cache_ttls()),
        "delete_many": st.tuples(keys),
        "put_if_absent": st.tuples(key, value, cache_ttls()),
        "touch": st.tuples(key, cache_ttls()),
        "ttl": st.tuples(key),
        "keys": st.tuples(st.sampled_from(("", "a", "ab", "x"))),
        "wait": st.tuples(st.sampled_from((0.5, 1.0, 1.5, 60.0))),
        "clear": st.just(()),
    }
    names = ("put",) * 5 + ("get",) * 4 + ("wait",) * 3 + tuple(calls)
    return [Operation(name, draw(calls[name])) for name in draw(long_lists(st.sampled_from(names), max_size))]
