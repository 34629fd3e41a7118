"""Orders on a simulated venue."""
