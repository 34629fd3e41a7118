"""The backtest loop: the venue gets each trade before the strategy gets the bar that the trade closes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from alphaforge_core.backtest._progress import Progress
from alphaforge_core.backtest._result import BacktestResult, Point
from alphaforge_core.data import DataEngineConfig
from alphaforge_core.data_wire import ProcessRequest, ProcessResponse, ServiceEngine
from alphaforge_core.execution import ExecutionEngine, ExecutionEngineConfig, Instrument
from alphaforge_core.files import ReadOptions, TradeReader
from alphaforge_core.model import Bar, TradeTick, TradeTickBatch

__all__ = ["BAR_TYPES_DEFAULT", "FILL_ON", "Strategy", "run"]

BAR_TYPES_DEFAULT = ("1min",)
# Orders fill after the trade that closed the bar. `arrival` would fill them at that trade (look-ahead).
FILL_ON = "next"
CENTURY_NS = 100 * 365 * 86_400 * 10**9
# Small enough that a piece's bars fit one response.
PIECE_TICKS = 4_096


class Strategy(Protocol):
    """The interface of a strategy.

    Its attribute `bar_types` lists the bars it gets; default "1min". `calendars` has the trading calendars that
    `bar_types` names.
    """

    def on_bar(self, bar: Bar) -> None: ...


class Steps(Protocol):
    """Feeds a strategy one trade after another: the venue first, then the data engine, then the strategy."""

    def start(self) -> None: ...
    def feed(self, trade: TradeTick) -> list[Bar]: ...


def run(
    trades: str | Path | Iterable[str | Path] | TradeReader | TradeTickBatch | Iterator[TradeTickBatch],
    strategy: Callable[..., Strategy],
    *,
    parameters: Mapping[str, Any] | None = None,
    bar_types: Iterable[str] | None = None,
    venue: ExecutionEngineConfig | None = None,
    instruments: Iterable[Instrument] = (),
    capital: Decimal | int | str = 100_000,
    steps: Callable[[Any, Any, ExecutionEngine], Steps] | None = None,
    progress: bool | None = None,
    **options: Any,
) -> BacktestResult:
    """Runs a strategy on trades and returns the result.

    trades: paths as for TradeReader, a reader, a batch, or an iterator of batches.
    strategy: called with the venue, an ExecutionEngine, and `parameters`; has `on_bar(bar)`.
    bar_types: bar types; default: the strategy's `bar_types`, else "1min". Its `calendars` are the trading calendars
        that these name.
    venue: the venue's settings. `fill_on` defaults to "next": orders fill no earlier than the trade after the one that
        closed the bar. Its `max_time_jump_ns` applies to the bars too; use 0 for trades dated in the future.
    instruments: registered with the venue before the first trade. Bars have the trades at 0 and below of those with
        `negative_prices`.
    capital: the capital that returns are measured against. It does not limit orders.
    steps: the runner that feeds the strategy trade by trade, such as LockStep of alphaforge_client.strategy for all
        hooks of its Strategy. By default bars are made in batches, which is faster, and only `on_bar` is called.
    progress: whether to show on stderr how far a long run is; None: if stderr is a terminal or a notebook's.
    options: options of ReadOptions, if `trades` are paths.

    Raises TradeFileError for files that can't be read, and exceptions of the strategy.

    >>> from alphaforge_core.execution import Order, OrderSide
    >>> from alphaforge_core.model import TradeTickBatch
    >>> class Buyer:
    ...     bar_types = ["2tick"]
    ...     def __init__(self, venue, quantity=1):
    ...         self.venue, self.quantity = venue, quantity
    ...     def on_bar(self, bar):
    ...         self.venue.submit_order(Order.market(bar.instrument_id, OrderSide.Buy, self.quantity, "buyer"))
    >>> trades = TradeTickBatch.from_columns(
    ...     instrument_id="BTCUSD", prices=[100, 101, 103], quantities=[5, 5, 5], ts_event=[1, 2, 3]
    ... )
    >>> result = run(trades, Buyer, parameters={"quantity": 2})
    >>> str(result.fills["price"][0]), result.venue.fill_on
    ('103.000000000', 'next')
    """
    config = venue or ExecutionEngineConfig()
    # Keeps orders until the run ends, whatever the market time.
    config = ExecutionEngineConfig(**{"fill_on": FILL_ON, "order_retention_ns": CENTURY_NS, **config.given()})
    names = list(getattr(strategy, "bar_types", BAR_TYPES_DEFAULT) if bar_types is None else bar_types)
    # The venue's limit applies to the bars too: a trade too far ahead of the clock is in no bar and fills no order.
    jump_ns = config.as_dict()["max_time_jump_ns"]
    registered = tuple(instruments)
    data = ServiceEngine(
        DataEngineConfig(
            bar_types=names,
            calendars=getattr(strategy, "calendars", ()),
            enable_statistics=False,
            max_time_jump_ns=jump_ns,
            negative_price_instruments=[each.instrument_id for each in registered if each.negative_prices],
        )
    )
    engine = ExecutionEngine(config)
    engine.register_instruments(registered)
    made = strategy(engine, **(parameters or {}))
    bars = _LockStepBars(data)
    feeding = None if steps is None else steps(made, bars, engine)
    if feeding is not None:
        feeding.start()
    shown = Progress(progress)
    runner = _Runner(data, engine, made, feeding, bars.refused, shown)
    reader = _reader(trades, options)
    try:
        if reader is None:
            for batch in _batches(trades):
                runner.take(batch)
        else:
            with closing(reader.blocks()) as blocks:
                for block in blocks:
                    runner.take(block.batch)
    finally:
        shown.end()
    return runner.result(Decimal(capital), dict(parameters or {}), None if reader is None else reader.report)


def _reader(trades: Any, options: dict[str, Any]) -> TradeReader | None:
    if isinstance(trades, TradeReader):
        return trades
    if isinstance(trades, (str, Path)):
        return TradeReader([trades], ReadOptions(**options))
    if isinstance(trades, (list, tuple)) and all(isinstance(each, (str, Path)) for each in trades):
        return TradeReader(trades, ReadOptions(**options))
    if options:
        raise TypeError(f"file options were given without files: {', '.join(options)}")
    return None


def _batches(trades: Any) -> Iterator[TradeTickBatch]:
    yield from [trades] if isinstance(trades, TradeTickBatch) else trades


class _LockStepBars:
    """The data engine of a lock-step run; counts refused trades by reason."""

    def __init__(self, data: ServiceEngine) -> None:
        self.refused: Counter[str] = Counter()
        self._data = data

    def process_trade_tick(self, tick: TradeTick) -> list[Bar]:
        bars, refusal = self._data.process_judged(tick)
        if refusal is not None:
            self.refused[refusal] += 1
        return bars


class _Runner:
    """The engines, the strategy and their results."""

    def __init__(
        self,
        data: ServiceEngine,
        venue: ExecutionEngine,
        strategy: Strategy,
        steps: Steps | None,
        refused: Counter[str],
        progress: Progress,
    ) -> None:
        self._steps = steps
        self._data = data
        self._venue = venue
        self._strategy = strategy
        self._bars: list[Bar] = []
        self._curve: list[Point] = []
        self._refused = refused
        self._progress = progress
        self._last_ts: int | None = None

    def take(self, batch: TradeTickBatch) -> None:
        """Applies trades in order."""
        first = 0
        if not self._curve and len(batch):
            self._curve.append(Point(batch[0].ts_event, Decimal(0)))
        if self._steps is not None:
            self._feed(self._steps, batch)
            return
        while first < len(batch):
            piece = batch[first : first + PIECE_TICKS]
            first += self._take_piece(piece)

    def _feed(self, steps: Steps, batch: TradeTickBatch) -> None:
        for row in range(len(batch)):
            tick = batch[row]
            for bar in steps.feed(tick):
                self._bars.append(bar)
                self._curve.append(Point(tick.ts_event, self._equity()))
            self._last_ts = tick.ts_event
            self._progress.add(1, tick.ts_event)

    def _take_piece(self, piece: TradeTickBatch) -> int:
        """Computes the bars before the venue gets the trades that close them, since bars depend only on trades."""
        outcome = self._data.process_request(ProcessRequest(piece, with_tick_indexes=True))
        answer = ProcessResponse.from_wire(outcome.to_wire(0))
        taken = len(piece) - answer.left_count
        bars = answer.bars
        self._refused.update(reason for _, reason in bars.rejected)
        met = 0
        for bar, index in zip(bars, answer.tick_indexes, strict=True):
            if index >= met:
                self._venue.process_batch(piece[met : index + 1])
                met = index + 1
            tick = piece[index]
            self._strategy.on_bar(bar)
            self._bars.append(bar)
            self._curve.append(Point(tick.ts_event, self._equity()))
        if met < taken:
            self._venue.process_batch(piece[met:taken])
        self._last_ts = piece[taken - 1].ts_event
        self._progress.add(taken, self._last_ts)
        return taken

    def result(self, capital: Decimal, parameters: dict[str, Any], report: Any) -> BacktestResult:
        """The result, including the equity after the last trade."""
        if self._last_ts is not None:
            self._curve.append(Point(self._last_ts, self._equity()))
        losses = Counter(self._refused)
        counted = self._data.statistics()
        losses["LATE"] = counted.late_ticks
        losses["DUPLICATE"] = counted.duplicate_ticks
        return BacktestResult(
            engine=self._venue,
            bar_list=self._bars,
            curve=self._curve,
            capital=capital,
            parameters=parameters,
            losses={reason: count for reason, count in losses.items() if count},
            report=report,
        )

    def _equity(self) -> Decimal:
        positions = self._venue.get_positions()
        return sum((each.realized_pnl + each.unrealized_pnl - each.commission for each in positions), Decimal(0))
