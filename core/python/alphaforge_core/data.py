"""Trade ticks to bars."""

__all__: list[str] = []
