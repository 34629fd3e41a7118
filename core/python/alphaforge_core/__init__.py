"""The AlphaForge engines in process: `cache`, `data`, `execution`, and what they share: `model`, `time`, `errors`."""

__all__ = ["__version__"]

__version__ = "0.1.0"
