"""The AlphaForge engines in process: `cache`, `data`, `execution`, and the common modules `model`, `time`, `errors`."""

__all__ = ["__version__"]

__version__ = "0.1.0"
