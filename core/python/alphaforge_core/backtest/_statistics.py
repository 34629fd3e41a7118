"""Statistics to compare runs, with documented conventions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from alphaforge_core.backtest._round_trips import RoundTrip
from alphaforge_core.execution import Fill

if TYPE_CHECKING:
    from alphaforge_core.backtest._result import Point

__all__ = ["CONVENTIONS", "Statistics", "statistics_of"]

CONVENTIONS = (
    "Equity is realized and unrealized profit after commission, at each bar and at the last trade. Returns and "
    "drawdowns are shares of the capital given, not compounded. Sharpe and Sortino: equity changes per day, hour or "
    "minute (the longest with ten or more in the run), quiet periods included, mean over standard deviation (Sortino: "
    "over the root mean square of the losses), no risk-free rate, times the root of the periods in 365 days of 24 "
    "hours. Exposure is the share of time with an open position. Turnover is the value of all fills over the capital. "
    "A round trip goes from flat to flat; it wins when it earns after commission."
)
_PERIODS_NS = (("day", 86_400 * 10**9), ("hour", 3_600 * 10**9), ("minute", 60 * 10**9))
_PERIODS_MIN = 10
_YEAR_NS = 365 * 86_400 * 10**9
# More periods than any tape with one-minute bars; beyond it, quiet periods would take too much memory.
_PERIODS_MAX = 10_000_000


@dataclass(frozen=True)
class Statistics:
    """Amounts are exact; ratios are floats, None if they are not defined."""

    capital: Decimal
    profit: Decimal
    total_return: float
    max_drawdown: Decimal
    max_drawdown_share: float
    sharpe: float | None
    sortino: float | None
    period: str | None
    exposure: float
    turnover: float
    commission: Decimal
    fills: int
    round_trips: int
    win_rate: float | None
    average_win: Decimal | None
    average_loss: Decimal | None

    def as_dict(self) -> dict[str, Any]:
        """All figures by name."""
        return asdict(self)


def statistics_of(
    curve: Sequence[Point], capital: Decimal, fills: Sequence[Fill], trips: Sequence[RoundTrip]
) -> Statistics:
    """The figures of one run."""
    profit = curve[-1].equity if curve else Decimal(0)
    drawdown = _max_drawdown(curve)
    period, changes = _changes(curve)
    closed = [trip for trip in trips if trip.ts_close is not None]
    wins = [trip.net for trip in closed if trip.net > 0]
    losses = [trip.net for trip in closed if trip.net <= 0]
    value = sum((abs(fill.value) for fill in fills), Decimal(0))
    return Statistics(
        capital=capital,
        profit=profit,
        total_return=float(profit / capital),
        max_drawdown=drawdown,
        max_drawdown_share=float(drawdown / capital),
        sharpe=_sharpe(changes, period),
        sortino=_sortino(changes, period),
        period=period,
        exposure=_exposure(curve, trips),
        turnover=float(value / capital),
        commission=sum((fill.commission for fill in fills), Decimal(0)),
        fills=len(fills),
        round_trips=len(closed),
        win_rate=len(wins) / len(closed) if closed else None,
        average_win=sum(wins, Decimal(0)) / len(wins) if wins else None,
        average_loss=sum(losses, Decimal(0)) / len(losses) if losses else None,
    )


def _max_drawdown(curve: Sequence[Point]) -> Decimal:
    """The largest fall of equity from a high; equity starts at 0."""
    highest = fall = Decimal(0)
    for point in curve:
        highest = max(highest, point.equity)
        fall = max(fall, highest - point.equity)
    return fall


def _changes(curve: Sequence[Point]) -> tuple[str | None, list[float]]:
    """The change of equity in each period of the run; equity starts at 0."""
    if not curve:
        return None, []
    first = min(point.ts_event for point in curve)
    span = max(point.ts_event for point in curve) - first
    for name, length in _PERIODS_NS:
        count = span // length
        if _PERIODS_MIN <= count <= _PERIODS_MAX:
            ends = [0.0] * (count + 1)
            filled = [False] * (count + 1)
            for point in curve:
                place = (point.ts_event - first) // length
                ends[place], filled[place] = float(point.equity), True
            for place in range(1, count + 1):
                if not filled[place]:
                    ends[place] = ends[place - 1]
            return name, [now - before for before, now in zip([0.0, *ends[:-1]], ends, strict=True)]
    return None, []


def _periods_a_year(period: str) -> float:
    return _YEAR_NS / dict(_PERIODS_NS)[period]


def _sharpe(changes: Sequence[float], period: str | None) -> float | None:
    if period is None:
        return None
    mean = math.fsum(changes) / len(changes)
    deviation = math.sqrt(math.fsum((change - mean) ** 2 for change in changes) / (len(changes) - 1))
    return mean / deviation * math.sqrt(_periods_a_year(period)) if deviation else None


def _sortino(changes: Sequence[float], period: str | None) -> float | None:
    if period is None:
        return None
    downside = math.sqrt(math.fsum(min(change, 0.0) ** 2 for change in changes) / len(changes))
    return math.fsum(changes) / len(changes) / downside * math.sqrt(_periods_a_year(period)) if downside else None


def _exposure(curve: Sequence[Point], trips: Sequence[RoundTrip]) -> float:
    if not curve:
        return 0.0
    first, end = curve[0].ts_event, curve[-1].ts_event
    held = covered = 0
    for trip in sorted(trips, key=lambda trip: trip.ts_open):
        begin, close = max(trip.ts_open, covered), end if trip.ts_close is None else trip.ts_close
        held += max(0, close - begin)
        covered = max(covered, close)
    return held / (end - first) if end > first else 0.0
