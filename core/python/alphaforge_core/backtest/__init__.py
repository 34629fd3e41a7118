"""Backtests in process: `run` returns bars, orders, fills, equity and statistics as tables.

Needs pyarrow: `pip install 'alphaforge-core[files]'`.
"""

from alphaforge_core.backtest._picture import equity_svg
from alphaforge_core.backtest._result import BacktestResult
from alphaforge_core.backtest._run import Strategy, run
from alphaforge_core.backtest._statistics import CONVENTIONS, Statistics

__all__ = ["CONVENTIONS", "BacktestResult", "Statistics", "Strategy", "equity_svg", "run"]
