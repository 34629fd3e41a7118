"""An LRU cache with time to live."""

__all__: list[str] = []
