"""Prices, quantities, ticks and bars: immutable values that engines, services and clients share."""

from alphaforge_core._native.model import Bar, BarType, Price, Quantity, TradeTick, TradeTickBatch

__all__ = ["Bar", "BarType", "Price", "Quantity", "TradeTick", "TradeTickBatch"]
