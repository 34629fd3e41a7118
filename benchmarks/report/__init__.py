"""Reports on a run's JSON: charts, figures, and the bounds that figures are compared with."""
