"""Prices, quantities, ticks and bars: immutable values that engines, services and clients share."""

from alphaforge_core._native.model import Bar, BarType, Price, Quantity, TradeTick, TradeTickBatch, TradingCalendar
from alphaforge_core._notebook import fields_html as _fields_html
from alphaforge_core._notebook import show as _show
from alphaforge_core._notebook import ticks_html as _ticks_html

__all__ = ["Bar", "BarType", "Price", "Quantity", "TradeTick", "TradeTickBatch", "TradingCalendar"]

_show(Bar, _fields_html)
_show(TradeTickBatch, _ticks_html)
