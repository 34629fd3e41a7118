"""What a run's JSON becomes: charts, figures and the bounds that they are compared with."""
