"""Prices, quantities, ticks and bars: the same objects as in process."""

from alphaforge_core.model import Bar, BarType, Price, Quantity, TradeTick, TradeTickBatch, TradingCalendar

__all__ = ["Bar", "BarType", "Price", "Quantity", "TradeTick", "TradeTickBatch", "TradingCalendar"]
