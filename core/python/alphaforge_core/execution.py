"""Orders on a simulated venue."""

__all__: list[str] = []
