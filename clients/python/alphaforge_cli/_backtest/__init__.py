"""The parts of `alphaforge backtest`: strategies from files, grids of runs, the summary and the report."""
