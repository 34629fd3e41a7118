"""Prices, quantities, ticks and bars: immutable values that engines, services and clients share."""

from alphaforge_core._native.model import Bar, BarType, Price, Quantity, TradeTick, TradeTickBatch
from alphaforge_core._notebook import fields_html, show, ticks_html

__all__ = ["Bar", "BarType", "Price", "Quantity", "TradeTick", "TradeTickBatch"]

show(Bar, fields_html)
show(TradeTickBatch, ticks_html)
