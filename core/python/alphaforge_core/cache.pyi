"""An LRU cache with time to live."""
