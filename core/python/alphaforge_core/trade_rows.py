"""Native decoding of file rows to ticks. For the reader in `alphaforge_core.files`."""

from alphaforge_core._native.trade_rows import (
    decode_trade_rows,
    instruments_of_ticks,
    join_ticks,
    take_ticks,
    times_of_ticks,
)

__all__ = ["decode_trade_rows", "instruments_of_ticks", "join_ticks", "take_ticks", "times_of_ticks"]
