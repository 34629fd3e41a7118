"""What `alphaforge backtest` is made of: strategies from files, grids of runs, the summary and the report."""
